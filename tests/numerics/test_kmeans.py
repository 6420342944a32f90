"""k-means: an optimum, against scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from sctl.numerics.kmeans import kmeans


def inertia(points, labels):
    return sum(((points[labels == c] - points[labels == c].mean(axis=0)) ** 2).sum() for c in np.unique(labels))


def test_as_good_as_scikit_learn(rng):
    points = rng.normal(size=(150, 6)) + 2 * rng.normal(size=(5, 6))[rng.integers(5, size=150)]
    theirs = KMeans(5, n_init=20, random_state=0).fit(points).inertia_
    assert inertia(points, kmeans(points, 5, n_init=20, rng=rng)) <= theirs * 1.01


def test_is_a_fixed_point_of_lloyd(rng):
    points = rng.normal(size=(80, 3))
    labels = kmeans(points, 4, n_init=3, rng=rng)
    centres = np.stack([points[labels == c].mean(axis=0) for c in range(4)])
    np.testing.assert_array_equal(((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1), labels)


def test_same_seed_same_clusters(rng):
    points = rng.normal(size=(60, 4))
    first, second = (kmeans(points, 3, n_init=5, rng=np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_equal_points_and_single_clusters():
    rng = np.random.default_rng(0)
    assert set(kmeans(np.ones((5, 2)), 3, n_init=2, rng=rng)) <= {0, 1, 2}
    assert (kmeans(np.arange(6.0)[:, None], 1, n_init=2, rng=rng) == 0).all()
    assert len(set(kmeans(np.arange(4.0)[:, None], 4, n_init=5, rng=rng))) == 4
