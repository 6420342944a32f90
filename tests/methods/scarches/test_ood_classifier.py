"""Types on a line in the plane, so that what is new, far or between can be seen by eye."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.linear_model import LogisticRegression

from sctl.methods.scarches.gaussians import ClassGaussians
from sctl.methods.scarches.integration import auroc
from sctl.methods.scarches.ood_classifier import FEATURES, Novelty, ReferenceSpace, held_out, learn_novelty

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


@pytest.fixture
def reference(rng):
    """Points of five types."""
    codes = np.repeat(np.arange(5), 60)
    return CENTRES[codes] + rng.normal(size=(300, 2)), codes


def test_distances_are_scipys(reference):
    points, codes = reference
    found = ClassGaussians(points, codes).distances(points[:7])
    own = [np.cov(points[codes == code].T) for code in range(5)]
    pooled = np.mean(own, axis=0)
    for code in range(5):
        inverse = np.linalg.inv((60 * own[code] + 2 * pooled) / 62)
        center = points[codes == code].mean(axis=0)
        usual = np.median([mahalanobis(point, center, inverse) ** 2 for point in points[codes == code]])
        expected = [mahalanobis(point, center, inverse) ** 2 / usual for point in points[:7]]
        np.testing.assert_allclose(found[:, code], expected, rtol=1e-4)


def test_shapes_do_not_depend_on_the_unit(reference):
    points, codes = reference
    stretched = points * np.array([1.0, 50.0])
    np.testing.assert_allclose(
        ClassGaussians(points, codes).distances(points),
        ClassGaussians(stretched, codes).distances(stretched),
        rtol=1e-2,
    )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_shapes_of_few_or_equal_cells(n):
    assert np.isfinite(ClassGaussians(np.zeros((n, 4)), np.zeros(n, dtype=int)).distances(np.ones((2, 4)))).all()
    points = np.vstack([np.zeros((1, 4)), np.random.default_rng(0).normal(size=(20, 4))])
    assert np.isfinite(ClassGaussians(points, np.array([0] + [1] * 20)).distances(points)).all()


def test_features_say_what_they_are_called(reference):
    points, codes = reference
    space = ReferenceSpace(points, codes, 5)
    home, between, far = space.query(np.array([[0.0, 0.0], [5.0, 0.0], [-40.0, -40.0]])).features
    at = dict(zip(FEATURES, range(3), strict=True))
    assert home[at["ambiguity"]] == 0
    assert between[at["ambiguity"]] > 0.1
    assert far[at["distance"]] > between[at["distance"]] > home[at["distance"]]
    assert between[at["rivalry"]] > 0.3 > home[at["rivalry"]]


def test_a_new_type_is_told_from_known_ones(reference, rng):
    points, codes = reference
    seen = codes != 4
    space = ReferenceSpace(points[seen], codes[seen], 5)
    novelty = learn_novelty(held_out(space))
    probability = novelty.probability(space.query(CENTRES[codes] + rng.normal(size=(300, 2))).features)
    assert auroc(probability, ~seen) > 0.99
    assert (probability[~seen] > novelty.threshold).mean() > 0.8
    assert (probability[seen] <= novelty.threshold).mean() > 0.88
    assert novelty.kept >= 0.949
    assert novelty.flagged > 0.8
    assert novelty.auroc > 0.95
    assert novelty.accuracy > 0.98


def test_held_out_cells_are_asked_without_their_type_and_themselves(reference):
    points, codes = reference
    queried = held_out(ReferenceSpace(points, codes, 5))
    assert queried.hidden.sum() == (~queried.hidden).sum() == 300
    rows = np.arange(600)
    assert (queried.evidence.proba[rows, queried.codes][queried.hidden] == 0).all()
    fold = np.arange(300) % 5 == 0
    others = ReferenceSpace(points[~fold], codes[~fold], 5).query(points[fold])
    np.testing.assert_allclose(queried.evidence.features[:60], others.features)


def test_more_of_anything_never_makes_a_cell_less_new(reference):
    points, codes = reference
    novelty = learn_novelty(held_out(ReferenceSpace(points, codes, 5)))
    assert min(novelty.coefficients) >= 0
    base = np.zeros((1, 3))
    for column in range(3):
        more = base.copy()
        more[0, column] = 0.5
        assert novelty.probability(more) >= novelty.probability(base)


def test_a_shift_of_all_cells_is_no_news(reference):
    points, codes = reference
    space = ReferenceSpace(points, codes, 5)
    novelty = learn_novelty(held_out(space))
    features = space.query(points).features
    assert novelty.shift(features) == pytest.approx(0.0, abs=0.1)
    assert novelty.shift(features - 1.0) == pytest.approx(novelty.shift(features) - 1.0)
    moved = features + np.array([0.0, 2.0, 0.0])
    assert novelty.shift(moved) == pytest.approx(2.0 + novelty.shift(features), abs=0.1)
    np.testing.assert_allclose(novelty.probability(moved, shift=2.0), novelty.probability(features), rtol=1e-6)


def test_one_type_teaches_nothing_and_rejects_nothing(rng):
    points = rng.normal(size=(30, 2))
    space = ReferenceSpace(points, np.zeros(30, dtype=int), 1)
    novelty = learn_novelty(held_out(space))
    assert (novelty.probability(space.query(points).features) < novelty.threshold).all()
    assert np.isnan(novelty.flagged)
    assert Novelty().threshold == 1.0


def test_coefficients_are_those_of_a_penalised_logistic_regression(reference):
    """scikit-learn's C is one over the penalty; the prior of new cells moves the constant alone."""
    queried = held_out(ReferenceSpace(*reference, 5))
    found = learn_novelty(queried)
    assert min(found.coefficients) > 0  # so that the bound at zero plays no part
    z = (queried.evidence.features - np.array(found.center)) / np.array(found.scale)
    weights = np.empty(len(z))
    for hidden in (False, True):
        some = queried.hidden == hidden
        types, sizes = np.unique(queried.codes[some], return_counts=True)
        weights[some] = 0.5 / (len(types) * sizes[np.searchsorted(types, queried.codes[some])])
    oracle = LogisticRegression(C=10.0, tol=1e-10, max_iter=10_000).fit(z, queried.hidden, sample_weight=weights)
    np.testing.assert_allclose(found.coefficients, oracle.coef_[0], rtol=1e-3)
    assert found.constant == pytest.approx(oracle.intercept_[0] + np.log(0.1 / 0.9), rel=1e-3)
