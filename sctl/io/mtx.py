"""Matrix Market files, read in parts by pandas.

SciPy's reader is a compiled library that can end the whole process on a damaged stream, which a server
must not risk; pandas raises instead.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError
from sctl.io.contents import damaged_gzip, head
from sctl.io.hdf5_check import MAX_SIDE
from sctl.io.system import require
from sctl.io.table import opened

_CHUNK = 5_000_000  # entries in memory at once as they are parsed
_DIGITS = 18  # of a size; a longer one is far too large however it goes on
_BYTES_PER_ENTRY = 24  # row, column and value, and the same again sorted by cell


def read_mtx(path: Path) -> sparse.coo_matrix:
    """Read a sparse matrix of numbers, packed by gzip or not.

    Parameters
    ----------
    path : Path

    Returns
    -------
    coo_matrix
        In float32, with the rows and columns of the file.

    Raises
    ------
    DataError
        If it is not such a file, is damaged, or is too large for the memory.
    """
    first = head(path).split(b"\n", 1)[0].decode("latin-1").lower().split()
    if not first or first[0] != "%%matrixmarket":
        raise DataError(
            f"{path.name} is not a Matrix Market file.",
            expected="Its first line should begin with '%%MatrixMarket'.",
            do="Download it again, or give the matrix in another form.",
        )
    if (
        first[2:3] != ["coordinate"]
        or first[3:4] not in (["integer"], ["real"], ["pattern"])
        or first[4:] != ["general"]
    ):
        raise DataError(
            f"{path.name} is a Matrix Market file of the kind {' '.join(first[2:])!r}.",
            expected="The kind 'coordinate integer general' (or real) was expected, as 10x writes it.",
            do="Export it again as a sparse matrix of counts.",
        )
    try:
        with opened(path) as stream:
            shape, n_entries = _sizes(stream, path.name)
            require(_BYTES_PER_ENTRY * n_entries, path.name)
            parts = list(_parts(stream, shape, n_columns=2 if first[3] == "pattern" else 3, name=path.name))
    except (EOFError, zlib.error, OSError) as error:
        raise damaged_gzip(path.name) from error
    rows, columns, values = (np.concatenate([part[i] for part in parts]) if parts else np.zeros(0) for i in range(3))
    if len(rows) != n_entries:
        raise _damaged(path.name, f"{n_entries:,} entries are announced and {len(rows):,} are there")
    return sparse.coo_matrix(
        (values.astype(np.float32), (rows.astype(np.int64), columns.astype(np.int64))), shape=shape
    )


def _sizes(stream: IO[bytes], name: str) -> tuple[tuple[int, int], int]:
    """Read up to the line with rows, columns and entries, and return these."""
    for line in iter(lambda: stream.readline(1 << 16), b""):
        fields = line.split()
        if not fields or line.startswith(b"%"):
            continue
        if len(fields) != 3 or not all(field.isdigit() for field in fields):
            break
        rows, columns, entries = (int(field[:_DIGITS]) for field in fields)
        if max(rows, columns) > MAX_SIDE:
            raise _damaged(name, f"{rows:,} rows and {columns:,} columns are announced")
        return (rows, columns), entries
    raise _damaged(name, "the line with rows, columns and entries is missing")


def _parts(
    stream: IO[bytes], shape: tuple[int, int], *, n_columns: int, name: str
) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Yield rows, columns (counted from 0) and values of some entries at a time."""
    kinds = {0: np.int64, 1: np.int64, 2: np.float32}
    columns = list(range(n_columns))
    try:
        with pd.read_csv(
            stream,
            sep=r"\s+",
            header=None,
            names=columns,
            index_col=False,
            dtype={i: kinds[i] for i in columns},
            chunksize=_CHUNK,
        ) as table:
            for part in table:
                rows, cols = part[0].to_numpy() - 1, part[1].to_numpy() - 1
                if rows.size and (min(rows.min(), cols.min()) < 0 or rows.max() >= shape[0] or cols.max() >= shape[1]):
                    raise _damaged(name, "an entry lies outside the matrix")
                values = part[2].to_numpy() if n_columns == 3 else np.ones(len(rows), dtype=np.float32)
                yield rows.astype(np.int32), cols.astype(np.int32), values
    except pd.errors.EmptyDataError:
        return
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise _damaged(name, "an entry is not 'row column value'") from error
    except (ArithmeticError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise _damaged(name, "an entry is not 'row column value'") from error


def _damaged(name: str, detail: str) -> DataError:
    return DataError(
        f"{name} is damaged or incomplete: {detail}.",
        expected="A line for each entry was expected: gene, cell, count.",
        do="Download or copy it again.",
    )
