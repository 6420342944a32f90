"""The dictionary and the loadings against scikit-learn, scipy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, sparse
from sklearn.decomposition import non_negative_factorization

from sctl.errors import Cancelled, ConvergenceWarning, DataError
from sctl.methods.transfercluster.nmf import elastic_net_nmf, nonnegative_loadings, scale_to
from sctl.numerics.class_means import class_means, one_hot
from sctl.run import Run


@pytest.fixture
def problem(rng):
    codes = np.repeat([0, 1, 2], [30, 20, 10])
    profiles = rng.gamma(1.0, 2.0, size=(3, 40))
    X = rng.poisson(profiles[codes]).astype(float)
    return X, codes


def objective(X, W, H, alpha, l1_ratio):
    penalty = l1_ratio * (W.sum() + H.sum()) + 0.5 * (1 - l1_ratio) * ((W**2).sum() + (H**2).sum())
    return 0.5 * ((X - W @ H) ** 2).sum() + alpha * penalty


def test_class_means_are_the_least_squares_solution(problem):
    X, codes = problem
    expected = np.linalg.lstsq(one_hot(codes, 3), X, rcond=None)[0]
    np.testing.assert_allclose(class_means(X, codes, 3), expected, rtol=1e-10)
    np.testing.assert_allclose(class_means(sparse.csr_matrix(X), codes, 3), expected, rtol=1e-10)


def test_class_means_of_a_type_without_cells_are_zero(problem):
    X, codes = problem
    assert (class_means(X, codes, 4)[3] == 0).all()


@pytest.mark.parametrize("alpha", [0.0, 1.0, 10.0])
def test_nmf_reaches_the_optimum_of_scikit_learn(problem, alpha):
    X, codes = problem
    W0, H0 = one_hot(codes, 3) + 0.01, class_means(X, codes, 3)
    W, H, _ = elastic_net_nmf(X, W0, H0, alpha=alpha, l1_ratio=0.75, max_iter=4000, tol=1e-6, run=Run())
    Ws, Hs, _ = non_negative_factorization(
        X,
        W0.copy(),
        H0.copy(),
        n_components=3,
        init="custom",
        tol=1e-10,
        max_iter=20_000,
        alpha_W=alpha / X.shape[1],
        alpha_H=alpha / X.shape[0],
        l1_ratio=0.75,
    )
    assert objective(X, W, H, alpha, 0.75) <= objective(X, Ws, Hs, alpha, 0.75) * 1.001
    assert (W >= 0).all()
    assert (H >= 0).all()


def test_nmf_objective_falls_at_every_round(problem):
    X, codes = problem
    W, H = one_hot(codes, 3), class_means(X, codes, 3)
    values = [objective(X, W, H, 2.0, 0.5)]
    for _ in range(20):
        with pytest.warns(ConvergenceWarning):
            W, H, _ = elastic_net_nmf(X, W, H, alpha=2.0, l1_ratio=0.5, max_iter=1, tol=0.0, run=Run())
        values.append(objective(X, W, H, 2.0, 0.5))
    assert (np.diff(values) <= 1e-9 * values[0]).all()
    assert values[-1] < values[0] * 0.99


def test_nmf_is_the_same_for_sparse_and_dense_and_leaves_its_start(problem):
    X, codes = problem
    W0, H0 = one_hot(codes, 3), class_means(X, codes, 3)
    before = W0.copy(), H0.copy()
    dense = elastic_net_nmf(X, W0, H0, alpha=1.0, l1_ratio=0.75, max_iter=500, tol=1e-3, run=Run())
    thin = elastic_net_nmf(sparse.csr_matrix(X), W0, H0, alpha=1.0, l1_ratio=0.75, max_iter=500, tol=1e-3, run=Run())
    np.testing.assert_allclose(dense[1], thin[1], rtol=1e-9)
    np.testing.assert_array_equal(W0, before[0])
    np.testing.assert_array_equal(H0, before[1])


def test_nmf_stops_when_asked(problem):
    X, codes = problem
    with pytest.raises(Cancelled):
        elastic_net_nmf(
            X,
            one_hot(codes, 3),
            class_means(X, codes, 3),
            alpha=1.0,
            l1_ratio=0.75,
            max_iter=50,
            tol=0.0,
            run=Run(cancelled=lambda: True),
        )


def test_scaling_undoes_any_shrinkage(rng):
    means = rng.gamma(2.0, size=(4, 20))
    shrunken = means * np.array([0.2, 0.5, 1.0, 3.0])[:, None]
    np.testing.assert_allclose(scale_to(shrunken, means), means, rtol=1e-12)
    shrunken[2] = 0.0
    np.testing.assert_allclose(scale_to(shrunken, means)[2], means[2])


def test_loadings_are_those_of_scipy(rng):
    H = rng.gamma(1.0, size=(5, 30))
    X = np.abs(rng.normal(size=(25, 30)))
    expected = np.stack([optimize.nnls(H.T, x)[0] for x in X])
    np.testing.assert_allclose(nonnegative_loadings(H @ H.T, H @ X.T), expected, atol=1e-8)


def test_loadings_satisfy_the_optimality_conditions_with_equal_profiles(rng):
    H = rng.gamma(1.0, size=(3, 30))
    H = np.vstack([H, H[:1]])  # two types with one profile: Q has no inverse
    X = np.abs(rng.normal(size=(10, 30)))
    W = nonnegative_loadings(H @ H.T, H @ X.T)
    gradient = (W @ H - X) @ H.T
    assert (W >= 0).all()
    assert (gradient > -1e-8).all()
    assert np.abs(gradient[W > 1e-10]).max() < 1e-8


def test_an_empty_dictionary_is_an_error():
    with pytest.raises(DataError, match="empty profiles"):
        nonnegative_loadings(np.zeros((2, 2)), np.zeros((2, 3)))
