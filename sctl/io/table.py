"""How a text table is written: its encoding, delimiter and header, told from its beginning."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError
from sctl.io.archive import FLOOR, MAX_BYTES, MAX_RATIO
from sctl.io.contents import head, is_gzip

_DELIMITERS = "\t,;| "
_LINES = 25  # lines that decide
MAX_COLUMNS = 200_000
"""Most columns of a table: each takes time of its own, however few rows there are."""
_LINE_BYTES = 16_000_000  # the longest header line: so many names of 80 letters
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:([,'’ \u00a0\u202f])\d{3})(?:\1\d{3})*(?:\.\d+)?")
"""A number with something between thousands, which is the first group; a point may as well stand before decimals."""
MISSING = frozenset({"", "NA", "NaN", "nan", "N/A", "NULL", "null", "None", "n/a", "<NA>", "#N/A"})


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Parameters
    ----------
    delimiter : str
    encoding : str
    skip : int
        Lines before the data: comments, blank lines and the header.
    header : tuple of str
        The column names, with one for the column of row names even where the file leaves it out.
    sample : tuple of tuple of str
        The first rows of data.
    titles : tuple of str
        Lines above the header that belong to no column.
    """

    delimiter: str
    encoding: str
    skip: int
    header: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    titles: tuple[str, ...] = ()


class _Bounded(gzip.GzipFile):
    """A gzip stream that stops when it gives more than its packed size lets one expect."""

    limit = MAX_BYTES

    def read(self, size: int | None = -1) -> bytes:
        """Read as gzip does, and count."""
        block = super().read(size)
        self._check()
        return block

    def read1(self, size: int = -1) -> bytes:
        """Read what is at hand as gzip does, and count."""
        block = super().read1(size)
        self._check()
        return block

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line as gzip does, and count."""
        line = super().readline(-1 if size is None else size)
        self._check()
        return line

    def _check(self) -> None:
        if self.tell() > self.limit:
            raise DataError(
                "The file unpacks to far more than its size lets one expect.",
                expected=f"At most {MAX_RATIO} times its own size is unpacked.",
                do="If it is really so large, save the matrix as .h5ad and give that.",
            )


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a text, packed by gzip or not."""
    if not is_gzip(path):
        with path.open("rb") as stream:
            yield stream
        return
    with _Bounded(path) as packed:
        packed.limit = min(MAX_BYTES, max(FLOOR, MAX_RATIO * path.stat().st_size))
        yield cast("IO[bytes]", packed)


def layout_of(path: Path, name: str) -> Layout:
    """Tell how a table is written.

    Raises
    ------
    DataError
        If it has one column only, no rows, or numbers with decimal commas.
    """
    start = head(path, 1 << 16, name=name)
    encoding = _encoding(start)
    old_mac = b"\r" in start and b"\n" not in start  # Excel for Mac still offers to end lines so
    numbers, lines = _first_lines(path, encoding, name, whole=old_mac or encoding == "utf-16")
    delimiter = _delimiter(lines, name)
    rows = [fields_of(line, delimiter) for line in lines]
    first = _header_among(rows)
    header, sample = rows[first], rows[first + 1 :]
    titles = tuple(" ".join(filter(None, row)) for row in rows[:first])
    if not sample:
        raise DataError(
            f"{name} has a header but no rows.",
            expected="One row per gene or per cell was expected.",
            do="Export the table again.",
        )
    if max(map(len, rows)) > MAX_COLUMNS:
        raise DataError(
            f"{name} has {max(map(len, rows)):,} columns.",
            expected=f"A table of at most {MAX_COLUMNS:,} columns was expected.",
            do="Give such a matrix as .h5ad, or as a 10x matrix with its barcodes and genes.",
        )
    _check_numbers(sample, name)
    width = Counter(len(row) for row in sample).most_common(1)[0][0]
    if len(header) == width - 1:  # as R's write.table writes it
        header = ["", *header]
    elif (
        len(header) == width > 2 and header[-1] == "" and not any(row[width - 1] for row in sample if len(row) == width)
    ):
        header, sample = header[:-1], [row[: width - 1] for row in sample]  # every line ends in a delimiter
    return Layout(delimiter, encoding, numbers[first], tuple(header), tuple(tuple(row) for row in sample), titles)


def _header_among(rows: list[list[str]]) -> int:
    """Return the place of the first row that is as wide as those after it, and filled; titles stand above it."""
    width = Counter(len(row) for row in rows[1:] or rows).most_common(1)[0][0]
    for i, row in enumerate(rows[:-1]):
        if abs(len(row) - width) <= 1 and 2 * sum(map(bool, row)) >= width:
            return i
    return 0


def is_number(text: str) -> bool:
    """Say whether a field is a number or missing."""
    bare = text.strip()
    known = text in MISSING or bare.lower().strip("+-") in ("inf", "infinity")
    return known or bool(_NUMBER.fullmatch(bare)) or bool(THOUSANDS.fullmatch(bare))


