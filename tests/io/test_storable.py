"""Whatever a dataset holds, it is written: as it was where the format has a form for it, and said in words where not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from sctl.io import write_h5ad
from sctl.project import Project

N = 6
NAMES = [f"cell {k}" for k in range(N)]

AS_IT_WAS: dict[str, Any] = {
    "numbers": np.arange(N) / 3,
    "whole": np.arange(N),
    "truth": np.arange(N) % 2 == 0,
    "text": list("abcabc"),
    "category": pd.Categorical(list("abcabc")),
    "category of numbers": pd.Categorical([1, 2, 3, 1, 2, 3]),
    "ordered": pd.Categorical(list("abcabc"), categories=list("cba"), ordered=True),
    "text and missing": ["a", None, "b", np.nan, "a", "b"],
    "nullable text": pd.array(["a", pd.NA, "b", "a", "b", "a"], dtype="string"),
    "nullable whole": pd.array([1, pd.NA, 3, 4, 5, 6], dtype="Int64"),
    "nullable small": pd.array([1, pd.NA, 3, 4, 5, 6], dtype="UInt8"),
    "nullable truth": pd.array([True, pd.NA, False, True, False, True], dtype="boolean"),
    "nullable numbers": pd.array([1.5, pd.NA, 3, 4, 5, 6], dtype="Float64"),
    "truth in one part only": [True, False, np.nan, np.nan, True, None],
    "numbers as objects": np.array([1, 2.5, None, 3, 4, np.nan], dtype=object),
    "nothing at all": [None] * N,
    "half precision": np.arange(N, dtype=np.float16),
    "sparse": pd.arrays.SparseArray([0.0, 0, 1, 0, 2, 0]),
    "slash/in the name": np.arange(N),
}
AS_TEXT: dict[str, Any] = {
    "text and numbers": ["a", 1, "b", 2.5, None, "c"],
    "dates": pd.date_range("2026-01-01", periods=N),
    "dates with a zone": pd.date_range("2026-01-01", periods=N, tz="UTC"),
    "durations": pd.to_timedelta(np.arange(N), unit="h"),
    "periods": pd.period_range("2026-01", periods=N, freq="M"),
    "complex": np.arange(N) * 1j,
    "intervals": pd.cut(np.arange(N), 3),
    "bare intervals": pd.arrays.IntervalArray.from_breaks(np.arange(N + 1)),
    "categories of mixed kinds": pd.Categorical(["a", 1, "a", 1, None, 2.5]),
    "categories of truth and text": pd.Categorical(["a", True, "a", True, None, False]),
    "categories that are one as text": pd.Categorical(["1", 1, "1", 1, None, 2]),
    "lists": [[1], [2, 3], None, [], [4], [5]],
    "dicts": [{"a": 1}] * N,
    "bytes": [b"a", b"b"] * 3,
    "huge numbers": pd.Series([10**400, 1, 2, 3, 4, 5], dtype=object, index=NAMES),
    7: ["number for a name", *range(N - 1)],
    ("a", "b"): ["tuple for a name", *range(N - 1)],
}


def cells(**parts: Any) -> AnnData:
    """A tiny dataset with something in it."""
    return AnnData(
        X=sparse.csr_matrix(np.arange(N * 3.0).reshape(N, 3)), obs=parts.pop("obs", pd.DataFrame(index=NAMES)), **parts
    )


def written(adata: AnnData, path: Path) -> tuple[AnnData, str]:
    """Write and read again; the dataset itself must stay as it is."""
    before = [str(name) for name in adata.obs.columns], adata.obs.dtypes.tolist()
    notes = write_h5ad(adata, path)
    assert ([str(name) for name in adata.obs.columns], adata.obs.dtypes.tolist()) == before
    back = ad.read_h5ad(path)
    assert back.shape == adata.shape
    assert (back.X != adata.X).nnz == 0
    return back, " ".join(notes)


@pytest.mark.parametrize("name", AS_IT_WAS)
def test_a_column_that_has_a_form_keeps_its_values(name: str, tmp_path: Path) -> None:
    obs = pd.DataFrame({name: AS_IT_WAS[name]}, index=NAMES)
    back, notes = written(cells(obs=obs), tmp_path / "a.h5ad")
    assert notes == ""
    found, given = back.obs[name].astype(object), obs[name].astype(object)
    assert found.isna().tolist() == given.isna().tolist()
    assert found[found.notna()].tolist() == given[given.notna()].tolist()


@pytest.mark.parametrize("name", AS_TEXT, ids=str)
def test_a_column_without_a_form_becomes_text_and_it_is_said(name: Any, tmp_path: Path) -> None:
    obs = pd.DataFrame(index=NAMES)
    obs[name] = pd.Series(AS_TEXT[name], index=NAMES) if not hasattr(AS_TEXT[name], "dtype") else AS_TEXT[name]
    back, notes = written(cells(obs=obs), tmp_path / "a.h5ad")
    assert "text" in notes
    assert f"'{name}'" in notes
    found = back.obs[str(name)]
    given = obs[name]
    assert found.isna().tolist() == given.isna().tolist()
    assert all(isinstance(value, str) for value in found.dropna())
    if str(given.dtype) not in ("datetime64[ns]", "datetime64[ns, UTC]") and not str(name).startswith("bytes"):
        assert found.dropna().tolist() == [str(value) for value in given.dropna()]


def test_everything_at_once_in_cells_genes_and_raw(tmp_path: Path) -> None:
    every = pd.DataFrame({**AS_IT_WAS, **AS_TEXT}, index=NAMES)
    every["_index"] = np.arange(N)
    square = AnnData(X=np.eye(N), obs=every, var=every.set_axis([f"gene {k}" for k in range(N)]))
    square.raw = square.copy()
    notes = write_h5ad(square, tmp_path / "a.h5ad")
    back = ad.read_h5ad(tmp_path / "a.h5ad")
    expected = [str(name).replace("_index", "index") for name in every.columns]
    for table in (back.obs, back.var, back.raw.var):
        assert list(table.columns) == expected
    assert sum("is called 'index' in the file" in note for note in notes) == 3


def doubled() -> AnnData:
    """Two columns of one name."""
    out = cells()
    out.obs = pd.DataFrame([[k, -k] for k in range(N)], index=NAMES, columns=["x", "x"])
    return out


def shadowed() -> AnnData:
    """A column in whose place a nested one would lie."""
    return cells(obs=pd.DataFrame({"a": range(N), "a/b": range(N), "/": range(N)}, index=NAMES))


def headed() -> AnnData:
    """Names of cells whose heading a column has too."""
    out = cells(obs=pd.DataFrame({"sample": list("abcabc")}, index=NAMES))
    out.obs.index.name = "sample"
    return out


@pytest.mark.parametrize(
    ("make", "columns", "said"),
    [
        (doubled, ["x", "x-1"], "'x' of the cells is called 'x-1'"),
        (shadowed, ["a", "a|b", "column"], "'a/b' of the cells is called 'a|b'"),
        (headed, ["sample"], "had the heading 'sample'"),
    ],
)
def test_names_that_cannot_be_written_get_another(
    make: Callable[[], AnnData], columns: list[str], said: str, tmp_path: Path
) -> None:
    back, notes = written(make(), tmp_path / "a.h5ad")
    assert list(back.obs.columns) == columns
    assert said in notes


def test_arrays_and_what_is_unstructured_are_written_or_named(tmp_path: Path) -> None:
    adata = cells()
    adata.obsm["sparse array"] = sparse.csr_array(np.eye(N))
    adata.obsm["table"] = pd.DataFrame({"a": ["x", 1, 2, 3, 4, 5], "_index": range(N)}, index=NAMES)
    adata.obsm["objects"] = np.array([["x", 1]] * N, dtype=object)
    adata.uns = {
        "nothing": None,
        "nested": {1: {"deep/er": None, "list": [1, "a", None]}},
        "dicts": [{"a": 1}, {"b": [2]}],
        "set": {"x", "y"},
        "words": ["a", "b"],
        "numbers": (1, 2, 3),
        "when": pd.Timestamp("2026-01-01"),
        "call": len,
        "complex": 1j,
        "table": pd.DataFrame({"a": [1, "x"]}),
        "": "no name",
        "jagged": [[1], [2, 3]],
        "text": np.array(["a", "b"]),
        "interval": pd.Interval(0, 1),
    }
    given = copy.deepcopy(dict(adata.uns, call=None))
    back, notes = written(adata, tmp_path / "a.h5ad")
    assert str(dict(adata.uns, call=None)) == str(given)
    assert set(back.obsm) >= {"sparse array", "table"}
    np.testing.assert_array_equal(back.obsm["sparse array"].toarray(), np.eye(N))
    assert list(back.obsm["table"].columns) == ["a", "index"]
    assert "obsm['objects']" in notes
    assert set(back.uns) >= {"nested", "dicts", "words", "numbers", "complex", "table", "jagged", "text", "unnamed"}
    assert back.uns["nested"]["1"]["list"] == '[1, "a", null]'
    assert back.uns["dicts"] == '[{"a": 1}, {"b": [2]}]'
    assert "uns['nothing'] has no form in a file and is left out" in notes
    assert "uns['dicts'] is written as text" in notes


def test_a_project_takes_what_the_format_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path))
    project = Project.create("Any")
    every = pd.DataFrame({**AS_IT_WAS, **AS_TEXT, "_index": range(N)}, index=NAMES)
    project.put_input("target", cells(obs=every, uns={"dicts": [{"a": None}]}), {"filename": "a.h5ad"})
    assert project.input("target").n_obs == N
    assert any("_index" in text for text in (project.input_info("target") or {})["notes"])
