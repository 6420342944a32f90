"""Highly variable genes of a source and a target together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sctl.core.normalise import Log


def highly_variable(sides: Sequence[Any], n_top_genes: int | None) -> NDArray[np.bool_]:
    """Mark the genes that vary most on all sides.

    Each side ranks the genes by normalised dispersion (Satija et al. 2015, scanpy's flavour "seurat");
    the genes with the best mean rank are taken, the same ones for all sides.

    Parameters
    ----------
    sides : sequence of csr_matrix of shape (n_obs, n_vars)
        log(1 + x) values, the same genes on each side.
    n_top_genes : int or None
        How many; None, or more than there are, takes all.

    Returns
    -------
    ndarray of bool, shape (n_vars,)

    References
    ----------
    .. [1] Satija et al. (2015), "Spatial reconstruction of single-cell gene expression data",
       Nature Biotechnology 33, 495. https://doi.org/10.1038/nbt.3192
    """
    n_vars = sides[0].shape[1]
    if n_top_genes is None or n_top_genes >= n_vars:
        return np.ones(n_vars, dtype=bool)
    ranks = np.mean([_ranks(side) for side in sides], axis=0)
    marked = np.zeros(n_vars, dtype=bool)
    marked[np.argsort(ranks, kind="stable")[:n_top_genes]] = True
    return marked


def as_log1p(values: Any, log: Log) -> Any:
    """Return log(1 + x), in which variable genes are looked for whatever the pair holds."""
    if log == "log1p":
        return values
    return values * np.log(2) if log == "log2" else values.log1p()


def _ranks(X: Any) -> NDArray[np.float64]:  # noqa: N803 - AnnData's own name
    """Rank genes by normalised dispersion, 1 the most variable, ties shared: (n_vars,)."""
    import scanpy as sc  # noqa: PLC0415 - takes seconds, and the app's start must not wait for it

    with warnings.catch_warnings():
        # A gene that is 0 everywhere has no dispersion; it is ranked last below.
        warnings.filterwarnings("ignore", message="invalid value encountered|divide by zero", category=RuntimeWarning)
        table = sc.pp.highly_variable_genes(AnnData(X=X), flavor="seurat", inplace=False)
    dispersions: pd.Series = table["dispersions_norm"].fillna(-np.inf)
    return np.asarray(dispersions.rank(ascending=False, method="average"))
