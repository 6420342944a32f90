"""The panel: its probabilities, what it does not know, and what it says of itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from sctl.data import UNASSIGNED, Pair
from sctl.errors import DataError
from sctl.methods.base import fit_transfer
from sctl.methods.panel import Panel
from sctl.methods.panel.calibration import (
    ALARMS,
    OTHER_TISSUE,
    SAME_TISSUE,
    Calibration,
    alarm_threshold,
    calibrate,
    source_fit,
    source_verdict,
    unknown_probability,
)
from sctl.numerics.shift_classifier import FEATURES
from sctl.run import Run


@pytest.fixture(scope="module")
def result(pair: Pair):
    return fit_transfer(pair, Panel(), Run(seed=1))


def truth_of(pair: Pair) -> np.ndarray:
    return pair.target.obs["cell_type"].astype(str).to_numpy()


def without(pair: Pair, name: str) -> Pair:
    source = pair.source[(pair.source.obs[pair.label_key].astype(str) != name).to_numpy()].copy()
    return dataclasses.replace(pair, source=source)


# -- Probabilities ---------------------------------------------------------------------------------


def test_votes_of_power_one_stay_but_for_the_floor():
    votes = np.array([[0.9, 0.1], [0.5, 0.5]])
    np.testing.assert_allclose(Calibration(1.0, 0.0, 1.0, 9).apply(votes), votes)
    np.testing.assert_allclose(Calibration(1.0, 0.2, 1.0, 9).apply(votes), [[0.82, 0.18], [0.5, 0.5]])


def test_a_power_sharpens_as_odds_do():
    sharp = Calibration(2.0, 0.0, 1.0, 9).apply(np.array([[0.8, 0.2]]))
    assert sharp[0, 0] / sharp[0, 1] == pytest.approx((0.8 / 0.2) ** 2)


def test_types_that_cannot_be_told_apart_get_even_odds(pair: Pair):
    """One type is divided in two by a coin: no name of its halves may be sure."""
    codes = np.asarray(pair.labels.codes, dtype=np.int64).copy()
    coin = np.random.default_rng(0).random(len(codes)) < 0.5
    codes[(codes == 0) & coin] = codes.max() + 1
    marked = pair.source.var["highly_variable"].to_numpy(dtype=bool)
    found = calibrate(pair.source.X[:, marked], codes, int(codes.max()) + 1, Run())
    assert found.accuracy == pytest.approx(1 - 0.5 * np.isin(codes, [0, codes.max()]).mean(), abs=0.1)
    source = pair.source.copy()
    source.obs[pair.label_key] = pd.Categorical(codes.astype(str))
    named = fit_transfer(dataclasses.replace(pair, source=source), Panel(find_new_types=False), Run())
    halved = np.isin(named.labels, ["0", str(codes.max())])
    assert named.confidence[halved].mean() < 0.8
    assert named.confidence[~halved].mean() > 0.85


def test_confidence_is_the_share_of_right_names_where_labels_are_wrong_by_chance(pair: Pair):
    """A fifth of the source's labels is drawn anew; held-out names are right as often as the mean probability says."""
    rng, source = np.random.default_rng(1), pair.source.copy()
    labels = source.obs[pair.label_key].astype(str).to_numpy().copy()
    wrong = rng.random(len(labels)) < 0.2
    labels[wrong] = rng.permutation(labels[wrong])
    codes = pd.Categorical(labels).codes.astype(np.int64)
    marked = source.var["highly_variable"].to_numpy(dtype=bool)
    found = calibrate(source.X[:, marked], codes, int(codes.max()) + 1, Run())
    assert found.accuracy < 0.95
    source.obs[pair.label_key] = pd.Categorical(labels)
    named = fit_transfer(dataclasses.replace(pair, source=source), Panel(find_new_types=False), Run())
    assert named.confidence.mean() == pytest.approx(found.accuracy, abs=0.1)


def test_a_source_too_small_to_hold_cells_out_says_so(pair: Pair):
    first = [np.flatnonzero(pair.labels == name)[:2] for name in pair.labels.categories]
    small = dataclasses.replace(pair, source=pair.source[np.concatenate(first)].copy())
    report = fit_transfer(small, Panel(), Run()).diagnostics.calibration
    assert report.n_held_out == 0
    assert np.isnan(report.held_out_accuracy)


# -- Cells of no known type -------------------------------------------------------------------------


