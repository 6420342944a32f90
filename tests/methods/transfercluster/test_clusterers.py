"""Clusterers on kernels against scikit-learn on the data itself."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from sctl.errors import ParameterError
from sctl.methods.transfercluster import TransferCluster
from sctl.methods.transfercluster.clusterers import (
    CLUSTERERS,
    Cells,
    by_agglomeration,
    by_kmeans,
    by_leiden,
    neighbor_graph,
)
from sctl.methods.transfercluster.sc3 import Sc3, sc3
from sctl.numerics.pca import principal_components
from sctl.run import Run

TYPES = np.repeat([0, 1, 2, 3], [40, 30, 20, 15])


def points(rng, gap=3.0):
    return gap * rng.normal(size=(4, 20))[TYPES] + rng.normal(size=(len(TYPES), 20))


def cells_of(X):
    return Cells([squareform(pdist(X))], lambda: X @ X.T)


@pytest.mark.parametrize("name", CLUSTERERS)
def test_each_finds_clear_types_and_repeats_itself(rng, name):
    cells = cells_of(points(rng))
    first, again = (CLUSTERERS[name](cells, 4, Sc3(), np.random.default_rng(5)) for _ in range(2))
    assert adjusted_rand_score(TYPES, first.clusters) > 0.95
    np.testing.assert_array_equal(first.clusters, again.clusters)
    np.testing.assert_array_equal(np.bincount(first.clusters), np.sort(np.bincount(first.clusters))[::-1])
    np.testing.assert_allclose(first.proba.sum(axis=1), 1.0)
    assert (first.proba.argmax(axis=1) == first.clusters).mean() > 0.95
    assert first.runs.shape[1] == len(TYPES)


@pytest.mark.parametrize("name", CLUSTERERS)
@pytest.mark.parametrize("n_obs", [3, 6])
def test_few_cells_do_not_fail(rng, name, n_obs):
    X = rng.normal(size=(n_obs, 8))
    found = CLUSTERERS[name](cells_of(X), 2, Sc3(), rng)
    assert found.proba.shape == (n_obs, found.clusters.max() + 1)


def test_sc3_is_untouched(rng):
    cells = cells_of(points(rng))
    ours = CLUSTERERS["sc3"](cells, 4, Sc3(), np.random.default_rng(2))
    direct = sc3(cells.distances, 4, Sc3(), np.random.default_rng(2))
    np.testing.assert_array_equal(ours.runs, direct.runs)
    np.testing.assert_array_equal(ours.proba, direct.proba)


def test_components_are_those_of_the_data(rng):
    X = rng.normal(size=(30, 12)) * np.arange(1, 13)
    found = principal_components(X @ X.T, 5).scores
    expected = PCA(5, svd_solver="full").fit_transform(X)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-8)


def test_agglomeration_is_wards_on_the_data(rng):
    X = points(rng, gap=0.8)  # 20 genes: the components hold everything
    for k in (2, 4, 9):
        expected = AgglomerativeClustering(k, linkage="ward").fit_predict(X)
        assert adjusted_rand_score(expected, by_agglomeration(cells_of(X), k, Sc3(), rng).clusters) == 1.0


def test_kmeans_is_as_tight_as_scikit_learns(rng):
    X = points(rng, gap=0.8)
    found = by_kmeans(cells_of(X), 4, Sc3(n_init=20), rng).clusters
    inertia = sum(((X[found == c] - X[found == c].mean(axis=0)) ** 2).sum() for c in range(4))
    assert inertia <= KMeans(4, n_init=20, random_state=0).fit(X).inertia_ * 1.001


@pytest.mark.parametrize("k", [2, 3, 4, 6, 8])
def test_leiden_meets_the_number_asked_for(rng, k):
    assert len(np.unique(by_leiden(cells_of(points(rng)), k, Sc3(), rng).clusters)) == pytest.approx(k, abs=1)


def test_the_graph_joins_neighbours_by_what_they_share(rng):
    X = rng.normal(size=(25, 3))
    D = squareform(pdist(X))
    near = [set(np.argsort(row)[:6]) for row in D]  # the point itself and five others
    expected = {}
    for i in range(25):
        for j in range(i + 1, 25):
            if j in near[i] or i in near[j]:
                expected[i, j] = len(near[i] & near[j]) / len(near[i] | near[j])
    graph = neighbor_graph(X, 5)
    found = dict(zip(graph.get_edgelist(), graph.es["weight"], strict=True))
    assert found == pytest.approx(expected)


def test_leiden_that_is_not_installed_is_explained(rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "leidenalg", None)
    with pytest.raises(ParameterError, match="not installed"):
        by_leiden(cells_of(points(rng)), 4, Sc3(), rng)


@pytest.mark.parametrize("package", ["leidenalg", "igraph"])
def test_a_missing_clusterer_is_known_before_anything_is_computed(pair, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ParameterError, match="not installed"):
        TransferCluster(clusterer="leiden").fit(pair.source, pair.label_key, Run())
