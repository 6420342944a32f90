"""SC3 for a range of numbers of clusters in one pass, and how stable each cluster is over it (Kiselev et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sctl.core.consensus import Consensus, Sc3, cluster_spaces, spaces
from sctl.core.consensus_tree import ConsensusTree
from sctl.core.class_means import one_hot

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]


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
    silhouettes: Floats


def sc3_range(
    distances: Sequence[Floats],
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
        their order, and is that of :func:`sctl.core.consensus.sc3` with this generator.

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


def stability(partitions: Mapping[int, Ints]) -> dict[int, Floats]:
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
