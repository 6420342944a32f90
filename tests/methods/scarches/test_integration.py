"""Closed forms, loops that follow the definitions, scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import entropy
from sklearn.metrics import silhouette_score

from sctl.methods.scarches.integration import (
    batch_silhouette,
    graph_connectivity,
    label_purity,
    lisi,
    mixing_entropies,
    nearest,
    neighbourhood_purity,
    scaled_lisi,
    type_silhouette,
)


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


def test_lisi_counts_equal_neighbours():
    distances, codes = np.ones((6, 4)), np.array([0, 0, 1, 1, 2, 3])
    neighbors = np.array([[0, 1, 2, 3], [0, 1, 0, 1], [0, 2, 4, 5], [0, 0, 0, 2], [5, 5, 5, 5], [2, 3, 4, 4]])
    expected = [2.0, 1.0, 4.0, 1 / (0.75**2 + 0.25**2), 1.0, 2.0]
    np.testing.assert_allclose(lisi(distances, neighbors, codes, perplexity=4), expected)


def test_lisi_has_the_perplexity_that_was_asked_for(rng):
    distances = np.sort(rng.gamma(2.0, size=(20, 30)), axis=1)
    everyone_differs = np.tile(np.arange(30), (20, 1))
    # the entropy of the weights is fixed, and the inverse Simpson index of any weights is at most its exponential
    found = lisi(distances, everyone_differs, np.arange(30), perplexity=10)
    assert (found <= 10 + 1e-6).all()
    assert (found > 5).all()
    row = distances[0]
    steepness = np.linspace(0.0, 10, 200_001)
    weights = np.exp(-np.outer(steepness, row))
    weights /= weights.sum(axis=1, keepdims=True)
    best = weights[np.argmin(np.abs(entropy(weights, axis=1) - np.log(10)))]
    assert found[0] == pytest.approx(1 / (best**2).sum(), rel=1e-3)


def test_scaled_lisi_runs_from_bad_to_good():
    assert scaled_lisi(np.array([3.0]), 3, mixed_is_good=True) == 1.0
    assert scaled_lisi(np.array([1.0]), 3, mixed_is_good=True) == 0.0
    assert scaled_lisi(np.array([1.0]), 3, mixed_is_good=False) == 1.0
    assert scaled_lisi(np.array([1.0]), 1, mixed_is_good=False) == 1.0


def test_silhouettes_are_scikit_learns(mixed):
    points, labels, batches = mixed
    assert type_silhouette(points, labels) == pytest.approx((silhouette_score(points, labels) + 1) / 2)
    assert type_silhouette(points, np.zeros(120, dtype=int)) == 0.5
    assert batch_silhouette(points, batches, labels) > 0.9
    apart = points + 50.0 * batches[:, None]
    assert batch_silhouette(apart, batches, labels) < 0.2
    assert np.isnan(batch_silhouette(points, labels, labels))


def test_connectivity_of_a_torn_type():
    chain = np.array([[1], [0], [3], [2], [3]])
    assert graph_connectivity(chain, np.zeros(5, dtype=int)) == pytest.approx(3 / 5)
    assert graph_connectivity(chain, np.array([0, 0, 1, 1, 1])) == 1.0


def test_values_of_a_published_package():
    """Literals of scib-metrics 0.5.10 for the same points; of 20 neighbours it leaves out the first, the cell itself."""
    labels, batches = np.repeat([0, 1, 2], 30), np.tile([0, 1], 45)
    noise = np.random.default_rng(7).normal(size=(90, 4)).round(3)
    points = noise + 2.0 * labels[:, None] + 0.7 * batches[:, None]
    between = cdist(points, points)
    found = np.argsort(between, axis=1, kind="stable")[:, 1:20]
    distances = np.take_along_axis(between, found, axis=1)
    mixed, pure = (lisi(distances, found, codes, perplexity=6) for codes in (batches, labels))
    np.testing.assert_allclose(mixed[:5], [1.4203769, 1.2528127, 1.2578878, 1.1585872, 1.1095384], rtol=2e-3)
    assert mixed.mean() == pytest.approx(1.5421182, rel=1e-3)
    assert pure.mean() == pytest.approx(1.0675391, rel=1e-3)
    assert scaled_lisi(mixed, 2, mixed_is_good=True) == pytest.approx(0.5123625, rel=3e-3)
    assert scaled_lisi(pure, 3, mixed_is_good=False) == pytest.approx(0.998103, rel=1e-3)
    assert type_silhouette(points, labels) == pytest.approx(0.7053492, rel=1e-5)
    assert batch_silhouette(points, batches, labels) == pytest.approx(0.8308738, rel=1e-5)
    assert graph_connectivity(found, labels) == 1.0
