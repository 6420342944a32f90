"""KTA against its definition, computed the long way."""

from __future__ import annotations

import numpy as np
import pytest

from sctl.methods.transfercluster.alignment import centered_cosine, kernel_target_alignment


def by_definition(K, clusters):
    n = len(K)
    centring = np.eye(n) - 1.0 / n

    def hat(kernel):
        kernel = centring @ kernel @ centring
        scale = np.sqrt(np.diagonal(kernel))
        return kernel / scale[:, None] / scale

    L = (clusters[:, None] == clusters).astype(float)
    a, b = hat(K), hat(L)
    return np.trace(a @ b) / np.sqrt(np.trace(a @ a) * np.trace(b @ b))


@pytest.mark.parametrize("n_clusters", [2, 3, 7])
def test_agrees_with_the_definition(rng, n_clusters):
    X = rng.normal(size=(40, 12))
    clusters = rng.integers(n_clusters, size=40)
    assert kernel_target_alignment(X @ X.T, clusters) == pytest.approx(by_definition(X @ X.T, clusters), rel=1e-12)


def test_does_not_depend_on_cluster_numbers_cell_order_or_units(rng):
    X = rng.normal(size=(30, 5))
    clusters = rng.integers(3, size=30)
    K = X @ X.T
    value = kernel_target_alignment(K, clusters)
    order = rng.permutation(30)
    assert kernel_target_alignment(K, np.array([2, 0, 1])[clusters]) == pytest.approx(value, rel=1e-12)
    assert kernel_target_alignment(K[np.ix_(order, order)], clusters[order]) == pytest.approx(value, rel=1e-12)
    assert kernel_target_alignment(7.0 * K, clusters) == pytest.approx(value, rel=1e-12)


def test_right_clusters_agree_better_than_shuffled_ones(rng):
    clusters = np.repeat([0, 1, 2], 20)
    X = rng.normal(size=(3, 10))[clusters] + 0.3 * rng.normal(size=(60, 10))
    assert kernel_target_alignment(X @ X.T, clusters) > 0.8
    assert kernel_target_alignment(X @ X.T, rng.permutation(clusters)) < 0.2


def test_one_cluster_and_equal_cells_give_zero_not_nan():
    X = np.ones((5, 3))
    assert kernel_target_alignment(X @ X.T, np.array([0, 1, 0, 1, 0])) == 0.0
    assert kernel_target_alignment(np.eye(5), np.zeros(5, dtype=int)) == 0.0


def test_the_kernel_is_left_as_it_was(rng):
    X = rng.normal(size=(10, 3))
    K = X @ X.T
    before = K.copy()
    out = centered_cosine(K)
    np.testing.assert_array_equal(K, before)
    np.testing.assert_allclose(np.diagonal(out), 1.0, rtol=1e-12)
