"""Ways of rebuilding target cells: closed forms against scipy, and the kernels of each against the mixed matrix."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist

from sctl.methods.transfercluster.kernels import rebuilding_weights, theta_kernels
from sctl.methods.transfercluster.landmarks import cross_kernels
from sctl.methods.transfercluster.nmf import nonnegative_loadings

THETAS = (0.0, 0.37, 0.9, 1.0)
STEPS = ("soft", "hard_optimised")


@pytest.fixture
def data(rng):
    H = rng.gamma(1.0, size=(3, 60))
    X = np.maximum(rng.normal(0.2, 1.0, size=(25, 60)), 0.0) + H[rng.integers(3, size=25)] * 0.8
    return X, H, nonnegative_loadings(H @ H.T, H @ X.T)


def weights_of(step, data):
    X, H, loadings = data
    return rebuilding_weights(step, loadings, H @ H.T, H @ X.T)


def kernels_of(step, data):
    X, H, loadings = data
    return theta_kernels(X, H, loadings.argmax(axis=1), M=H @ X.T, Q=H @ H.T, weights=weights_of(step, data))


def mixed(step, data, theta):
    X, H, _ = data
    return theta * weights_of(step, data) @ H + (1 - theta) * X


def test_optimised_scale_is_the_minimum_that_scipy_finds(data):
    X, H, loadings = data
    W = weights_of("hard_optimised", data)
    for x, w, z in zip(X, W, loadings.argmax(axis=1), strict=True):
        best = minimize_scalar(lambda s, x=x, z=z: ((x - s * H[z]) ** 2).sum(), bounds=(0, 10), method="bounded").x
        assert w[z] == pytest.approx(best, rel=1e-5)
        assert np.count_nonzero(w) == 1


def test_soft_weights_are_the_loadings_and_hard_ones_need_none(data):
    assert weights_of("soft", data) is data[2]
    assert weights_of("hard", data) is None


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("step", STEPS)
def test_kernels(data, step, theta):
    X, kernels = mixed(step, data, theta), kernels_of(step, data)
    np.testing.assert_allclose(kernels.gram(theta), X @ X.T, rtol=1e-10)
    squared = cdist(X, X, "sqeuclidean")
    np.testing.assert_allclose(kernels.squared_distances(theta), squared, rtol=1e-8, atol=1e-10 * squared.max())
    np.testing.assert_allclose(kernels.correlation_distances(theta), 1 - np.corrcoef(X), atol=1e-12)


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("kind", ["euclidean", "pearson"])
@pytest.mark.parametrize("step", STEPS)
def test_landmarks(data, step, theta, kind):
    X, H, loadings = data
    z, W = loadings.argmax(axis=1), weights_of(step, data)
    near, far = slice(10), slice(10, None)
    kernels = theta_kernels(X[near], H, z[near], M=H @ X[near].T, Q=H @ H.T, weights=W[near])
    cross = cross_kernels(X[far], X[near], H @ X[far].T, z[far], W[far])
    both = mixed(step, data, theta)
    expected = cdist(both[far], both[near], "sqeuclidean" if kind == "euclidean" else "correlation")
    found = cross.distances(kernels, theta, slice(None), kind)
    np.testing.assert_allclose(found, expected, atol=2e-5 * expected.max())


def test_indicator_weights_are_the_hard_step(data):
    X, H, loadings = data
    hard, z = kernels_of("hard", data), loadings.argmax(axis=1)
    same = theta_kernels(X, H, z, M=H @ X.T, Q=H @ H.T, weights=np.eye(3)[z])
    for theta in THETAS:
        np.testing.assert_allclose(same.gram(theta), hard.gram(theta), rtol=1e-12)
        np.testing.assert_allclose(same.squared_distances(theta), hard.squared_distances(theta), atol=1e-9)
