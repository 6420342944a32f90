"""Remove what differs between the two datasets as a whole, and measure how far they mix before and after.

Johnson, Li & Rabinovic (2007), "Adjusting batch effects in microarray expression data using empirical Bayes methods",
Biostatistics 8:118.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError
from sctl.typing import Floats, Ints

FEWEST_CELLS = 3
"""Fewer cells have no spread that could be compared."""

_N_NEIGHBORS = 15
_N_COMPONENTS = 30
_DECIMALS = 3


@dataclass(frozen=True, kw_only=True)
class BatchEffect:
    """What the removal of the batch effect did.

    Parameters
    ----------
    n_genes : int
        Genes that were corrected.
    clipped : float
        Share of their values that came out below 0 and were set to 0, in [0, 1].
    mixing : tuple of float
        Share of a cell's 15 nearest neighbours that are of the other dataset, before and after; among equally many
        cells of both, so that 0.5 is as mixed as can be.
    source, target : tuple of list
        Two principal components of these cells before and after: (n_shown, 2) each.
    """

    n_genes: int
    clipped: float
    mixing: tuple[float, float]
    source: tuple[list[list[float]], list[list[float]]]
    target: tuple[list[list[float]], list[list[float]]]

    def to_dict(self) -> dict[str, Any]:
        """Return the effect in a form that JSON takes."""
        return {**asdict(self), "mixing": list(self.mixing), "source": list(self.source), "target": list(self.target)}

    @property
    def sentence(self) -> str:
        """The effect as a sentence."""
        before, after = self.mixing
        return (
            f"Batch effect removed from {self.n_genes} genes by ComBat: of a cell's nearest neighbours {before:.0%} were "
            f"of the other dataset, now {after:.0%} (50% if fully mixed); {self.clipped:.1%} of the values were below 0 "
            "and set to 0."
        )


def without_batch_effect(sides: Sequence[Any]) -> tuple[list[Floats], float]:
    """Bring mean and spread of every gene together between source and target by ComBat.

    Types of cells are not told to it, because those of the target are not known. Where the datasets are made up of
    different types, part of what tells the types apart is therefore removed with the batch effect.

    Parameters
    ----------
    sides : sequence of two matrices of shape (n_obs, n_vars)
        Log-normalised expression of source and target, the same genes on both.

    Returns
    -------
    corrected : list of ndarray of shape (n_obs, n_vars), float32
        Not negative.
    clipped : float
        Share of the values that came out below 0 and were set to 0.

    Raises
    ------
    DataError
        If a side has fewer than 3 cells.
    """
    import scanpy as sc  # noqa: PLC0415 - takes seconds, and the app's start must not wait for it

    sizes = [side.shape[0] for side in sides]
    if min(sizes) < FEWEST_CELLS:
        raise DataError(
            f"Source and target have {sizes[0]} and {sizes[1]} cells.",
            expected=f"To remove a batch effect, each must have at least {FEWEST_CELLS}.",
            do="Turn the removal of the batch effect off.",
        )
    values = np.concatenate([_dense(side) for side in sides])
    varying = np.ptp(values, axis=0) > 0  # of constant genes nothing can be removed, and ComBat divides by zero
    out = values.astype(np.float32)
    if varying.any():
        obs = pd.DataFrame({"dataset": pd.Categorical(np.repeat(["source", "target"], sizes))})
        obs.index = obs.index.astype(str)
        with warnings.catch_warnings():
            # A gene may be 0 on one side only: its spread there is 0, and ComBat borrows that of other genes.
            warnings.filterwarnings("ignore", message="divide by zero|invalid value", category=RuntimeWarning)
            out[:, varying] = sc.pp.combat(AnnData(X=values[:, varying], obs=obs), "dataset", inplace=False)
    below = float((out < 0).mean())
    np.maximum(out, 0, out=out)
    return [out[: sizes[0]], out[sizes[0] :]], below


def measured(
    before: Sequence[Any], after: Sequence[Any], *, clipped: float, cells: Sequence[Ints] | None = None
) -> BatchEffect:
    """Compare both datasets before and after.

    Parameters
    ----------
    before, after : sequence of two matrices of shape (n_obs, n_vars)
        Source and target.
    clipped : float
    cells : sequence of two arrays of shape (n_shown,)
        Equally many cells of each side that are looked at; by default all.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415 - takes a second, and the app's start must not wait for it

    shown = cells or [np.arange(side.shape[0]) for side in before]
    n_source = len(shown[0])
    maps, shares = [], []
    for sides in (before, after):
        values = np.concatenate([_dense(side[rows]) for side, rows in zip(sides, shown, strict=True)])
        n_components = min(_N_COMPONENTS, *(size - 1 for size in values.shape))
        scores = PCA(n_components, svd_solver="full").fit_transform(values)
        shares.append(_share_of_others(scores, np.arange(len(scores)) < n_source))
        maps.append(scores[:, :2].round(_DECIMALS))
    return BatchEffect(
        n_genes=before[0].shape[1],
        clipped=clipped,
        mixing=(shares[0], shares[1]),
        source=(maps[0][:n_source].tolist(), maps[1][:n_source].tolist()),
        target=(maps[0][n_source:].tolist(), maps[1][n_source:].tolist()),
    )


def _share_of_others(points: Floats, is_source: Any) -> float:
    """Mean share of the nearest neighbours that belong to the other dataset."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - takes a second, and the app's start must not wait for it

    n_neighbors = min(_N_NEIGHBORS, len(points) - 1)
    neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(points).kneighbors(return_distance=False)
    return float((is_source[neighbors] != is_source[:, None]).mean())


def _dense(X: Any) -> Floats:  # noqa: N803 - AnnData's own name
    return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
