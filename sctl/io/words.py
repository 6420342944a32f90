"""Numbers of a text table as people write them, and rows of words among them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl.errors import DataError
from sctl.genes import gene_likeness
from sctl.io.table import THOUSANDS

_POINTS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3}){2,}")
_MAX_ROWS = 20  # rows of words, beyond which the table is no expression matrix


@dataclass
class Words:
    """What was met among the numbers of a table, while it is read.

    Parameters
    ----------
    name : str
        The file, as the user knows it.
    header : tuple of str
        The names of its columns.
    rows : dict of int to list of str
        Rows that hold words instead of numbers, by their place.
    separator : str
        What stands between thousands, e.g. ``","``; empty where nothing does.
    example : str
        A number with it.
    largest : float
        The largest number without it, among those from 0 that are whole.
    n_plain : int
        How many whole numbers without it are not 0.
    """

    name: str
    header: tuple[str, ...]
    rows: dict[int, list[str]] = field(default_factory=dict)
    separator: str = ""
    example: str = ""
    largest: float = 0.0
    n_plain: int = 0

    def numbers(self, frame: pd.DataFrame, names: pd.Index, start: int) -> NDArray[np.float32]:
        """Return the values of some rows as float32, NaN in rows of words.

        Parameters
        ----------
        frame : DataFrame of shape (n_rows, n_values)
        names : Index of length n_rows
        start : int
            The place of the first of these rows in the table.

        Raises
        ------
        DataError
            If a word stands where a number should be.
        """
        places = np.flatnonzero([dtype.kind == "O" for dtype in frame.dtypes])
        if not len(places):
            return np.asarray(frame.to_numpy(dtype=np.float32))
        text = frame.iloc[:, places].to_numpy(dtype=object)
        found = pd.to_numeric(pd.Series(text.ravel()), errors="coerce").to_numpy(dtype=np.float64).reshape(text.shape)
        wrong = np.isnan(found) & ~pd.isna(text)
        plain = found[np.isfinite(found)]
        self._separated(text, found, wrong, plain)
        if wrong.any():
            self._separate_rows(frame, frame.iloc[:, places], wrong, names, start)
        values = frame.copy()
        numbers: Any = pd.DataFrame(found, index=frame.index)  # pandas takes a table, its stubs do not know
        values.isetitem(list(places), numbers)
        return np.asarray(values.to_numpy(dtype=np.float32))

    def _separated(self, text: Any, found: Any, wrong: Any, plain: Any) -> None:
        """Read numbers with something between thousands; changes ``found`` and ``wrong``."""
        if not wrong.any():
            return
        words = [str(word).strip() for word in text[wrong]]
        matches = [THOUSANDS.fullmatch(word) for word in words]
        if any(_POINTS.fullmatch(word) for word in words):
            raise _points(self.name, next(word for word in words if _POINTS.fullmatch(word)))
        if not any(matches):
            return
        self.separator, self.example = next((match[1], match[0]) for match in matches if match)
        where = np.argwhere(wrong)
        for (row, column), match in zip(where, matches, strict=True):
            if match:
                found[row, column] = float(match[0].replace(match[1], ""))
                wrong[row, column] = False
        whole = plain[(plain >= 0) & (plain == np.rint(plain))]
        self.largest = max(self.largest, float(whole.max(initial=0)))
        self.n_plain += int((whole > 0).sum())

    def _separate_rows(self, frame: pd.DataFrame, texts: pd.DataFrame, wrong: Any, names: pd.Index, start: int) -> None:
        """Note the rows in which hardly anything is a number; a word elsewhere is refused."""
        text = texts.to_numpy(dtype=object)
        filled = (~frame.isna()).sum(axis=1).to_numpy()
        for row in np.flatnonzero(wrong.any(axis=1)):
            name = str(names[int(row)])
            alone = gene_likeness([name]) == 0
            if not alone or wrong[row].sum() * 2 <= filled[row] or len(self.rows) >= _MAX_ROWS:
                column = int(np.flatnonzero(wrong[row])[0])
                raise self._refused(str(text[row, column]), name, self.header[int(texts.columns[column])])
            self.rows[start + int(row)] = ["" if pd.isna(item) else str(item).strip() for item in frame.iloc[row]]

    def _refused(self, word: str, row: str, column: str) -> DataError:
        return DataError(
            f"{self.name} holds {word[:40]!r} where a number was expected: in the row {row!r}, column {column!r}.",
            expected="Every value must be a number, with a point before decimals and nothing between thousands; an empty "
            "field or NA stands for a missing one.",
            do="Correct the value, or export the table again.",
        )

    def note(self) -> str:
        """Return what to say of numbers with something between thousands; empty where there are none.

        Raises
        ------
        DataError
            If a comma might stand before decimals just as well.
        """
        if not self.separator:
            return ""
        if self.separator == "," and (self.largest >= 1000 or not self.n_plain):
            raise DataError(
                f"{self.name} writes numbers as {self.example!r}, and whether the comma stands between thousands or before "
                "decimals cannot be told.",
                expected="Numbers with a decimal point and nothing between thousands were expected.",
                do="Export it with English number format and without thousands separators.",
            )
        shown = "a blank" if self.separator.isspace() else repr(self.separator)
        plain = self.example.replace(self.separator, "")
        return f"{self.name} writes {shown} between thousands; {self.example!r} was read as {plain}."


def require_no_points_between_thousands(values: NDArray[Any], name: str) -> None:
    """Refuse numbers that look as if a point stood between their thousands: '1.234' beside '7' and '950'.

    Parameters
    ----------
    values : ndarray
        All values of the table that are not 0.
    name : str
    """
    broken = values[values != np.rint(values)]
    whole = values[values == np.rint(values)]
    if not 0 < len(broken) <= len(whole) or not np.isfinite(values).all():
        return
    thousandfold = broken.astype(np.float64) * 1000
    to_three = np.abs(thousandfold - np.rint(thousandfold)).max() < 0.1 and broken.min() >= 1
    ends = np.rint(thousandfold) % 10 != 0
    if to_three and values.max() < 1000 and ends.mean() >= 0.3 and len(broken) > 1:
        raise _points(name, f"{broken[0]:.3f}")


def require_no_points_in(text: str, name: str) -> None:
    """Refuse a number with several points, such as '1.234.567'."""
    if _POINTS.fullmatch(text.strip()):
        raise _points(name, text.strip())


def _points(name: str, example: str) -> DataError:
    return DataError(
        f"{name} seems to write a point between thousands, such as {example!r}, which reads as a decimal point.",
        expected="Numbers with a decimal point and nothing between thousands were expected.",
        do="Export it with English number format and without thousands separators.",
    )
