"""The benchmark of the Poisson autoencoder's paper: scores and tables, on numbers small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.paper_foreign_ae import tables
from benchmarks.paper_foreign_ae.transfer import FOREIGN, PAIRS, SHARED, Given, fixed_arms, scored


@pytest.fixture
def data(rng):
    """Two types of 40 source and 30 target cells, a little apart in 5 genes."""
    labels, truth = np.repeat([0, 1], 40), np.repeat([0, 1], 30)
    source, target = (rng.normal(size=(len(kinds), 5)) + 2.0 * kinds[:, None] for kinds in (labels, truth))
    return Given("toy", sparse.csr_matrix(source), sparse.csr_matrix(target), labels, truth, labels)


def test_accuracies_are_those_of_scikit_learn(data):
    source, target = data.source.toarray(), data.target.toarray()
    found = scored(data, source, target)
    for k in (3, 7, 25):  # odd, so that no votes are equal
        labels = KNeighborsClassifier(k).fit(source, data.source_labels).predict(target)
        assert found[f"k{k}"] == pytest.approx((labels == data.target_labels).mean())
    assert found["accuracy"] == pytest.approx(np.mean([found[f"k{k}"] for k in range(2, 26)]))
    assert abs(found["macro F1"] - f1_score(data.target_labels, labels, average="macro")) < 0.1


def test_foreign_cells_are_asked_about_each_other(data):
    foreign = Given("toy", data.source, data.target, data.target_labels, data.target_labels, data.strata)
    found = scored(foreign, np.zeros((80, 5)), data.target.toarray())
    assert found["accuracy"] > 0.9  # the source, which is all zeros here, plays no part


def test_what_no_seed_changes_has_four_forms(data):
    names = [name for name, *_ in fixed_arms(data)]
    assert names == ["raw", "raw, cosine", "PCA", "PCA, cosine"]
    for _, source, target in fixed_arms(data):
        assert (len(source), len(target)) == (80, 60)


def test_every_pair_is_there_once():
    assert len({pair.name for pair in PAIRS}) == len(PAIRS) == len(SHARED) + len(FOREIGN)


def test_tables_show_means_and_spreads():
    curve = {f"k{k}": 0.5 for k in tables.SHOWN_K}
    rows = pd.DataFrame(
        [
            {"pair": "a → b", "seed": seed, "space": space, "accuracy": value, "macro F1": value, "CPU s": 3.0, **curve}
            for seed, space, value in [(0, "encoded", 0.8), (1, "encoded", 0.9), (0, "PCA", 0.7)]
        ]
    )
    said = tables.text("transfer", rows)
    assert "| a → b | 2 | 0.850 ± 0.071 | 0.700 |" in said
    counts = pd.DataFrame(
        [
            {"data": "d", "seed": seed, "λ": strength, "case": case, "units": 6, "types": 3, "any": value, "one": 1, "two": 0,
             "any, each ranking": 2, "one, each ranking": 0}
            for case, strength, seed, value in [("trained", 0.01, 0, 3), ("trained", 0.01, 1, 5), ("random network", np.nan, 0, 1)]
        ]
    )  # fmt: skip
    said = tables.text("pathways", counts)
    assert "| d | 6 | 3 | trained | 0.01 | 2 | 4.0 ± 1.4 | 1.0 | 0.0 | 2.0 | 0.0 |" in said
    assert "| d | 6 | 3 | random network |  | 1 | 1.0 |" in said
