"""A table of labels beside the matrix: read it, and join it to the cells by their names."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.errors import DataError
from sctl.io.contents import damaged_gzip, kind_of
from sctl.io.hdf5 import read_hdf5
from sctl.io.system import system_errors
from sctl.io.table import layout_of, opened

_CELL_COLUMN = re.compile(r"(?i)(?:unnamed.*|index|cells?|cell[ _.]?(?:id|name|barcode)s?|barcodes?|.*barcode|)")
_ENOUGH = 0.5  # share of the cells that must be found


def _barcode(text: str) -> str:
    found = re.findall(r"[ACGT]{10,}", text)
    return found[-1] if found else text


# The first is the strictest; a later one is tried only where it finds more cells.
_SPELLINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("as they are", lambda text: text),
    ("without surrounding blanks and quotes", lambda text: text.strip().strip("\"'").strip()),
    ("with '.' and '-' taken for the same", lambda text: text.strip().strip("\"'").replace(".", "-")),
    ("without a final '-1' or the like", lambda text: re.sub(r"[-.]\d+$", "", text.strip().strip("\"'"))),
    ("by the barcode alone", _barcode),
    ("in small letters", lambda text: text.strip().lower()),
)


@dataclass(frozen=True)
class JoinReport:
    """How a table of labels met the cells.

    Parameters
    ----------
    n_obs : int
        Cells of the dataset.
    n_matched : int
        Cells that are in the table.
    n_unused : int
        Rows of the table that belong to no cell.
    how : str
        How the names were compared.
    columns : tuple of str
        The columns of ``obs`` that were added or replaced.
    """

    n_obs: int
    n_matched: int
    n_unused: int
    how: str
    columns: tuple[str, ...]

    @property
    def text(self) -> str:
        """The report as sentences."""
        return (
            f"{self.n_matched:,} of {self.n_obs:,} cells are in the table (names compared {self.how}); "
            f"{self.n_unused:,} of its rows belong to no cell. Columns: {', '.join(self.columns)}."
        )


def read_labels(path: Path | str, *, name: str | None = None) -> pd.DataFrame:
    """Read a table with one row per cell.

    Parameters
    ----------
    path : Path or str
        ``.csv``, ``.tsv`` or ``.txt``, packed by gzip or not; of an ``.h5ad`` the table of cells is taken.
    name : str, optional
        The name the user knows it by.

    Returns
    -------
    DataFrame of shape (n_rows, n_columns)
        Named by cell; text columns are strings, missing values NaN.

    Raises
    ------
    DataError
        If it is no such table, or names a cell twice.
    """
    path = Path(path)
    name = name or path.name
    if not path.is_file():
        raise DataError(f"There is no file {name}.", expected="A table of labels was expected.", do="Check the path.")
    with system_errors(f"{name} cannot be read"):
        kind = kind_of(path, name)
    if kind == "hdf5":
        return pd.DataFrame(read_hdf5(path, name).obs)
    if kind != "text":
        raise DataError(
            f"{name} is not a table of labels.",
            expected="A .csv or .tsv with one row per cell was expected.",
            do="Export the names of the cells and their labels as .csv.",
        )
    table = _read_table(path, name)
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise DataError(
            f"{name} names {len(twice):,} cells more than once, e.g. {twice[0]!r}.",
            expected="Each cell should have one row.",
            do="Remove the repeated rows; if several samples share barcodes, add the sample to the names.",
        )
    return table


def join_labels(adata: AnnData, table: pd.DataFrame) -> tuple[AnnData, JoinReport]:
    """Return a copy of a dataset with the columns of a table, matched by the names of the cells.

    Names are compared as they are first, and then more loosely: without blanks and quotes, with ``.`` for
    ``-``, without a final ``-1``, by the barcode alone, in small letters. A looser way is used only if it
    finds more cells and keeps all names apart.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
    table : DataFrame
        As :func:`read_labels` returns it.

    Returns
    -------
    joined : AnnData of shape (n_obs, n_vars)
        Text columns are categorical; cells that are not in the table have a missing value.
    report : JoinReport

    Raises
    ------
    DataError
        If fewer than half of the cells are in the table.
    """
    how, where = max(
        ((how, _positions(adata.obs_names, table.index, spell)) for how, spell in _SPELLINGS),
        key=lambda item: int((item[1] >= 0).sum()),  # of equals, max takes the first: the strictest
    )
    matched = int((where >= 0).sum())
    if matched < _ENOUGH * adata.n_obs:
        raise DataError(
            f"Only {matched:,} of {adata.n_obs:,} cells are in the table of labels. The cells are called "
            f"{_examples(adata.obs_names)}; the table has {_examples(table.index)}.",
            expected="At least half of the cells should be found by their names.",
            do="Make the first column of the table hold the names of the cells, as they are in the matrix.",
        )
    out = adata.copy()
    for column in table.columns:
        values = table[column].to_numpy(dtype=object)[where]
        values[where < 0] = np.nan
        joined = pd.Series(values, index=out.obs_names).infer_objects()
        out.obs[str(column)] = joined.astype("category") if joined.dtype == object else joined
    used = len(np.unique(where[where >= 0]))
    return out, JoinReport(adata.n_obs, matched, len(table) - used, how, tuple(map(str, table.columns)))


def _read_table(path: Path, name: str) -> pd.DataFrame:
    layout = layout_of(path, name)
    header, skip = list(layout.header), layout.skip
    # A heading that stands among the values of its own column is no heading.
    if any(
        field and field in {row[i] for row in layout.sample if i < len(row)} for i, field in enumerate(header[1:], 1)
    ):
        header = ["", *(["label"] if len(header) == 2 else [f"column_{i}" for i in range(1, len(header))])]
        skip -= 1
    try:
        with opened(path) as stream:
            table = pd.read_csv(
                stream,
                sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
                header=None,
                names=list(range(len(header))),
                index_col=False,
                skiprows=skip,
                encoding=layout.encoding,
                encoding_errors="replace",
                skipinitialspace=True,
            )
    except (EOFError, zlib.error, OSError) as error:
        raise damaged_gzip(name) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(
            f"The rows of {name} have different numbers of columns.",
            expected="Every row of a table of labels must have the same columns.",
            do="Export it again with quoted names.",
        ) from error
    where = _cell_column(header, table)
    index = pd.Index(table[where].astype(str).to_numpy(), dtype=object)
    rest = [i for i in range(len(header)) if i != where]
    return pd.DataFrame({header[i] or f"column_{i}": table[i].to_numpy() for i in rest}, index=index)


def _cell_column(header: list[str], table: pd.DataFrame) -> int:
    """Return the column that names the cells: by its heading, but after one that only counts the rows."""
    unique = [i for i in range(len(header)) if table[i].is_unique]
    named = [i for i in unique if _CELL_COLUMN.fullmatch(header[i])]
    texts = [i for i in unique if table[i].dtype == object]
    first = table[0].to_numpy()
    if (
        first.dtype.kind in "iu"
        and len(first)
        and (first - first[0] == np.arange(len(first))).all()
        and first[0] in (0, 1)
    ):
        return next((i for i in (*named, *texts) if i in texts), 0)
    return named[0] if named else 0


def _positions(cells: pd.Index, rows: pd.Index, spell: Callable[[str], str]) -> np.ndarray:
    """Return each cell's row of the table, -1 where there is none or the spelling mixes names up."""
    left = pd.Index([spell(str(cell)) for cell in cells])
    right = pd.Index([spell(str(row)) for row in rows])
    if not right.is_unique or (not left.is_unique and cells.is_unique):
        return np.full(len(cells), -1)
    return np.asarray(right.get_indexer(left))


def _examples(names: pd.Index) -> str:
    return ", ".join(repr(str(item)) for item in names[:3])
