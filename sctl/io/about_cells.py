"""Rows and columns of a table that are about cells, or are sums: they stand among the genes and are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sctl.genes import MEASUREMENTS, TOTALS, gene_likeness, listed, other_than_genes
from sctl.io.genomes import add_note

_KNOWN = 0.5  # share of known names among the genes from which on an unknown one with odd values is none
_FEW = 0.02  # share of the names up to which odd values are taken for measurements
_LISTED = 20


def with_unusual_cells_dropped(adata: AnnData, name: str) -> AnnData:
    """Move what is about cells from the genes to the table of cells, and leave out sums over cells.

    What is about cells is known by its name (``nCount_RNA``, ``UMAP_1``, ``Total``), by values that no gene has (among
    known genes with counts, one unknown with fractions; among values that are not negative, one with such), or by being
    the sum of all others. A known gene is never moved.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
    name : str
        The file, as the user knows it.

    Returns
    -------
    AnnData
        ``uns["read_notes"]`` says what was moved.
    """
    matrix = sparse.csc_matrix(adata.X)
    kinds = other_than_genes(adata.var_names)
    apart = kinds.isin([MEASUREMENTS, TOTALS]).to_numpy()
    apart |= _odd(matrix, adata.var_names, ~apart)
    apart |= _sum_of_others(matrix, ~apart, adata.var_names)
    sums = (other_than_genes(adata.obs_names) == TOTALS).to_numpy()
    sums |= _sum_of_others(sparse.csc_matrix(matrix.T), ~sums, adata.obs_names)
    if (not apart.any() and not sums.any()) or apart.all() or sums.all():
        return adata
    for i in np.flatnonzero(apart):
        column = str(adata.var_names[i])
        if column not in adata.obs:
            adata.obs[column] = _plain(np.asarray(matrix[:, [i]].todense()).ravel())
    kept = adata[~sums, ~apart].copy()
    if apart.any():
        moved = listed(adata.var_names[apart], _LISTED)
        add_note(kept, f"In {name}, {moved} {_are(apart)} about cells, not genes; moved to the table of cells.")
    if sums.any():
        left = listed(adata.obs_names[sums], _LISTED)
        add_note(
            kept, f"In {name}, {left} {_are(sums)} no {'cell' if sums.sum() == 1 else 'cells'} but a sum; left out."
        )
    return kept


def _are(which: NDArray[np.bool_]) -> str:
    return "is" if which.sum() == 1 else "are"


def _odd(matrix: Any, names: pd.Index, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the few unknown names among known genes whose values are negative, or broken where all others are whole."""
    negative, broken = _with(matrix, matrix.data < 0), _with(matrix, matrix.data != np.rint(matrix.data))
    few = max(3, int(_FEW * len(names)))
    out = np.zeros(len(names), dtype=bool)
    for odd in (negative & among, broken & among):
        if 0 < odd.sum() <= few and odd.sum() * 2 < among.sum() and gene_likeness(names[among & ~odd]) >= _KNOWN:
            out |= odd
    return out & (_unknown(names, out))


def _unknown(names: pd.Index, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.array([bool(odd) and gene_likeness([name]) == 0 for name, odd in zip(names, which, strict=True)])


def _with(matrix: Any, values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the columns with such a value that is finite: (n_columns,)."""
    column = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    return np.bincount(column[values & np.isfinite(matrix.data)], minlength=matrix.shape[1]) > 0


def _sum_of_others(matrix: Any, among: NDArray[np.bool_], names: pd.Index) -> NDArray[np.bool_]:
    """Mark the first or last column where it is the sum of all others, in every row, and has no name of a gene."""
    out = np.zeros(matrix.shape[1], dtype=bool)
    places = np.flatnonzero(among)
    if len(places) < 4 or matrix.shape[0] < 2:
        return out
    total = np.asarray(matrix[:, places].sum(axis=1), dtype=np.float64).ravel()
    for i in {int(places[0]), int(places[-1])}:
        own = np.asarray(matrix[:, [i]].todense(), dtype=np.float64).ravel()
        if own.all() and np.allclose(total, 2 * own, rtol=1e-5) and gene_likeness([names[i]]) == 0:
            out[i] = True
    return out


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers as such."""
    whole = np.isfinite(values).all() and (values == np.rint(values)).all() and np.abs(values).max(initial=0) < 2**62
    return values.astype(np.int64) if whole else values
