"""Many cells: a consensus of few representatives, and everyone else by their nearest ones.

SC3 grows with the square of the cells and worse. Beyond a few thousand it runs on landmarks; every other cell
takes the mean of its nearest landmarks' cluster probabilities, by the same distances at the same θ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sctl.methods.transfercluster.kernels import ThetaKernels
from sctl.methods.transfercluster.target_only_genes import TargetOnlyGenes
from sctl.numerics.resample import ALL_CELLS_UP_TO, N_LANDMARKS
from sctl.typing import Doubles, Ints

CHUNK = 2048
"""Cells compared with the landmarks at a time: 16 MB for 1,000 landmarks."""

N_NEIGHBORS = 5
"""Landmarks that speak for a cell."""


def clustering_seconds(n_cells: int) -> float:
    """Return about how many seconds it takes to cluster once on one core.

    Measured: 1.3 s for 11 θ at 700 cells, 8 s at 1,500; with landmarks 0.3 s for one θ at 4,454 cells and about 1.2 s at
    20,000.

    Examples
    --------
    >>> round(10 * clustering_seconds(700)), round(10 * clustering_seconds(20_000))
    (1, 12)
    """
    compared = n_cells if n_cells <= ALL_CELLS_UP_TO else N_LANDMARKS
    return float(1.3 / 11 * (compared / 700) ** 2.4 + 5e-5 * (n_cells - compared))


@dataclass(frozen=True)
class CrossKernels:
    """Inner products of the other cells with the landmarks, from which those at any θ follow.

    Parameters
    ----------
    A : ndarray of shape (n_rest, n_landmarks), float32
        Inner products of other cells and landmarks.
    M : ndarray of shape (n_types, n_rest)
        Inner products of dictionary rows and other cells.
    lengths : ndarray of shape (n_rest,)
        Squared length of each cell.
    z : ndarray of shape (n_rest,)
        Type whose profile stands for each cell.
    cell_means : ndarray of shape (n_rest,)
        Mean over genes.
    weights : ndarray of shape (n_rest, n_types), optional
        With which dictionary rows rebuild each cell, where the landmarks have such weights too.
    own : TargetOnlyGenes, optional
        Genes of the target that the dictionary lacks, where the landmarks have them too.
    """

    A: NDArray[np.float32]
    M: Doubles
    lengths: Doubles
    z: Ints
    cell_means: Doubles
    weights: Doubles | None = None
    own: TargetOnlyGenes | None = None

    def chunks(self) -> Iterator[slice]:
        """Yield the cells in portions."""
        for start in range(0, len(self.z), CHUNK):
            yield slice(start, min(start + CHUNK, len(self.z)))

    def gram(self, landmarks: ThetaKernels, theta: float, cells: slice) -> Doubles:
        """Return the mixed linear kernel of some cells with the landmarks, shape (n_cells, n_landmarks)."""
        t, s = theta, 1.0 - theta
        z = self.z[cells]
        out = np.asarray(self.A[cells], dtype=np.float64) * (s * s)
        if theta > 0 and self.weights is not None and landmarks.weights is not None:
            own, theirs = self.weights[cells], landmarks.weights
            out += (t * s) * (own @ landmarks.M + (theirs @ self.M[:, cells]).T)
            out += (t * t) * (own @ landmarks.Q @ theirs.T)
        elif theta > 0:
            out += (t * s) * (landmarks.M[z] + self.M[landmarks.z][:, cells].T)
            out += (t * t) * landmarks.Q[np.ix_(z, landmarks.z)]
        if self.own is not None:
            out += self.own.gram(theta, cells)
        return out

    def distances(
        self, landmarks: ThetaKernels, theta: float, cells: slice, kind: Literal["euclidean", "pearson"]
    ) -> Doubles:
        """Return distances of some cells to the landmarks, shape (n_cells, n_landmarks).

        Euclidean ones are squared; "pearson" is one minus the correlation over genes.
        """
        G = self.gram(landmarks, theta, cells)
        own, theirs = self._lengths(landmarks, theta, cells), _lengths(landmarks, theta)
        if kind == "euclidean":
            return np.asarray(np.maximum(own[:, None] + theirs - 2.0 * G, 0.0))
        means, their_means, n_vars = self._means(landmarks, theta, cells), landmarks.means(theta), landmarks.n_all_vars
        G -= n_vars * np.outer(means, their_means)
        G *= _inverse_root(own - n_vars * means**2)[:, None]
        G *= _inverse_root(theirs - n_vars * their_means**2)
        return np.asarray(np.clip(1.0 - G, 0.0, 2.0))

    def _means(self, landmarks: ThetaKernels, theta: float, cells: slice) -> Doubles:
        rebuilt = (
            landmarks.type_means[self.z[cells]] if self.weights is None else self.weights[cells] @ landmarks.type_means
        )
        shared = np.asarray(theta * rebuilt + (1.0 - theta) * self.cell_means[cells])
        return shared if self.own is None else self.own.means(theta, shared, landmarks.n_vars, cells)

    def _lengths(self, landmarks: ThetaKernels, theta: float, cells: slice) -> Doubles:
        weights = None if self.weights is None else self.weights[cells]
        squares, own = _rebuilt(landmarks.Q, self.M[:, cells], self.z[cells], weights)
        t, s = theta, 1.0 - theta
        shared = np.asarray(t * t * squares + 2 * t * s * own + s * s * self.lengths[cells])
        return shared if self.own is None else shared + self.own.squared_lengths(theta, cells)


def cross_kernels(X: Any, L: Any, M: Doubles, z: Ints, weights: Doubles | None = None) -> CrossKernels:
    """Compare the other cells with the landmarks.

    Parameters
    ----------
    X, L : array or sparse matrix of shape (n_rest, n_vars) and (n_landmarks, n_vars)
    M : ndarray of shape (n_types, n_rest)
    z : ndarray of shape (n_rest,)
    weights : ndarray of shape (n_rest, n_types), optional
    """
    landmarks = _dense(L).T
    A = np.empty((X.shape[0], landmarks.shape[1]), dtype=np.float32)
    lengths = np.empty(X.shape[0])
    for start in range(0, X.shape[0], CHUNK):
        block = _dense(X[start : start + CHUNK])
        A[start : start + CHUNK] = block @ landmarks
        lengths[start : start + CHUNK] = np.einsum("ng,ng->n", block, block, dtype=np.float64)
    means = np.asarray(X.mean(axis=1), dtype=np.float64).ravel()
    return CrossKernels(A=A, M=M, lengths=lengths, z=z, cell_means=means, weights=weights)


def nearest_mean(distances: Doubles, values: Doubles, n_neighbors: int = N_NEIGHBORS) -> Doubles:
    """Mean of the values of each cell's nearest landmarks.

    Parameters
    ----------
    distances : ndarray of shape (n_cells, n_landmarks)
    values : ndarray of shape (n_landmarks, n_values)
    n_neighbors : int

    Returns
    -------
    ndarray of shape (n_cells, n_values)

    Examples
    --------
    >>> nearest_mean(np.array([[0.1, 0.2, 9.0]]), np.array([[1.0], [3.0], [7.0]]), n_neighbors=2)
    array([[2.]])
    """
    n_neighbors = min(n_neighbors, distances.shape[1])
    nearest = np.argpartition(distances, n_neighbors - 1, axis=1)[:, :n_neighbors]
    return np.asarray(values[nearest].mean(axis=1))


def _lengths(kernels: ThetaKernels, theta: float) -> Doubles:
    squares, own = _rebuilt(kernels.Q, kernels.M, kernels.z, kernels.weights)
    t, s = theta, 1.0 - theta
    shared = np.asarray(t * t * squares + 2 * t * s * own + s * s * np.diagonal(kernels.A))
    return shared if kernels.own is None else shared + kernels.own.squared_lengths(theta)


def _rebuilt(Q: Doubles, M: Doubles, z: Ints, weights: Doubles | None) -> tuple[Doubles, Doubles]:
    """Squared length of each rebuilt cell, and its inner product with the cell itself, (n_cells,) each."""
    if weights is None:
        return np.diagonal(Q)[z], M[z, np.arange(len(z))]
    return np.einsum("nc,nc->n", weights @ Q, weights), np.einsum("nc,cn->n", weights, M)


def _inverse_root(values: Doubles) -> Doubles:
    return np.asarray(np.divide(1.0, np.sqrt(np.maximum(values, 0.0)), out=np.zeros_like(values), where=values > 0))


def _dense(X: Any) -> NDArray[np.float32]:
    return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float32)
