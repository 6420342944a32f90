"""Z-scores against scipy."""

from __future__ import annotations

import numpy as np
from scipy import sparse, stats

from sctl.methods.itclust.scaling import z_scores


def test_are_those_of_scipy(rng):
    X = rng.poisson(1.0, (50, 8)).astype(float)
    expected = stats.zscore(X, ddof=1)
    np.testing.assert_allclose(z_scores(X), expected, atol=1e-5)
    np.testing.assert_allclose(z_scores(sparse.csr_matrix(X)), expected, atol=1e-5)


def test_each_batch_is_scaled_on_its_own(rng):
    X, batches = rng.normal(size=(60, 4)), np.repeat([0, 1, 2], [30, 29, 1])
    X[batches == 1] = 5 * X[batches == 1] + 20
    scaled = z_scores(X, batches=batches)
    for batch in (0, 1):
        np.testing.assert_allclose(scaled[batches == batch], stats.zscore(X[batches == batch], ddof=1), atol=1e-5)
    assert (scaled[-1] == 0).all()


def test_clips_one_side_or_both(rng):
    X = np.vstack([rng.normal(size=(500, 2)), [[100, -100]]])
    assert z_scores(X).min() == -6
    assert z_scores(X).max() == 6
    one = z_scores(X, both_sides=False)
    assert one.max() == 6
    assert one.min() < -6


def test_the_input_is_left_as_it_was(rng):
    X = rng.normal(size=(5, 3)).astype(np.float32)
    before = X.copy()
    z_scores(X)
    np.testing.assert_array_equal(X, before)
