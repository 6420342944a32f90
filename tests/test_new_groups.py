"""Cells that a source does not explain."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from sctl.core.new_groups import foreign_cells, own_groups, typical_certainty


def test_as_many_groups_as_there_are():
    truth = np.repeat(np.arange(4), [60, 40, 30, 20])
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(150, 50)) + 1.5 * rng.normal(size=(4, 50))[truth]
        assert adjusted_rand_score(truth, own_groups(X, rng=rng)) > 0.99


def test_many_cells_are_judged_by_a_sample():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=2500)
    X = rng.normal(size=(2500, 5)) + 8 * np.eye(5)[truth]
    assert adjusted_rand_score(truth, own_groups(X, rng=rng)) > 0.99


def test_certainty_is_the_median_of_a_types_own_cells():
    q = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    np.testing.assert_allclose(typical_certainty(q, np.array([0, 0, 1, 1])), [0.85, 0.65])


def test_a_type_is_foreign_as_a_whole_and_only_below_the_share():
    q = np.array([[0.6, 0.4], [0.9, 0.1], [0.45, 0.55], [0.4, 0.6]])
    np.testing.assert_array_equal(foreign_cells(q, np.array([0.8, 1.0])), [False, False, True, True])
    np.testing.assert_array_equal(foreign_cells(q, np.array([0.8, 0.9])), [False, False, False, False])
