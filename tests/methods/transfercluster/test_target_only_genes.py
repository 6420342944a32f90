"""Own genes of the target against the mixed matrix and the covariance of all genes, formed on purpose here."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf

from sctl.methods.transfercluster.target_only_genes import learn_covariance, target_only_genes

THETAS = (0.0, 0.37, 0.9, 1.0)


@pytest.fixture
def cells(rng):
    """Shared genes, what the mix makes of them at θ = 1, and own genes that vary with the shared ones."""
    X = rng.gamma(1.0, size=(20, 40))
    R = rng.gamma(1.0, size=(3, 40))[rng.integers(3, size=20)]
    own = np.maximum(X @ rng.normal(size=(40, 15)) * 0.2 + rng.normal(size=(20, 15)), 0.0)
    return X, R, own


def regression(X, own):
    """Ridge regression of own on shared genes, in genes: what scikit-learn's shrunken covariance implies."""
    shrunken = LedoitWolf().fit(X)
    centred = X - X.mean(axis=0)
    between = centred.T @ (own - own.mean(axis=0)) / len(X)
    return np.linalg.solve(shrunken.covariance_, (1.0 - shrunken.shrinkage_) * between)


def followed(X, R, own, theta):
    changes = R - X
    return own + theta * (changes - changes.mean(axis=0)) @ regression(X, own)


def steps_of(X, R):
    covariance = learn_covariance(X @ X.T, X.shape[1])
    differences = (R - X) @ X.T
    return covariance.steps(differences, differences.mean(axis=0))


def test_the_penalty_is_that_of_ledoit_and_wolf(cells):
    X = cells[0]
    share = LedoitWolf().fit(X).shrinkage_
    mean = X.var(axis=0).mean()
    assert 0 < share < 1
    np.testing.assert_allclose(learn_covariance(X @ X.T, 40).penalty, len(X) * mean * share / (1 - share), rtol=1e-10)


@pytest.mark.parametrize("theta", THETAS)
def test_genes_that_follow_the_shared_ones(cells, theta):
    X, R, own = cells
    mixed = followed(X, R, own, theta)
    found = target_only_genes(own @ own.T, own.sum(axis=1), 15, steps=steps_of(X, R))
    np.testing.assert_allclose(found.gram(theta), mixed @ mixed.T, rtol=1e-9)
    np.testing.assert_allclose(found.squared_distances(theta), cdist(mixed, mixed, "sqeuclidean"), atol=1e-9)
    np.testing.assert_allclose(found.squared_lengths(theta), (mixed**2).sum(axis=1), rtol=1e-9)
    shared = np.full(20, 0.5)
    means = np.hstack([np.full((20, 40), 0.5), mixed]).mean(axis=1)
    np.testing.assert_allclose(found.means(theta, shared, 40), means, rtol=1e-9)


def test_own_genes_keep_their_means_and_do_move(cells):
    X, R, own = cells
    moved = steps_of(X, R) @ own
    np.testing.assert_allclose(moved.sum(axis=0), 0.0, atol=1e-9)
    assert np.abs(moved).max() > 0.1


def test_constant_genes_do_not_depend_on_theta(cells):
    own = cells[2]
    found = target_only_genes(own @ own.T, own.sum(axis=1), 15)
    np.testing.assert_array_equal(found.gram(0.9), own @ own.T)
    found.gram(0.9)[:] = -1  # a copy
    np.testing.assert_array_equal(found.gram(0.0), own @ own.T)


def test_cells_without_any_difference_teach_nothing():
    covariance = learn_covariance(np.ones((5, 5)), 10)
    assert covariance.penalty == np.inf
    np.testing.assert_array_equal(covariance.solver, np.zeros((5, 5)))
