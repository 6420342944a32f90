"""Agreement between clusterings against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from sctl.methods.transfercluster.alignment import mean_agreement, pairwise_agreement


def test_is_the_adjusted_rand_index_of_scikit_learn(rng):
    runs = np.stack([rng.integers(k, size=70) for k in (2, 3, 5, 9)] + [np.repeat([0, 1], 35), np.zeros(70, int)])
    expected = [[adjusted_rand_score(a, b) for b in runs] for a in runs]
    np.testing.assert_allclose(pairwise_agreement(runs), expected, atol=1e-12)


def test_mean_is_over_different_pairs(rng):
    runs = rng.integers(3, size=(4, 50))
    pairs = [adjusted_rand_score(runs[i], runs[j]) for i in range(4) for j in range(i)]
    assert mean_agreement(runs) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert mean_agreement(runs[:1]) == 1.0
