"""How usual a cell would be for each known type: Mahalanobis distances with shrunken covariances."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from sctl.typing import Floats, Ints


def shrinkage(n_cells: int, n_dims: int) -> float:
    """Return the share of the types' average covariance in a type's own: as if known from as many cells as dimensions.

    Examples
    --------
    >>> shrinkage(30, 10), shrinkage(990, 10)
    (0.25, 0.01)
    """
    return n_dims / (n_cells + n_dims)


class ClassGaussians:
    """Centre and shape of each type in a space.

    Parameters
    ----------
    points : ndarray of shape (n_ref, n_dims)
    codes : ndarray of shape (n_ref,)
        Types as numbers; those without cells are passed over.

    Examples
    --------
    >>> points = np.random.default_rng(0).normal(size=(200, 2)) + np.repeat([[0, 0], [9, 9]], 100, axis=0)
    >>> shapes = ClassGaussians(points, np.repeat([0, 1], 100))
    >>> shapes.distances(np.array([[0.0, 0.0], [50.0, 50.0]])).argmin(axis=1)
    array([0, 1])
    """

    def __init__(self, points: Floats, codes: Ints) -> None:
        points = np.asarray(points, dtype=np.float64)
        groups = [points[codes == code] for code in np.unique(codes)]
        n_dims = points.shape[1]
        own = [np.cov(group.T, ddof=1).reshape(n_dims, n_dims) if len(group) > 1 else None for group in groups]
        known = [covariance for covariance in own if covariance is not None]
        pooled = np.mean(known, axis=0) if known else np.zeros((n_dims, n_dims))
        floor = 1e-6 * max(float(points.var(axis=0).mean()), float(np.finfo(np.float32).tiny))
        pooled = pooled + floor * np.eye(n_dims)
        self._centres = [group.mean(axis=0) for group in groups]
        shares = [shrinkage(len(group), n_dims) for group in groups]
        self._roots = [
            cholesky(pooled if c is None else (1.0 - share) * c + share * pooled, lower=True)
            for c, share in zip(own, shares, strict=True)
        ]
        squared = [self._squared(group, number) for number, group in enumerate(groups)]
        self._usual = [max(float(np.median(values)), 1e-3 * n_dims) for values in squared]

    def distances(self, points: Floats) -> Floats:
        """Return squared distances over what is usual (the median) for the cells of each type: (n_obs, n_types)."""
        points = np.asarray(points, dtype=np.float64)
        return np.column_stack([self._squared(points, i) / usual for i, usual in enumerate(self._usual)])

    def _squared(self, points: Floats, number: int) -> Floats:
        centred = (points - self._centres[number]).T
        scaled = solve_triangular(self._roots[number], centred, lower=True, check_finite=False)
        return np.asarray(np.einsum("dn,dn->n", scaled, scaled))
