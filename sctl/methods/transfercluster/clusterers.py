"""What can cluster the mixed data of one θ: SC3, Leiden, k-means and agglomerative, behind one protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.neighbors import kneighbors_graph

from sctl.errors import ParameterError
from sctl.methods.transfercluster.consensus import by_size
from sctl.methods.transfercluster.landmarks import nearest_mean
from sctl.methods.transfercluster.sc3 import Consensus, Sc3, sc3
from sctl.numerics.class_means import one_hot
from sctl.numerics.kmeans import kmeans
from sctl.numerics.pca import principal_components
from sctl.typing import Doubles, Ints

ClustererName = Literal["sc3", "leiden", "kmeans", "agglomerative"]

N_COMPONENTS = 30
N_NEIGHBORS = 15
"""Of a cell: in the graph that Leiden cuts, and for how clearly a cell belongs to its cluster."""


@dataclass(frozen=True)
class Cells:
    """Cells of the mixed data at one θ, as a clusterer sees them.

    Parameters
    ----------
    distances : sequence of ndarray of shape (n_obs, n_obs)
        One matrix for each of the distances that were asked for.
    gram : callable
        Gives the inner products, shape (n_obs, n_obs), as an array of the caller's own.
    """

    distances: Sequence[Doubles]
    gram: Callable[[], Doubles]

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return len(self.distances[0])

    @cached_property
    def components(self) -> Doubles:
        """Principal components, shape (n_obs, n_components)."""
        return principal_components(self.gram(), min(N_COMPONENTS, max(self.n_obs - 1, 1))).scores

    def consensus(self, clusters: Ints) -> Consensus:
        """Describe a single clustering as a consensus: a cell belongs to where its nearest neighbours are."""
        clusters = by_size(clusters)
        near = nearest_mean(self.distances[0], one_hot(clusters, int(clusters.max()) + 1), N_NEIGHBORS)
        return Consensus(clusters=clusters, proba=near, runs=clusters[None])


def check_installed(name: ClustererName) -> None:
    """Raise unless the packages that a clusterer needs are there.

    Raises
    ------
    ParameterError
        If the extra ``leiden`` is needed and not installed.
    """
    if name == "leiden" and not (find_spec("leidenalg") and find_spec("igraph")):
        raise ParameterError(
            "The Leiden clusterer is not installed.",
            expected="It needs the packages leidenalg and igraph, which come under another licence (GPL).",
            do="Install them with `pip install sctl[leiden]`, or choose another clusterer.",
        )


class Clusterer(Protocol):
    """Anything that divides cells into a number of clusters."""

    def __call__(self, cells: Cells, n_clusters: int, settings: Sc3, rng: np.random.Generator) -> Consensus:
        """Cluster ``cells``; ``n_clusters`` is at most their number, and a wish where it cannot be met exactly."""


def by_sc3(cells: Cells, n_clusters: int, settings: Sc3, rng: np.random.Generator) -> Consensus:
    """Cluster by SC3, see :func:`sctl.methods.transfercluster.sc3.sc3`."""
    return sc3(cells.distances, n_clusters, settings, rng)


def by_kmeans(cells: Cells, n_clusters: int, settings: Sc3, rng: np.random.Generator) -> Consensus:
    """Cluster the principal components by k-means."""
    found = kmeans(cells.components, min(n_clusters, cells.n_obs), n_init=settings.n_init, rng=rng)
    return cells.consensus(found)


def by_agglomeration(cells: Cells, n_clusters: int, settings: Sc3, rng: np.random.Generator) -> Consensus:
    """Join the principal components by Ward's criterion until ``n_clusters`` are left."""
    tree = linkage(cells.components, method="ward")
    return cells.consensus(fcluster(tree, n_clusters, criterion="maxclust"))


def by_leiden(cells: Cells, n_clusters: int, settings: Sc3, rng: np.random.Generator) -> Consensus:
    """Cut a graph of nearest neighbours by the Leiden algorithm (Traag et al. 2019).

    Its resolution is halved in on until there are ``n_clusters``; where none gives exactly so many, the nearest
    number met is taken.
    """
    check_installed("leiden")
    import leidenalg  # noqa: PLC0415 - with igraph, takes a while to import

    graph = neighbor_graph(cells.components)
    seed = int(rng.integers(2**31))

    def cut(resolution: float) -> Ints:
        part = leidenalg.find_partition(
            graph, leidenalg.RBConfigurationVertexPartition, weights="weight", n_iterations=-1,
            resolution_parameter=resolution, seed=seed,
        )  # fmt: skip
        return np.asarray(part.membership, dtype=np.int64)

    return cells.consensus(_with_number(cut, n_clusters))


def _with_number(cut: Callable[[float], Ints], n_clusters: int, steps: int = 25) -> Ints:
    """Search the resolution, on a scale of logarithms, whose clusters are as many as asked for."""
    low, high = -7.0, 5.0  # 2 to the power: from one cluster for each connected part to single cells
    best, best_gap = cut(1.0), np.inf
    for _ in range(steps):
        middle = (low + high) / 2.0
        found = cut(2.0**middle)
        number = int(found.max()) + 1
        if abs(number - n_clusters) < best_gap:
            best, best_gap = found, abs(number - n_clusters)
        if number == n_clusters:
            break
        low, high = (middle, high) if number < n_clusters else (low, middle)
    return best


def neighbor_graph(points: Doubles, n_neighbors: int = N_NEIGHBORS) -> Any:
    """Join each point with its nearest ones, the stronger the more neighbours both have in common.

    Parameters
    ----------
    points : ndarray of shape (n_obs, n_dims)
    n_neighbors : int
        At most ``n_obs − 1`` are used.

    Returns
    -------
    igraph.Graph
        Undirected, with ``weight`` in (0, 1]: the Jaccard index of both neighbourhoods, each with its own point.
    """
    import igraph  # noqa: PLC0415 - see above

    near = kneighbors_graph(points, min(n_neighbors, len(points) - 1), include_self=False)
    near.setdiag(1.0)
    near = near.tocsr()
    sizes = np.asarray(near.sum(axis=1)).ravel()
    joined = near.maximum(near.T).multiply(near @ near.T).tocoo()  # neighbours, with what they have in common
    upper = (joined.row < joined.col) & (joined.data > 0)
    row, col, shared = joined.row[upper], joined.col[upper], joined.data[upper]
    weights = shared / (sizes[row] + sizes[col] - shared)
    return igraph.Graph(n=len(points), edges=np.column_stack([row, col]), edge_attrs={"weight": weights})


CLUSTERERS: Mapping[ClustererName, Clusterer] = {
    "sc3": by_sc3,
    "leiden": by_leiden,
    "kmeans": by_kmeans,
    "agglomerative": by_agglomeration,
}
"""The clusterers by name."""
