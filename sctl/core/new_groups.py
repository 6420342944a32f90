"""Groups for a target that its source does not explain: cells unlike any type, divided by their own genes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from sctl.core.kmeans import kmeans
from sctl.core.silhouette import mean_silhouette

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

FOREIGN = 0.6
"""Cells given a type with less than this share of the source's own certainty are not of that type."""
MAX_GROUPS = 8
NEARLY = 0.95
"""Of all numbers of groups the smallest is taken whose silhouette reaches this share of the best."""
MIN_CELLS = 10
_N_COMPONENTS, _MAX_CELLS = 10, 2000


def typical_certainty(q: Floats, codes: Ints) -> Floats:
    """Return the median certainty of the cells of each type: (n_types,).

    Parameters
    ----------
    q : ndarray of shape (n_obs, n_types)
        What the network says of its own source.
    codes : ndarray of int, shape (n_obs,)
        Types of the cells; every type has one.
    """
    best = q.max(axis=1)
    return np.array([np.median(best[codes == code]) for code in range(q.shape[1])])


def foreign_cells(q: Floats, typical: Floats) -> NDArray[np.bool_]:
    """Return which cells were given a type that they do not resemble as its own cells do.

    Parameters
    ----------
    q : ndarray of shape (n_obs, n_types)
    typical : ndarray of shape (n_types,)
        From :func:`typical_certainty`.

    Returns
    -------
    ndarray of bool, shape (n_obs,)
        All cells of a type together.

    Examples
    --------
    >>> foreign_cells(np.array([[0.8, 0.2], [0.7, 0.3], [0.4, 0.6]]), np.array([0.9, 1.1]))
    array([False, False,  True])
    """
    clusters, best = q.argmax(axis=1), q.max(axis=1)
    out = np.zeros(len(q), dtype=bool)
    for cluster in np.unique(clusters):
        members = clusters == cluster
        out[members] = np.median(best[members]) < FOREIGN * typical[cluster]
    return out


def own_groups(X: Floats, *, rng: np.random.Generator) -> Ints:
    """Divide cells by k-means on the principal components of their own genes, into two groups or more.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_vars)
        Scaled expression of 10 cells or more.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n_obs,)
        As few groups as divide the cells nearly as well as any number up to 8, by the mean silhouette.
    """
    centred = X - X.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    points = centred @ vectors[:, ::-1][:, :_N_COMPONENTS]
    sample = np.arange(len(X)) if len(X) <= _MAX_CELLS else rng.choice(len(X), _MAX_CELLS, replace=False)
    distances = cdist(points[sample], points[sample])
    found = [kmeans(points, k, n_init=20, rng=rng) for k in range(2, MAX_GROUPS + 1)]
    widths = np.array([mean_silhouette(distances, np.unique(g[sample], return_inverse=True)[1]) for g in found])
    best: Ints = found[int(np.flatnonzero(widths >= NEARLY * widths.max())[0])]
    return best
