"""SC3's steps against scipy, scikit-learn and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import laplacian
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import adjusted_rand_score

from sctl.methods.transfercluster.sc3 import Sc3, consensus_matrix, dimensions, eigenvectors, join, sc3, spaces


@pytest.fixture
def distances(rng):
    types = np.repeat([0, 1, 2], [30, 20, 10])
    X = 3 * rng.normal(size=(3, 20))[types] + rng.normal(size=(60, 20))
    return squareform(pdist(X)), types


def test_pca_vectors_are_the_right_singular_vectors(distances):
    D, _ = distances
    S = (D - D.mean(axis=0)) / D.std(axis=0)
    _, _, right = np.linalg.svd(S)
    ours = eigenvectors(D, "pca", 6, weighted=False)
    np.testing.assert_allclose(np.abs(np.diagonal(ours.T @ right[:6].T)), 1.0, rtol=1e-9)


def test_weights_are_the_relative_singular_values(distances):
    D, _ = distances
    values = np.linalg.svd((D - D.mean(axis=0)) / D.std(axis=0), compute_uv=False)
    lengths = np.linalg.norm(eigenvectors(D, "pca", 5), axis=0)
    np.testing.assert_allclose(lengths, values[:5] / values[0], rtol=1e-8)


def test_laplacian_vectors_are_those_of_scipy(distances):
    D, _ = distances
    A = np.exp(-D / D.max())
    L = laplacian(A, normed=True)  # scipy ignores the diagonal's self-weights, as below
    values, vectors = np.linalg.eigh(np.eye(len(D)) - A / np.sqrt(np.outer(A.sum(0), A.sum(0))))
    ours = eigenvectors(D, "laplacian", 4, weighted=False)
    np.testing.assert_allclose(np.abs(np.diagonal(ours.T @ vectors[:, :4])), 1.0, rtol=1e-9)
    assert values[0] == pytest.approx(0.0, abs=1e-10)
    off = A - np.diag(np.diagonal(A))
    np.testing.assert_allclose(L, np.eye(len(D)) - off / np.sqrt(np.outer(off.sum(0), off.sum(0))), atol=1e-12)


@pytest.mark.parametrize("transformation", ["pca", "laplacian"])
def test_many_cells_get_the_same_vectors_one_by_one(distances, monkeypatch, transformation):
    D, _ = distances
    whole = eigenvectors(D, transformation, 6)
    monkeypatch.setattr("sctl.methods.transfercluster.sc3.LANCZOS_FROM", 2)
    np.testing.assert_allclose(eigenvectors(D, transformation, 6), whole, atol=1e-6)


def test_vectors_beyond_the_rank_are_left_out():
    D = 1.0 - np.kron(np.eye(3), np.ones((10, 10)))  # three points, ten times each
    assert eigenvectors(D, "pca", 12).shape[1] <= 3


def test_equal_cells_do_not_fail():
    assert np.isfinite(eigenvectors(np.zeros((6, 6)), "pca", 3)).all()
    assert np.isfinite(eigenvectors(np.zeros((6, 6)), "laplacian", 3)).all()


@pytest.mark.parametrize("n_obs", [3, 10, 24, 100, 500, 5000])
def test_dimensions_are_four_to_seven_percent(n_obs):
    values = dimensions(n_obs)
    assert 1 <= len(values) <= 15
    assert all(1 <= d < n_obs for d in values)
    assert values[0] >= int(0.04 * n_obs) or values[0] == 1
    assert values[-1] <= int(np.ceil(0.07 * n_obs))


def test_few_cells_are_laid_out_in_as_many_dimensions_as_200(rng):
    X = rng.normal(size=(30, 50))
    D = squareform(pdist(X))
    widths = [points.shape[1] for points in spaces([D], Sc3(distances=("euclidean",), transformations=("pca",)))]
    assert widths == list(dimensions(200))
    unweighted = Sc3(distances=("euclidean",), transformations=("pca",), weighted=False)
    assert [points.shape[1] for points in spaces([D], unweighted)] == list(dimensions(30))


def test_dimensions_stay_below_the_number_of_cells(rng):
    D = squareform(pdist(rng.normal(size=(6, 50))))
    widths = [points.shape[1] for points in spaces([D], Sc3(distances=("euclidean",), transformations=("pca",)))]
    assert widths == [5]


def test_consensus_of_six_cells_by_hand():
    runs = np.array([[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 2, 2], [1, 1, 1, 0, 0, 0]])
    expected = np.array([
        [3, 3, 2, 0, 0, 0],
        [3, 3, 2, 0, 0, 0],
        [2, 2, 3, 1, 0, 0],
        [0, 0, 1, 3, 2, 2],
        [0, 0, 0, 2, 3, 3],
        [0, 0, 0, 2, 3, 3],
    ])  # fmt: skip
    np.testing.assert_allclose(consensus_matrix(runs), expected / 3)
    np.testing.assert_array_equal(join(runs, 2).clusters, [0, 0, 0, 1, 1, 1])


def test_compressed_join_is_the_plain_one(rng):
    """Complete linkage on the full consensus matrix gives the same partition."""
    truth = rng.integers(5, size=80)
    runs = np.stack([np.where(rng.random(80) < 0.15, rng.integers(5, size=80), truth) for _ in range(25)])
    full = consensus_matrix(runs)
    for k in (2, 3, 5, 9):
        plain = fcluster(linkage(pdist(full), "complete"), k, "maxclust")
        assert adjusted_rand_score(plain, join(runs, k).clusters) == pytest.approx(1.0)


def test_proba_is_a_distribution_and_certain_where_all_runs_agree(rng):
    runs = np.tile(np.repeat([0, 1], [6, 4]), (5, 1))
    out = join(runs, 2)
    np.testing.assert_allclose(out.proba, np.eye(2)[out.clusters])
    noisy = join(rng.integers(3, size=(9, 30)), 3)
    np.testing.assert_allclose(noisy.proba.sum(axis=1), 1.0)
    assert (noisy.proba >= 0).all()


def test_join_ignores_numbering(rng):
    runs = rng.integers(4, size=(8, 40))
    renamed = np.stack([rng.permutation(4)[row] for row in runs])
    assert adjusted_rand_score(join(runs, 4).clusters, join(renamed, 4).clusters) == pytest.approx(1.0)


def test_clusters_are_numbered_by_size(distances, rng):
    D, types = distances
    out = sc3([D], 3, Sc3(distances=("euclidean",)), rng)
    assert list(np.bincount(out.clusters)) == [30, 20, 10]
    assert adjusted_rand_score(types, out.clusters) == 1.0


@pytest.mark.parametrize("settings", [
    Sc3(transformations=("laplacian",)), Sc3(transformations=("pca", "laplacian")), Sc3(weighted=False, n_init=50),
])  # fmt: skip
def test_every_setting_finds_clear_types(distances, rng, settings):
    D, types = distances
    assert adjusted_rand_score(types, sc3([D], 3, settings, rng).clusters) > 0.9


def test_more_clusters_than_cells_gives_each_cell_its_own(rng):
    D = squareform(pdist(rng.normal(size=(4, 3))))
    assert len(np.unique(sc3([D], 9, Sc3(), rng).clusters)) <= 4
