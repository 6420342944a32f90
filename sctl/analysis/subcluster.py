"""Cells of one group divided by their own differences, without any source."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sctl.analysis.components import pca
from sctl.errors import ParameterError
from sctl.numerics.kmeans import kmeans
from sctl.numerics.silhouette import mean_silhouette
from sctl.run import Run
from sctl.typing import Ints, Matrix

FEWEST = 5
"""Cells for each group that is asked for."""

_GENES, _COMPONENTS, _STARTS, _COMPARED = 1_000, 20, 20, 2_000


def subgroups(X: Matrix, n_groups: int, run: Run | None = None) -> tuple[Ints, float]:  # noqa: N803 - a matrix
    """Divide cells into groups by k-means on the principal components of the genes that vary most among them.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression of the cells to divide, and of no others.
    n_groups : int
        Two or more; at least :data:`FEWEST` cells for each.
    run : Run, optional

    Returns
    -------
    ndarray of shape (n_obs,)
        Groups from 0, the largest first.
    float
        Mean silhouette on the components, of at most 2,000 cells: near 0 where nothing parts the groups.

    Raises
    ------
    ParameterError
        If ``n_groups`` is below 2 or too many for the cells.
    """
    n_obs, run = X.shape[0], run or Run()
    if n_groups < 2 or n_obs < FEWEST * n_groups:
        raise ParameterError(
            f"{n_obs:,} cells cannot be divided into {n_groups}.",
            expected=f"Two or more groups, with {FEWEST} cells for each.",
            do="Select more cells, or ask for fewer groups.",
        )
    mean, square = (np.asarray(part.mean(axis=0)).ravel() for part in (X, _squared(X)))
    genes = np.sort(np.argsort(mean**2 - square, kind="stable")[:_GENES])
    scores = pca(X[:, genes], _COMPONENTS, run)
    found = kmeans(scores, n_groups, n_init=_STARTS, rng=run.rng("subgroups"))
    order = np.argsort(-np.bincount(found, minlength=n_groups), kind="stable")
    groups: Ints = np.argsort(order, kind="stable")[found]
    seen = np.sort(run.rng("silhouette").permutation(n_obs)[:_COMPARED])
    return groups, _parted(scores[seen], groups[seen])


def _squared(X: Matrix) -> Matrix:  # noqa: N803 - a matrix
    return X.multiply(X) if sparse.issparse(X) else np.square(X)


def _parted(scores: Any, groups: Ints) -> float:
    lengths = (scores**2).sum(axis=1)
    squares = np.maximum(lengths[:, None] + lengths - 2 * scores @ scores.T, 0.0)
    _, without_gaps = np.unique(groups, return_inverse=True)
    return mean_silhouette(np.sqrt(squares), without_gaps)
