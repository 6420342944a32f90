"""Genes and cells of clusters against scipy, scikit-learn and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.metrics import roc_auc_score

from sctl.errors import DataError
from sctl.methods.transfercluster.biology import cluster_genes, differing_genes, marker_genes
from sctl.numerics.outliers import outlier_scores, robust_components
from sctl.run import Run

CLUSTERS = np.repeat([0, 1, 2], [20, 15, 10])


@pytest.fixture(name="X")
def expression(rng):
    means = rng.gamma(0.5, size=(3, 40))[CLUSTERS]
    counts = rng.poisson(means).astype(float)
    counts[:, 0] = 0.0
    counts[:, 1] = 2.0
    return np.log1p(counts)


@pytest.fixture
def table(X):
    return cluster_genes(sparse.csr_matrix(X), CLUSTERS, [f"g{i}" for i in range(X.shape[1])])


def test_kruskal_wallis_is_scipys(X, table):
    for gene in range(2, 40):
        if np.ptp(X[:, gene]) == 0:
            continue
        expected = stats.kruskal(*(X[c == CLUSTERS, gene] for c in range(3)))
        assert table["kruskal"][gene] == pytest.approx(expected.statistic)
        assert table["kruskal_p"][gene] == pytest.approx(expected.pvalue)


def test_the_cluster_is_that_of_the_highest_mean_rank_with_its_auroc_and_p(X, table):
    for gene in range(2, 40):
        ranks = stats.rankdata(X[:, gene])
        means = [ranks[c == CLUSTERS].mean() for c in range(3)]
        best = int(np.argmax(means))
        if sorted(means)[-1] - sorted(means)[-2] < 1e-9:
            assert table["cluster"][gene] == -1
            continue
        inside = best == CLUSTERS
        assert table["cluster"][gene] == best
        assert table["auroc"][gene] == pytest.approx(roc_auc_score(inside, X[:, gene]))
        expected = stats.mannwhitneyu(X[inside, gene], X[~inside, gene], method="asymptotic", use_continuity=False)
        assert table["p_value"][gene] == pytest.approx(expected.pvalue)


def test_genes_with_one_value_belong_to_no_cluster_and_do_not_differ(table):
    constant = table.iloc[:2]
    assert (constant["cluster"] == -1).all()
    assert (constant[["p_value", "kruskal_p"]] == 1.0).all(axis=None)
    assert (constant["kruskal"] == 0.0).all()


@pytest.mark.parametrize(("raw", "adjusted"), [("p_value", "p_adjusted"), ("kruskal_p", "kruskal_p_adjusted")])
def test_p_values_are_adjusted_by_holm(table, raw, adjusted):
    p = table[raw].to_numpy()
    by_hand = [max(min(1.0, (p >= smaller).sum() * smaller) for smaller in p[p <= own]) for own in p]
    np.testing.assert_allclose(table[adjusted], by_hand, rtol=1e-12)


def test_dense_and_sparse_give_the_same(X, table):
    names = list(table["gene"])
    assert cluster_genes(X, CLUSTERS, names).equals(table)


def test_cluster_numbers_may_have_gaps(X, table):
    gaps = cluster_genes(X, np.array([3, 5, 9])[CLUSTERS], list(table["gene"]))
    np.testing.assert_array_equal(gaps["cluster"], np.array([3, 5, 9, -1])[table["cluster"]])


def test_views_are_sorted_and_within_limits(X):
    up = X.copy()
    up[CLUSTERS == 2, 5] += 5.0
    found = cluster_genes(up, CLUSTERS, [f"g{i}" for i in range(40)])
    markers = marker_genes(found)
    assert "g5" in set(markers.loc[markers["cluster"] == 2, "gene"])
    assert (markers["auroc"] >= 0.85).all()
    assert markers["cluster"].is_monotonic_increasing
    differing = differing_genes(found)
    assert differing["kruskal"].is_monotonic_decreasing
    assert (differing["kruskal_p_adjusted"] <= 0.01).all()
    assert "g0" not in set(differing["gene"])


def test_refusals(X):
    with pytest.raises(DataError, match="single cluster"):
        cluster_genes(X, np.zeros(45, dtype=int), range(40))
    with pytest.raises(DataError, match="45 cells"):
        cluster_genes(X, CLUSTERS[:-1], range(40))


# -- outliers ------------------------------------------------------------------------------------


def cloud(rng, n_obs=80, n_vars=50):
    return rng.normal(size=(n_obs, 3)) @ rng.normal(size=(3, n_vars)) * 3 + 0.1 * rng.normal(size=(n_obs, n_vars))


def test_planted_outliers_score_and_others_do_not(rng):
    X = cloud(rng)
    directions = np.linalg.svd(X, full_matrices=False)[2][:3]
    X[:4] = 40.0 * X.std() * directions[0]
    X[4] = -300.0 * directions[1]
    scores = outlier_scores(X @ X.T, np.zeros(80, dtype=int), Run())
    assert (scores[:5] > 3).all()
    assert (scores[5:] == 0).mean() > 0.95


def test_few_outliers_hardly_turn_the_components(rng):
    X = cloud(rng)
    clean = robust_components(X @ X.T, 3)
    spoiled = X.copy()
    spoiled[:4] = 500.0 * rng.normal(size=(4, 50))
    found = robust_components(spoiled @ spoiled.T, 3)
    from_clean = np.linalg.lstsq(clean[4:] - clean[4:].mean(0), found[4:] - found[4:].mean(0), rcond=None)[0]
    explained = (clean[4:] - clean[4:].mean(0)) @ from_clean
    assert explained.var() / found[4:].var() > 0.9
    plain = np.linalg.eigh(np.cov(spoiled.T))[1][:, -3:]
    kept = ((spoiled - spoiled[4:].mean(0))[4:] @ plain).var() / (X[4:] - X[4:].mean(0)).var()
    assert kept < 0.9 * (found[4:].var() / (X[4:] - X[4:].mean(0)).var())  # the usual components do turn


def test_components_keep_the_distances_of_points_in_a_plane(rng):
    points = rng.normal(size=(30, 2)) * [5.0, 1.0]
    X = points @ np.linalg.qr(rng.normal(size=(20, 2)))[0].T
    found = robust_components(X @ X.T, 3)
    assert found.shape == (30, 2)
    np.testing.assert_allclose(
        np.linalg.norm(found[:, None] - found, axis=-1), np.linalg.norm(points[:, None] - points, axis=-1), atol=1e-6
    )


@pytest.mark.parametrize("size", [1, 6])
def test_small_clusters_have_no_outliers(rng, size):
    X = rng.normal(size=(size + 20, 5))
    clusters = np.r_[np.zeros(size, dtype=int), np.ones(20, dtype=int)]
    X[0] = 1e3
    assert (outlier_scores(X @ X.T, clusters, Run())[:size] == 0).all()


def test_equal_cells_and_planes_do_not_fail(rng):
    flat = np.zeros((20, 5))
    assert (outlier_scores(flat @ flat.T, np.zeros(20, dtype=int), Run()) == 0).all()
    mostly = np.zeros((20, 5))
    mostly[:6] = rng.normal(size=(6, 5))
    assert np.isfinite(outlier_scores(mostly @ mostly.T, np.zeros(20, dtype=int), Run())).all()


def test_scores_repeat(rng):
    X = cloud(rng)
    G, clusters = X @ X.T, np.repeat([0, 1], 40)
    np.testing.assert_array_equal(outlier_scores(G, clusters, Run(seed=3)), outlier_scores(G, clusters, Run(seed=3)))
