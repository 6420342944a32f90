"""Naming cells by source types, by hand; silhouettes against scikit-learn; drawing cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_samples

from sctl.methods.transfercluster.loadings import evidence, label_probabilities
from sctl.numerics.resample import stratified
from sctl.numerics.silhouette import mean_silhouette, silhouettes


def test_evidence_shares_follow_contribution_not_weight():
    shares = evidence(np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([3.0, 1.0]))
    np.testing.assert_allclose(shares, [[0.75, 0.25], [0.0, 0.0]])


def test_cluster_speaks_for_a_cell_without_evidence():
    own = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    clusters = np.zeros(3, dtype=int)
    proba = label_probabilities(clusters, np.ones((3, 1)), own, own.argmax(axis=1))
    np.testing.assert_allclose(proba, [[1.0, 0.0], [1.0, 0.0], [0.5, 0.0]])


def test_one_dissenting_cell_is_less_sure_than_its_neighbours():
    own = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    proba = label_probabilities(np.zeros(4, dtype=int), np.ones((4, 1)), own, own.argmax(axis=1))
    assert proba[3].argmax() == 0  # three of four neighbours outweigh a slight preference
    assert proba[3, 0] < proba[0, 0]


def test_silhouettes_are_those_of_scikit_learn(rng):
    D = squareform(pdist(rng.normal(size=(40, 3))))
    clusters = np.append(rng.integers(3, size=39), 3)  # the last cell is alone
    np.testing.assert_allclose(
        silhouettes(D, clusters), silhouette_samples(D, clusters, metric="precomputed"), atol=1e-12
    )
    assert mean_silhouette(D, np.zeros(40, dtype=int)) == 0.0


def test_stratified_keeps_every_type(rng):
    codes = np.repeat([0, 1, 2], [500, 50, 1])
    drawn = stratified(codes, 100, rng)
    assert list(np.unique(codes[drawn])) == [0, 1, 2]
    assert len(drawn) <= 101
    assert len(np.unique(drawn)) == len(drawn)
    assert np.bincount(codes[drawn])[0] == pytest.approx(90, abs=2)
    np.testing.assert_array_equal(stratified(codes, 1000, rng), np.arange(551))
