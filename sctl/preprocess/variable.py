"""Highly variable genes of a source and a target together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sctl.numerics.normalize import Log

FEW_GENES = 1000
"""So many genes are not worth ranking: every method can take them all."""


def variable_genes(sides: Sequence[Any], n_top_genes: int | None) -> pd.DataFrame:
    """Mark the genes that vary most on all sides, and rank them.

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
    DataFrame of n_vars rows
        ``highly_variable``, and ``variable_rank``, 0 the most variable, by which a method can take fewer. So few genes
        that all are taken anyway (at most ``FEW_GENES``) are not ranked: theirs is 0.

    References
    ----------
    .. [1] Satija et al. (2015), "Spatial reconstruction of single-cell gene expression data",
       Nature Biotechnology 33, 495. https://doi.org/10.1038/nbt.3192
    """
    n_vars = sides[0].shape[1]
    n_top_genes = n_vars if n_top_genes is None else n_top_genes
    if n_vars <= min(n_top_genes, FEW_GENES):
        return pd.DataFrame({"highly_variable": np.ones(n_vars, dtype=bool), "variable_rank": np.zeros(n_vars, int)})
    order = np.argsort(np.mean([_ranks(side) for side in sides], axis=0), kind="stable")
    rank = np.argsort(order)
    return pd.DataFrame({"highly_variable": rank < n_top_genes, "variable_rank": rank})


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
