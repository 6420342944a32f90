"""Two simple classifiers and the shift that types share: closed forms, and properties that must hold on any data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from sctl.errors import Cancelled
from sctl.numerics.shift_classifier import FEATURES, ShiftClassifier, shared_shift, unit_length
from sctl.run import Run

N_TYPES, N_GENES = 4, 120


def cells(n_of_type, rng, *, n_types=N_TYPES, profiles=None):
    """Log-normalised values of types with 10 marker genes each, and their codes."""
    if profiles is None:
        profiles = made_profiles(n_types)
    codes = np.repeat(np.arange(n_types), n_of_type)
    return sparse.csr_matrix(np.log1p(rng.poisson(profiles[codes]))).astype(np.float32), codes


def made_profiles(n_types=N_TYPES):
    profiles = np.full((n_types, N_GENES), 2.0)
    for code in range(n_types):
        profiles[code, 10 * code : 10 * code + 10] = 12.0
    return profiles


@pytest.fixture(scope="module")
def source():
    return cells([60, 50, 40, 30], np.random.default_rng(0))


@pytest.fixture(scope="module")
def classifier(source):
    return ShiftClassifier(*source, N_TYPES)


def test_cells_have_one_length_and_silent_ones_stay():
    values = unit_length(sparse.csr_matrix([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(values, [[12.0, 16.0], [0.0, 0.0]], rtol=1e-6)


def test_correlation_is_that_of_numpy(classifier, source):
    values = unit_length(source[0])[:5]
    expected = [
        [np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b) for b in classifier.means - classifier.center]
        for a in values - classifier.center
    ]
    np.testing.assert_allclose(classifier.correlations(values), expected, rtol=1e-4, atol=1e-5)


def test_names_cells_of_the_same_kind(classifier):
    X, codes = cells([20, 20, 20, 20], np.random.default_rng(1))
    named = classifier.named(X)
    np.testing.assert_allclose(named.proba.sum(axis=1), 1.0)
    assert (named.proba.argmax(axis=1) == codes).mean() > 0.99
    assert named.features.shape == (80, len(FEATURES))
    assert np.isfinite(named.features).all()


def test_a_shift_that_types_share_is_taken_off_whatever_the_mix(classifier):
    """Genes are seen up to e² times better or worse; one type makes up nine tenths of the target."""
    rng = np.random.default_rng(2)
    factors = np.exp(rng.normal(0, 1.0, N_GENES))
    X, codes = cells([180, 8, 6, 6], rng, profiles=made_profiles() * factors)
    named = classifier.named(X).proba.argmax(axis=1)
    assert min((named[codes == code] == code).mean() for code in range(N_TYPES)) > 0.9


def test_the_shift_of_one_gene_is_found(classifier, source):
    """By hand: the same cells, of which one gene is raised, give back about that raise and nothing for other genes."""
    values = unit_length(source[0]).astype(np.float64)
    raised = values.copy()
    raised[:, 100] += 2.0
    shift = shared_shift(raised, source[1], classifier.means, classifier.correlations(raised))
    assert shift[100] == pytest.approx(2.0, rel=0.05)
    assert np.abs(np.delete(shift, 100)).max() < 0.01


def test_what_types_disagree_on_is_no_shift(classifier, source):
    values = unit_length(source[0]).astype(np.float64)
    values[source[1] == 0, 100] += 2.0
    values[source[1] == 1, 100] -= 2.0
    assert abs(shared_shift(values, source[1], classifier.means, classifier.correlations(values))[100]) < 0.2


def test_order_of_genes_and_cells_does_not_matter(classifier, source):
    X, _ = cells([20, 10, 15, 5], np.random.default_rng(3))
    rng = np.random.default_rng(4)
    genes, mine, theirs = rng.permutation(N_GENES), rng.permutation(X.shape[0]), rng.permutation(source[0].shape[0])
    other = ShiftClassifier(source[0][theirs][:, genes], source[1][theirs], N_TYPES)
    plain, permuted = classifier.named(X), other.named(X[mine][:, genes])
    np.testing.assert_allclose(permuted.proba, plain.proba[mine], atol=2e-3)
    np.testing.assert_array_equal(permuted.proba.argmax(axis=1), plain.proba[mine].argmax(axis=1))


def test_a_type_that_the_source_lacks_stands_out(source):
    X, codes = source
    three = ShiftClassifier(X[codes < 3], codes[codes < 3], 3)
    target, truth = cells([30, 30, 30, 30], np.random.default_rng(5))
    features = three.named(target).features
    for name in ("log_odds", "contrast"):
        column = features[:, FEATURES.index(name)]
        assert np.median(column[truth == 3]) < np.quantile(column[truth < 3], 0.05), name


def test_can_be_stopped(classifier):
    X, _ = cells([5, 5, 5, 5], np.random.default_rng(6))
    with pytest.raises(Cancelled):
        classifier.named(X, Run(cancelled=lambda: True))


@pytest.mark.parametrize("n_obs", [1, 2, 3])
def test_few_cells(classifier, n_obs):
    X, _ = cells([1, 1, 1, 1], np.random.default_rng(7))
    assert classifier.named(X[:n_obs]).proba.shape == (n_obs, N_TYPES)