def test_a_type_that_the_source_lacks_is_found_and_grouped(pair: Pair):
    truth = truth_of(pair)
    hidden = pd.Series(truth).value_counts().index[1]
    found = fit_transfer(without(pair, hidden), Panel(), Run())
    assert (found.labels[truth == hidden] == UNASSIGNED).mean() > 0.8
    assert (found.labels[truth != hidden] == UNASSIGNED).mean() < 0.1
    group = np.array([found.cluster_names[code] for code in found.clusters])
    assert pd.Series(group[truth == hidden]).mode()[0].startswith("unknown")


def test_nothing_is_unknown_where_that_is_not_wanted(pair: Pair):
    found = fit_transfer(without(pair, truth_of(pair)[0]), Panel(find_new_types=False), Run())
    assert (found.labels != UNASSIGNED).all()
    assert found.diagnostics.calibration.unknown_share > 0.05  # it is said all the same


def test_more_false_alarms_find_more(pair: Pair):
    rates = [rate for rate, _ in ALARMS]
    thresholds = [alarm_threshold(rate) for rate in rates]
    assert thresholds == sorted(thresholds, reverse=True)
    assert alarm_threshold(0.075) == pytest.approx(np.mean([alarm_threshold(0.05), alarm_threshold(0.1)]))
    few, many = (fit_transfer(pair, Panel(false_alarms=rate), Run()) for rate in (0.01, 0.2))
    assert ((few.labels == UNASSIGNED) <= (many.labels == UNASSIGNED)).all()


def test_the_probability_of_an_unknown_type_falls_with_its_evidence():
    features = np.zeros((3, len(FEATURES)))
    features[:, FEATURES.index("contrast")] = (0.0, 0.4, 0.9)
    assert (np.diff(unknown_probability(features)) < 0).all()


def test_a_target_of_one_type_keeps_its_name(pair: Pair):
    truth = truth_of(pair)
    for name in np.unique(truth):
        alone = dataclasses.replace(pair, target=pair.target[truth == name].copy())
        assert (fit_transfer(alone, Panel(), Run()).labels == name).mean() > 0.9, name


# -- What it says -----------------------------------------------------------------------------------


def test_all_is_well(result):
    assert Panel.warnings(result) == ()


def test_a_source_is_judged_by_how_its_profiles_match():
    means = np.array([[5.0, 3, 1, 0, 0, 0], [0, 0, 0, 1, 3, 5]])
    values = np.repeat(means, 4, axis=0) * np.arange(1, 9)[:, None]  # depth does not count
    codes = np.repeat([0, 1], 4)
    assert source_fit(values, codes, means) == pytest.approx(1)
    assert source_fit(values[:4], codes[:4], means) == pytest.approx(1)  # nor that a type is missing in the target
    shuffled = values[:, [2, 5, 0, 4, 1, 3]]
    assert source_fit(shuffled, codes, means) < OTHER_TISSUE
    assert source_verdict(OTHER_TISSUE) == "partly"
    assert source_verdict(SAME_TISSUE) == "same tissue"


def test_a_target_of_one_type_is_of_the_same_tissue_and_one_of_other_genes_is_not(pair: Pair):
    truth = truth_of(pair)
    alone = dataclasses.replace(pair, target=pair.target[truth == truth[0]].copy())
    report = fit_transfer(alone, Panel(), Run()).diagnostics.calibration
    assert report.source_verdict == "same tissue"
    other = pair.target.copy()
    other.X = other.X[:, np.random.default_rng(0).permutation(other.n_vars)]
    foreign = fit_transfer(dataclasses.replace(pair, target=other), Panel(), Run())
    assert foreign.diagnostics.calibration.source_verdict == "another tissue"


def test_one_type_is_refused(pair: Pair):
    source = pair.source.copy()
    source.obs[pair.label_key] = "only"
    with pytest.raises(DataError, match="All source cells have the type 'only'"):
        fit_transfer(dataclasses.replace(pair, source=source), Panel(), Run())


def test_names_do_not_depend_on_the_order_of_genes(pair: Pair, result):
    order = np.random.default_rng(2).permutation(pair.source.n_vars)
    permuted = dataclasses.replace(pair, source=pair.source[:, order].copy(), target=pair.target[:, order].copy())
    again = fit_transfer(permuted, Panel(), Run(seed=1))
    assert (again.labels == result.labels).mean() > 0.99
