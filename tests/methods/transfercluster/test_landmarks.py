"""Other cells against landmarks, compared with the mixed matrix formed on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from sctl.methods.transfercluster import landmarks
from sctl.methods.transfercluster.kernels import theta_kernels
from sctl.methods.transfercluster.landmarks import cross_kernels, nearest_mean


@pytest.fixture
def parts(rng, monkeypatch):
    monkeypatch.setattr(landmarks, "CHUNK", 7)
    H = rng.gamma(1.0, size=(3, 50))
    z = rng.integers(3, size=40)
    X = np.maximum(rng.normal(0.2, 1.0, size=(40, 50)), 0.0) + 0.3 * H[z]
    L, R = X[:12], X[12:]
    kernels = theta_kernels(L, H, z[:12], M=H @ L.T, Q=H @ H.T)
    return H, z, X, kernels, cross_kernels(sparse.csr_matrix(R), sparse.csr_matrix(L), H @ R.T, z[12:])


@pytest.mark.parametrize("theta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("kind", ["euclidean", "pearson"])
def test_distances(parts, theta, kind):
    H, z, X, kernels, cross = parts
    mixed = theta * H[z] + (1 - theta) * X
    expected = cdist(mixed[12:], mixed[:12], "sqeuclidean" if kind == "euclidean" else "correlation")
    found = np.vstack([cross.distances(kernels, theta, cells, kind) for cells in cross.chunks()])
    np.testing.assert_allclose(found, expected, atol=2e-5 * expected.max())


def test_neighbours_speak_for_a_cell(rng):
    values = np.eye(3)[[0, 0, 1, 2]]
    np.testing.assert_allclose(nearest_mean(np.array([[1.0, 2.0, 8.0, 9.0]]), values, 2), [[1, 0, 0]])
    np.testing.assert_allclose(nearest_mean(np.array([[1.0, 2.0, 8.0, 9.0]]), values, 99), [[0.5, 0.25, 0.25]])
