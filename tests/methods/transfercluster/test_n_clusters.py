"""The estimate of k against a plain computation, by each of its three ways, and on data whose k is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse, stats

from sctl.methods.transfercluster import n_clusters
from sctl.methods.transfercluster.n_clusters import estimate_number, threshold


def plain(X):
    """Eigenvalues of xᵀx with x genes × cells, standardised per cell."""
    x = stats.zscore(X, axis=1, ddof=1).T
    return np.linalg.eigvalsh(x.T @ x)[::-1]


def grouped(rng, n_groups, n_obs=90, n_vars=700):
    profiles = rng.gamma(2.0, size=(n_groups, n_vars))
    return np.log1p(rng.poisson(profiles[np.arange(n_obs) % n_groups]))


@pytest.mark.parametrize("shape", [(60, 300), (120, 80)])
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
def test_eigenvalues_are_the_plain_ones(rng, shape, layout):
    X = np.log1p(rng.poisson(rng.gamma(1.0, size=shape[1]), size=shape).astype(float))
    found = estimate_number(layout(X))
    expected = plain(X)
    n = min(shape)
    np.testing.assert_allclose(found.eigenvalues[: n - 1], expected[: n - 1], rtol=1e-8, atol=1e-6)
    assert found.n_clusters == max(int((expected > found.threshold).sum()), 1)


def test_eigenvalues_found_one_by_one_are_the_same(rng, monkeypatch):
    X = grouped(rng, 6)
    whole = estimate_number(X)
    monkeypatch.setattr(n_clusters, "DENSE_UP_TO", 10)
    few = estimate_number(sparse.csr_matrix(X))
    assert few.n_clusters == whole.n_clusters
    assert len(few.eigenvalues) < len(whole.eigenvalues)
    above = slice(0, whole.n_clusters)
    np.testing.assert_allclose(few.eigenvalues[above], whole.eigenvalues[above], rtol=1e-4)


@pytest.mark.parametrize("n_groups", [2, 3, 5, 8])
def test_planted_groups_are_counted(rng, n_groups):
    assert estimate_number(grouped(rng, n_groups)).n_clusters == n_groups


def test_noise_seldom_exceeds_the_threshold(rng):
    exceeded = sum(estimate_number(rng.normal(size=(30, 200))).eigenvalues[0] > threshold(30, 200) for _ in range(200))
    assert exceeded <= 2  # expected in 1 of 1,000
    assert estimate_number(rng.normal(size=(30, 200))).n_clusters == 1


def test_the_threshold_follows_the_law_of_the_largest_eigenvalue(rng):
    """Centre and scale fit noise: the mean of the Tracy–Widom law is −1.21, its standard deviation 1.27."""
    p, n = 30, 201
    noise = rng.normal(size=(300, p, n))
    top = np.linalg.eigvalsh(noise @ noise.transpose(0, 2, 1))[:, -1]
    a, b = np.sqrt(n - 1), np.sqrt(p)
    center, scale = (a + b) ** 2, (a + b) * (1 / a + 1 / b) ** (1 / 3)
    assert (top.mean() - center) / scale == pytest.approx(-1.21, abs=0.2)
    assert (top.std() / scale) == pytest.approx(1.27, abs=0.2)
    assert threshold(p, n) == pytest.approx(center + 3.273 * scale)


def test_cells_without_spread_count_as_nothing(rng):
    X = grouped(rng, 3)
    X[:5] = 0.0
    X[5:8] = 1.5
    found = estimate_number(sparse.csr_matrix(X))
    assert np.isfinite(found.eigenvalues).all()
    assert found.n_clusters == 3
