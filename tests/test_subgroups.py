from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score, silhouette_score

from sctl.analysis.components import pca
from sctl.analysis.subcluster import subgroups
from sctl.errors import ParameterError
from sctl.run import Run


@pytest.fixture
def parted(rng):
    """Cells of three kinds that differ in ten genes each, among many that tell nothing."""
    truth = np.repeat([0, 1, 2], [40, 25, 15])
    X = rng.gamma(2.0, 0.2, size=(80, 300))
    for kind in range(3):
        X[truth == kind, 10 * kind : 10 * kind + 10] += 3.0
    return X, truth


def test_cells_are_divided_as_they_differ(parted):
    X, truth = parted
    groups, silhouette = subgroups(X, 3)
    assert adjusted_rand_score(truth, groups) == 1
    assert np.bincount(groups).tolist() == [40, 25, 15]  # the largest first
    np.testing.assert_allclose(silhouette, silhouette_score(pca(X, 20), groups), rtol=1e-6)
    assert silhouette > 0.5


def test_sparse_cells_are_divided_alike_and_stay_as_they_were(parted):
    X, _ = parted
    kept = sparse.csr_matrix(X)
    before = kept.copy()
    np.testing.assert_array_equal(subgroups(kept, 3)[0], subgroups(X, 3)[0])
    assert (kept != before).nnz == 0


def test_only_genes_that_vary_among_these_cells_count(rng):
    X = np.hstack([np.full((40, 1_200), 5.0), rng.normal(size=(40, 10))])  # high, but the same everywhere
    X[:20, 1_200] += 20.0
    groups, _ = subgroups(X, 2)
    assert adjusted_rand_score(np.arange(40) < 20, groups) == 1


def test_what_does_not_part_has_a_low_silhouette(rng):
    assert subgroups(rng.normal(size=(200, 50)), 2)[1] < 0.2


@pytest.mark.parametrize(("n_obs", "n_groups"), [(40, 1), (9, 2), (14, 3)])
def test_too_many_groups_are_refused(rng, n_obs, n_groups):
    with pytest.raises(ParameterError, match=f"{n_obs} cells cannot be divided into {n_groups}"):
        subgroups(rng.normal(size=(n_obs, 20)), n_groups, Run())
