"""Against loops that follow the equations word by word, and scikit-learn where they agree."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from sctl.numerics.neighbors import ReferenceIndex, label_shares, neighbor_weights


@pytest.fixture
def cells(rng):
    """Reference, its labels, query."""
    centres = rng.normal(scale=3.0, size=(3, 4))
    codes = rng.integers(3, size=120)
    return (
        centres[codes] + rng.normal(size=(120, 4)),
        codes,
        centres[rng.integers(3, size=40)] + rng.normal(size=(40, 4)),
    )


def by_the_paper(reference, codes, cell, k, n_labels, *, about_mean):
    distance = np.sqrt(((reference - cell) ** 2).sum(axis=1))
    nearest = np.argsort(distance)[:k]
    d = distance[nearest]
    s = np.std(d) if about_mean else np.sqrt(np.sum(d**2) / k)
    weight = np.exp(-d / (2 / s) ** 2)
    share = np.zeros(n_labels)
    for i, w in zip(nearest, weight, strict=True):
        share[codes[i]] += w
    return share / weight.sum()


@pytest.mark.parametrize(("weighting", "about_mean"), [("paper", False), ("deviation", True)])
def test_published_weights(cells, weighting, about_mean):
    reference, codes, query = cells
    votes = ReferenceIndex(reference, codes, 3, k=7).query(query, weighting)
    expected = [by_the_paper(reference, codes, cell, 7, 3, about_mean=about_mean) for cell in query]
    np.testing.assert_allclose(votes.proba, expected, atol=1e-12)


def test_local_weights(cells):
    reference, codes, query = cells
    k, index = 7, ReferenceIndex(reference, codes, 3, k=7)
    between = np.sqrt(((reference[:, None] - reference[None]) ** 2).sum(-1))
    own = np.sort(between, axis=1)[:, 1 : k + 1].mean(axis=1)
    np.testing.assert_allclose(index.own, own)
    votes = index.query(query, "local")
    for row, cell in enumerate(query):
        d = np.sqrt(((reference - cell) ** 2).sum(axis=1))
        near = np.argsort(d)[:k]
        weight = np.exp(-(d[near] ** 2) / (own[near] * d[near].mean()))
        expected = np.bincount(codes[near], weights=weight, minlength=3) / weight.sum()
        np.testing.assert_allclose(votes.proba[row], expected, atol=1e-12)
        assert votes.distance[row] == pytest.approx(d[near].mean() / own[near].mean())


def test_equal_weights_are_scikit_learns(cells):
    reference, codes, query = cells
    oracle = KNeighborsClassifier(n_neighbors=9).fit(reference, codes)
    index = ReferenceIndex(reference, codes, 3, k=9)
    np.testing.assert_allclose(index.query(query, "uniform").proba, oracle.predict_proba(query))
    np.testing.assert_allclose(index.query(query / 1e3, "uniform").proba.sum(1), 1)


def test_only_ours_has_no_unit_of_length(cells):
    reference, codes, query = cells
    for weighting, alike in (("local", True), ("paper", False), ("deviation", False)):
        small = ReferenceIndex(reference, codes, 3).query(query, weighting)
        large = ReferenceIndex(100 * reference, codes, 3).query(100 * query, weighting)
        assert np.allclose(small.proba, large.proba) is alike
        np.testing.assert_allclose(small.distance, large.distance)


def test_a_reference_cell_does_not_vote_on_itself(cells):
    reference, codes, _ = cells
    votes = ReferenceIndex(reference, codes, 3, k=5).leave_one_out("uniform")
    alone = ReferenceIndex(np.delete(reference, 4, axis=0), np.delete(codes, 4), 3, k=5).query(
        reference[4:5], "uniform"
    )
    np.testing.assert_allclose(votes.proba[4], alone.proba[0])
    assert np.median(votes.distance) == pytest.approx(1.0, abs=0.2)


def test_tree_and_all_distances_agree(rng):
    reference, codes, query = rng.normal(size=(700, 5)), rng.integers(4, size=700), rng.normal(size=(50, 5))
    tree = ReferenceIndex(reference, codes, 4)
    assert tree._tree._fit_method == "kd_tree"
    padded = [np.pad(points, ((0, 0), (0, 15))) for points in (reference, query)]
    brute = ReferenceIndex(padded[0], codes, 4)
    assert brute._tree._fit_method == "brute"
    np.testing.assert_allclose(tree.query(query).proba, brute.query(padded[1]).proba, atol=1e-9)


def test_a_far_cell_is_far_though_it_is_not_ambiguous(cells):
    reference, codes, _ = cells
    far = reference[:1] + 1e3
    votes = ReferenceIndex(reference, codes, 3).query(far)
    assert votes.distance[0] > 100
    assert np.isfinite(votes.proba).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_and_equal_cells(n):
    index = ReferenceIndex(np.zeros((n, 2)), np.zeros(n, dtype=int), 2, k=15)
    for weighting in ("local", "paper", "deviation", "uniform"):
        votes = index.query(np.array([[0.0, 0.0], [1.0, 1.0]]), weighting)
        np.testing.assert_allclose(votes.proba, [[1, 0], [1, 0]])
        np.testing.assert_allclose(votes.ambiguity, 0)


def test_weights_and_shares_of_equal_distances():
    distances = np.full((2, 3), 2.0)
    for weighting in ("local", "paper", "deviation"):
        np.testing.assert_allclose(neighbor_weights(distances, distances, weighting), 1.0)
    np.testing.assert_allclose(label_shares(np.ones((1, 4)), np.array([[0, 0, 2, 2]]), 3), [[0.5, 0, 0.5]])
