"""``sctl run``: cluster and annotate a target."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sctl import io, preflight, sharing, workflow
from sctl.cli.files import columns, print_notes, print_repairs, require_usable, with_labels, writable
from sctl.cli.progress import Bar
from sctl.cli.settings import preprocess_settings, transfer_settings
from sctl.cli.summary import print_summary
from sctl.errors import ParameterError

if TYPE_CHECKING:
    from anndata import AnnData

    from sctl.data import TransferResult
    from sctl.methods.base import TransferMethod


def run_analysis(arguments: argparse.Namespace) -> int:
    """Check all that can be checked, then read, then compute, then write."""
    read = arguments.source or [arguments.model]
    out = writable(arguments.out, inputs=(*read, *arguments.target), force=arguments.force)
    if arguments.save_adaptor is not None:
        writable(
            arguments.save_adaptor, inputs=(*read, *arguments.adaptor), force=arguments.force, ending=sharing.ENDING
        )
    if arguments.adaptor and arguments.model is None:
        raise ParameterError("--adaptor needs --model.", do="Give the reference to which the adaptor belongs.")
    if arguments.model is not None:
        return _run_trained(arguments, out)
    preprocess, transfer = preprocess_settings(arguments), transfer_settings(arguments)
    method = workflow.method_of(transfer)
    if arguments.theta is not None and workflow.as_sweep(method) is None:
        raise ParameterError(f"{method.title} has no θ.", do="Leave out --theta, or choose --method transfercluster.")
    source, target, annotated = _read_pair(arguments)
    keys = columns(arguments, source, method)
    with Bar(quiet=arguments.quiet, stop=arguments.stop) as bar:
        run = bar.run(arguments.seed or 0)
        prepared = workflow.prepare(source, target, {**preprocess, **keys}, run)
        result = workflow.transfer(prepared.pair, method, run, theta=arguments.theta)
    for sentence in prepared.report.sentences:
        print(sentence)
    with arguments.stop.output(out) as path:
        notes = io.write_h5ad(annotated(result), path)
    print_notes(notes)
    _keep_adaptor(arguments, result)
    print_summary(result, out, dropped=target.n_obs - result.n_obs)
    return 0


def _run_trained(arguments: argparse.Namespace, out: Path) -> int:
    """Do the same with a source that was trained before."""
    for name in _LEARNED:
        if getattr(arguments, name) is not None:
            raise ParameterError(
                f"--{name.replace('_', '-')} does not go with --model.",
                expected="What was learned, and how cells are normalised, is settled by the trained source.",
                do="Leave it out, or give --source instead of --model.",
            )
    trained = sharing.load_trained(arguments.model)
    given = workflow.read_datasets(arguments.target, genes=arguments.target_genes)
    method = trained.configured(_free_settings(arguments, trained.method))
    trained, target, applied = workflow.match_genes(trained, given, blocks=arguments.fix)
    print_repairs(applied)
    require_usable(preflight.inspect(target, role="target"))
    with Bar(quiet=arguments.quiet, stop=arguments.stop) as bar:
        run = bar.run(trained.seed if arguments.seed is None else arguments.seed)
        prepared = workflow.prepare_trained(trained, target, preprocess_settings(arguments), run)
        method = trained.configured(method.params)
        for path in arguments.adaptor:
            method = workflow.with_adaptor(method, path)
        result = workflow.transfer(prepared.pair, method, run, theta=arguments.theta)
    for sentence in prepared.report.sentences:
        print(sentence)
    with arguments.stop.output(out) as path:
        notes = io.write_h5ad(workflow.annotated(given, applied, target, result), path)
    print_notes(notes)
    _keep_adaptor(arguments, result)
    print_summary(result, out, dropped=target.n_obs - result.n_obs)
    return 0


def _keep_adaptor(arguments: argparse.Namespace, result: TransferResult) -> None:
    """Write what was learned of the target's datasets, where that was asked for."""
    if arguments.save_adaptor is not None:
        with arguments.stop.output(arguments.save_adaptor) as path:
            sharing.save_adaptor(result, path)
        print(f"Wrote {arguments.save_adaptor}, for whoever has the reference.")


_LEARNED = (
    "label_key", "labels", "batch_key", "method", "n_top_genes", "imputation", "imputation_t", "imputation_knn",
    "batch_correction",
)  # fmt: skip


def _free_settings(arguments: argparse.Namespace, method: TransferMethod) -> dict[str, Any]:
    """Return the settings that were given for the target; refuse what was settled when the source was trained."""
    if arguments.theta is not None and workflow.as_sweep(method) is None:
        raise ParameterError(f"{method.title} has no θ.", do="Leave out --theta.")
    arguments.method = method.key
    params: dict[str, Any] = transfer_settings(arguments)["params"]
    for name in params:
        if name not in method.target_settings:
            raise ParameterError(
                f"{name} was settled when the source was trained.",
                expected=f"These settings can still be changed: {', '.join(sorted(method.target_settings))}.",
                do="Leave it out, or train the source again.",
            )
    return params


def _read_pair(
    arguments: argparse.Namespace,
) -> tuple[AnnData, AnnData, Callable[[TransferResult], AnnData]]:
    """Read both files, repair what has one right repair, and refuse what cannot be used.

    Returns source, target, and what writes a result into the target as it was read.
    """
    source = with_labels(
        workflow.read_datasets(arguments.source, genes=arguments.source_genes, labeled=True), arguments
    )
    given = workflow.read_datasets(arguments.target, genes=arguments.target_genes)
    source, target, applied = workflow.repaired(source, given, blocks=arguments.fix)
    print_repairs(applied)
    report = preflight.inspect(source, role="source", label_key=arguments.label_key)
    report += preflight.inspect(target, role="target") + preflight.inspect_pair(source, target)
    require_usable(report)
    return source, target, partial(workflow.annotated, given, applied, target)
