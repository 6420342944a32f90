"""Preparing a target alone, for a source that was trained before and is known by its profiles only."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from anndata import AnnData

from sctl.data import TARGET_ONLY, Pair, in_memory, require_genes
from sctl.numerics.normalize import library_sizes, log_normalized
from sctl.preprocess.build import sizes_of, with_all_genes, with_genes
from sctl.preprocess.match import matching_genes
from sctl.preprocess.params import PreprocessParams
from sctl.preprocess.prepare import Prepared
from sctl.preprocess.report import PrepareReport
from sctl.preprocess.side import Side, open_side
from sctl.preprocess.target_only_genes import target_only
from sctl.run import Run

COMPARED = "compared"
"""Column of the stand-in's genes: those by which the trained method compares cells."""
MARKS = ("highly_variable", "variable_rank")
"""Columns of the stand-in's genes that its pair had."""


def prepare_target(
    profile_source: AnnData,
    target: AnnData,
    params: PreprocessParams,
    *,
    label_key: str,
    n_source: int,
    run: Run | None = None,
) -> Prepared:
    """Prepare a target as the one was with which, or for which, a source was trained.

    Parameters
    ----------
    profile_source : AnnData of shape (n_types, n_genes)
        The mean log-normalised profile of each type, over the genes that the trained source was prepared with;
        ``var`` has the columns of :data:`COMPARED` and :data:`MARKS`.
    target : AnnData
        As read; it is not changed.
    params : PreprocessParams
        Normalisation as the source had it, and the filters of the target.
    label_key : str
        Column of ``profile_source.obs`` with the types.
    n_source : int
        Cells the source was trained on, for the report.
    run : Run, optional

    Returns
    -------
    Prepared
        Its pair has ``profiles_only``: the genes that both have, in the target's order.

    Raises
    ------
    DataError
        If names are duplicated, values cannot be used, a filter leaves nothing, or the target has fewer than half
        of the genes by which cells are compared.
    """
    run, target = run or Run(), in_memory(target)
    shared = matching_genes(profile_source, target)
    run.report("Prepare", 0, 2, "filtering")
    side = open_side("target", target).filtered(params.target)
    genes = side.genes[side.genes.isin(profile_source.var_names)]
    compared = profile_source.var_names[profile_source.var[COMPARED].to_numpy(dtype=bool)]
    missing = compared[~compared.isin(genes)]
    require_genes(len(compared) - len(missing), len(compared))
    side = side.with_cells([("no count in the shared genes", library_sizes(side.columns(genes)) > 0)])
    run.report("Prepare", 1, 2, "normalising")
    sizes = sizes_of(side, genes, params)
    values = log_normalized(side.columns(genes), sizes=sizes, to=params.normalize_to, log=params.log)
    own = with_genes(side, genes, values, profile_source.var.loc[genes, list(MARKS)])
    extra, names = target_only(profile_source.var_names, side, sizes, params)
    if len(names):
        own.obsm[TARGET_ONLY], own.uns[f"{TARGET_ONLY}_genes"] = extra, names.to_numpy(dtype=str)
    pair = Pair(source=profile_source[:, genes].copy(), target=own, label_key=label_key, profiles_only=True)
    report = replace(_report(side, pair, n_source), n_shared=len(shared), n_target_only=len(names))
    run.report("Prepare", 2, 2)
    trained = replace(report, n_types=profile_source.n_obs, n_compared=len(compared), missing=tuple(map(str, missing)))
    return Prepared(pair, with_all_genes(side, sizes, params), trained)


def _report(side: Side, pair: Pair, n_source: int) -> PrepareReport:
    marked: pd.Series = pair.target.var[MARKS[0]]
    return PrepareReport(
        n_cells={"source": (n_source, n_source), "target": (side.adata.n_obs, len(side.cells))},
        n_genes={"source": pair.source.n_vars, "target": side.adata.n_vars},
        n_shared=pair.source.n_vars,
        n_used=pair.source.n_vars,
        n_variable=int(marked.sum()),
        values={"source": "mean profiles of types", "target": side.values.read_as},
        losses=side.losses,
    )
