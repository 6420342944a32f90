"""From two datasets as they were read to a pair that any method can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.data import DEPTH, TARGET_ONLY, Pair, in_memory
from sctl.numerics.normalize import genes_per_cell, library_sizes, log_normalized
from sctl.preprocess.build import sizes_of, with_all_genes, with_genes
from sctl.preprocess.corrections import Effects, corrected
from sctl.preprocess.labels import label_text
from sctl.preprocess.match import match, matching_genes, require_batches, require_columns
from sctl.preprocess.params import PreprocessParams
from sctl.preprocess.report import Loss, PrepareReport
from sctl.preprocess.side import Side, open_side
from sctl.preprocess.target_only_genes import target_only
from sctl.preprocess.variable import as_log1p, variable_genes
from sctl.run import Run
from sctl.typing import Bools


@dataclass(frozen=True)
class Prepared:
    """What :func:`prepare_pair` returns.

    Parameters
    ----------
    pair : Pair
        The shared genes, in the target's order. Where the target has variable genes that the source lacks, they lie
        in ``target.obsm["target_only"]``, and their names in ``target.uns["target_only_genes"]``.
    target_all : AnnData
        The same target cells with all genes that were measured, scaled by the same library sizes, so that
        a shared gene has the same values in both, unless it was corrected: here are measured values only, for
        markers and for the result's file. ``layers["counts"]`` where counts are known.
    report : PrepareReport
    target : AnnData, optional
        The target as it went in, after repairs; None where it was prepared as it was given.
    repairs : tuple of Finding
        What was repaired in source and target, in order.
    """

    pair: Pair
    target_all: AnnData
    report: PrepareReport
    target: AnnData | None = None
    repairs: tuple[Any, ...] = ()


def prepare_pair(
    source: AnnData,
    target: AnnData,
    params: PreprocessParams | None = None,
    *,
    label_key: str | None = None,
    batch_key: str | None = None,
    run: Run | None = None,
) -> Prepared:
    """Filter, match the genes, normalise, mark variable genes, and correct them where asked to; both sides alike.

    Cells are filtered first, then genes on the kept cells, each side by its own settings; then the shared
    genes are taken. Log values are undone and counted as linear ones, so that both sides go the same way.

    Parameters
    ----------
    source, target : AnnData
        As read; they are not changed. Counts, TPM or CPM, or logarithms of these, in ``X``; counts in
        ``layers["counts"]`` are used where ``X`` holds something else.
    params : PreprocessParams, optional
        By default only what cannot be used is dropped: cells without any count in the shared genes,
        genes without any count on both sides, source cells without a label.
    label_key, batch_key : str, optional
        Columns of ``source.obs`` with cell types, and with sample or donor.
    run : Run, optional
        Progress and stop switch; random is only on which cells the effect of a correction is measured.

    Returns
    -------
    Prepared

    Raises
    ------
    DataError
        If names are duplicated, values cannot be used, a column is missing, fewer than 50 genes are
        shared, or a filter leaves nothing.

    Examples
    --------
    >>> from sctl.simulate import toy_counts
    >>> source, target = toy_counts()
    >>> prepared = prepare_pair(source, target, label_key="cell_type")
    >>> prepared.pair.source.shape, prepared.report.n_shared
    ((200, 300), 300)
    """
    params, run = params or PreprocessParams(), run or Run()
    source, target = in_memory(source), in_memory(target)
    shared = matching_genes(source, target)
    require_columns(source, label_key, batch_key)
    require_batches("source", source, batch_key)
    run.report("Prepare", 0, 4, "reading values")
    opened = [open_side("source", source, label_key), open_side("target", target)]
    run.report("Prepare", 1, 4, "filtering")
    filtered = [side.filtered(getattr(params, side.role)) for side in opened]
    sides, genes, silent = match(filtered)
    run.report("Prepare", 2, 4, "normalising")
    sizes = [sizes_of(side, genes, params) for side in sides]
    logs = [
        log_normalized(side.columns(genes), sizes=size, to=params.normalize_to, log=params.log)
        for side, size in zip(sides, sizes, strict=True)
    ]
    run.report("Prepare", 3, 4, "finding variable genes")
    marks = variable_genes([as_log1p(values, params.log) for values in logs], params.n_top_genes)
    variable = marks["highly_variable"].to_numpy()
    logs, effects = corrected(logs, genes, variable, params, run)
    both = [with_genes(side, genes, values, marks) for side, values in zip(sides, logs, strict=True)]
    for key in filter(None, (label_key, batch_key)):
        both[0].obs[key] = pd.Categorical(label_text(both[0].obs[key]).fillna("nan"))
    own, names = target_only(opened[0].measured, sides[1], sizes[1], params)
    if len(names):
        both[1].obsm[TARGET_ONLY], both[1].uns[f"{TARGET_ONLY}_genes"] = own, names.to_numpy(dtype=str)
    both[1].uns[DEPTH] = _depths(sides, genes)
    pair = Pair(source=both[0], target=both[1], label_key=label_key, batch_key=batch_key)
    report = _report(sides, silent, n_shared=len(shared), variable=variable, n_target_only=len(names), effects=effects)
    run.report("Prepare", 4, 4)
    return Prepared(pair, with_all_genes(sides[1], sizes[1], params), report)


def _depths(sides: list[Side], genes: pd.Index) -> dict[str, float]:
    """Say how deeply both sides were measured, in the shared genes."""
    values = {side.role: side.columns(genes) for side in sides}
    depths: dict[str, float] = {role: genes_per_cell(X) for role, X in values.items()}
    if all(side.values.are_counts for side in sides):
        depths |= {f"{role}_counts": float(np.median(library_sizes(X))) for role, X in values.items()}
    return depths


def _report(
    sides: list[Side],
    silent: tuple[Loss, ...],
    *,
    n_shared: int,
    variable: Bools,
    n_target_only: int,
    effects: Effects,
) -> PrepareReport:
    return PrepareReport(
        n_cells={side.role: (side.adata.n_obs, len(side.cells)) for side in sides},
        n_genes={side.role: side.adata.n_vars for side in sides},
        n_shared=n_shared,
        n_used=len(variable),
        n_variable=int(variable.sum()),
        n_target_only=n_target_only,
        values={side.role: side.values.read_as for side in sides},
        losses=tuple(loss for side in sides for loss in side.losses) + silent,
        imputation=effects.imputation,
        batch=effects.batch,
    )
