"""Cells that lie apart from their cluster, by distances that outliers themselves cannot distort.

For each cluster: robust principal components, then the minimum covariance determinant (Rousseeuw 1984) on the first
few. The components are those of cells brought to equal length around the spatial median (Locantore et al. 1999),
which need the cells' inner products only.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy import linalg
from scipy.stats import chi2
from sklearn.covariance import MinCovDet

from sctl.run import Run
from sctl.typing import Doubles, Ints

FEW_CELLS = 6
"""Clusters of so many cells or fewer have no outliers: nothing can be said of their spread."""

N_COMPONENTS = 3
USUAL = 0.9999
"""Share of cells of a normal cluster whose score is 0."""

_SAME = 1e-9  # relative length below which cells do not differ


def outlier_scores(G: Doubles, clusters: Ints, run: Run) -> Doubles:
    """Score how far each cell lies outside its own cluster.

    Parameters
    ----------
    G : ndarray of shape (n_obs, n_obs)
        Inner products of the cells' expression.
    clusters : ndarray of shape (n_obs,)
    run : Run

    Returns
    -------
    ndarray of shape (n_obs,)
        Robust distance in the space of the cluster's components, less what 99.99 % of the cells of a normal cluster
        stay below; 0 for the usual cell, and in clusters of :data:`FEW_CELLS` or fewer.
    """
    scores = np.zeros(len(clusters))
    for cluster in np.unique(clusters):
        cells = np.flatnonzero(clusters == cluster)
        if len(cells) > FEW_CELLS:
            points = robust_components(G[np.ix_(cells, cells)], N_COMPONENTS)
            scores[cells] = _beyond(points, run.random_state(f"outliers of cluster {cluster}"))
    return scores


def robust_components(G: Doubles, n_components: int) -> Doubles:
    """Principal components that single far cells do not turn.

    Parameters
    ----------
    G : ndarray of shape (n_obs, n_obs)
        Inner products of the cells.
    n_components : int

    Returns
    -------
    ndarray of shape (n_obs, n_found)
        Coordinates of the cells around their spatial median; fewer columns where the cells vary in fewer directions.
    """
    weights = _spatial_median(G)
    shift = G @ weights
    C = G - shift - shift[:, None] + weights @ shift  # inner products around the median
    lengths = np.sqrt(np.maximum(np.diagonal(C), 0.0))
    far = lengths > _SAME * max(float(lengths.max()), 1e-300)
    inverse = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=far)
    S = C * inverse * inverse[:, None]
    n_obs = len(G)
    n_components = min(n_components, n_obs - 1)
    values, vectors = linalg.eigh(S, subset_by_index=(n_obs - n_components, n_obs - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    found = values > n_obs * _SAME
    return np.asarray(lengths[:, None] * vectors[:, found] * np.sqrt(values[found]))


def _spatial_median(G: Doubles, max_iter: int = 100, tol: float = 1e-8) -> Doubles:
    """Weights (n_obs,) of the cells whose mean has the smallest sum of distances to all, after Weiszfeld."""
    lengths = np.diagonal(G)
    weights = np.full(len(G), 1.0 / len(G))
    for _ in range(max_iter):
        shift = G @ weights
        squared = lengths - 2.0 * shift + weights @ shift
        distances = np.sqrt(np.maximum(squared, _SAME**2 * max(float(lengths.max()), 1e-300)))
        new = 1.0 / distances
        new /= new.sum()
        if np.abs(new - weights).sum() < tol:
            break
        weights = new
    return weights


def _beyond(points: Doubles, seed: int) -> Doubles:
    """Robust distance of each point beyond the limit, (n_obs,); 0 for all where more than half are one point."""
    n_obs, n_dims = points.shape
    lengths = np.linalg.norm(points, axis=1)
    largest = float(lengths.max())
    same = np.unique(np.round(points / (largest or 1.0), 6), axis=0, return_counts=True)[1].max() if n_dims else n_obs
    if same > n_obs // 2:
        return np.zeros(n_obs)
    with warnings.catch_warnings():
        # Where half of the cells lie in a plane, only distances along it are measured; and a concentration step that
        # gains nothing more is no failure.
        warnings.filterwarnings("ignore", message="The covariance matrix associated to your dataset is not full rank")
        warnings.filterwarnings("ignore", message="Determinant has increased", category=RuntimeWarning)
        fitted = MinCovDet(random_state=seed).fit(points / np.median(lengths[lengths > 0]))
    distance = np.sqrt(np.maximum(fitted.dist_, 0.0))
    return np.asarray(np.maximum(distance - np.sqrt(chi2.ppf(USUAL, n_dims)), 0.0))
