"""Diffusion against values that the published program, magic-impute 3.0.0, gave for the same matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial.distance import cdist

from sctl.errors import Cancelled
from sctl.numerics.diffusion import diffused, transition_matrix
from sctl.run import Run

X = np.array(
    [
        [3, 0, 1, 0], [2, 0, 0, 1], [4, 1, 2, 0], [3, 0, 0, 0], [0, 5, 1, 0], [1, 4, 0, 0],
        [0, 6, 2, 1], [0, 3, 1, 0], [1, 0, 0, 7], [0, 0, 1, 5], [0, 1, 0, 6], [2, 0, 0, 9],
    ],
    dtype=float,
)  # fmt: skip

# MAGIC(knn=2, t=t, n_pca=None).fit_transform(X), rows 0, 4 and 11, by t
PUBLISHED = {
    1: [[2.672706, 0.57012, 0.799683, 0.437561], [0.34563, 4.500962, 1.062116, 0.21342], [1.371653, 0.116613, 0.129227, 7.163698]],
    3: [[2.178202, 1.142833, 0.744527, 0.860556], [0.792659, 3.6529, 0.977967, 0.343663], [1.085048, 0.303926, 0.271261, 5.831425]],
}  # fmt: skip


@pytest.mark.parametrize("t", [1, 3])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_as_the_published_program(t, kind):
    np.testing.assert_allclose(diffused(kind(X), knn=2, t=t)[[0, 4, 11]], PUBLISHED[t], atol=2e-6)


def test_a_step_by_the_equations(rng):
    points, knn = rng.normal(size=(60, 3)), 4
    distances = cdist(points, points)
    order = np.argsort(distances, axis=1)
    kernel = np.zeros((60, 60))
    for cell in range(60):
        near = order[cell, : 3 * knn + 1]
        kernel[cell, near] = np.exp(-distances[cell, near] / distances[cell, order[cell, knn]])
    kernel = (kernel + kernel.T) / 2
    expected = kernel / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(transition_matrix(points, knn=knn).toarray(), expected, atol=1e-12)


def test_distances_are_taken_between_components(rng):
    values = np.hstack([rng.normal(size=(80, 1)) * 50, rng.normal(size=(80, 200)) * 0.01])
    found = diffused(values, n_components=1, t=1)
    first = np.linalg.svd(values - values.mean(axis=0))[0][:, :1] * np.linalg.svd(values - values.mean(axis=0))[1][0]
    np.testing.assert_allclose(found, transition_matrix(first, knn=5) @ values, atol=1e-4)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_genes_stay_in_their_range(knn, t, seed):
    values = np.random.default_rng(seed).poisson(1.0, size=(9, 5)).astype(float)
    found = diffused(values, knn=knn, t=t)
    assert (found >= values.min(axis=0) - 1e-6).all()
    assert (found <= values.max(axis=0) + 1e-6).all()


def test_noise_is_taken_out(rng):
    truth = np.repeat(rng.gamma(2.0, size=(2, 50)), 60, axis=0)
    seen = np.where(rng.random(truth.shape) < 0.5, 0.0, truth)
    before, after = seen - truth / 2, diffused(seen) - truth / 2
    assert (after**2).mean() < (before**2).mean() / 4


@pytest.mark.parametrize("n_obs", [1, 2])
def test_few_cells(n_obs):
    assert diffused(X[:n_obs]).shape == (n_obs, 4)
    np.testing.assert_allclose(diffused(X[:1]), X[:1])


def test_cells_that_are_equal():
    found = diffused(np.repeat([[1.0, 0.0], [0.0, 1.0]], 30, axis=0))
    np.testing.assert_allclose(found, np.repeat([[1.0, 0.0], [0.0, 1.0]], 30, axis=0), atol=1e-6)


def test_stop():
    with pytest.raises(Cancelled):
        diffused(X, run=Run(cancelled=lambda: True))
