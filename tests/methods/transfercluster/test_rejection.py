"""Scores of single cells against closed forms, scipy and residuals formed on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse, stats

from sctl.methods.transfercluster import loadings
from sctl.methods.transfercluster.loadings import REJECTION_SCORES, entropy, kurtosis, rejection_scores
from sctl.methods.transfercluster.nmf import nonnegative_loadings


@pytest.fixture
def data(rng):
    H = rng.gamma(0.6, 2.0, size=(4, 30))
    X = rng.dirichlet([0.3] * 4, size=25) @ H + rng.gamma(0.3, 0.4, size=(25, 30))
    return X, H, nonnegative_loadings(H @ H.T, H @ X.T)


def scores_of(X, H, W, hard=None):
    return dict(zip(REJECTION_SCORES, rejection_scores(X, H, W, hard).T, strict=True))


def unit(values):
    return (values - values.min()) / (values.max() - values.min())


def test_every_score(data, monkeypatch):
    monkeypatch.setattr(loadings, "CHUNK", 7)
    X, H, W = data
    hard = np.eye(4)[W.argmax(axis=1)]
    found = scores_of(sparse.csr_matrix(X), H, W)
    for name, weights in (("soft", W), ("hard", hard)):
        np.testing.assert_allclose(found[f"l2_{name}"], -np.sqrt(((X - weights @ H) ** 2).sum(1)), rtol=1e-9)
        np.testing.assert_allclose(found[f"l1_{name}"], -np.abs(X - weights @ H).sum(1), rtol=1e-9)
    np.testing.assert_allclose(found["kurtosis"], stats.kurtosis(W, axis=1, fisher=False), rtol=1e-9)
    np.testing.assert_allclose(found["entropy"], -unit(stats.entropy(W, axis=1)), atol=1e-12)
    np.testing.assert_allclose(found["margin"], unit(W.max(1) - W.min(1)), rtol=1e-12)
    weight = 1 - (0.5 + unit(X.sum(1)) / 2) + 0.5
    np.testing.assert_allclose(found["reconstruction"], -weight * unit(np.abs(X - hard @ H).sum(1)), atol=1e-12)


def test_a_cell_that_is_a_profile_beats_a_mixture_by_every_score():
    H = np.array([[4.0, 0, 0, 0], [0, 4.0, 0, 0], [0, 0, 4.0, 0]])
    X = np.array([[4.0, 0, 0, 0], [1.4, 1.3, 1.3, 0], [0.0, 0, 4.0, 0]])
    found = scores_of(X, H, X[:, :3] / 4)
    for name in ("reconstruction", "entropy", "margin", "l2_hard", "l1_hard"):
        assert found[name][0] > found[name][1], name


def test_the_reconstruction_of_the_mix_may_be_given(data):
    X, H, W = data
    found = scores_of(X, H, W, W)
    np.testing.assert_array_equal(found["l2_hard"], found["l2_soft"])


def test_equal_cells_and_silent_cells_are_numbers():
    H = np.eye(3)
    for X in (np.ones((4, 3)), np.zeros((4, 3)), np.zeros((1, 3))):
        assert np.isfinite(rejection_scores(X, H, X)).all()


def test_ends():
    assert entropy(np.zeros((1, 4)))[0] == pytest.approx(np.log(4))
    assert kurtosis(np.full((1, 5), 0.3))[0] == 0.0
