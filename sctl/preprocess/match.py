"""The genes that both sides share, and the texts for when they do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.errors import DataError
from sctl.genes import identifier_kind, not_genes
from sctl.numerics.normalize import library_sizes
from sctl.preprocess.report import Loss
from sctl.preprocess.side import Side

MIN_SHARED = 50
"""Fewer shared genes than these cannot tell cell types apart."""


def matching_genes(source: AnnData, target: AnnData) -> pd.Index:
    """Return the names of the genes that were measured on both sides, in the target's order.

    Raises
    ------
    DataError
        If cells or genes have the same name twice, or fewer than 50 genes are shared.
    """
    for role, adata in (("source", source), ("target", target)):
        _require_unique("cells", role, adata.obs_names)
        _require_unique("genes", role, adata.var_names)
    shared: pd.Index = target.var_names[target.var_names.isin(source.var_names) & (not_genes(target) == "").to_numpy()]
    if len(shared) < MIN_SHARED:
        raise DataError(
            f"Source and target share {len(shared)} genes (of {source.n_vars} and {target.n_vars}).",
            expected=f"At least {MIN_SHARED} are needed.",
            do=_advice(source.var_names, target.var_names),
        )
    return shared


def require_columns(source: AnnData, *keys: str | None) -> None:
    """Raise ``DataError`` where a column of the source is asked for that it does not have."""
    for key in keys:
        if key is not None and key not in source.obs:
            raise DataError(
                f"The source has no column {key!r}.",
                expected=f"It has {list(map(str, source.obs.columns))}.",
                do="Choose one of these columns.",
            )


def require_batches(role: str, adata: AnnData, key: str | None) -> None:
    """Raise ``DataError`` where a column of batches has a value of its own for almost every cell, as barcodes are."""
    if key is None or key not in adata.obs:
        return
    n_batches = int(adata.obs[key].astype(str).nunique())
    if n_batches > max(1, adata.n_obs // 2):
        raise DataError(
            f"The column {key!r} has {n_batches} different values for {adata.n_obs} cells of the {role}.",
            expected="A batch is a sample or donor with many cells; cells are compared with others of their batch.",
            do="Choose another column of batches, or none.",
        )


def match(sides: list[Side]) -> tuple[list[Side], pd.Index, tuple[Loss, ...]]:
    """Take the genes that both sides kept, without cells and genes that have no count in them.

    Returns
    -------
    sides : list of Side
        Without cells that are 0 in every gene.
    genes : Index
        In the target's order, without genes that are 0 on both sides.
    losses : tuple of Loss
        Those genes, where there are any.
    """
    source, target = sides
    genes = target.genes[target.genes.isin(source.genes)]
    if len(genes) < MIN_SHARED:
        raise DataError(
            f"{len(genes)} shared genes pass the gene filters of both sides.",
            expected=f"At least {MIN_SHARED} are needed.",
            do="Loosen the gene filters of source or target.",
        )
    sides = [
        side.with_cells([("no count in the shared genes", library_sizes(side.columns(genes)) > 0)]) for side in sides
    ]
    counted = np.zeros(len(genes), dtype=bool)
    for side in sides:
        counted |= np.asarray(side.columns(genes).sum(axis=0)).ravel() > 0
    n_silent = int((~counted).sum())
    losses = (Loss("pair", "genes", "no count on either side", n_silent),) if n_silent else ()
    return sides, genes[counted], losses


def _require_unique(what: str, role: str, names: pd.Index) -> None:
    repeated = names[names.duplicated()]
    if len(repeated):
        raise DataError(
            f"{len(repeated)} {what} of the {role} have a name that occurs before, e.g. {str(repeated[0])!r}.",
            expected=f"Every name of the {what} must occur once.",
            do="Press 'Fix it' in the check of the data, or make the names unique before the export.",
        )


def _advice(source: pd.Index, target: pd.Index) -> str:
    """Say what probably keeps the names from matching."""
    kinds = identifier_kind(source), identifier_kind(target)
    if kinds[0] != kinds[1]:
        return f"Names look like {kinds[0]} in the source and {kinds[1]} in the target: convert one of them."
    if len(pd.Index(source.str.upper()).intersection(target.str.upper())) >= MIN_SHARED:
        return "Names differ in upper and lower case only: if these are two species, map the genes of one to the other."
    return "Check that both come from the same species and that rows and columns are not swapped."