def _encoding(start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        start[:-4].decode("utf-8")  # the last character may be cut
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _first_lines(path: Path, encoding: str, name: str, *, whole: bool) -> tuple[list[int], list[str]]:
    """Return the first lines that hold something, after leading comments, and how many lines each ends.

    Where lines do not end in one byte for a new line, the file is read ``whole`` to find their ends.
    """
    numbers: list[int] = []
    lines: list[str] = []
    with opened(path) as stream:
        if whole:
            texts: Iterator[str] = iter(stream.read(_LINE_BYTES).decode(encoding, "replace").splitlines())
        else:
            texts = (line.decode(encoding, "replace") for line in iter(lambda: stream.readline(_LINE_BYTES), b""))
        for number, text in enumerate(texts, 1):
            line = text.rstrip("\r\n")
            if len(line) >= _LINE_BYTES - 4:
                raise DataError(
                    f"A line of {name} is longer than 16 MB.",
                    expected="A table with one row per line was expected.",
                    do="Export it again with line ends, or as .h5ad.",
                )
            comment = not lines and line.startswith(("#", "%"))
            if line.strip() and not comment:
                lines.append(line)
                numbers.append(number)
            if len(lines) > _LINES:
                break
    return numbers, lines


def fields_of(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line without blanks around them; the whole line where it cannot be divided."""
    text = line.strip() if delimiter == " " else line
    try:
        fields = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    except (
        csv.Error
    ):  # a field longer than 131,072 letters, as of a wide table cut at the wrong sign; a line end of another kind
        return [line]
    return [field.strip() for field in fields]


def _delimiter(lines: list[str], name: str) -> str:
    """Return the delimiter that gives the rows after the header one common number of fields, at least two."""
    best, most = "", (False, 1)
    for delimiter in _DELIMITERS:
        rows = [fields_of(line, delimiter) for line in lines]
        widths = [len(row) for row in rows]
        body = widths[1:] or widths
        width, count = Counter(body).most_common(1)[0] if body else (0, 0)
        first = _header_among(rows) if rows else 0
        agrees = width > 1 and count >= 0.6 * len(body) and widths[first] in (width, width - 1, width + 1)
        found = (first == 0, width)  # one that makes titles of lines is believed where no other divides the first
        # A delimiter later in the list must divide the lines into more fields to be believed.
        if agrees and found > most:
            best, most = delimiter, found
    if not best:
        raise DataError(
            f"{name} has one column only, or columns that no common sign separates.",
            expected="Columns separated by commas, tabs or semicolons were expected.",
            do="Export it as .csv with one column per cell or per gene, and without a title above the header.",
        )
    return best


def _check_numbers(sample: list[list[str]], name: str) -> None:
    fields = [field for row in sample for field in row[1:] if field]
    commas = [field for field in fields if _DECIMAL_COMMA.fullmatch(field)]
    between_thousands = all(THOUSANDS.fullmatch(field) for field in commas)
    if commas and not between_thousands and len(commas) >= 0.05 * len(fields):
        raise DataError(
            f"{name} writes numbers with a decimal comma ({commas[0]}).",
            expected="Numbers with a decimal point (0.5) were expected.",
            do="Export it with English number format; in Excel: Options, Advanced, decimal separator '.'.",
        )


# -- one line for each count ----------------------------------------------------------------

_REPEATED = 0.5  # share of different names, in both columns of names, below which a table is such a list


def unfolded(
    matrix: sparse.csr_matrix, texts: Sequence[pd.Index | pd.Series], name: str
) -> tuple[sparse.csr_matrix, pd.Index, pd.Index] | None:
    """Return the matrix of a list of counts with the names of its rows and columns; None for any other table.

    Parameters
    ----------
    matrix : csr_matrix of shape (n_lines, n_values)
    texts : sequence of Index or Series of str, each of length n_lines
        The columns that hold names.
    name : str
        The file, as the user knows it.

    Raises
    ------
    DataError
        If there are two counts for one gene of one cell.
    """
    if matrix.shape[1] != 1 or matrix.shape[0] < 2:
        return None
    repeated = [text for text in texts if len(set(text)) <= _REPEATED * len(text)]
    if len(repeated) != 2:  # neither column names the lines, both together do
        return None
    return _spread(list(repeated[0]), list(repeated[1]), matrix.toarray().ravel(), name)


def _spread(
    first: list[str], second: list[str], counts: NDArray[Any], name: str
) -> tuple[sparse.csr_matrix, pd.Index, pd.Index]:
    i, rows = pd.factorize(np.asarray(first, dtype=object))
    j, columns = pd.factorize(np.asarray(second, dtype=object))
    shape = len(rows), len(columns)
    twice = pd.Series(i.astype(np.int64) * shape[1] + j).duplicated().to_numpy()
    if twice.any():
        place = int(np.argmax(twice))
        raise DataError(
            f"{name} holds two numbers for {first[place]!r} and {second[place]!r}.",
            expected="One line for each gene and cell was expected.",
            do="Add them up, or export the counts as a matrix with genes and cells.",
        )
    return sparse.csr_matrix((counts, (i, j)), shape=shape, dtype=np.float32), pd.Index(rows), pd.Index(columns)
