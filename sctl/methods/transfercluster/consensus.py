"""Many clusterings of the same cells joined into one: how often two cells fall together, and the tree of that.

Cells that fell together in every run are one and the same row of the consensus matrix. Everything is computed on
the distinct rows, which gives the same partition with far less work.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from sctl.numerics.silhouette import silhouettes
from sctl.typing import Doubles, Ints


@dataclass(frozen=True)
class Consensus:
    """A consensus clustering.

    Parameters
    ----------
    clusters : ndarray of shape (n_obs,)
        Cluster of each cell, 0 … n_clusters − 1, largest first.
    proba : ndarray of shape (n_obs, n_clusters)
        How often a cell falls together with the cells of each cluster; rows sum to one.
    runs : ndarray of shape (n_runs, n_obs)
        The clusterings that were joined.
    """

    clusters: Ints
    proba: Doubles
    runs: Ints


@dataclass(frozen=True)
class ConsensusTree:
    """Complete-linkage tree on Euclidean distances between the cells' rows of the consensus matrix.

    Parameters
    ----------
    runs : ndarray of shape (n_runs, n_obs)
        Cluster numbers from 0; they need not agree between runs.
    """

    runs: Ints

    @cached_property
    def _distinct(self) -> tuple[Ints, Ints, Ints]:
        """Distinct columns of the runs, which of them each cell is (n_obs,), and their sizes."""
        patterns, inverse, sizes = np.unique(self.runs.T, axis=0, return_inverse=True, return_counts=True)
        return patterns, inverse.ravel(), sizes

    @cached_property
    def _shared(self) -> Doubles:
        """Consensus of the distinct rows."""
        return _pattern_consensus(self._distinct[0])

    @cached_property
    def _distances(self) -> Doubles:
        """Distances between the distinct rows, every one as long as there are cells."""
        weighted = self._shared * np.sqrt(self._distinct[2])
        gram = weighted @ weighted.T
        lengths = np.diagonal(gram)
        squared = np.maximum(lengths[:, None] + lengths - 2.0 * gram, 0.0)
        np.fill_diagonal(squared, 0.0)
        return np.asarray(np.sqrt(squared))

    @cached_property
    def _merges(self) -> Doubles:
        if len(self._distances) < 2:
            return np.zeros((0, 4))
        return np.asarray(linkage(squareform(self._distances, checks=False), method="complete"))

    def cut(self, n_clusters: int) -> Consensus:
        """Cut into clusters, largest first; fewer where fewer distinct cells exist."""
        patterns, inverse, _ = self._distinct
        groups = _cut(self._merges, len(patterns), n_clusters)
        clusters = by_size(groups[inverse])
        member = np.zeros((len(patterns), int(clusters.max()) + 1))
        np.add.at(member, (inverse, clusters), 1.0)
        share = (self._shared @ member) / member.sum(axis=0)  # mean consensus with each cluster's cells
        share /= share.sum(axis=1, keepdims=True)
        return Consensus(clusters=clusters, proba=share[inverse], runs=self.runs)

    @cached_property
    def order(self) -> Ints:
        """The cells along the tree, shape (n_obs,): those of any cut's cluster stand side by side."""
        patterns, inverse, _ = self._distinct
        place = np.zeros(len(patterns), dtype=np.int64)
        if len(patterns) > 1:
            place[leaves_list(self._merges)] = np.arange(len(patterns))
        return np.argsort(place[inverse], kind="stable")

    def silhouettes(self, clusters: Ints) -> Doubles:
        """Silhouette of each cell by the distances of the tree, shape (n_obs,), in [−1, 1]."""
        inverse = self._distinct[1]
        return silhouettes(self._distances[np.ix_(inverse, inverse)], clusters)


def join(runs: Ints, n_clusters: int) -> Consensus:
    """Join clusterings of the same cells into one: consensus matrix, complete linkage, cut.

    Parameters
    ----------
    runs : ndarray of shape (n_runs, n_obs)
        Cluster numbers from 0; they need not agree between runs.
    n_clusters : int

    Returns
    -------
    Consensus
        With fewer clusters where fewer distinct cells exist.
    """
    return ConsensusTree(runs).cut(n_clusters)


def consensus_matrix(runs: Ints) -> Doubles:
    """Fraction of clusterings in which two cells fall together.

    Parameters
    ----------
    runs : ndarray of shape (n_runs, n_obs)
        Cluster numbers from 0; they need not agree between runs.

    Returns
    -------
    ndarray of shape (n_obs, n_obs)
        Symmetric, ones on the diagonal, values in [0, 1].

    Examples
    --------
    >>> consensus_matrix(np.array([[0, 0, 1], [1, 1, 1]]))
    array([[1. , 1. , 0.5],
           [1. , 1. , 0.5],
           [0.5, 0.5, 1. ]])
    """
    return _pattern_consensus(runs.T)


def _pattern_consensus(patterns: Ints) -> Doubles:
    n_runs = patterns.shape[1]
    width = int(patterns.max()) + 1
    indicator = np.zeros((len(patterns), n_runs * width), dtype=np.float32)
    columns = patterns + np.arange(n_runs) * width
    indicator[np.arange(len(patterns))[:, None], columns] = 1.0
    return np.asarray(indicator @ indicator.T / n_runs, dtype=np.float64)


def _cut(tree: Doubles, n_leaves: int, n_clusters: int) -> Ints:
    """Replay the first merges of a tree until ``n_clusters`` are left."""
    parent = np.arange(n_leaves + len(tree))
    for step in range(max(n_leaves - n_clusters, 0)):
        parent[int(tree[step, 0])] = parent[int(tree[step, 1])] = n_leaves + step
    roots = np.arange(n_leaves)
    while (parent[roots] != roots).any():
        roots = parent[roots]
    return np.unique(roots, return_inverse=True)[1].ravel()


def by_size(groups: Ints) -> Ints:
    """Renumber the groups of cells: most cells first, of equal ones the one that holds the earliest cell."""
    _, first, inverse, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[inverse.ravel()]
