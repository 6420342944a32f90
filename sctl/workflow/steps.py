"""The computations, each from values to values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl import preprocess
from sctl.analysis import embed
from sctl.analysis.components import pca
from sctl.analysis.second_opinion import as_given, judged, judged_again, second_opinion
from sctl.data import Answer, Pair, TransferResult, in_memory
from sctl.errors import DataError
from sctl.methods import base, get_method
from sctl.methods.base import SelectableResult, SweepsTheta, TransferMethod, learned
from sctl.methods.ordered_sweep import prepared_sweep
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.methods.transfercluster.theta import thetas_beside
from sctl.preflight import Finding
from sctl.preprocess import Prepared, PreprocessParams
from sctl.run import Run
from sctl.workflow.batches import with_batches
from sctl.workflow.inputs import repaired
from sctl.workflow.settings import complete
from sctl.workflow.source import with_found_groups


def prepare(source: AnnData, target: AnnData, params: Mapping[str, Any], run: Run) -> Prepared:
    """Filter and normalise both sides and bring them to the same genes.

    Parameters
    ----------
    source, target : AnnData
    params : mapping
        Those of the steps ``"data"`` (``label_key``, ``batch_key``) and ``"preprocess"`` together.
    run : Run

    Returns
    -------
    Prepared
    """
    keys = {name: params.get(name) for name in ("label_key", "batch_key")}
    chosen = PreprocessParams.from_dict({name: value for name, value in params.items() if name not in keys})
    return preprocess.prepare_pair(source, target, chosen, run=run, **keys)


def prepare_pair(
    source: AnnData,
    target: AnnData,
    params: PreprocessParams | None = None,
    *,
    label_key: str | None = None,
    batch_key: str | None = None,
    run: Run | None = None,
) -> Prepared:
    """Repair what has one right repair, as ``sctl run`` does, then make a pair that any method can use.

    Parameters
    ----------
    source, target : AnnData
        As read; they are not changed. Genes of two species, ids beside symbols, names that occur twice and counts
        that lie in a layer are brought together, see :func:`sctl.workflow.repaired`.
    params, label_key, batch_key, run
        As for :func:`sctl.preprocess.prepare_pair`, which prepares without repairs.

    Returns
    -------
    Prepared
        ``repairs`` and ``report.repairs`` name what was repaired. For
        ``sctl.annotated(target, prepared.repairs, prepared.target, result)``.

    Raises
    ------
    DataError
        If names are duplicated, values cannot be used, a column is missing, fewer than 50 genes are
        shared, or a filter leaves nothing.
    """
    source, target, applied = repaired(in_memory(source), in_memory(target))
    keys = {"label_key": label_key, "batch_key": batch_key}
    try:
        prepared = preprocess.prepare_pair(source, target, params, run=run, **keys)
    except DataError as error:
        if not repaired(source, target, blocks=True)[2]:
            raise
        do = f"{error.do} In Python, source, target, _ = sctl.repaired(source, target, blocks=True) may mend it."
        raise DataError(error.found, expected=error.expected, do=do.strip()) from error
    return with_repairs(prepared, target, applied)


def with_repairs(prepared: Prepared, target: AnnData, applied: Sequence[Finding]) -> Prepared:
    """Return what was prepared with what had been repaired before, and the target after that."""
    said = tuple(f"{finding.text} {finding.fix.done if finding.fix else ''}".strip() for finding in applied)
    return replace(prepared, target=target, repairs=tuple(applied), report=replace(prepared.report, repairs=said))


def as_sweep(method: TransferMethod) -> SweepsTheta | None:
    """Return the method as one that sweeps θ, or None if it does not."""
    return method if isinstance(method, SweepsTheta) else None


def prepare_sweep(pair: Pair, method: TransferMethod, run: Run) -> ThetaSweep:
    """Learn from the source and prepare the target, so that any θ takes milliseconds."""
    fitted = cast("SweepsTheta", learned(pair, with_batches(pair, method), run))
    return prepared_sweep(fitted, pair.target, run)


def baseline(pair: Pair, key: str, method: TransferMethod, run: Run) -> TransferResult:
    """Return the result of a baseline, clustered with the same settings as ``method`` and for the same source types."""
    kind = get_method(key)
    if kind.needs_labels and not method.requires_labels:
        pair = with_found_groups(pair, method, run)
    names = {parameter.name for parameter in kind.parameters()}
    shared = {name: value for name, value in method.params.items() if name in names}
    return transfer(pair, kind(**shared), run)


def transfer(
    pair: Pair, method: TransferMethod, run: Run | None = None, *, theta: float | None = None
) -> TransferResult:
    """Learn from the pair's source, then cluster and label its target.

    Parameters
    ----------
    pair : Pair
        A method that can correct for batches and was given no column of its own uses the pair's ``batch_key``.
    method : TransferMethod
    run : Run, optional
        Seed, progress and stop switch; seed 0 and silence by default.
    theta : float, optional
        How much to trust the source; by default what the method says, which is to try several.

    Returns
    -------
    TransferResult
        Its confidence is the probability that the name is right, where the source has cells to learn that from;
        see :func:`sctl.analysis.second_opinion.judged`.

    Raises
    ------
    DataError, ParameterError
        If the method cannot work on this pair; the text says what to do.
    Cancelled
        If the run was stopped.
    """
    run, method = run or Run(), with_batches(pair, method)
    sweeping = as_sweep(method)
    if sweeping is None:
        result = base.fit_transfer(pair, method, run)
    else:
        theta = chosen_theta(method, theta)
        sweep = prepare_sweep(pair, method, run)
        points = list(sweep.points(sweeping.thetas if theta is None else thetas_beside(theta), run))
        result = sweeping.result_at(sweep, pair.target.obs_names, theta, points, target=pair.target)
    return result if method.is_calibrated else judged(result, second_opinion(pair, run))


def chosen_theta(method: TransferMethod, theta: float | None) -> float | None:
    """Return the θ chosen by hand, on the page of θ or else among the method's settings; None for automatic."""
    return method.params.get("theta") if theta is None else theta


