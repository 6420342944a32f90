from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from sklearn.metrics import roc_auc_score

from sctl.analysis.markers import COLUMNS, compare_selections, dot_table, marker_warnings, rank_markers, top_markers
from sctl.errors import Cancelled, DataError, ParameterError
from sctl.numerics import ranksum
from sctl.run import Run


@pytest.fixture
def cells(rng):
    """90 cells of 3 groups, 12 genes with many ties and zeros."""
    X = np.log1p(rng.poisson(1.5, size=(90, 12)) * rng.integers(1, 3, size=(90, 1))).astype(np.float64)
    groups = np.array(["a", "b", "c"])[np.arange(90) % 3]
    X[groups == "b", 3] += 1.0
    X[:, 5] = 0
    X[:, 6] = 2.0
    return X, groups, [f"gene {number}" for number in range(12)]


def _against_oracle(table, X, inside, outside, name):
    rows = table[table["group"] == name].set_index("gene")
    for number in range(X.shape[1]):
        x, y, row = X[inside, number], X[outside, number], rows.loc[f"gene {number}"]
        if np.ptp(X[inside | outside, number]) == 0:
            assert row["p_value"] == 1
            assert row["score"] == 0
        else:
            oracle = stats.mannwhitneyu(x, y, use_continuity=False, method="asymptotic")
            assert row["p_value"] == pytest.approx(oracle.pvalue, rel=1e-10)
        truth = np.r_[np.ones(len(x)), np.zeros(len(y))]
        assert row["auroc"] == pytest.approx(roc_auc_score(truth, np.r_[x, y]), rel=1e-12)
        assert row["share_in"] == pytest.approx((x > 0).mean())
        assert row["mean_out"] == pytest.approx(y.mean())
        fold = np.log2((np.expm1(x).mean() + 0.1) / (np.expm1(y).mean() + 0.1))
        assert row["log2_fold_change"] == pytest.approx(fold, abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, -0.8])  # -0.8: values below zero, as after scaling, on both sides of the zeros
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_every_column_equals_its_oracle(cells, form, shift):
    X, groups, genes = cells
    X = np.where(X == 0, 0, X + shift)
    table = rank_markers(form(X), groups, genes)
    assert list(table.columns) == list(COLUMNS)
    for name in "abc":
        _against_oracle(table, X, groups == name, groups != name, name)


def test_one_group_as_reference(cells):
    X, groups, genes = cells
    table = rank_markers(sparse.csr_matrix(X), groups, genes, reference="b")
    assert set(table["group"]) == {"a", "c"}
    _against_oracle(table, X, groups == "c", groups == "b", "c")


def test_two_selections(cells):
    X, _, genes = cells
    mask_a, mask_b = np.arange(90) < 20, np.arange(90) > 60
    table = compare_selections(X, mask_a, mask_b, genes)
    _against_oracle(table, X, mask_a, mask_b, "A")
    _against_oracle(compare_selections(X, mask_a, None, genes), X, mask_a, ~mask_a, "A")
    with pytest.raises(DataError, match="1 cells are in both"):
        compare_selections(X, mask_a, np.arange(90) > 18, genes)
    with pytest.raises(DataError, match="Selection A has 1 cells"):
        compare_selections(X, np.arange(90) < 1, mask_b, genes)


def test_blocks_make_no_difference(cells, monkeypatch):
    X, groups, genes = cells
    whole = [rank_markers(form(X), groups, genes) for form in (np.asarray, sparse.csc_matrix)]
    monkeypatch.setattr(ranksum, "_BLOCK", 100)
    for form, table in zip((np.asarray, sparse.csr_matrix), whole, strict=True):
        pd.testing.assert_frame_equal(rank_markers(form(X), groups, genes), table)


def test_p_values_are_adjusted_within_each_group(cells):
    X, groups, genes = cells
    for _, rows in rank_markers(X, groups, genes).groupby("group"):
        np.testing.assert_allclose(rows["p_adjusted"], stats.false_discovery_control(rows["p_value"]), rtol=1e-12)


