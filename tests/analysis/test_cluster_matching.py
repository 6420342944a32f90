"""The numbers that clusters are given."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from sctl.analysis.cluster_matching import matched


def test_a_permutation_is_undone(rng):
    reference = rng.integers(0, 5, size=60)
    assert (matched(rng.permutation(5)[reference], reference) == reference).all()


@pytest.mark.parametrize(("n_own", "n_other"), [(3, 3), (4, 3), (3, 4), (4, 2)])
def test_no_other_numbering_agrees_in_more_cells(rng, n_own, n_other):
    clusters, reference = rng.integers(0, n_own, size=40), rng.integers(0, n_other, size=40)
    found = matched(clusters, reference)
    numbers = range(max(n_own, n_other))
    best = max((np.array(names)[clusters] == reference).sum() for names in permutations(numbers, n_own))
    assert (found == reference).sum() == best


@pytest.mark.parametrize(("n_own", "n_other"), [(6, 2), (2, 6), (4, 4)])
def test_the_partition_stays_the_same(rng, n_own, n_other):
    clusters, reference = rng.integers(0, n_own, size=50), rng.integers(0, n_other, size=50)
    assert adjusted_rand_score(clusters, matched(clusters, reference)) == 1.0


def test_a_cell_without_a_cluster_stays_without():
    assert matched(np.array([1, -1, 0]), np.array([0, 0, -1])).tolist()[1] == -1
