"""How many clusters: the eigenvalue estimate of SC3, and SC3 over a range of numbers with the stability of each cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from sctl.methods.transfercluster.consensus import ConsensusTree
from sctl.methods.transfercluster.kernels import inner_products
from sctl.methods.transfercluster.sc3 import Consensus, Sc3, cluster_spaces, spaces
from sctl.numerics.class_means import one_hot
from sctl.typing import Doubles, Ints, Matrix

DEVIATIONS = 3.273
"""Above so many scale units of the Tracy–Widom law an eigenvalue is no chance (p < 0.001), as in SC3."""

DENSE_UP_TO = 3000
"""Cells or genes, whichever are fewer, up to which all eigenvalues are computed at once."""


@dataclass(frozen=True)
class NumberEstimate:
    """An estimate of the number of clusters.

    Parameters
    ----------
    n_clusters : int
        Eigenvalues above the threshold, and at least 1.
    eigenvalues : ndarray of shape (n_found,)
        Largest first: all above the threshold and at least one below it where there is one.
    threshold : float
        What the largest eigenvalue of pure noise of this size stays below.
    """

    n_clusters: int
    eigenvalues: Doubles
    threshold: float


def threshold(n_obs: int, n_vars: int) -> float:
    """Return what the largest eigenvalue of ``n_obs`` cells of pure noise over ``n_vars`` genes stays below.

    Examples
    --------
    >>> round(threshold(100, 5000), 1)
    6641.2
    """
    a, b = np.sqrt(n_vars - 1), np.sqrt(n_obs)
    center, scale = (a + b) ** 2, (a + b) * (1 / a + 1 / b) ** (1 / 3)
    return float(center + DEVIATIONS * scale)


def estimate_number(X: Matrix) -> NumberEstimate:
    """Estimate the number of clusters as SC3 does.

    Each cell is standardised over its genes; counted are the eigenvalues of the cells' inner products that exceed
    those of noise. Many cells make small differences count, so that for thousands of cells this is an upper bound.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression; never made dense as a whole. A cell without any spread counts as zeros.

    Returns
    -------
    NumberEstimate

    References
    ----------
    .. [1] Patterson, Price & Reich (2006), "Population structure and eigenanalysis", PLoS Genetics 2, e190.
       https://doi.org/10.1371/journal.pgen.0020190
    """
    n_obs, n_vars = X.shape
    limit = threshold(n_obs, n_vars)
    mean = np.asarray(X.mean(axis=1), dtype=np.float64).ravel()
    inverse = _inverse_spread(X, mean)
    if min(n_obs, n_vars) > DENSE_UP_TO:
        values = _largest(X, mean, inverse, limit)
    else:
        small = _between_cells(X, mean, inverse) if n_obs <= n_vars else _between_genes(X, mean, inverse)
        values = linalg.eigvalsh(small)[::-1]
    above = int((values > limit).sum())
    return NumberEstimate(max(above, 1), np.maximum(values, 0.0), limit)


def _inverse_spread(X: Matrix, mean: Doubles) -> Doubles:
    """Return one over the standard deviation (n − 1) of each cell, 0 where it has none."""
    n_vars = X.shape[1]
    squares = X.multiply(X) if sparse.issparse(X) else np.square(X, dtype=np.float64)
    total = np.asarray(squares.sum(axis=1, dtype=np.float64)).ravel()
    variance = (total - n_vars * mean**2) / max(n_vars - 1, 1)
    real = variance > 1e-12 * np.maximum(total, 1e-300)
    return np.asarray(np.divide(1.0, np.sqrt(variance, where=real, out=np.ones_like(variance)), where=real,
                                out=np.zeros_like(variance)))  # fmt: skip


def _between_cells(X: Matrix, mean: Doubles, inverse: Doubles) -> Doubles:
    """Inner products of the standardised cells, (n_obs, n_obs)."""
    G = inner_products(X)
    G -= X.shape[1] * np.outer(mean, mean)
    G *= inverse
    G *= inverse[:, None]
    return G


def _between_genes(X: Matrix, mean: Doubles, inverse: Doubles) -> Doubles:
    """Inner products of the genes over standardised cells, (n_vars, n_vars): the same eigenvalues but for zeros."""
    scaled = sparse.diags(inverse) @ X if sparse.issparse(X) else X * inverse[:, None]
    G = inner_products(scaled.T.tocsr() if sparse.issparse(scaled) else scaled.T)
    shift = mean * inverse
    column = np.asarray(scaled.T @ shift).ravel()
    G -= column
    G -= column[:, None]
    G += shift @ shift
    return G


def _largest(X: Matrix, mean: Doubles, inverse: Doubles, limit: float) -> Doubles:
    """Largest eigenvalues, found a few at a time until one lies below the limit; no square matrix is made."""

    def product(v: Doubles) -> Doubles:
        weighted = inverse * v.ravel()
        genes = np.asarray(X.T @ weighted).ravel() - mean @ weighted
        return np.asarray(inverse * (np.asarray(X @ genes).ravel() - mean * genes.sum()))

    n_obs = X.shape[0]
    operator = LinearOperator((n_obs, n_obs), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).normal(size=n_obs)  # any fixed direction: the same answer every time
    wanted = 20
    while True:
        values: Doubles = eigsh(operator, k=wanted, which="LA", v0=start, tol=1e-4, return_eigenvectors=False)
        if values.min() <= limit or 2 * wanted >= n_obs:
            return np.sort(values)[::-1]
        wanted *= 2


@dataclass(frozen=True)
class ConsensusAt:
    """The consensus at one number of clusters.

    Parameters
    ----------
    n_clusters : int
        As many as were asked for.
    consensus : Consensus
        Its clusters are numbered along the tree, so that neighbours in number are alike.
    order : ndarray of shape (n_obs,)
        The cells along the tree: rows and columns of a heat map.
    silhouettes : ndarray of shape (n_obs,)
        In [−1, 1], by Euclidean distances between rows of the consensus matrix.
    """

    n_clusters: int
    consensus: Consensus
    order: Ints
    silhouettes: Doubles


def sc3_range(
    distances: Sequence[Doubles],
    numbers: Iterable[int],
    settings: Sc3,
    stream: Callable[[], np.random.Generator],
) -> Iterator[ConsensusAt]:
    """Cluster cells by SC3 for several numbers of clusters; eigenvectors are computed once.

    Parameters
    ----------
    distances : sequence of ndarray of shape (n_obs, n_obs)
        One matrix for each of ``settings.distances``.
    numbers : iterable of int
        More than ``n_obs`` is taken as ``n_obs``.
    settings : Sc3
    stream : callable
        Gives a fresh random generator, always the same one: an answer depends neither on the others asked for nor on
        their order, and is that of :func:`sctl.methods.transfercluster.sc3.sc3` with this generator.

    Yields
    ------
    ConsensusAt
        For each number, as soon as it is known.
    """
    points = spaces(distances, settings)
    for number in numbers:
        n_clusters = min(number, len(distances[0]))
        tree = ConsensusTree(cluster_spaces(points, n_clusters, settings, stream()))
        found = along_tree(tree.cut(n_clusters), tree.order)
        yield ConsensusAt(number, found, tree.order, tree.silhouettes(found.clusters))


def along_tree(consensus: Consensus, order: Ints) -> Consensus:
    """Number the clusters as they come along the tree.

    Parameters
    ----------
    consensus : Consensus
    order : ndarray of shape (n_obs,)
        The cells along the tree.
    """
    _, first = np.unique(consensus.clusters[order], return_index=True)
    old = np.argsort(first)  # the cluster that comes first, second, …
    rank = np.argsort(old)
    return Consensus(rank[consensus.clusters], consensus.proba[:, old], consensus.runs)


def stability(partitions: Mapping[int, Ints]) -> dict[int, Doubles]:
    """How well each cluster holds together while the number of clusters changes: SC3's stability index.

    For a cluster, and each other number of clusters: the mean share of the clusters its cells fall into that is
    theirs, divided once more by how many those are. These are summed and divided by how many partitions there are.

    Parameters
    ----------
    partitions : mapping of int to ndarray of shape (n_obs,)
        Clusters (numbers from 0 without gaps) for each number of clusters.

    Returns
    -------
    dict of int to ndarray of shape (n_clusters,)
        In [0, :func:`most_stable`]: a partition is not compared with itself but counted, as published, so that even a
        cluster found unchanged everywhere stays below 1.

    Examples
    --------
    A cluster that two partitions share, and one that the second splits in two:

    >>> stability({2: np.array([0, 0, 1, 1]), 3: np.array([0, 0, 1, 2])})[2].tolist()
    [0.5, 0.25]
    """
    members = {number: one_hot(clusters, int(clusters.max()) + 1) for number, clusters in partitions.items()}
    found = {}
    for number, own in members.items():
        total = np.zeros(own.shape[1])
        for other_number, other in members.items():
            if other_number != number:
                shared = own.T @ other  # (n_clusters, n_others)
                hits = (shared > 0).sum(axis=1)
                total += (shared / other.sum(axis=0)).sum(axis=1) / hits**2
        found[number] = total / len(members)
    return found


def most_stable(n_partitions: int) -> float:
    """Return the largest value that :func:`stability` can take.

    Examples
    --------
    >>> most_stable(4)
    0.75
    """
    return (n_partitions - 1) / n_partitions
