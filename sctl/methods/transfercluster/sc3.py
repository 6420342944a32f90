"""SC3: consensus clustering of few cells (Kiselev et al. 2017), on any distances between cells.

Distances are transformed to their leading eigenvectors, k-means runs on a range of leading dimensions, and the
clusterings are joined: two cells are as close as they often fall together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, eigsh

from sctl.methods.transfercluster.consensus import Consensus, consensus_matrix, join
from sctl.numerics.kmeans import kmeans
from sctl.typing import Doubles, Ints

__all__ = [
    "Consensus",
    "Distance",
    "Sc3",
    "Transformation",
    "cluster_spaces",
    "consensus_matrix",
    "dimensions",
    "eigenvectors",
    "join",
    "sc3",
    "spaces",
]

Transformation = Literal["pca", "laplacian"]

Distance = Literal["pearson", "euclidean", "spearman"]


@dataclass(frozen=True, kw_only=True)
class Sc3:
    """Settings of SC3.

    Parameters
    ----------
    distances : tuple of {"pearson", "euclidean", "spearman"}
    transformations : tuple of {"pca", "laplacian"}
    n_init : int
        Starts of k-means for each matrix and number of dimensions.
    weighted : bool
        See :func:`eigenvectors`.
    """

    distances: tuple[Distance, ...] = ("pearson",)
    transformations: tuple[Transformation, ...] = ("pca",)
    n_init: int = 10
    weighted: bool = True


MAX_DIMENSIONS = 15
"""SC3 runs k-means on at most this many numbers of dimensions."""

FEW_CELLS = 200
"""With fewer cells, weighted eigenvectors are as many as with this: 4 % of 25 cells are too few to part types."""

ENOUGH_CELLS = 500
"""Weighted eigenvectors beyond 7 % of so many cells change nothing (measured up to 1,200 cells)."""

LANCZOS_FROM = 40
"""Cells for each wanted eigenvector from which finding them one by one beats a full reduction (measured)."""


def dimensions(n_obs: int, low: float = 0.04, high: float = 0.07) -> tuple[int, ...]:
    """Numbers of leading eigenvectors on which k-means runs: 4–7 % of the cells, at most 15 values.

    Examples
    --------
    >>> dimensions(90)
    (3, 4, 5, 6, 7)
    >>> len(dimensions(1000)), dimensions(10)
    (15, (1,))
    """
    first = max(int(np.floor(round(low * n_obs, 9))), 1)  # 0.07 × 100 is a little more than 7
    last = max(int(np.ceil(round(high * n_obs, 9))), 1)
    values = np.arange(first, last + 1)
    if len(values) > MAX_DIMENSIONS:  # SC3 draws them at random; evenly spaced ones need no seed
        values = np.unique(np.linspace(first, last, MAX_DIMENSIONS).round().astype(int))
    return tuple(int(value) for value in values if value < n_obs) or (1,)


def eigenvectors(
    distances: Doubles, transformation: Transformation, n_vectors: int, *, weighted: bool = True
) -> Doubles:
    """Leading eigenvectors of transformed distances.

    Parameters
    ----------
    distances : ndarray of shape (n_obs, n_obs)
        Symmetric, zero diagonal; unchanged.
    transformation : {"pca", "laplacian"}
        "pca": the distances are standardised per column; their right singular vectors. "laplacian": the
        eigenvectors of ``I − D^-½ A D^-½``, smallest eigenvalue first, with ``A = exp(−d / max d)``.
    n_vectors : int
    weighted : bool
        Scale each vector by its share of the spread (singular value for "pca", eigenvalue of
        ``D^-½ A D^-½`` for "laplacian"; the first is 1). SC3 leaves them at unit length, so that a
        direction of noise counts as much as one between types; see ``docs/decisions``.

    Returns
    -------
    ndarray of shape (n_obs, n_found)
        ``n_found`` ≤ ``n_vectors``: directions beyond the numerical rank are arbitrary and left out.
        Each vector has the sign that makes its largest entry positive.
    """
    n_obs = len(distances)
    n_vectors = min(n_vectors, n_obs)
    values, vectors = _leading(_transformed(distances, transformation), n_vectors, gram=transformation == "pca")
    floor = max(float(values[0]), 0.0) * n_obs * np.finfo(np.float64).eps
    found = max(int((values > floor).sum()), 1)
    values, vectors = values[:found], vectors[:, :found]
    scale = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(found)])
    if weighted and values[0] > floor:
        share = values / values[0]
        scale = scale * (np.sqrt(share) if transformation == "pca" else share)
    return np.ascontiguousarray(vectors * scale)


def _transformed(distances: Doubles, transformation: Transformation) -> Doubles:
    """Standardised distances, or ``D^-½ A D^-½``: largest first is the Laplacian's smallest first."""
    if transformation == "pca":
        S: Doubles = distances - distances.mean(axis=0)
        spread = S.std(axis=0)
        S *= np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        return S
    A: Doubles = np.exp(-distances / (distances.max() or 1.0))
    root = 1.0 / np.sqrt(A.sum(axis=0))
    A *= root
    A *= root[:, None]
    return A


