"""Closed forms, loops that follow the definitions, and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import entropy

from benchmarks.paper_scarches.integration import label_purity, mixing_entropies, nearest, neighbourhood_purity


@pytest.fixture
def mixed(rng):
    """Points of two types and three batches that are mixed."""
    labels, batches = np.repeat([0, 1], 60), rng.integers(3, size=120)
    return rng.normal(size=(120, 5)) + 6.0 * labels[:, None], labels, batches


def test_neighbours_leave_the_cell_itself_out(rng):
    points = rng.normal(size=(30, 3))
    distances, found = nearest(points, 4)
    between = cdist(points, points)
    np.fill_diagonal(between, np.inf)
    np.testing.assert_array_equal(found, np.argsort(between, axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(between, axis=1)[:, :4])


def test_entropy_is_scipys(mixed):
    points, _, batches = mixed
    _, found = nearest(points, 15)
    expected = [entropy(np.bincount(batches[row], minlength=3)) for row in found]
    np.testing.assert_allclose(mixing_entropies(found, batches, normalized=False), expected)
    whole = entropy(np.bincount(batches))
    np.testing.assert_allclose(mixing_entropies(found, batches, normalized=True), np.array(expected) / whole)


def test_entropy_knows_perfect_and_no_mixing():
    batches = np.array([0, 1, 0, 1])
    everyone = np.array([[0, 1], [0, 1], [2, 3], [2, 3]])
    assert mixing_entropies(everyone, batches, normalized=True) == pytest.approx(1.0)
    assert mixing_entropies(everyone, batches, normalized=False) == pytest.approx(np.log(2))
    own = np.array([[2, 2], [3, 3], [0, 0], [1, 1]])
    assert mixing_entropies(own, batches, normalized=True) == pytest.approx(0.0)
    assert mixing_entropies(own, np.zeros(4, dtype=int), normalized=True) == pytest.approx(1.0)


def test_purity_of_labels_weighs_types_alike():
    neighbors = np.array([[1, 2], [0, 2], [0, 1], [0, 1]])  # three of type 0 among themselves, one of type 1 among them
    assert label_purity(neighbors, np.array([0, 0, 0, 1])) == pytest.approx(0.5)


def test_purity_of_neighbourhoods_is_the_jaccard_index(mixed, rng):
    points, _, batches = mixed
    after = points + rng.normal(scale=0.7, size=points.shape)
    assert neighbourhood_purity(points, 3.0 * points, batches, k=5) == pytest.approx(1.0)
    means = []
    for batch in range(3):
        cells = np.flatnonzero(batches == batch)
        one, two = (nearest(space[cells], 5)[1] for space in (points, after))
        means.append(np.mean([len({*a} & {*b}) / len({*a} | {*b}) for a, b in zip(one, two, strict=True)]))
    found = neighbourhood_purity(points, after, batches, k=5)
    assert found == pytest.approx(np.mean(means))
    assert 0 < found < 1
