from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score

from sctl.analysis.uncertainty import (
    TRAFFIC_LIGHT_RULE,
    assigned_at,
    cell_table,
    cluster_table,
    curve,
    expected_right,
    recommended_threshold,
    traffic_light,
)
from sctl.data import TransferResult
from sctl.errors import DataError, ParameterError
from tests.conftest import CALIBRATION, made_result

NAMES = ("alpha", "beta", "delta")


@pytest.fixture
def result():
    """Five cells by hand; the last resembles no type."""
    proba = [[0.9, 0.1, 0.0], [0.5, 0.3, 0.2], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.1, 0.2, 0.1]]
    return made_result(proba, [0, 0, 1, 1, -1], ["alpha", "alpha", "beta", "alpha", "unassigned"])


def test_cell_table_by_hand(result):
    table = cell_table(result)
    assert table["cluster"].tolist() == ["0", "0", "1", "1", ""]
    assert table["second_label"].tolist()[:2] == ["beta", "beta"]
    assert table["second_probability"].tolist() == pytest.approx([0.1, 0.3, 0.0, 1 / 3, 0.1])
    assert table["margin"].tolist() == pytest.approx([0.8, 0.2, 1.0, 0.0, 0.1])
    assert table.index.equals(result.obs_names)


def test_entropy_equals_scipy_and_spans_zero_to_one(result):
    full = np.column_stack([result.label_proba, [0, 0, 0, 0, 0.6]])
    np.testing.assert_allclose(cell_table(result)["entropy"], stats.entropy(full, axis=1) / np.log(4), atol=1e-12)
    only = made_result([[1 / 3] * 3, [1.0, 0, 0]])
    np.testing.assert_allclose(cell_table(only)["entropy"], [1, 0], atol=1e-12)


@pytest.mark.parametrize("names", [("alpha",), ()])
def test_one_type_or_none_has_no_second(names):
    proba = np.ones((2, len(names)))
    table = cell_table(
        made_result(np.ones((2, 1)), labels=["alpha", "alpha"], names=("alpha",))
        if names
        else TransferResult(**{**vars(made_result(np.ones((2, 3)))), "label_names": (), "label_proba": proba})
    )
    assert table["second_label"].tolist() == ["", ""]
    assert np.isfinite(table["entropy"]).all()


def test_cluster_table_by_hand(result):
    table = cluster_table(result).set_index("cluster")
    assert table.loc["0", ["n_cells", "label", "label_share", "second_label", "light"]].tolist() == [
        2, "alpha", 1.0, "beta", "check",
    ]  # fmt: skip
    assert table.loc["0", "mean_confidence"] == pytest.approx(0.7)
    assert table.loc["0", "second_probability"] == pytest.approx(0.2)
    assert table.loc["1", "share_unsure"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("confidence", "unsure", "label", "light"),
    [
        (0.8, 0.1, "beta", "good"),
        (0.79, 0.1, "beta", "check"),
        (0.95, 0.11, "beta", "check"),
        (0.5, 0.5, "beta", "check"),
        (0.49, 0.0, "beta", "doubtful"),
        (0.6, 0.51, "beta", "doubtful"),
        (0.99, 0.0, "unassigned", "doubtful"),
    ],
)
def test_traffic_light_at_its_edges(confidence, unsure, label, light):
    assert traffic_light(confidence, unsure, label) == light
    assert light in TRAFFIC_LIGHT_RULE.lower()


def test_threshold_keeps_the_cell_that_just_meets_it(result):
    assert assigned_at(result, 0.5).tolist() == ["alpha", "alpha", "beta", "unassigned", "unassigned"]
    assert assigned_at(result, 0.0).tolist() == result.labels.tolist()
    assert assigned_at(result, 0.95).tolist() == ["unassigned"] * 2 + ["beta"] + ["unassigned"] * 2
    assert result.labels.tolist()[0] == "alpha"
    with pytest.raises(ParameterError, match=r"1\.5"):
        assigned_at(result, 1.5)


