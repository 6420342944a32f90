"""Tables as people and programs write them: titles, sums, remarks, thousands, and columns about cells among the genes."""

import gzip

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sctl.errors import DataError
from sctl.genes.table import matched
from sctl.io import read
from sctl.qc.values import value_kind
from tests.io.conftest import CELLS, GENES


def table(large=False):
    rng = np.random.default_rng(2)
    X = rng.poisson(3, size=(9, 14))
    if large:
        X[X > 4] *= 1234
    return pd.DataFrame(X, index=CELLS, columns=GENES)


def as_given(back, expected):
    assert list(back.var_names) == list(expected.columns)
    assert list(back.obs_names) == list(expected.index)
    np.testing.assert_allclose(back.X.toarray(), expected.to_numpy(), rtol=1e-6)
    return True


# --- what a file is called ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".xls", ".XLS", ".tab", ".xlsx", ".xls.gz", ".tab.gz"])
@pytest.mark.parametrize("delimiter", ["\t", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_a_text_is_read_whatever_it_is_called(tmp_path, ending, delimiter, encoding):
    content = table().T.to_csv(sep=delimiter).encode(encoding)
    (tmp_path / f"x{ending}").write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    assert as_given(read(tmp_path / f"x{ending}"), table())


OLE, BIFF = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), b"\x09\x08\x10\x00\x00\x06\x05\x00" + bytes(600)


@pytest.mark.parametrize("content", [OLE, BIFF, b"PK\x03\x04" + bytes(99)], ids=["ole", "biff", "zip"])
def test_a_workbook_is_refused_under_its_own_ending(tmp_path, content):
    (tmp_path / "x.xls").write_bytes(content)
    with pytest.raises(DataError, match="Excel workbook"):
        read(tmp_path / "x.xls")


@pytest.mark.parametrize("start", ["<html><table>", "  <!DOCTYPE html>", '<?xml version="1.0"?><Workbook>'])
def test_a_page_called_xls_is_refused(tmp_path, start):
    (tmp_path / "x.xls").write_text(start)
    with pytest.raises(DataError, match=r"Excel|web page|XML"):
        read(tmp_path / "x.xls")


# --- titles, remarks, sums ---------------------------------------------------------------------------------


TITLES = [
    "Supplementary Table 3. Counts\n",
    "Supplementary Table 3. Counts,,,,,,,,,\n",
    '"Table S1, counts of cells, 2019"\n\n',
    "Table S1\nmade by hand, in March\n# with a remark\n",
]


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("genes_in_rows", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_title_is_passed_over_and_named(tmp_path, title, genes_in_rows, end):
    text = title + (table().T if genes_in_rows else table()).to_csv()
    (tmp_path / "x.csv").write_bytes(text.replace("\n", end).encode())
    back = read(tmp_path / "x.csv")
    assert as_given(back, table())
    assert "taken for a title" in back.uns["read_notes"]
    assert "Table" in back.uns["read_notes"]


def test_no_title_no_remark(tmp_path):
    table().to_csv(tmp_path / "x.csv")
    assert "read_notes" not in read(tmp_path / "x.csv").uns


@pytest.mark.parametrize(
    "footer", ["Source: the atlas\n", "Source: the atlas,,,,,,,,,\n", "\nCounts are UMIs\nas of 2019 only\n"]
)
def test_a_remark_below_the_table_is_passed_over_and_named(tmp_path, footer):
    (tmp_path / "x.csv").write_text(table().T.to_csv() + footer)
    back = read(tmp_path / "x.csv")
    assert as_given(back, table())
    assert "taken for a remark" in back.uns["read_notes"]


@pytest.mark.parametrize("end", ["GAPDH", "GAPDH,1,2", "no gene,1,2"])
def test_a_table_that_is_cut_off_is_refused(tmp_path, end):
    (tmp_path / "x.csv").write_text(table().T.to_csv() + end)
    with pytest.raises(DataError, match="different numbers of fields"):
        read(tmp_path / "x.csv")


@pytest.mark.parametrize("word", ["Total", "TOTAL", "sum", "Grand Total", "Gesamt"])
@pytest.mark.parametrize("genes_in_rows", [True, False])
def test_sums_are_neither_genes_nor_cells(tmp_path, word, genes_in_rows):
    full = table()
    full[word] = full.sum(axis=1)
    full.loc[word] = full.sum(axis=0)
    (full.T if genes_in_rows else full).to_csv(tmp_path / "x.csv")
    back = read(tmp_path / "x.csv")
    assert as_given(back, table())
    np.testing.assert_array_equal(back.obs[word], table().sum(axis=1))
    assert repr(word) in back.uns["read_notes"]


def test_genes_that_are_the_sum_of_others_by_chance_stay(tmp_path):
    chance = table().iloc[:, :5]
    chance["CD3E"] = chance.sum(axis=1)
    chance.to_csv(tmp_path / "x.csv")
    assert "CD3E" in read(tmp_path / "x.csv").var_names


# --- numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", " ", "'", "’", "\u00a0", "\u202f"])
@pytest.mark.parametrize("genes_in_rows", [True, False])
@pytest.mark.parametrize("parts", [8_000_000, 30])
def test_thousands_are_read_and_it_is_said(tmp_path, monkeypatch, separator, genes_in_rows, parts):
    monkeypatch.setattr("sctl.io.text._CHUNK", parts)
    large = table(large=True)
    text = (large.T if genes_in_rows else large).map(lambda value: f"{value:,}".replace(",", separator))
    text.to_csv(tmp_path / "x.csv", quoting=1)
    back = read(tmp_path / "x.csv")
    assert as_given(back, large)
    assert "between thousands" in back.uns["read_notes"]


def test_commas_before_decimals_are_refused(tmp_path):
    (table() / 8).map(lambda value: str(value).replace(".", ",")).to_csv(tmp_path / "x.csv", sep=";")
    with pytest.raises(DataError, match="decimal comma"):
        read(tmp_path / "x.csv")


@pytest.mark.parametrize("plain", [0, 2500])
def test_commas_of_unknown_meaning_are_refused(tmp_path, plain):
    values = table().astype(object)
    values[:] = "1,234"
    values.iloc[0] = str(plain)
    values.to_csv(tmp_path / "x.csv", sep=";")
    with pytest.raises(DataError, match="thousands or before decimals cannot be told"):
        read(tmp_path / "x.csv")


def test_points_between_thousands_are_refused(tmp_path):
    table(large=True).map(lambda value: f"{value:,}".replace(",", ".")).to_csv(tmp_path / "x.csv")
    with pytest.raises(DataError, match="point between thousands"):
        read(tmp_path / "x.csv")
    (table(large=True) * 1000).map(lambda value: f"{value:,}".replace(",", ".")).to_csv(tmp_path / "y.csv")
    with pytest.raises(DataError, match="point between thousands"):
        read(tmp_path / "y.csv")


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_rounded_values_are_no_thousands(tmp_path, digits):
    rounded = np.log1p(table()).round(digits)
    rounded.to_csv(tmp_path / "x.csv")
    assert as_given(read(tmp_path / "x.csv"), rounded)


# --- about cells ----------------------------------------------------------------------------------------------


ABOUT = {
    "nCount_RNA": 3210, "nFeature_RNA": 876, "percent.mt": 1.25, "UMAP_1": -3.5, "tSNE_2": 7.25, "PC_1": -0.5, "S.Score": -0.1,
    "total_counts": 555, "n_genes_by_counts": 44, "pct_counts_mt": 0.5, "doublet_score": 0.01, "leiden": 3, "size_factor": 0.7,
    "seurat_clusters": 1, "RNA_snn_res.0.8": 2,
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 7, 14])
@pytest.mark.parametrize("genes_in_rows", [True, False])
def test_measurements_of_cells_go_to_the_table_of_cells(tmp_path, place, genes_in_rows):
    full = table()
    for name, value in reversed(ABOUT.items()):
        full.insert(place, name, value * np.arange(1, 10))
    (full.T if genes_in_rows else full).to_csv(tmp_path / "x.csv")
    back = read(tmp_path / "x.csv")
    assert as_given(back, table())
    assert value_kind(back.X) == "counts"
    assert set(ABOUT) <= set(back.obs.columns)
    for name, value in ABOUT.items():
        np.testing.assert_allclose(back.obs[name].astype(float), value * np.arange(1, 10), rtol=1e-6)
        assert repr(name) in back.uns["read_notes"]


@pytest.mark.parametrize("genes_in_rows", [True, False])
def test_values_that_no_gene_has_show_what_is_about_cells(tmp_path, genes_in_rows):
    full = table()
    full["my module"], full["axis 3"] = np.linspace(0.1, 0.9, 9), np.linspace(-4, 4, 9)
    (full.T if genes_in_rows else full).to_csv(tmp_path / "x.csv")
    back = read(tmp_path / "x.csv")
    assert as_given(back, table())
    np.testing.assert_allclose(back.obs["my module"], full["my module"], rtol=1e-6)


def test_a_gene_is_never_taken_away(tmp_path):
    full = table()
    for name in ("NAT1", "PC", "MAX", "PROP1", "ERCC1"):
        full[name] = np.linspace(0.1, 2.3, 9)
    full["my score"] = 1
    full.to_csv(tmp_path / "x.csv")
    back = read(tmp_path / "x.csv")
    assert list(back.var_names) == list(full.columns)


def test_negative_values_of_most_genes_are_scaled_values(tmp_path):
    scaled = (table() - table().mean()).set_axis([f"own_{i}" for i in range(14)], axis=1)
    scaled.index.name = "cell"
    scaled.to_csv(tmp_path / "x.csv")
    assert read(tmp_path / "x.csv").n_vars == 14


def test_a_row_of_words_among_genes_is_about_cells(tmp_path):
    full = table().T.astype(object)
    full.loc["orig.ident"] = ["A", "B", "C"] * 3
    full.loc[["orig.ident", *GENES]].to_csv(tmp_path / "x.csv")
    back = read(tmp_path / "x.csv")
    assert as_given(back, table())
    assert list(back.obs["orig.ident"]) == ["A", "B", "C"] * 3
    assert "'orig.ident'" in back.uns["read_notes"]


def test_a_word_in_a_gene_is_still_refused(tmp_path):
    full = table().T.astype(object)
    full.iloc[3, :6] = "high"
    full.to_csv(tmp_path / "x.csv")
    with pytest.raises(DataError, match="'high' where a number was expected"):
        read(tmp_path / "x.csv")


def test_all_is_kept_sparse(tmp_path):
    table().to_csv(tmp_path / "x.csv")
    assert sparse.isspmatrix_csr(read(tmp_path / "x.csv").X)


# --- columns about genes -----------------------------------------------------------------------------------


def wide(n_genes=120, n_cells=40):
    """Cells × genes, of which the first have known names."""
    rng = np.random.default_rng(3)
    names = [*matched()["human"][:n_genes]]
    counts = rng.poisson(0.6, size=(n_cells, n_genes))
    return pd.DataFrame(counts, index=[f"P{i + 1}_A" for i in range(n_cells)], columns=names)


ABOUT_GENES = {
    "Length": [1_234_567 + i for i in range(120)], "gene_length": range(300, 420), "Start": range(248_956_301, 248_956_421),
    "end": range(120, 240), "Strand": [1, -1] * 60, "entrezgene_id": range(100_130_301, 100_130_421), "Chr": [1, 2] * 60,
    "percentage_gene_gc_content": np.linspace(30, 60, 120), "n_cells": range(120), "means": np.linspace(0, 4, 120),
    "baseMean": np.linspace(1, 9, 120), "log2FoldChange": np.linspace(-3, 3, 120), "padj": [np.nan, *np.linspace(0, 1, 119)],
    "some score": np.linspace(-1, 1, 120), "another fraction": np.linspace(0, 1, 120), "number of something": range(5, 125),
}  # fmt: skip


@pytest.mark.parametrize(("place", "heading"), [(40 * (i % 2), heading) for i, heading in enumerate(ABOUT_GENES)])
@pytest.mark.parametrize("genes_in_rows", [True, False])
def test_remarks_on_genes_are_no_cells(tmp_path, heading, place, genes_in_rows):
    expected = wide()
    written = expected.T.copy().astype(object)
    written.insert(place, heading, list(ABOUT_GENES[heading]))
    if genes_in_rows:
        written.to_csv(tmp_path / "x.csv", index_label="gene")
    else:
        written.T.to_csv(tmp_path / "x.csv", index_label="cell")
    back = read(tmp_path / "x.csv")
    assert as_given(back, expected)
    assert back.var[heading].to_numpy() == pytest.approx(np.array(list(ABOUT_GENES[heading])), rel=1e-6, nan_ok=True)
    assert f"'{heading}'" in back.uns["read_notes"]
    assert "about genes" in back.uns["read_notes"]
    assert value_kind(back.X) == "counts"


def test_remarks_on_genes_keep_every_digit_and_may_have_one_heading(tmp_path):
    written = wide().T
    written.insert(0, "Start", list(ABOUT_GENES["Start"]))
    written.insert(0, "id", ["chr1"] * 120, allow_duplicates=True)
    written.insert(0, "id", ["first"] * 120, allow_duplicates=True)
    written.to_csv(tmp_path / "x.csv")
    back = read(tmp_path / "x.csv")
    assert as_given(back, wide())
    assert back.var["Start"].tolist() == list(ABOUT_GENES["Start"])
    assert back.var["id"].tolist() == ["first"] * 120
    assert back.var["id-1"].tolist() == ["chr1"] * 120


def test_cells_of_great_depth_and_genes_called_like_a_remark_stay(tmp_path):
    expected = wide()
    expected.iloc[3] = range(1, 121)  # in the middle
    expected.columns = ["GC", "STAT1", "TES", *expected.columns[3:]]
    expected.T.to_csv(tmp_path / "x.csv")
    assert as_given(read(tmp_path / "x.csv"), expected)
    assert "read_notes" not in read(tmp_path / "x.csv").uns
    deep = expected + 1
    deep.T.to_csv(tmp_path / "y.csv")
    assert as_given(read(tmp_path / "y.csv"), deep)


# --- one line for each count -------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [["gene", "cell", "count"], ["cell", "gene", "count"], ["cell", "count", "gene"]])
@pytest.mark.parametrize("numbered", [False, True])
def test_a_list_of_counts_becomes_a_matrix(tmp_path, order, numbered):
    expected = table()
    lines = expected.stack().rename_axis(["cell", "gene"]).rename("count").reset_index()
    lines[lines["count"] > 0][order].reset_index(drop=True).to_csv(tmp_path / "x.tsv.gz", sep="\t", index=numbered)
    back = read(tmp_path / "x.tsv.gz")
    assert as_given(back[expected.index, expected.columns], expected)
    assert back.shape == expected.shape
    assert "a line for each count" in back.uns["read_notes"]


def test_two_counts_for_one_gene_of_a_cell_are_refused(tmp_path):
    lines = table().stack().rename_axis(["cell", "gene"]).rename("count").reset_index()
    pd.concat([lines, lines.iloc[:1]]).to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(DataError, match=f"two numbers for '{CELLS[0]}' and 'TP53'"):
        read(tmp_path / "x.csv")


def test_millions_with_points_are_named_as_such(tmp_path):
    text = (table() * 1_234_567 + 1_000_000).map(lambda value: f"{value:,}".replace(",", "."))
    text.to_csv(tmp_path / "x.csv", sep=";")
    with pytest.raises(DataError, match="point between thousands"):
        read(tmp_path / "x.csv")


@pytest.mark.parametrize("name", ["x.csv.gz", "x.h5ad.gz"])
def test_what_is_packed_twice_is_named_as_such(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(gzip.compress(table().to_csv().encode())))
    with pytest.raises(DataError, match="packed by gzip twice"):
        read(tmp_path / name)
