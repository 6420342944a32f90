"""Two answers about the same cells."""

from __future__ import annotations

import numpy as np
import pytest

from sctl.methods.itclust.fine_tuning_result import FineTuningStages
from sctl.methods.itclust.stages import FineTuningStage


def test_new_groups_pass_over_the_names_of_types() -> None:
    side = FineTuningStage(np.eye(4), np.array([0, 1, -1, -1]), np.zeros((4, 2)))
    both = FineTuningStages(side, side, ("alpha", "new group 1"))
    assert both.cluster_names(side) == ("alpha", "new group 1", "new group 2", "new group 3")


def test_cells_without_a_known_gene_and_unsure_ones_get_no_label() -> None:
    proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    side = FineTuningStage(proba, np.array([0, 1]), np.zeros((3, 2)))
    both = FineTuningStages(side, side, ("alpha", "beta"))
    silent = np.array([True, False, False])
    fields = both.fields("after", silent=silent, min_confidence=0.0)
    assert fields["labels"].tolist() == ["unassigned", "alpha", "beta"]
    np.testing.assert_allclose(fields["confidence"], [0.0, 0.6, 0.8])
    np.testing.assert_allclose(fields["label_proba"], [[0.0, 0.0], [0.6, 0.4], [0.2, 0.8]])
    assert both.fields("after", silent=silent, min_confidence=0.7)["labels"].tolist() == [
        "unassigned",
        "unassigned",
        "beta",
    ]


def test_probabilities_are_those_of_before_and_after_averaged() -> None:
    before = FineTuningStage(np.array([[0.4, 0.6]]), np.array([0, 1]), np.zeros((1, 2)))
    after = FineTuningStage(np.array([[1.0, 0.0]]), np.array([0, 1]), np.zeros((1, 2)))
    both = FineTuningStages(before, after, ("alpha", "beta"))
    for answer, label, confidence in (("before", "beta", 0.3), ("after", "alpha", 0.7)):
        fields = both.fields(answer, silent=np.array([False]), min_confidence=0.0)
        assert (fields["labels"].tolist(), fields["confidence"].tolist()) == ([label], [pytest.approx(confidence)])
        np.testing.assert_allclose(fields["label_proba"], [[0.7, 0.3]])
