"""What ItClust's network sees of cells: types, genes and z-scores of the source, and the same genes of a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sctl.data import require_genes
from sctl.errors import DataError
from sctl.methods.itclust.profile_names import ProfileNames, TypeProfiles, profile_names
from sctl.methods.itclust.scaling import z_scores

MIN_CELLS = 10
"""Fewer target cells than this cannot be scaled on their own."""


@dataclass(frozen=True)
class Scaling:
    """How expression values become z-scores.

    Parameters
    ----------
    batch_key : str or None
        Column of ``obs``; the cells of each value are scaled on their own.
    clip : float
        Scaled values beyond it are cut.
    both_sides : bool
        Whether low values are cut, too.
    """

    batch_key: str | None
    clip: float
    both_sides: bool

    def scaled(self, adata: AnnData, X: Any) -> NDArray[np.float32]:
        """Return z-scores of expression values, within batches where their column is there: a target may lack it."""
        column = adata.obs.get(self.batch_key) if self.batch_key else None
        batches = None if column is None else pd.factorize(column.astype(str), sort=True)[0]
        return z_scores(X, batches=batches, clip=self.clip, both_sides=self.both_sides)

    def aligned(self, target: AnnData, genes: tuple[str, ...]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return a target's z-scores of the network's genes, 0 for genes it lacks, and which genes those are.

        Raises
        ------
        DataError
            If there are fewer than :data:`MIN_CELLS` cells, or too few of the genes.
        """
        places, found = _places(target, genes)
        if target.n_obs < MIN_CELLS:
            raise DataError(
                f"The target has {target.n_obs} cells.",
                expected=f"ItClust scales the target's genes on its own, which takes {MIN_CELLS} cells or more.",
                do="Choose another method.",
            )
        require_genes(int(found.sum()), len(found))
        out = np.zeros((target.n_obs, len(found)), dtype=np.float32)
        out[:, found] = self.scaled(target, target.X[:, places[found]])
        return out, ~found


def unscaled_names(target: AnnData, genes: tuple[str, ...], profiles: TypeProfiles | None) -> ProfileNames | None:
    """Return how much cells resemble types before they are scaled; None where the types' profiles were not kept."""
    if profiles is None:
        return None
    places, found = _places(target, genes)
    return profile_names(target.X[:, places[found]], profiles.of_genes(found))


def _places(target: AnnData, genes: tuple[str, ...]) -> tuple[NDArray[np.integer[Any]], NDArray[np.bool_]]:
    places = target.var_names.get_indexer(pd.Index(genes))
    return places, places >= 0


def source_types(source: AnnData, label_key: str | None, batch_key: str | None) -> pd.Categorical:
    """Return the types of the source's cells.

    Raises
    ------
    DataError
        If there is one type only, or the column of batches is missing, or no batch holds two types: scaled within such
        batches, all types would look alike.
    """
    if batch_key is not None and batch_key not in source.obs:
        raise DataError(
            f"The source has no column {batch_key!r}.",
            expected=f"It has {', '.join(map(str, source.obs.columns)) or 'no columns'}.",
            do="Choose one of them as the column of batches, or none.",
        )
    types = pd.Categorical(source.obs[label_key].astype(str))
    if len(types.categories) < 2:
        raise DataError(
            f"All source cells are {types.categories[0]!r}.",
            expected="ItClust learns to tell types apart, which takes two or more.",
            do="Choose another column of labels, or another source.",
        )
    batches = None if batch_key is None else source.obs[batch_key].astype(str).to_numpy()
    if batches is not None and (pd.Series(types.codes).groupby(batches).nunique() < 2).all():
        raise DataError(
            f"Every batch in {batch_key!r} holds cells of one type only.",
            expected="Cells are scaled within their batch, which takes away what tells the types of such batches apart.",
            do="Choose another column of batches, or none.",
        )
    return types


def variable_genes(var: pd.DataFrame, n_genes: int | None) -> pd.Index:
    """Return the names of the marked genes, of many the most variable."""
    marked = var[var["highly_variable"].to_numpy(dtype=bool)] if "highly_variable" in var else var
    if n_genes is not None and "variable_rank" in var:
        marked = marked[(marked["variable_rank"].rank(method="first") <= n_genes).to_numpy()]
    return marked.index
