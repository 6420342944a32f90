"""Everything θ touches is quadratic in θ: build the parts once, then any θ is a few additions.

With ``R`` the target rebuilt from the source (each cell replaced by the profile of its type ``z``), the
mixed data are ``X(θ) = θ R + (1 − θ) X`` (Mieth et al. 2019). Their Gram matrix and distances need no genes:

- Gram      ``G(θ) = θ² Q[z,z] + θ(1−θ)(M[z,:] + M[z,:]ᵀ) + (1−θ)² A``
- distances ``D²(θ) = θ² DR + 2θ(1−θ) C + (1−θ)² DX``

with ``Q = H Hᵀ`` (n_types, n_types), ``M = H Xᵀ`` (n_types, n_obs) and ``A = X Xᵀ`` (n_obs, n_obs). The mixed
matrix is never formed and ``X`` may stay sparse. Where cells are rebuilt with weights, ``R = W H``, the same holds with
``W Q Wᵀ`` for ``Q[z,z]`` and ``W M`` for ``M[z,:]``; ``DR`` and ``C`` follow from these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse
from scipy.linalg import blas, eigh
from scipy.spatial.distance import cdist

from sctl.methods.transfercluster.target_only_genes import TargetOnlyGenes
from sctl.typing import Doubles, Ints

SPARSE_BELOW = 0.08
"""Share of non-zeros under which a sparse product is faster than a dense one in blocks (measured)."""

GENE_BLOCK = 1024
"""Genes made dense at a time: 8 MB for 1,000 cells."""

CELL_BLOCK = 32
"""Cells multiplied at a time."""


@dataclass(frozen=True)
class ThetaKernels:
    """The parts from which kernels and distances at any θ follow exactly.

    Parameters
    ----------
    A : ndarray of shape (n_obs, n_obs)
        Inner products of the target cells.
    M : ndarray of shape (n_types, n_obs)
        Inner products of dictionary rows and target cells.
    Q : ndarray of shape (n_types, n_types)
        Inner products of the dictionary rows.
    z : ndarray of shape (n_obs,)
        Type whose profile stands for each cell.
    cell_means, type_means : ndarray of shape (n_obs,) and (n_types,)
        Mean over genes of each cell and of each dictionary row.
    n_vars : int
    weights : ndarray of shape (n_obs, n_types), optional
        With which dictionary rows rebuild each cell; None for one profile a cell, that of its type.
    own : TargetOnlyGenes, optional
        Genes of the target that the dictionary lacks; all else is over the others.
    """

    A: Doubles
    M: Doubles
    Q: Doubles
    z: Ints
    cell_means: Doubles
    type_means: Doubles
    n_vars: int
    weights: Doubles | None = None
    own: TargetOnlyGenes | None = None

    @property
    def n_obs(self) -> int:
        """Number of target cells."""
        return len(self.z)

    def gram(self, theta: float) -> Doubles:
        """Return the linear kernel of the mixed cells, shape (n_obs, n_obs)."""
        out = self._shared_gram(theta)
        if self.own is not None:
            out += self.own.gram(theta)
        return out

    def _shared_gram(self, theta: float) -> Doubles:
        if theta == 0:
            return self.A.copy()
        t, s = theta, 1.0 - theta
        cross = self.rebuilt_with_cells()
        cross *= t * s
        out = cross + cross.T
        out += (t * t) * self._rebuilt_products()
        out += (s * s) * self.A
        return out

    def squared_distances(self, theta: float) -> Doubles:
        """Return squared Euclidean distances of the mixed cells, shape (n_obs, n_obs).

        Written in distances rather than from :meth:`gram`: no cancellation, so that cells of one type are
        exactly 0 apart at θ = 1.
        """
        t, s = theta, 1.0 - theta
        length = np.diagonal(self.A)
        out = self.A * (-2.0 * s * s)
        out += (s * s) * length
        out += (s * s) * length[:, None]
        if theta > 0:
            cross = self.rebuilt_with_cells()
            own = np.diagonal(cross)
            gap = (2.0 * t * s) * (own[:, None] - cross)
            out += gap
            out += gap.T
            out += (t * t) * self._rebuilt_distances()
        if self.own is not None:
            out += self.own.squared_distances(theta)
        np.fill_diagonal(out, 0.0)
        return np.maximum(out, 0.0, out=out)

    def correlation_distances(self, theta: float) -> Doubles:
        """Return ``1 − Pearson correlation`` over genes of the mixed cells, shape (n_obs, n_obs)."""
        mean = self.means(theta)
        out = self.gram(theta)
        out -= self.n_all_vars * np.outer(mean, mean)
        scale = np.sqrt(np.maximum(np.diagonal(out), 0.0))
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        out *= -inverse
        out *= inverse[:, None]
        out += 1.0
        np.fill_diagonal(out, 0.0)
        return np.clip(out, 0.0, 2.0, out=out)

    @property
    def n_all_vars(self) -> int:
        """Number of genes with the target's own."""
        return self.n_vars + (0 if self.own is None else self.own.n_vars)

    def means(self, theta: float) -> Doubles:
        """Return the mean over all genes of each mixed cell, shape (n_obs,)."""
        shared = theta * self.rebuilt_means() + (1.0 - theta) * self.cell_means
        return shared if self.own is None else self.own.means(theta, shared, self.n_vars)

    def rebuilt_means(self) -> Doubles:
        """Return the mean over genes of each rebuilt cell, shape (n_obs,)."""
        return np.asarray(self.type_means[self.z] if self.weights is None else self.weights @ self.type_means)

    def rebuilt_with_cells(self) -> Doubles:
        """``R Xᵀ``, shape (n_obs, n_obs), a new array."""
        return np.asarray(self.M[self.z] if self.weights is None else self.weights @ self.M)

    def _rebuilt_products(self) -> Doubles:
        """``R Rᵀ``, shape (n_obs, n_obs)."""
        if self.weights is None:
            return np.asarray(self.Q[np.ix_(self.z, self.z)])
        return np.asarray(self.weights @ self.Q @ self.weights.T)

    def _rebuilt_distances(self) -> Doubles:
        """Squared distances between rebuilt cells, shape (n_obs, n_obs); exactly 0 between equal ones."""
        if self.weights is None:
            types = np.diagonal(self.Q)
            between = np.maximum(types[:, None] + types - 2.0 * self.Q, 0.0)
            np.fill_diagonal(between, 0.0)
            return np.asarray(between[np.ix_(self.z, self.z)])
        values, vectors = eigh(self.Q)
        places = self.weights @ (vectors * np.sqrt(np.maximum(values, 0.0)))  # as far apart as the rebuilt cells
        return np.asarray(cdist(places, places, "sqeuclidean"))


