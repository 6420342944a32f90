"""What a column of labels says: one text per cell, or nothing."""

from __future__ import annotations

import pandas as pd

NO_LABEL = frozenset({"", "nan", "NaN", "NAN", "NA", "N/A", "<NA>", "None", "null"})
"""Texts that other programs write where a cell has no label."""


def label_text(labels: pd.Series) -> pd.Series:
    """Return labels as text; NaN where there is none.

    Blanks around a label are no part of it; whole numbers stored with a decimal point, as tables with missing
    values store them, lose it.

    Parameters
    ----------
    labels : Series of length n_obs

    Returns
    -------
    Series of object, length n_obs

    Examples
    --------
    >>> label_text(pd.Series([1.0, 2.0, None])).tolist()
    ['1', '2', nan]
    >>> label_text(pd.Series(["alpha ", "alpha", "nan", ""])).tolist()
    ['alpha', 'alpha', nan, nan]
    """
    plain = labels.astype(object)
    if pd.api.types.is_float_dtype(labels.dtype) and (labels.dropna() % 1 == 0).all():
        plain = labels.astype("Int64").astype(object)
    text = plain.astype(str).str.strip().astype(object)
    return text.where(plain.notna() & ~text.isin(NO_LABEL))
