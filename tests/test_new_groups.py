"""Cells that a source does not explain."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from sctl.methods.itclust.new_clusters import cluster_target, unmatched_cells


def blobs(truth, rng, *, n_vars=50, apart=1.5):
    """Return cells around one centre for each type."""
    return rng.normal(size=(len(truth), n_vars)) + apart * rng.normal(size=(truth.max() + 1, n_vars))[truth]


def test_as_many_groups_as_there_are():
    truth = np.repeat(np.arange(4), [60, 40, 30, 20])
    for seed in range(3):
        rng = np.random.default_rng(seed)
        assert adjusted_rand_score(truth, cluster_target(blobs(truth, rng), rng=rng)) > 0.99


def test_what_is_one_type_is_not_divided():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        assert not cluster_target(rng.normal(size=(200, 50)), rng=rng).any()
        assert not cluster_target(np.exp(rng.normal(size=(200, 1))) * rng.exponential(size=(200, 50)), rng=rng).any()


def test_types_that_differ_little_are_found_beside_one_that_differs_much():
    """Two of three types differ in few genes; components of all cells are those of the third."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [60, 60, 80])
    X = rng.normal(size=(200, 300))
    X[truth == 2, :100] += 6
    X[truth == 1, 100:120] += 2.5
    assert adjusted_rand_score(truth, cluster_target(X, rng=rng)) > 0.95


def test_few_cells_are_left_together():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], [11, 8])
    assert not cluster_target(blobs(truth, rng, apart=9), rng=rng).any()
    truth = np.repeat([0, 1], [30, 9])  # the smaller is too small to be a group
    assert not cluster_target(blobs(truth, rng, apart=9), rng=rng).any()


def test_cells_that_are_alike_are_not_divided():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 20)
    for dtype in (np.float32, np.float64):
        centres = rng.normal(size=(3, 50)).astype(dtype)
        assert adjusted_rand_score(truth, cluster_target(centres[truth], rng=rng)) == 1
        assert not cluster_target(centres[np.zeros(40, dtype=int)], rng=rng).any()


def test_many_cells_are_judged_by_a_sample():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=2500)
    X = rng.normal(size=(2500, 5)) + 8 * np.eye(5)[truth]
    assert adjusted_rand_score(truth, cluster_target(X, rng=rng)) > 0.99


def test_a_group_without_agreement_is_foreign_as_a_whole():
    q = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9]])
    groups = np.array([0, 0, 1, 1, 2])
    np.testing.assert_array_equal(unmatched_cells(q, groups), [False, False, True, True, False])


def test_of_two_groups_with_one_name_the_far_less_certain_is_foreign():
    names = np.repeat([[1.0, 0.3, 0.2]], 3, axis=0)
    groups = np.arange(3)
    for certainty, foreign in ((0.59, True), (0.61, False)):
        q = names * np.array([[1.0], [certainty], [1.0]])
        q[2] = [0.1, 0.2, 0.4]  # alone with its name: as uncertain as it may be
        np.testing.assert_array_equal(unmatched_cells(q, groups), [False, foreign, False])


def test_a_group_that_does_not_agree_sets_no_standard_for_others():
    q = np.array([[0.4, 0.3], [0.9, 0.1], [0.1, 0.9], [0.3, 0.5]])
    np.testing.assert_array_equal(unmatched_cells(q, np.array([0, 1, 1, 2])), [False, True, True, False])


def test_cells_that_nothing_divides_are_not_judged():
    assert not unmatched_cells(np.array([[0.9, 0.1], [0.1, 0.9]]), np.zeros(2, dtype=int)).any()
