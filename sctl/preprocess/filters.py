"""Which cells and genes are kept, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError
from sctl.preprocess.params import RoleParams
from sctl.qc import Thresholds, keep, qc_metrics
from sctl.typing import Bools


def filter_cells(adata: AnnData, params: RoleParams) -> AnnData:
    """Return a copy with the cells that pass all filters of cells.

    Parameters
    ----------
    adata : AnnData
        ``X`` counts, or other linear values that are not negative.
    params : RoleParams

    Returns
    -------
    AnnData

    Raises
    ------
    DataError
        If no cell passes.

    Examples
    --------
    >>> adata = AnnData(np.array([[5.0, 5.0], [5.0, 0.0]]))
    >>> filter_cells(adata, RoleParams(min_genes=2)).shape
    (1, 2)
    """
    kept = np.ones(adata.n_obs, dtype=bool)
    for _, passes in cell_filters(adata, params):
        kept &= passes
    require_left(kept, "cells", "data")
    return adata[kept].copy()


def filter_genes(adata: AnnData, params: RoleParams) -> AnnData:
    """Return a copy with the genes that pass all filters of genes.

    Parameters
    ----------
    adata : AnnData
        ``X`` counts, or other linear values that are not negative.
    params : RoleParams

    Returns
    -------
    AnnData

    Raises
    ------
    DataError
        If no gene passes.

    Examples
    --------
    >>> adata = AnnData(np.array([[5.0, 5.0], [5.0, 0.0]]))
    >>> filter_genes(adata, RoleParams(max_cell_share=0.5)).var_names.tolist()
    ['1']
    """
    kept = np.ones(adata.n_vars, dtype=bool)
    for _, passes in gene_filters(adata.X, params):
        kept &= passes
    require_left(kept, "genes", "data")
    return adata[:, kept].copy()


def cell_filters(adata: AnnData, params: RoleParams) -> Iterator[tuple[str, Bools]]:
    """Yield a reason, and which cells pass it, for every filter of cells that is on: (n_obs,) each."""
    limits = {name: limit for name, limit in params.thresholds.limits.items() if limit != (None, None)}
    if limits:
        metrics = qc_metrics(adata)
        for name, (low, high) in limits.items():
            yield f"{name} outside {_range(low, high)}", keep(metrics, Thresholds(**{name: (low, high)}))
    if params.min_genes:
        n_genes = qc_metrics(adata, expression_threshold=params.expression_threshold)["n_genes"].to_numpy()
        yield f"fewer than {params.min_genes} {_expressed(params)} genes", n_genes >= params.min_genes


def gene_filters(X: Any, params: RoleParams) -> Iterator[tuple[str, Bools]]:  # noqa: N803 - AnnData's own name
    """Yield a reason, and which genes pass it, for every filter of genes that is on: (n_vars,) each."""
    values = sparse.csr_matrix(X)
    n_obs, n_vars = values.shape
    above = values.data > 0
    if params.min_cells or params.min_cell_share:
        expressed = above & (values.data >= params.expression_threshold)
        n_expressing = np.bincount(values.indices[expressed], minlength=n_vars)
        needed = max(params.min_cells, int(np.ceil(n_obs * params.min_cell_share - 1e-9)))
        yield f"{_expressed(params)} in fewer than {needed} cells", n_expressing >= needed
    if params.max_cell_share < 1:
        n_above = np.bincount(values.indices[above], minlength=n_vars)
        share = f"{100 * params.max_cell_share:g}%"
        yield f"above 0 in more than {share} of the cells", n_above <= n_obs * params.max_cell_share + 1e-9


def require_left(kept: Bools, what: str, role: str) -> None:
    """Raise ``DataError`` where nothing is left."""
    if not kept.any():
        raise DataError(
            f"No {what} of the {role} are left after filtering (there were {len(kept)}).",
            expected="Some must pass every filter.",
            do="Loosen the filters; the histograms show where the values lie.",
        )


def _expressed(params: RoleParams) -> str:
    return f"expressed (≥ {params.expression_threshold:g})" if params.expression_threshold else "expressed"


def _range(low: float | None, high: float | None) -> str:
    return f"{'0' if low is None else format(low, 'g')} to {'∞' if high is None else format(high, 'g')}"
