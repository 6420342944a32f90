"""Before and after: silhouettes against scikit-learn, confidence on a case that fits on paper."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from sctl.methods.itclust.stages import FineTuningStage, cluster_confidence, compare, is_explained, mean_confidence


def hard(labels):
    """Return a clustering that is sure of its labels."""
    proba = np.eye(labels.max() + 1)[labels]
    return FineTuningStage(proba, np.arange(proba.shape[1]), np.zeros((len(labels), 2)))


def test_recommends_the_labels_that_divide_the_data(rng):
    truth = np.repeat([0, 1, 2], 30)
    X = rng.normal(size=(90, 30)) + 3 * rng.normal(size=(3, 30))[truth]
    wrong = rng.permutation(truth)
    worse, better = compare(X, hard(truth), hard(wrong), rng=rng), compare(X, hard(wrong), hard(truth), rng=rng)
    assert worse.recommended == "before"
    assert better.recommended == "after"
    assert better.flipped == pytest.approx((wrong != truth).mean())
    points = PCA(20).fit_transform(X)
    assert better.silhouette_after == pytest.approx(silhouette_score(points, truth), abs=1e-6)


def test_whether_the_source_explains_the_target_is_measured_against_groups_made_without_it(rng):
    truth = np.repeat([0, 1, 2], 30)
    X = rng.normal(size=(90, 30)) + 3 * rng.normal(size=(3, 30))[truth]
    halves = hard(np.tile([0, 1], 45))
    right, wrong = compare(X, halves, hard(truth), rng=rng), compare(X, halves, halves, rng=rng)
    assert right.silhouette_own == pytest.approx(right.silhouette_after)
    assert is_explained(right)
    assert not is_explained(wrong)


def test_labels_that_are_one_group_do_not_fail(rng):
    one = hard(np.zeros(10, int))
    assert compare(rng.normal(size=(10, 5)), one, one, rng=rng).silhouette_after == 0


def test_new_clusters_have_no_type():
    found = FineTuningStage(np.array([[0.2, 0.1, 0.7], [0.5, 0.4, 0.1]]), np.array([3, 0, -1]), np.zeros((2, 1)))
    assert found.labels.tolist() == [-1, 3]
    np.testing.assert_allclose(found.label_proba(4), [[0.1, 0, 0, 0.2], [0.4, 0, 0, 0.5]])
    met = found.among_matched()
    assert met.types.tolist() == [3, -1]
    np.testing.assert_allclose(met.proba[1], [5 / 6, 1 / 6])


def test_confidence_is_the_share_that_was_there_from_the_start():
    start, end = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(cluster_confidence(start, end, 3), [1.0, 0.5, 0.0])


def test_mean_confidence_is_half_before_and_half_after():
    before = FineTuningStage(np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]]), np.array([0, 2]), np.zeros((3, 1)))
    after = FineTuningStage(np.array([[1.0, 0.0], [0.8, 0.2], [0.3, 0.7]]), np.array([0, -1]), np.zeros((3, 1)))
    np.testing.assert_allclose(mean_confidence(after.labels, (before, after), 3), [0.95, 0.6, 0.6])


def test_the_later_labels_are_kept_where_both_are_alike(rng):
    truth = np.repeat([0, 1, 2], 30)
    X = rng.normal(size=(90, 30)) + 3 * rng.normal(size=(3, 30))[truth]
    same = compare(X, hard(truth), hard(truth), rng=rng)
    assert same.silhouette_before == same.silhouette_after
    assert (same.recommended, same.flipped) == ("after", 0.0)