def test_curve_agrees_with_thresholds_one_by_one(rng):
    result = made_result(rng.dirichlet([0.5] * 3, size=60), labels=None)
    result.confidence[:] = np.round(result.confidence * 4) / 4  # many exactly at a threshold
    truth = np.array(NAMES)[rng.integers(0, 3, 60)].astype(object)
    truth[:5] = None
    table = curve(result, truth, n_thresholds=21)
    for row in table.itertuples():
        labels = assigned_at(result, row.threshold)
        chosen = labels != "unassigned"
        assert row.assigned_share == pytest.approx(chosen.mean())
        chosen &= pd.notna(truth)
        if chosen.any():
            assert row.accuracy == pytest.approx(accuracy_score(truth[chosen].astype(str), labels[chosen]))
        else:
            assert np.isnan(row.accuracy)
    assert "accuracy" not in curve(result)
    with pytest.raises(DataError, match="3 true labels for 60"):
        curve(result, ["a"] * 3)


def test_the_recommended_threshold_is_the_lowest_that_does():
    confidence = np.array([0.99, 0.98, 0.97, 0.9, 0.6, 0.3])
    proba = np.column_stack([confidence, (1 - confidence) / 2, (1 - confidence) / 2])
    result = made_result(proba, labels=["alpha"] * 5 + ["unassigned"])
    assert expected_right(result, 0.0) == (5, pytest.approx(confidence[:5].mean()))
    assert recommended_threshold(result) == pytest.approx(0.61)  # below, the cell at 0.6 takes the mean to 0.888
    assert expected_right(result, 0.61)[1] >= 0.95
    assert recommended_threshold(result, 0.8) == 0.0
    assert recommended_threshold(result, 0.995) is None


@pytest.mark.parametrize("rest", [0.3, 0.01])
def test_what_no_type_was_given_counts_however_little_it_is(rest):
    proba = (1 - rest) * np.array([[0.9, 0.1, 0.0], [1.0, 0.0, 0.0]])
    full = np.column_stack([proba, [rest, rest]])
    np.testing.assert_allclose(
        cell_table(made_result(proba))["entropy"], stats.entropy(full, axis=1) / np.log(4), atol=1e-12
    )


def test_rounding_is_no_further_type():
    proba = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]) * (1 - 1e-9)
    np.testing.assert_allclose(cell_table(made_result(proba))["entropy"], [np.log(2) / np.log(3), 0.0], atol=1e-6)


@pytest.mark.parametrize(
    ("confidence", "unknown", "verdict", "light"),
    [
        (0.99, 0.0, "same tissue", "good"),
        (0.9, 0.0, "same tissue", "check"),
        (0.99, 0.3, "same tissue", "check"),
        (0.99, 0.0, "partly", "check"),
        (0.5, 0.0, "same tissue", "doubtful"),
        (0.99, 0.6, "same tissue", "doubtful"),
        (0.99, 0.0, "another tissue", "doubtful"),
    ],
)
def test_the_verdict_on_a_group_counts_the_names_expected_to_be_right(confidence, unknown, verdict, light):
    report = replace(CALIBRATION, unknown_share=unknown, source_verdict=verdict)
    proba = np.tile([confidence, 1 - confidence, 0.0], (10, 1))
    cells = np.where(np.arange(10) < 10 * unknown, 0.9, 0.1)
    result = made_result(proba, labels=["alpha"] * 10, calibration=report, unknown=cells)
    result = replace(result, confidence=np.full(10, confidence))
    assert cluster_table(result)["light"].tolist() == [light]


def test_cells_of_no_known_type_are_not_expected_to_be_right():
    proba, unknown = np.tile([0.98, 0.02, 0.0], (4, 1)), [0.9, 0.9, 0.1, 0.1]
    result = made_result(proba, calibration=CALIBRATION, unknown=unknown)
    assert expected_right(result, 0.5) == (4, pytest.approx(0.49))
    assert recommended_threshold(result) is None
