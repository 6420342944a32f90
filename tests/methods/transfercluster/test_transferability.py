"""Of what use a source is: errors against residuals formed on purpose, the score at its ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import nnls

from sctl.methods.transfercluster.nmf import nonnegative_loadings
from sctl.methods.transfercluster.transferability import transferability, unexplained
from sctl.run import Run


@pytest.fixture
def data(rng):
    H = rng.gamma(0.5, 2.0, size=(3, 60))
    X = np.eye(3)[rng.integers(3, size=50)] @ H + rng.gamma(0.3, 0.5, size=(50, 60))
    return X, H


def test_unexplained_is_the_residual_of_scipys_solution(data, rng):
    X, _ = data
    H = rng.gamma(0.5, size=(4, 60))  # another source: much is left
    residual = sum(nnls(H.T, x)[1] ** 2 for x in X)
    assert unexplained(H @ H.T, H @ X.T, float((X**2).sum())) == pytest.approx(residual / (X**2).sum(), rel=1e-9)


def test_a_good_source_scores_near_one_and_beats_every_shuffled_one(data):
    found = transferability(sparse.csr_matrix(data[0]), data[1], n_permutations=19, run=Run())
    assert found.score > 0.9
    assert found.p_value == pytest.approx(1 / 20)
    assert len(found.shuffled) == 19
    assert found.best <= found.error < min(found.shuffled)


def test_p_value_counts_the_shuffled_sources_that_are_as_good(data, rng):
    X, H = data
    other = H[:, rng.permutation(60)]
    found = transferability(X, other, n_permutations=30, run=Run())
    assert found.p_value == (sum(e <= found.error for e in found.shuffled) + 1) / 31
    assert found.p_value > 0.05
    expected = 1 - (found.error - found.best) / (max(found.shuffled) - found.best)
    assert found.score == pytest.approx(np.clip(expected, 0, 1))
    assert found.score < 0.5


def test_shuffled_errors_are_those_of_dictionaries_with_shuffled_genes(data):
    X, H = data
    found = transferability(X, H, n_permutations=2, run=Run(seed=9))
    rng = Run(seed=9).rng("shuffled genes")
    for error in found.shuffled:
        shuffled = H[:, rng.permutation(60)]
        W = nonnegative_loadings(shuffled @ shuffled.T, shuffled @ X.T)
        assert error == pytest.approx(((X - W @ shuffled) ** 2).sum() / (X**2).sum(), rel=1e-9)


def test_a_profile_that_shuffling_cannot_change_says_nothing(data):
    found = transferability(data[0], np.ones((1, 60)), n_permutations=9, run=Run())
    assert found.p_value == 1.0
    assert found.score == pytest.approx(0.0, abs=1e-9)


def test_p_values_of_useless_sources_are_uniform(rng):
    """Genes of the target are exchangeable here, so that the true order is one of many."""
    X = rng.gamma(1.0, size=(30, 25))
    values = [
        transferability(X, rng.gamma(1.0, size=(2, 25)), n_permutations=9, run=Run(seed=seed)).p_value
        for seed in range(60)
    ]
    assert 0.4 < np.mean(values) < 0.7
    assert np.mean(np.array(values) <= 0.1) < 0.25


def test_silent_cells_and_more_types_than_cells():
    H = np.eye(5)
    assert transferability(np.zeros((4, 5)), H, n_permutations=3, run=Run()).p_value == 1.0
    assert 0 <= transferability(np.ones((2, 5)), H, n_permutations=3, run=Run()).score <= 1
