"""``sctl train``: learn from a source once, for many targets."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sctl import data, preflight, preprocess, sharing, workflow
from sctl.cli.files import columns, print_repairs, require_usable, with_labels, writable
from sctl.cli.progress import Bar
from sctl.cli.settings import preprocess_settings, transfer_settings
from sctl.errors import ParameterError

if TYPE_CHECKING:
    from anndata import AnnData


def train_source(arguments: argparse.Namespace) -> int:
    """Learn from a source and keep it in a file; or add it to a reference that was learned before."""
    given = [*arguments.source, *([arguments.onto] if arguments.onto else [])]
    out = writable(arguments.out, inputs=given, force=arguments.force, ending=sharing.ENDING)
    if arguments.onto is not None:
        return _extend(arguments, out)
    settings = preprocess_settings(arguments, correct=False)
    method = workflow.method_of(transfer_settings(arguments))
    if why_not := workflow.why_not_saved(method, settings):
        raise ParameterError(why_not, do="Choose another --method.")
    if arguments.test and not workflow.tests_itself(method):
        raise ParameterError(
            f"{method.title} has no test of itself.", do="Leave out --test, or choose --method scarches."
        )
    source = _source(arguments)
    joined = len(arguments.source) > 1 and workflow.FILE in source.obs
    if joined and arguments.batch_key is None and workflow.grows(method):
        arguments.batch_key = workflow.FILE
        print(f"Each file is a dataset of its own in the reference: --batch-key {workflow.FILE}.")
    keys, seed = columns(arguments, source, method), arguments.seed or 0
    method = workflow.batched(method, keys["batch_key"])
    with Bar(quiet=arguments.quiet, stop=arguments.stop) as bar:
        run = bar.run(seed)
        pair = workflow.train(source, method, {**settings, **keys}, run)
        if arguments.test:
            testable: Any = method
            method = testable.tested(pair.source, pair.label_key, run)
    said = {"note": arguments.note, "license": arguments.license, "keep": arguments.keep}
    name = " + ".join(path.name for path in arguments.source)
    with arguments.stop.output(out) as path:
        workflow.save_trained(path, pair, method, settings, seed=seed, name=name, **said)
    print(f"Wrote {out}: {method.title}, trained on {pair.source.n_obs} cells; see `sctl inspect {out}`.")
    return 0


def _extend(arguments: argparse.Namespace, out: Path) -> int:
    """Add labelled cells to a reference."""
    trained = sharing.load_trained(arguments.onto)
    trained, source, applied = workflow.match_genes(trained, _source(arguments), blocks=arguments.fix)
    print_repairs(applied)
    key = columns(arguments, source, trained.method)["label_key"]
    free = {"batch_key": arguments.batch_key} if arguments.batch_key else {}
    trained = replace(trained, method=trained.configured(free))
    with Bar(quiet=arguments.quiet, stop=arguments.stop) as bar:
        run = bar.run(trained.seed if arguments.seed is None else arguments.seed)
        target = workflow.prepare_trained(
            trained, source, preprocess_settings(arguments, correct=False), run
        ).pair.target
        known = preprocess.named_type(source.obs[str(key)]).loc[target.obs_names]
        labels = known.fillna(data.UNASSIGNED).tolist()
        grown = workflow.extended(trained, target, labels, run)
    with arguments.stop.output(out) as path:
        workflow.save_grown(grown, path)
    print(f"Wrote {out}: {grown.n_source} cells, {known.notna().sum()} of them added; see `sctl inspect {out}`.")
    return 0


def _source(arguments: argparse.Namespace) -> AnnData:
    """Read the source, repair what has one right repair, and refuse what cannot be used."""
    source = with_labels(
        workflow.read_datasets(arguments.source, genes=arguments.source_genes, labeled=True), arguments
    )
    source, _, applied = workflow.repaired(source, source, blocks=arguments.fix)
    print_repairs([finding for finding in applied if finding.fix and finding.fix.arguments["role"] == "source"])
    require_usable(preflight.inspect(source, role="source", label_key=arguments.label_key))
    return source