def answered(method: TransferMethod, result: TransferResult, answer: Answer | None) -> TransferResult:
    """Return a result with the answer that the user wants; as it is where that is None, or the method has one only."""
    kept = result.diagnostics.kept
    if answer is None or not isinstance(method, SelectableResult) or (kept is not None and kept.answer == answer):
        return result
    return judged_again(method.answered(as_given(result), answer))


def explore(
    pair: Pair, params: Mapping[str, Any], runs: Mapping[str, Run], done: Collection[str] = ()
) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
    """Draw maps of the target alone and of both datasets, one after the other.

    Parameters
    ----------
    pair : Pair
    params : mapping
        Those of the step ``"explore"``.
    runs : mapping
        A run for each of :data:`MAPS`.
    done : collection of str
        Maps that are not drawn again.

    Yields
    ------
    dict of str to ndarray
        ``target_<kind>`` (n_target, 2); or ``joint_<kind>_source`` (n_shown, 2), ``joint_<kind>_target``
        (n_target, 2) and ``joint_source_index`` (n_shown,), the source cells shown.
    """
    seed = int(complete("explore", params)["seed"])
    marked = pair.target.var.get("highly_variable")
    target = pair.target if marked is None else pair.target[:, marked.to_numpy(dtype=bool)]
    scores = joint = None
    for name in (name for name in maps_of(pair) if name not in done):
        side, kind = name.split("_")
        run = replace(runs[name], seed=seed).within(_TITLES[side])
        if side == "target":
            scores = pca(target.X, run=run) if scores is None else scores
            yield {name: scores[:, :2] if kind == "pca" else getattr(embed, kind)(scores, run)}
        else:
            joint = joint or embed.joint_scores(pair, run)
            both = joint.layout(run, cast("embed.Kind", kind))
            parts = {"source": both.source, "target": both.target}
            yield {"joint_source_index": both.source_index, **{f"{name}_{part}": xy for part, xy in parts.items()}}


MAPS = ("target_umap", "target_tsne", "target_pca", "joint_umap", "joint_tsne", "joint_pca")
"""The maps in the order in which they are drawn; the first is the one the page shows at first."""


def maps_of(pair: Pair) -> tuple[str, ...]:
    """Return the maps that can be drawn of a pair: a trained source has no cells that could lie on one."""
    return tuple(name for name in MAPS if not (pair.profiles_only and name.startswith("joint")))


_TITLES = {"target": "Map of the target", "joint": "Map of both"}


def groups_of(result: TransferResult, kind: str, final: pd.Series | None = None) -> pd.Series:
    """Return the group of each target cell: its cluster, its label, or the label the user settled on.

    Parameters
    ----------
    result : TransferResult
    kind : {"clusters", "labels", "final"}
    final : Series, optional
        The user's labels by cell; cells and projects without keep the transferred ones.
    """
    labels = pd.Series(result.labels.astype(str), index=result.obs_names)
    if kind == "clusters":
        names = np.array([*result.cluster_names, "none"], dtype=str)
        return pd.Series(names[result.clusters], index=result.obs_names)
    if kind == "final" and final is not None:
        return final.reindex(labels.index).fillna(labels)
    return labels
