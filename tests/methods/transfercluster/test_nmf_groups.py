"""Groups without labels: the start and the factorisation against scikit-learn, the choice on made cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import NMF, non_negative_factorization
from sklearn.decomposition._nmf import _initialize_nmf
from sklearn.metrics import adjusted_rand_score

from sctl.errors import Cancelled, ParameterError
from sctl.methods.transfercluster.nmf_groups import factorised, knee, nmf_groups, nndsvd, profiles_of_types
from sctl.run import Run

FREE = {"alpha": 0.0, "l1_ratio": 0.75, "run": Run()}


@pytest.fixture
def data(rng):
    types = np.repeat([0, 1, 2, 3], [40, 30, 30, 20])
    profiles = rng.gamma(0.4, 3.0, size=(4, 80))
    return sparse.csr_matrix(rng.poisson(profiles[types] + 0.05).astype(np.float32)), types


def test_start_is_that_of_scikit_learn(data):
    X = data[0].toarray().astype(float)
    W, H = nndsvd(X, 4)
    theirs = _initialize_nmf(X, 4, init="nndsvda", random_state=0)
    for ours, other in zip((W, H), theirs, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-2, atol=2e-3)  # scikit-learn's singular vectors are approximate


def test_error_is_that_of_scikit_learn(data):
    X = data[0].toarray().astype(float)
    H, error = factorised(data[0], 4, **FREE)
    theirs = NMF(4, init="nndsvda", max_iter=2000, tol=1e-6, random_state=0).fit(X)
    assert error == pytest.approx(theirs.reconstruction_err_**2 / (X**2).sum(), rel=1e-2)
    W, _, _ = non_negative_factorization(X, H=H, n_components=4, update_H=False, max_iter=2000, tol=1e-8)
    assert error == pytest.approx(((X - W @ H) ** 2).sum() / (X**2).sum(), rel=1e-4)


def test_finds_the_types_and_their_number(data):
    X, types = data
    groups = nmf_groups(X, range(2, 9), **FREE)
    assert groups.chosen == 4
    assert groups.tried == tuple(range(2, 9))
    assert list(groups.errors) == sorted(groups.errors, reverse=True)
    assert adjusted_rand_score(types, groups.codes) > 0.95
    assert sorted(set(groups.codes)) == list(range(4))


def test_one_number_is_taken_as_it_is(data):
    groups = nmf_groups(data[0], 2, **FREE)
    assert (groups.chosen, groups.tried, len(groups.errors)) == (2, (2,), 1)
    assert set(groups.codes) == {0, 1}


def test_same_seed_same_groups(data):
    again = [nmf_groups(data[0], range(2, 6), alpha=0.5, l1_ratio=0.5, run=Run(seed=4)) for _ in range(2)]
    np.testing.assert_array_equal(again[0].codes, again[1].codes)


def test_knee():
    assert knee((2, 3, 4, 5, 6), (1.0, 0.9, 0.3, 0.25, 0.2)) == 4
    assert knee((2, 3), (1.0, 0.2)) == 2
    assert knee((2, 3, 4), (0.5, 0.5, 0.5)) == 2


def test_what_cannot_be_grouped_is_refused(data):
    with pytest.raises(ParameterError, match="too few"):
        nmf_groups(data[0][:2], 2, **FREE)
    with pytest.raises(ParameterError, match="penalty"):
        nmf_groups(data[0], 3, alpha=1e6, l1_ratio=1.0, run=Run())


def test_without_a_warm_start_each_type_gets_its_profile(data):
    X, types = data
    H = profiles_of_types(X, types, 4, **FREE)
    means = np.stack([np.asarray(X[types == c].mean(axis=0)).ravel() for c in range(4)])
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (H, means)]
    np.testing.assert_array_equal((unit[0] @ unit[1].T).argmax(axis=1), np.arange(4))
    names = np.array([2, 0, 3, 1])  # other numbers for the same types: the same profiles in their order
    np.testing.assert_allclose(profiles_of_types(X, names[types], 4, **FREE)[names], H)


def test_profiles_without_a_warm_start_need_data(data):
    X, types = data
    with pytest.raises(ParameterError, match="too few for 4 profiles"):
        profiles_of_types(X[[0, 50, 80, 110]], np.arange(4), 4, **FREE)
    with pytest.raises(ParameterError, match="penalty"):
        profiles_of_types(X, types, 4, alpha=1e6, l1_ratio=1.0, run=Run())


def test_can_be_stopped(data):
    with pytest.raises(Cancelled):
        nmf_groups(data[0], 3, alpha=0.0, l1_ratio=0.0, run=Run(cancelled=lambda: True))
