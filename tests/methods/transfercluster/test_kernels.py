"""The quadratic identities of θ against the mixed matrix, formed on purpose here."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from sctl.methods.transfercluster.kernels import inner_products, theta_kernels

THETAS = (0.0, 0.1, 0.37, 0.5, 0.9, 1.0)


@pytest.fixture
def parts(rng):
    z = rng.integers(3, size=25)
    H = rng.gamma(1.0, size=(3, 60))
    X = np.maximum(rng.normal(0.2, 1.0, size=(25, 60)), 0.0) + H[z] * 0.3
    kernels = theta_kernels(sparse.csr_matrix(X), H, z, M=H @ X.T, Q=H @ H.T)
    return X, H, z, kernels


def mixed(parts, theta):
    X, H, z, _ = parts
    return theta * H[z] + (1 - theta) * X


@pytest.mark.parametrize("theta", THETAS)
def test_gram(parts, theta):
    X = mixed(parts, theta)
    np.testing.assert_allclose(parts[3].gram(theta), X @ X.T, rtol=1e-10)


@pytest.mark.parametrize("theta", THETAS)
def test_squared_distances(parts, theta):
    X = mixed(parts, theta)
    expected = cdist(X, X, "sqeuclidean")
    np.testing.assert_allclose(parts[3].squared_distances(theta), expected, rtol=1e-9, atol=1e-10 * expected.max())


@pytest.mark.parametrize("theta", THETAS)
def test_correlation_distances(parts, theta):
    X = mixed(parts, theta)
    np.testing.assert_allclose(parts[3].correlation_distances(theta), 1 - np.corrcoef(X), atol=1e-12)


def test_cells_of_one_type_are_exactly_together_at_theta_one(parts):
    z = parts[2]
    together = parts[3].squared_distances(1.0)[z[:, None] == z]
    assert (together == 0).all()


def test_the_parts_are_left_as_they_were(parts):
    kernels = parts[3]
    before = kernels.A.copy(), kernels.M.copy()
    for theta in THETAS:
        kernels.gram(theta)[:] = -1
        kernels.squared_distances(theta)[:] = -1
        kernels.correlation_distances(theta)[:] = -1
    np.testing.assert_array_equal(kernels.A, before[0])
    np.testing.assert_array_equal(kernels.M, before[1])


@pytest.mark.parametrize("density", [0.02, 0.5])
def test_inner_products_by_either_way(rng, density):
    X = sparse.random(30, 2500, density=density, rng=rng, format="csr", dtype=np.float32)
    dense = X.toarray().astype(float)
    np.testing.assert_allclose(inner_products(X), dense @ dense.T, rtol=1e-6)
    np.testing.assert_allclose(inner_products(dense), dense @ dense.T, rtol=1e-12)