def _leading(matrix: Doubles, n_vectors: int, *, gram: bool) -> tuple[Doubles, Doubles]:
    """Largest eigenvalues, descending, and eigenvectors of a symmetric matrix, or of its Gram matrix."""
    n_obs = len(matrix)
    if n_obs < LANCZOS_FROM * n_vectors:
        symmetric = matrix.T @ matrix if gram else matrix
        top = (n_obs - n_vectors, n_obs - 1)
        values, vectors = linalg.eigh(symmetric, subset_by_index=top, overwrite_a=gram, check_finite=False)
    else:
        product = (lambda v: matrix.T @ (matrix @ v)) if gram else (lambda v: matrix @ v)
        operator = LinearOperator(matrix.shape, matvec=product, dtype=np.float64)
        start = np.random.default_rng(0).normal(size=n_obs)  # any fixed direction: the same answer every time
        values, vectors = eigsh(operator, k=n_vectors, which="LA", v0=start, tol=1e-8)
    order = np.argsort(-values, kind="stable")
    return values[order], vectors[:, order]


def sc3(distances: Sequence[Doubles], n_clusters: int, settings: Sc3, rng: np.random.Generator) -> Consensus:
    """Cluster cells by SC3.

    Parameters
    ----------
    distances : sequence of ndarray of shape (n_obs, n_obs)
        One matrix for each of ``settings.distances``.
    n_clusters : int
        More than ``n_obs`` is taken as ``n_obs``.
    settings : Sc3
    rng : Generator

    Returns
    -------
    Consensus

    References
    ----------
    .. [1] Kiselev et al. (2017), "SC3: consensus clustering of single-cell RNA-seq data", Nature Methods 14,
       483. https://doi.org/10.1038/nmeth.4236
    """
    n_clusters = min(n_clusters, len(distances[0]))
    return join(cluster_spaces(spaces(distances, settings), n_clusters, settings, rng), n_clusters)


def spaces(distances: Sequence[Doubles], settings: Sc3) -> list[Doubles]:
    """Lay out cells as SC3 runs k-means on them; the same for every number of clusters.

    Parameters
    ----------
    distances : sequence of ndarray of shape (n_obs, n_obs)
        One matrix for each of ``settings.distances``.
    settings : Sc3

    Returns
    -------
    list of ndarray of shape (n_obs, n_dims)
        For each matrix and transformation, each number of leading eigenvectors.
    """
    n_obs = len(distances[0])
    ranges = _dimensions(n_obs, weighted=settings.weighted)
    found: list[Doubles] = []
    for matrix in distances:
        for transformation in settings.transformations:
            vectors = eigenvectors(matrix, transformation, max(ranges), weighted=settings.weighted)
            found += [vectors[:, :d] for d in dict.fromkeys(min(d, vectors.shape[1]) for d in ranges)]
    return found


def _dimensions(n_obs: int, *, weighted: bool) -> tuple[int, ...]:
    """SC3's numbers of dimensions; weighted ones within bounds beyond which the number of cells tells nothing."""
    if not weighted:
        return dimensions(n_obs)
    wanted = dimensions(min(max(n_obs, FEW_CELLS), ENOUGH_CELLS))
    return tuple(dict.fromkeys(min(d, max(n_obs - 1, 1)) for d in wanted))


def cluster_spaces(points: Sequence[Doubles], n_clusters: int, settings: Sc3, rng: np.random.Generator) -> Ints:
    """Run k-means on every layout of :func:`spaces`: an array of shape (n_runs, n_obs), ready for :func:`join`."""
    return np.stack([kmeans(one, n_clusters, n_init=settings.n_init, rng=rng) for one in points])
