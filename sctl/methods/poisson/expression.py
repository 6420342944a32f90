"""What the Poisson autoencoder sees of cells: chosen genes, and values that are not negative."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sctl.data import require_genes
from sctl.errors import DataError
from sctl.genes import guess_species
from sctl.genesets import hallmark

GeneChoice = Literal["variable", "hallmark", "all"]

MIN_GENES = 20
"""Fewer genes of the chosen kind are not enough to learn from."""


def chosen_genes(var: pd.DataFrame, choice: GeneChoice) -> pd.Index:
    """Return the names of the genes to learn from.

    Raises
    ------
    DataError
        If there are fewer than :data:`MIN_GENES`.
    """
    keep = np.ones(len(var), dtype=bool)
    if choice == "variable" and "highly_variable" in var:
        keep = var["highly_variable"].to_numpy(dtype=bool)
    if choice == "hallmark":
        keep = hallmark("mouse" if guess_species(var.index) == "mouse" else "human").contains(var.index)
    if keep.sum() < MIN_GENES:
        raise DataError(
            f"{int(keep.sum())} genes are left to learn from ({choice}).",
            expected=f"At least {MIN_GENES} are needed.",
            do="Learn from other genes, for example all, and check that genes are named by symbols.",
        )
    return var.index[keep]


def source_types(source: AnnData, label_key: str | None) -> pd.Categorical:
    """Return the types of the source's cells.

    Raises
    ------
    DataError
        If there is one type only.
    """
    types = pd.Categorical(source.obs[label_key].astype(str))
    if len(types.categories) < 2:
        raise DataError(
            f"The source has a single type, {types.categories[0]!r}.",
            expected="At least two known types are needed to tell cells apart.",
            do="Choose another label column, or another source.",
        )
    return types


def aligned(target: AnnData, genes: tuple[str, ...]) -> tuple[sparse.csr_matrix, NDArray[np.bool_]]:
    """Return a target's values of some genes, 0 for those it lacks, and which these are.

    Raises
    ------
    DataError
        If fewer than half of them are there.
    """
    places = target.var_names.get_indexer(pd.Index(genes))
    found = places >= 0
    require_genes(int(found.sum()), len(found))
    present = rows(target[:, places[found]].X)
    spread = sparse.csr_matrix(
        (np.ones(int(found.sum()), np.float32), (np.arange(int(found.sum())), np.flatnonzero(found))),
        shape=(int(found.sum()), len(found)),
    )
    return sparse.csr_matrix(present @ spread), ~found


def rows(X: Any) -> sparse.csr_matrix:
    """Return values as CSR, those below 0 (of a correction) as 0."""
    out = sparse.csr_matrix(X, dtype=np.float32, copy=True)
    np.maximum(out.data, 0, out=out.data)
    return out
