"""Numbers in boxes beside each other, with headings that are never cut."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import streamlit as st

Number = tuple[str, str, str]
"""Heading, value and note; the note may be empty."""

_LETTERS = {5: 16, 4: 23, 3: 40}
"""Numbers in a row → letters that a heading may have there."""


def row(shown: Sequence[Number], *, border: bool = True) -> None:
    """Draw numbers in one row, or in more rows where headings or notes would be cut."""
    n_columns = per_row(shown)
    for start in range(0, len(shown), n_columns):
        for column, (title, value, note) in zip(st.columns(n_columns), shown[start : start + n_columns], strict=False):
            column.metric(title, value, note or None, delta_color="off", delta_arrow="off", border=border)


def per_row(shown: Sequence[Number]) -> int:
    """Return how many numbers stand in a row: all of them where their words fit, else about equally many in each.

    Examples
    --------
    >>> per_row([("Cells", "702", "")] * 5)
    5
    >>> per_row([("Weights adapted to your cells", "256", "")] + [("Genes", "0", "")] * 3)
    2
    >>> per_row([("Between known types", "4", "")] * 5)
    3
    """
    longest = max(max(len(title), len(note)) for title, _, note in shown)
    most = max((n for n, letters in _LETTERS.items() if longest <= letters), default=min(_LETTERS))
    n_rows = ceil(len(shown) / most)
    return ceil(len(shown) / n_rows)  # rows about equally long