def theta_kernels(
    X: Any, H: Doubles, z: Ints, *, M: Doubles, Q: Doubles, weights: Doubles | None = None
) -> ThetaKernels:
    """Build the parts from the target, the dictionary and the types.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
    H : ndarray of shape (n_types, n_vars)
        Source dictionary.
    z : ndarray of shape (n_obs,)
        Type of each target cell.
    M, Q : ndarray
        ``H Xᵀ`` and ``H Hᵀ``, already made for the loadings.
    weights : ndarray of shape (n_obs, n_types), optional
        See :func:`~sctl.methods.transfercluster.kernels.rebuilding_weights`.

    Returns
    -------
    ThetaKernels
    """
    return ThetaKernels(
        A=inner_products(X),
        M=M,
        Q=Q,
        z=z,
        cell_means=products(X, np.full((X.shape[1], 1), 1.0 / X.shape[1])).ravel(),
        type_means=H.mean(axis=1),
        n_vars=X.shape[1],
        weights=weights,
    )


def products(X: Any, B: Doubles) -> Doubles:
    """Return ``X B``, shape (n_obs, n_columns), in double precision without a double copy of a sparse ``X``."""
    portions = (X[start : start + CELL_BLOCK] for start in range(0, X.shape[0], CELL_BLOCK))
    return np.vstack([np.asarray(portion @ B, dtype=np.float64) for portion in portions])


def inner_products(X: Any) -> Doubles:
    """Return ``X Xᵀ``, shape (n_obs, n_obs), in double precision; ``X`` is never made dense as a whole."""
    n_obs, n_vars = X.shape
    if sparse.issparse(X) and X.nnz < SPARSE_BELOW * n_obs * n_vars:
        return np.asarray((X.astype(np.float64) @ X.T.astype(np.float64)).todense())
    lower = np.zeros((n_obs, n_obs), order="F")
    for start in range(0, n_vars, GENE_BLOCK):
        block = X[:, start : start + GENE_BLOCK]  # of a CSR matrix: slower than of a CSC copy, but no copy
        dense = np.asfortranarray(block.toarray() if sparse.issparse(block) else block, dtype=np.float64)
        lower = blas.dsyrk(1.0, dense, beta=1.0, c=lower, lower=1, overwrite_c=1)
    lower += np.tril(lower, -1).T
    return lower


TargetStep = Literal["hard", "soft", "hard_optimised"]
"""The profile of the strongest type, all types with their loadings, or the strongest type at its best scale."""


def rebuilding_weights(step: TargetStep, loadings: Doubles, Q: Doubles, M: Doubles) -> Doubles | None:
    """Weights ``W`` with which the source's profiles ``H`` rebuild the target cells, ``R = W H``.

    Parameters
    ----------
    step : {"hard", "soft", "hard_optimised"}
        "hard": the profile of the type with the strongest loading. "soft": all profiles with their loadings.
        "hard_optimised": the strongest type's profile times the factor that brings it closest to the cell.
    loadings : ndarray of shape (n_obs, n_types)
    Q : ndarray of shape (n_types, n_types)
        ``H Hᵀ``.
    M : ndarray of shape (n_types, n_obs)
        ``H Xᵀ``.

    Returns
    -------
    ndarray of shape (n_obs, n_types), or None
        None stands for the indicator matrix of "hard", which needs no products.

    Notes
    -----
    The least-squares factor of one profile is ``⟨H_z, x⟩ / ⟨H_z, H_z⟩``; the paper's extra training step
    approaches it by multiplicative updates that keep the support.

    Examples
    --------
    >>> H, x = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[0.5, 3.0]])
    >>> rebuilding_weights("hard_optimised", np.array([[0.5, 1.5]]), H @ H.T, H @ x.T)
    array([[0. , 1.5]])
    """
    if step == "hard":
        return None
    if step == "soft":
        return loadings
    rows, z = np.arange(len(loadings)), loadings.argmax(axis=1)
    squares = np.diagonal(Q)[z]
    out: Any = np.zeros_like(loadings)
    out[rows, z] = np.divide(np.maximum(M[z, rows], 0.0), squares, out=np.zeros_like(squares), where=squares > 0)
    return np.asarray(out)
