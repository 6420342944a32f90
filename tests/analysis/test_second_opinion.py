"""A second opinion beside any method's names, and the probability that follows from both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sctl.analysis.second_opinion import (
    RAW,
    as_given,
    disagrees,
    is_probability,
    judged,
    judged_again,
    probabilities,
    second_opinion,
)
from sctl.data import Diagnostics, Pair, TransferResult, read_result, write_result
from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.run import Run
from sctl.workflow import transfer
from tests.conftest import CALIBRATION, made_result

NAMES = ("alpha", "beta", "delta")


@pytest.fixture
def opinion() -> TransferResult:
    return made_result([[0.9, 0.05, 0.05], [0.9, 0.05, 0.05], [0.2, 0.4, 0.4]], method="panel", calibration=CALIBRATION)


def test_a_name_that_both_give_is_surer_than_one_that_only_the_method_gives(opinion):
    own = made_result([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    result = judged(own, opinion)
    assert result.confidence[0] > 0.9 > 0.3 > result.confidence[1]
    assert 0.4 < result.confidence[2] < 0.8  # the second opinion leaves it open
    np.testing.assert_array_equal(disagrees(result), [False, True, False])
    assert result.diagnostics.calibration is not None
    assert result.diagnostics.calibration.agreement == pytest.approx(2 / 3)
    np.testing.assert_array_equal(result.labels, own.labels)
    np.testing.assert_array_equal(result.obs[RAW], own.confidence)


def test_probabilities_are_a_product_of_experts_and_sum_to_one(opinion):
    own = made_result([[1.0, 0.0, 0.0], [0.5, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    found = probabilities(judged(own, opinion))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found[2], opinion.label_proba[2])  # who prefers no type changes nothing
    odds = found[0, 0] / found[0, 1]
    assert odds == pytest.approx(0.9 / 0.05 * ((0.9 + 0.1 / 3) / (0.1 / 3)) ** 0.3)


def test_the_order_of_the_types_does_not_matter(opinion):
    own = made_result([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.7, 0.2]])
    turned = replace(own, label_names=NAMES[::-1], label_proba=np.asarray(own.label_proba)[:, ::-1])
    np.testing.assert_allclose(judged(own, opinion).confidence, judged(turned, opinion).confidence)


def test_an_unassigned_cell_and_one_of_which_nothing_is_known(opinion):
    own = replace(
        made_result([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.0, 0.0, 0.0]], labels=["unassigned", "beta", "unassigned"]),
        confidence=np.array([0.8, 0.8, 0.0]),
    )
    result = judged(own, opinion)
    assert result.confidence[0] == pytest.approx(probabilities(result)[0].max())
    assert result.confidence[2] == 0
    assert not disagrees(result)[0]


@pytest.mark.parametrize("change", ["no opinion", "other types", "nothing held out", "itself"])
def test_without_a_second_opinion_nothing_changes(opinion, change):
    own = made_result([[0.8, 0.1, 0.1]] * 3)
    other = {
        "no opinion": None,
        "other types": replace(opinion, label_names=("a", "b", "c")),
        "nothing held out": replace(opinion, diagnostics=Diagnostics(calibration=replace(CALIBRATION, n_held_out=0))),
        "itself": replace(opinion, method="toy"),
    }[change]
    result = judged(own, other)
    assert result is own
    assert not is_probability(result)
    assert judged_again(result) is result
    assert as_given(result) is result


def test_other_names_are_judged_anew(opinion):
    result = judged(made_result([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]]), opinion)
    given = as_given(result)
    np.testing.assert_array_equal(given.confidence, [0.8, 0.8, 0.8])
    changed = judged_again(replace(given, labels=np.array(["alpha", "alpha", "beta"], dtype=object)))
    assert changed.confidence[1] == pytest.approx(probabilities(result)[1, 0])
    assert not disagrees(changed)[1]


def test_there_is_none_without_known_types(pair: Pair):
    assert second_opinion(replace(pair, label_key=None)) is None


@pytest.mark.parametrize("key", ["targetcluster", "concatenatecluster"])
def test_transfer_says_how_probable_each_name_is(pair: Pair, key: str):
    method = get_method(key)()
    result, raw = transfer(pair, method, Run()), fit_transfer(pair, method, Run())
    np.testing.assert_array_equal(result.labels, raw.labels)
    np.testing.assert_array_equal(result.obs[RAW], raw.confidence)
    assert is_probability(result)
    assert ((result.confidence >= 0) & (result.confidence <= 1)).all()
    other = transfer(pair, method, Run(seed=1))
    np.testing.assert_array_equal(result.obsm["second_opinion"], other.obsm["second_opinion"])


def test_all_of_it_is_written_and_read_back(pair: Pair):
    result = transfer(pair, get_method("targetcluster")(), Run())
    written = write_result(pair.target, result)
    assert "sctl_targetcluster_raw_confidence" in written.obs
    back = read_result(written, "targetcluster")
    assert set(back.obs) == set(result.obs)
    np.testing.assert_allclose(back.obs[RAW], result.obs[RAW])
    np.testing.assert_allclose(back.obsm["second_opinion"], result.obsm["second_opinion"])
    assert back.diagnostics.calibration == result.diagnostics.calibration
