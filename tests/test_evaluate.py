from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from sctl.analysis.evaluate import accuracy, adjusted_rand, agreement, compare, confusion, macro_f1, nmi, report
from sctl.data import TransferResult
from sctl.errors import DataError

NAMES = np.array(["B/NK", "T cell", "α-cell", "mast"])


@pytest.fixture
def answers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels that are right for about two thirds of 300 cells."""
    truth = NAMES[rng.choice(4, size=300, p=[0.6, 0.25, 0.1, 0.05])]
    return np.where(rng.random(300) < 0.6, truth, NAMES[rng.integers(4, size=300)]), truth


def test_oracles(answers: tuple[np.ndarray, np.ndarray]):
    labels, truth = answers
    assert adjusted_rand(labels, truth) == pytest.approx(metrics.adjusted_rand_score(truth, labels), rel=1e-12)
    assert nmi(labels, truth) == pytest.approx(metrics.normalized_mutual_info_score(truth, labels), rel=1e-12)
    assert accuracy(labels, truth) == pytest.approx(metrics.accuracy_score(truth, labels), rel=1e-12)
    table = confusion(labels, truth)
    np.testing.assert_array_equal(table, metrics.confusion_matrix(truth, labels, labels=sorted(NAMES)))


def test_macro_f1_averages_over_true_types_only():
    labels, truth = ["a", "b", "z", "b"], ["a", "a", "b", "b"]
    assert macro_f1(labels, truth) == pytest.approx(
        metrics.f1_score(truth, labels, labels=["a", "b"], average="macro"), rel=1e-12
    )


def test_cells_without_truth_say_nothing(answers: tuple[np.ndarray, np.ndarray]):
    labels, truth = answers
    more = np.append(labels, ["mast"] * 5), np.append(truth.astype(object), [None, np.nan, None, None, pd.NA])
    for measure in (adjusted_rand, nmi, accuracy, macro_f1):
        assert measure(*more) == measure(labels, truth)


@pytest.mark.parametrize("missing", [None, np.nan, "unassigned"])
def test_a_cell_without_a_label_is_wrong(missing: object):
    labels = np.array(["a", missing, "b", "b"], dtype=object)
    truth = ["a", "a", "b", "b"]
    assert accuracy(labels, truth) == 0.75
    assert macro_f1(labels, truth) == pytest.approx((2 / 3 + 1) / 2)
    assert adjusted_rand(labels, truth) == pytest.approx(metrics.adjusted_rand_score(truth, ["a", "-", "b", "b"]))
    assert confusion(labels, truth)["unassigned"].to_dict() == {"a": 1, "b": 0}


def test_categories_and_numbers_are_compared_as_text():
    assert accuracy(pd.Categorical(["1", "2"]), [1, 2]) == 1
    assert accuracy(pd.Series(["a", "b"], index=["y", "x"]), pd.Series(["a", "b"])) == 1


def test_unassigned_is_the_last_column():
    table = confusion(["zebra", "unassigned", "ant"], ["ant"] * 3)
    assert table.columns.tolist() == ["ant", "zebra", "unassigned"]


def test_nothing_to_judge():
    with pytest.raises(DataError, match="no cell to judge"):
        accuracy(["a"], [None])
    with pytest.raises(DataError, match="that the source has too"):
        accuracy(["a"], ["new"], among=["a"])
    with pytest.raises(DataError, match="3 labels and 2 true types"):
        adjusted_rand([1, 2, 3], [1, 2])


@pytest.fixture
def result() -> TransferResult:
    return TransferResult(
        method="toy",
        obs_names=pd.Index(["c1", "c2", "c3", "c4"]),
        clusters=np.array([0, 0, 1, -1]),
        cluster_names=("0", "1"),
        proba=np.full((4, 2), 0.5),
        labels=np.array(["a", "a", "b", "unassigned"]),
        label_names=("a", "b"),
        label_proba=np.full((4, 2), 0.5),
        confidence=np.ones(4),
        embedding=np.zeros((4, 2)),
        params={},
        seed=0,
        version="0",
    )


def test_report(result: TransferResult):
    found = report(result, ["a", "b", "b", "new"])
    assert found == {
        "n_cells": 4,
        "ari": pytest.approx(metrics.adjusted_rand_score([0, 1, 1, 2], [0, 0, 1, 2])),
        "nmi": pytest.approx(metrics.normalized_mutual_info_score([0, 1, 1, 2], [0, 0, 1, 2])),
        "accuracy": 0.5,
        "macro_f1": pytest.approx((2 / 3 + 2 / 3 + 0) / 3),
        "accuracy_shared": pytest.approx(2 / 3),
        "macro_f1_shared": pytest.approx(2 / 3),
        "coverage": 0.75,
    }


def test_report_matches_a_series_by_cell_name(result: TransferResult):
    truth = pd.Series({"c4": "new", "c3": "b", "c2": "b", "c1": "a", "gone": "a"})
    assert report(result, truth) == report(result, ["a", "b", "b", "new"])


def test_report_without_shared_types(result: TransferResult):
    found = report(result, ["x", "x", "y", "y"])
    assert found["accuracy"] == 0
    assert found["accuracy_shared"] is found["macro_f1_shared"] is None


def answer(method: str, labels: list[str], clusters: list[int]) -> TransferResult:
    n_obs, names = len(labels), ("a", "b")
    proba = np.array([[float(label == name) for name in names] for label in labels])
    return TransferResult(
        method=method,
        obs_names=pd.Index([f"cell {i}" for i in range(n_obs)]),
        clusters=np.array(clusters),
        cluster_names=("0", "1"),
        proba=np.eye(2)[clusters],
        labels=np.array(labels, dtype=object),
        label_names=names,
        label_proba=proba,
        confidence=proba.max(axis=1),
        embedding=np.zeros((n_obs, 1)),
        params={},
        seed=0,
        version="0",
    )


def test_answers_are_compared_with_the_first():
    first = answer("one", ["a", "a", "b", "b"], [0, 0, 1, 1])
    other = answer("two", ["a", "b", "b", "unassigned"], [0, 1, 0, 1])
    table = compare([first, other], ["a", "b", "b", "b"]).set_index("method")
    assert table.loc["one"].tolist() == [1.0, 2, 2, 1.0, 1.0, 0.75]
    assert table.loc["two", ["named", "types", "same_name", "right"]].tolist() == [0.75, 2, 0.5, 0.75]
    assert table.loc["two", "same_groups"] == pytest.approx(metrics.adjusted_rand_score([0, 0, 1, 1], [0, 1, 0, 1]))
    assert "right" not in compare([first, other])
    third = answer("three", ["a", "b", "a", "b"], [0, 0, 0, 0])
    np.testing.assert_allclose(agreement([first, other, third]), [1.0, 0.0, 0.5, 0.5])


def test_answers_about_other_cells_are_refused():
    first, other = answer("one", ["a", "a"], [0, 0]), answer("two", ["a", "b", "b"], [0, 1, 0])
    with pytest.raises(DataError, match="one and two are of different cells"):
        compare([first, other])
