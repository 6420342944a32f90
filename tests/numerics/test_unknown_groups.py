"""Groups of unknown cells that can be seen by eye."""

from __future__ import annotations

import numpy as np
import pytest

from sctl.numerics.unknown_groups import divide, unknown_groups


@pytest.mark.parametrize("sizes", [(40,), (40, 20), (50, 30, 15)])
def test_clear_groups_are_found(rng, sizes):
    centres = 12.0 * np.array([[0, 0], [1, 0], [0, 1]])
    truth = np.repeat(np.arange(len(sizes)), sizes)
    found = unknown_groups(centres[truth] + rng.normal(size=(len(truth), 2)), rng)
    np.testing.assert_array_equal(found, truth)  # the largest comes first


@pytest.mark.parametrize("n", [0, 1, 5, 19])
def test_few_cells_are_one_group(rng, n):
    assert (unknown_groups(rng.normal(size=(n, 3)), rng) == 0).all()


def test_clusters_are_labels_and_groups():
    votes = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.6, 0.4, 0.0], [0.5, 0.5, 0.0]])
    unknown = np.array([0.1, 0.2, 0.9, 0.8])
    division = divide(votes, unknown, unknown > 0.5, np.array([1, 0]))
    assert division.names(["a", "b", "c"]) == ["a", "b", "unknown 1", "unknown 2"]  # nobody is c
    np.testing.assert_array_equal(division.clusters, [0, 1, 3, 2])
    np.testing.assert_allclose(division.proba.sum(axis=1), 1.0)
    np.testing.assert_allclose(division.proba[2], [0.06, 0.04, 0.0, 0.9])
    np.testing.assert_allclose(division.proba[0], [0.81, 0.09, 0.05, 0.05])


def test_groups_pass_over_the_names_of_types():
    votes = np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]])
    division = divide(votes, np.array([0.1, 0.9, 0.8]), np.array([False, True, True]), np.array([0, 1]))
    assert division.names(["unknown 1", "b"]) == ["unknown 1", "unknown 2", "unknown 3"]


def test_without_unknown_cells_there_are_only_types():
    division = divide(np.array([[0.7, 0.3]]), np.array([0.4]), np.array([False]), np.array([], dtype=int))
    assert division.names(["a", "b"]) == ["a"]
    np.testing.assert_allclose(division.proba, [[1.0]])
