"""SC3 over a range of k: one k as alone, the tree's order, silhouettes by scikit-learn, stability by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_samples

from sctl.methods.transfercluster import n_clusters
from sctl.methods.transfercluster.consensus import ConsensusTree
from sctl.methods.transfercluster.n_clusters import most_stable, sc3_range, stability
from sctl.methods.transfercluster.sc3 import Sc3, consensus_matrix, sc3

SETTINGS = Sc3(distances=("euclidean",), n_init=3)


def stream():
    return np.random.default_rng(7)


@pytest.fixture
def distances(rng):
    types = np.repeat([0, 1, 2, 3], [30, 20, 15, 10])
    X = 2 * rng.normal(size=(4, 20))[types] + rng.normal(size=(75, 20))
    return squareform(pdist(X))


@pytest.fixture
def found(distances):
    return {point.n_clusters: point for point in sc3_range([distances], range(2, 7), SETTINGS, stream)}


def test_each_number_gives_the_partition_it_gives_alone(distances, found):
    for number, point in found.items():
        alone = sc3([distances], number, SETTINGS, stream())
        np.testing.assert_array_equal(point.consensus.runs, alone.runs)
        pairs = np.unique(np.stack([point.consensus.clusters, alone.clusters]), axis=1)
        assert pairs.shape[1] == number  # one to one
        np.testing.assert_allclose(point.consensus.proba[:, pairs[0]], alone.proba[:, pairs[1]])


def test_eigenvectors_are_computed_once(distances, monkeypatch):
    calls = []
    real = n_clusters.spaces
    monkeypatch.setattr(n_clusters, "spaces", lambda *given: calls.append(1) or real(*given))
    assert len(list(sc3_range([distances], range(2, 7), SETTINGS, stream))) == 5
    assert calls == [1]


def test_clusters_are_numbered_as_they_come_along_the_tree(found):
    for point in found.values():
        assert sorted(point.order) == list(range(75))
        assert (np.diff(point.consensus.clusters[point.order]) >= 0).all()
        np.testing.assert_array_equal(np.unique(point.consensus.clusters), np.arange(point.consensus.proba.shape[1]))


def test_silhouettes_are_those_of_scikit_learn(found):
    for point in found.values():
        rows = consensus_matrix(point.consensus.runs)
        expected = silhouette_samples(squareform(pdist(rows)), point.consensus.clusters, metric="precomputed")
        np.testing.assert_allclose(point.silhouettes, expected, atol=1e-6)


def test_a_tree_of_one_distinct_cell_has_an_order():
    tree = ConsensusTree(np.zeros((3, 5), dtype=np.int64))
    np.testing.assert_array_equal(tree.order, np.arange(5))
    np.testing.assert_array_equal(tree.silhouettes(tree.cut(1).clusters), 0.0)


def test_stability_is_the_published_formula_written_with_sets(rng):
    partitions = {k: np.r_[np.arange(k), rng.integers(k, size=50)] for k in (2, 3, 5)}
    partitions = {k: clusters[:50] for k, clusters in partitions.items()}
    cells = {k: [set(np.flatnonzero(c == i)) for i in range(k)] for k, c in partitions.items()}
    for k, own in stability(partitions).items():
        for i, value in enumerate(own):
            expected = 0.0
            for other in set(partitions) - {k}:
                hit = [j for j in cells[other] if cells[k][i] & j]
                expected += sum(len(cells[k][i] & j) / len(j) for j in hit) / len(hit) ** 2
            assert value == pytest.approx(expected / 3)


def test_a_cluster_that_never_changes_reaches_the_maximum():
    same = np.repeat([0, 1], 10)
    split = np.r_[np.zeros(10, dtype=int), np.repeat([1, 2], 5)]
    values = stability({2: same, 3: split})
    assert values[2][0] == values[3][0] == most_stable(2) == 0.5
    assert values[2][1] < most_stable(2)
