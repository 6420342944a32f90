"""Imputation by diffusion between like cells: the published algorithm of MAGIC.

van Dijk et al. (2018), "Recovering gene interactions from single-cell data using data diffusion", Cell 174:716.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from sctl.run import Run
from sctl.typing import Floats, Matrix

_REACH = 3  # a cell's neighbourhood holds so many times the neighbours that set its width, as published
_FAINTEST = 1e-4  # affinities below are 0
_CELLS_AT_ONCE, _GENES_AT_ONCE = 2000, 256
_WIDEST_COVARIANCE = 5000  # more genes are decomposed without their covariance, which would fill the memory


def diffused(X: Matrix, *, knn: int = 5, t: int = 3, n_components: int = 100, run: Run | None = None) -> Floats:
    """Replace each cell by a weighted mean of itself and the cells that a walk of ``t`` steps reaches.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression.
    knn : int
        Each cell's kernel is as wide as the distance to this neighbour.
    t : int
        Number of steps; more steps are smoother.
    n_components : int
        Distances are taken between so many principal components.
    run : Run, optional
        Progress and stop switch; nothing here is random.

    Returns
    -------
    ndarray of shape (n_obs, n_vars), float32
        Each gene stays between its smallest and its largest value, so nothing becomes negative.

    Examples
    --------
    >>> X = np.array([[0.0, 4.0], [0.2, 4.0], [9.0, 0.0], [9.2, 0.0]])
    >>> diffused(X, knn=1, t=1).astype(float).round(2).tolist()
    [[0.05, 4.0], [0.15, 4.0], [9.05, 0.0], [9.15, 0.0]]
    """
    run = run or Run()
    steps = transition_matrix(_scores(X, n_components), knn=knn, run=run)
    out = np.empty(X.shape, dtype=np.float32)
    for start in run.track("Passing values on between neighbours", range(0, X.shape[1], _GENES_AT_ONCE)):
        genes = slice(start, start + _GENES_AT_ONCE)
        values = _dense(X[:, genes])
        for _ in range(t):
            values = steps @ values
        out[:, genes] = values
    return out


def transition_matrix(points: Floats, *, knn: int, run: Run | None = None) -> sparse.csr_matrix:
    """Return the probabilities of a step from each cell to each other, by an adaptive kernel.

    The affinity of cell i to cell j is exp(-d_ij / σ_i), σ_i being the distance to its ``knn``-th neighbour; it is
    made symmetric by the mean of both directions.

    Parameters
    ----------
    points : ndarray of shape (n_obs, n_dims)
    knn : int
        At most ``n_obs - 1`` are taken.
    run : Run, optional

    Returns
    -------
    csr_matrix of shape (n_obs, n_obs)
        Rows sum to 1.

    Examples
    --------
    >>> transition_matrix(np.array([[0.0], [1.0], [2.0]]), knn=1).toarray().round(2).tolist()
    [[0.67, 0.24, 0.09], [0.21, 0.58, 0.21], [0.09, 0.24, 0.67]]
    """
    n_obs = len(points)
    knn = min(knn, n_obs - 1)
    if knn < 1:
        return sparse.identity(n_obs, format="csr")
    n_reached = min(_REACH * knn, n_obs - 1) + 1  # with the cell itself
    index = NearestNeighbors(n_neighbors=n_reached).fit(points)
    rows, columns, weights = [], [], []
    for start in (run or Run()).track("Finding neighbours", range(0, n_obs, _CELLS_AT_ONCE)):
        distances, neighbors = index.kneighbors(points[start : start + _CELLS_AT_ONCE])
        width = np.maximum(distances[:, [knn]], np.finfo(np.float64).eps)  # cells that equal their neighbours
        weights.append(np.exp(-distances / width).ravel())
        columns.append(neighbors.ravel())
        rows.append(np.repeat(np.arange(start, start + len(distances)), n_reached))
    affinities = np.concatenate(weights)
    affinities[affinities < _FAINTEST] = 0.0
    where = (np.concatenate(rows), np.concatenate(columns))
    kernel = sparse.csr_matrix((affinities, where), shape=(n_obs, n_obs))
    kernel.eliminate_zeros()
    kernel = (kernel + kernel.T) / 2
    return sparse.csr_matrix(sparse.diags(1 / np.asarray(kernel.sum(axis=1)).ravel()) @ kernel)


def _scores(X: Matrix, n_components: int) -> Floats:
    """Principal components, or the values themselves where these are no more."""
    if min(X.shape) <= n_components:
        return _dense(X)
    solver = "covariance_eigh" if X.shape[1] <= _WIDEST_COVARIANCE else "arpack"
    scores: Floats = PCA(n_components, svd_solver=solver, random_state=0).fit_transform(X)
    return scores


def _dense(X: Matrix) -> Floats:
    return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