def test_the_raised_gene_comes_first_and_alone(cells):
    X, groups, genes = cells
    top = top_markers(rank_markers(X, groups, genes), n=2)
    assert top.loc[top["group"] == "b", "gene"].tolist() == ["gene 3"]
    assert top.loc[top["group"] == "b", "score"].item() > 0


def test_missing_groups_are_left_out(cells):
    X, groups, genes = cells
    some = np.where(groups == "c", None, groups)
    keep = groups != "c"
    pd.testing.assert_frame_equal(rank_markers(X, some, genes), rank_markers(X[keep], groups[keep], genes))
    pd.testing.assert_frame_equal(rank_markers(X, pd.Categorical(some), genes), rank_markers(X, some, genes))


def test_groups_come_in_the_order_of_their_categories_or_numbers(cells):
    X, groups, genes = cells
    ordered = pd.Categorical(groups, categories=["c", "unused", "a", "b"])
    assert rank_markers(X, ordered, genes)["group"].unique().tolist() == ["c", "a", "b"]
    numbers = np.array([2, 10, 9])[np.arange(90) % 3]
    assert rank_markers(X, numbers, genes)["group"].unique().tolist() == ["2", "9", "10"]


def test_single_cells_are_no_group_but_belong_to_the_rest(cells):
    X, groups, genes = cells
    groups = groups.astype(object)
    groups[0] = "lone"
    table = rank_markers(X, groups, genes)
    assert "lone" not in set(table["group"])
    _against_oracle(table, X, groups == "b", groups != "b", "b")
    with pytest.raises(DataError, match="No two groups"):
        rank_markers(X, np.arange(90), genes)
    with pytest.raises(DataError, match="No two groups"):
        rank_markers(X, ["a"] * 90, genes)


def test_bad_input_is_said(cells):
    X, groups, genes = cells
    with pytest.raises(DataError, match="90 cells and 12 genes"):
        rank_markers(X, groups[1:], genes)
    with pytest.raises(ParameterError, match="no group 'z'"):
        rank_markers(X, groups, genes, reference="z")
    with pytest.raises(Cancelled):
        rank_markers(X, groups, genes, run=Run(cancelled=lambda: True))


def test_input_is_not_changed(cells):
    X, groups, genes = cells
    matrix = sparse.csc_matrix(X)
    matrix.data[3] = 0.0  # a stored zero
    before = matrix.copy()
    rank_markers(matrix, groups, genes)
    assert matrix.nnz == before.nnz
    np.testing.assert_array_equal(matrix.data, before.data)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_dot_table_by_pandas(cells, form):
    X, groups, genes = cells
    table = dot_table(form(X), groups, ["gene 3", "gene 0", "gene 3"], var_names=genes)
    frame = pd.DataFrame(X, columns=genes).groupby(groups)
    means = table.pivot(index="group", columns="gene", values="mean")
    shares = table.pivot(index="group", columns="gene", values="share")
    for gene in ("gene 3", "gene 0"):
        np.testing.assert_allclose(means[gene], frame[gene].mean())
        np.testing.assert_allclose(shares[gene], frame[gene].agg(lambda values: (values > 0).mean()))
    assert table["gene"].tolist()[:2] == ["gene 3", "gene 0"]
    with pytest.raises(DataError, match="'XYZ'"):
        dot_table(form(X), groups, ["XYZ"], var_names=genes)


def test_warnings_name_small_groups_and_always_warn_of_circularity():
    texts = marker_warnings(["big"] * 20 + ["small"] * 5 + ["x", "y"])
    assert texts[0] == "x, y have a single cell each and were left out."
    assert "small (5)" in texts[1]
    assert len(marker_warnings(["big"] * 20)) == 2
    assert "optimistic" in marker_warnings(["big"] * 20)[0]
