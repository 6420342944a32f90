import gzip

import numpy as np
import pandas as pd
import pytest

from sctl.io import join_labels, read_labels

TYPES = ["alpha", "beta", "delta"] * 3


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("corner", ["", "barcode", "cell_id", "Cell"])
def test_tables_are_read(small, tmp_path, delimiter, packed, corner):
    table = pd.DataFrame({"cell_type": TYPES, "score": np.arange(9.0)}, index=pd.Index(small.obs_names, name=corner))
    text = table.to_csv(sep=delimiter)
    path = tmp_path / ("x.csv.gz" if packed else "x.csv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    back = read_labels(path)
    assert list(back.index) == list(small.obs_names)
    assert list(back["cell_type"]) == TYPES
    np.testing.assert_array_equal(back["score"], np.arange(9.0))


def test_the_column_of_cells_need_not_be_the_first(small, tmp_path):
    pd.DataFrame({"type": TYPES, "barcode": small.obs_names}).to_csv(tmp_path / "x.csv", index=False)
    back = read_labels(tmp_path / "x.csv")
    assert list(back.index) == list(small.obs_names)
    assert list(back.columns) == ["type"]


def test_a_table_without_header(small, tmp_path):
    rows = [f"{cell},{kind}" for cell, kind in zip(small.obs_names, TYPES, strict=True)]
    (tmp_path / "x.csv").write_text("\n".join(rows))
    back = read_labels(tmp_path / "x.csv")
    assert list(back["label"]) == TYPES
    assert list(back.index) == list(small.obs_names)


def test_the_cells_of_an_h5ad_are_a_table(small, tmp_path):
    small.obs["cell_type"] = pd.Categorical(TYPES)
    small.write_h5ad(tmp_path / "x.h5ad")
    assert list(read_labels(tmp_path / "x.h5ad")["cell_type"]) == TYPES


@pytest.mark.parametrize(
    ("spell", "how"),
    [
        (lambda name: name, "as they are"),
        (lambda name: f" {name} ", "blanks"),
        (lambda name: f'"{name}"', "quotes"),
        (lambda name: name.replace("-", "."), "taken for the same"),
        (lambda name: name.removesuffix("-1"), "final '-1'"),
        (lambda name: f"sample1_{name}", "barcode alone"),
        (lambda name: name.lower(), "small letters"),
    ],
)
def test_names_are_matched_as_loosely_as_needed(small, spell, how):
    order = np.random.default_rng(0).permutation(9)
    table = pd.DataFrame({"cell_type": TYPES}, index=[spell(name) for name in small.obs_names]).iloc[order]
    out, report = join_labels(small, table)
    assert list(out.obs["cell_type"]) == TYPES
    assert how in report.how
    assert (report.n_obs, report.n_matched, report.n_unused) == (9, 9, 0)
    assert "9 of 9 cells" in report.text
    assert "cell_type" not in small.obs


def test_cells_that_are_missing_have_no_label_and_rows_too_many_are_counted(small):
    table = pd.DataFrame({"t": ["a"] * 8, "n": np.arange(8)}, index=[*small.obs_names[:6], "x", "y"])
    out, report = join_labels(small, table)
    assert out.obs["t"].dtype == "category"
    assert out.obs["t"].isna().tolist() == [False] * 6 + [True] * 3
    assert (report.n_matched, report.n_unused, report.columns) == (6, 2, ("t", "n"))
    np.testing.assert_array_equal(out.obs["n"], [0, 1, 2, 3, 4, 5, np.nan, np.nan, np.nan])


def test_a_looser_way_never_mixes_cells_up(small):
    small.obs_names = [f"cell-{i}" for i in range(9)]
    table = pd.DataFrame({"t": range(9)}, index=small.obs_names)
    out, report = join_labels(small, table)
    assert list(out.obs["t"]) == list(range(9))
    assert report.how == "as they are"


def test_a_table_whose_names_fall_together_is_compared_as_it_is(small):
    small.obs_names = [name.removesuffix("-1") for name in small.obs_names]
    first = small.obs_names[0]
    table = pd.DataFrame({"t": range(10)}, index=[*small.obs_names, f"{first}-2"])
    out, report = join_labels(small, table)
    assert list(out.obs["t"]) == list(range(9))
    assert (report.how, report.n_unused) == ("as they are", 1)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("heading", ["barcode", "which"])
def test_numbers_of_the_rows_may_stand_before_the_names(small, tmp_path, start, heading):
    table = pd.DataFrame({heading: small.obs_names, "type": TYPES}, index=range(start, start + 9))
    table.to_csv(tmp_path / "x.csv")
    back = read_labels(tmp_path / "x.csv")
    assert list(back.index) == list(small.obs_names)
    assert list(back["type"]) == TYPES


def test_cells_called_by_numbers_stay(tmp_path):
    pd.DataFrame({"type": TYPES}).to_csv(tmp_path / "x.csv", index_label="cell")
    assert list(read_labels(tmp_path / "x.csv").index) == [str(i) for i in range(9)]


def test_quotes_after_blanks_are_no_part_of_a_heading(small, tmp_path):
    rows = [f'"{cell}", "{kind}"' for cell, kind in zip(small.obs_names, TYPES, strict=True)]
    (tmp_path / "x.csv").write_text("\n".join(['"barcode", "cell_type"', *rows]))
    assert list(read_labels(tmp_path / "x.csv")["cell_type"]) == TYPES
