"""What a filter costs: cells kept of every sample or type, and warnings where that is too few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

_ENOUGH_KEPT = 0.7
_FEW_CELLS = 10


def kept_by(mask: NDArray[np.bool_], groups: ArrayLike) -> pd.DataFrame:
    """Count what is kept of every sample or label.

    Parameters
    ----------
    mask : ndarray of bool, shape (n_obs,)
    groups : array-like of shape (n_obs,)
        Sample or label of each cell; missing ones form the group ``(none)``.

    Returns
    -------
    DataFrame
        ``group``, ``n`` cells, ``kept`` cells, ``share`` kept in [0, 1]; in the order of the categories.

    Examples
    --------
    >>> kept_by(np.array([True, False, True]), ["a", "a", "b"])
      group  n  kept  share
    0     a  2     1    0.5
    1     b  1     1    1.0
    """
    listed: Any = groups
    categories = pd.Categorical(listed)
    names = [str(name) for name in categories.categories] + ["(none)"]
    codes = np.where(categories.codes < 0, len(names) - 1, categories.codes)
    n = np.bincount(codes, minlength=len(names))
    kept = np.bincount(codes[np.asarray(mask)], minlength=len(names))
    there = n > 0
    return pd.DataFrame(
        {
            "group": np.array(names, dtype=object)[there],
            "n": n[there],
            "kept": kept[there],
            "share": kept[there] / n[there],
        }
    )


def warnings_for(mask: NDArray[np.bool_], groups: ArrayLike | None = None) -> tuple[str, ...]:
    """Say, as sentences, where a filter takes too much.

    Parameters
    ----------
    mask : ndarray of bool, shape (n_obs,)
    groups : array-like of shape (n_obs,), optional
        Known cell types.

    Returns
    -------
    tuple of str
        One sentence if less than 70 % of the cells are kept, one for each type that loses over half of
        its cells or falls below 10.

    Examples
    --------
    >>> warnings_for(np.array([True] * 9 + [False] * 6), ["a"] * 15)
    ('Only 60% of the cells are kept.', "'a' falls to 9 of 15 cells, fewer than 10.")
    """
    mask = np.asarray(mask)
    found = []
    if mask.size and mask.mean() < _ENOUGH_KEPT:
        found.append(f"Only {100 * mask.mean():.0f}% of the cells are kept.")
    table = kept_by(mask, groups) if groups is not None else pd.DataFrame(columns=["group", "n", "kept"])
    for group, n, kept in zip(table["group"], table["n"], table["kept"], strict=True):
        if kept == 0:
            found.append(f"'{group}' loses all of its {n} cells.")
        elif n >= _FEW_CELLS > kept:
            found.append(f"'{group}' falls to {kept} of {n} cells, fewer than {_FEW_CELLS}.")
        elif kept < n / 2:
            found.append(f"'{group}' loses over half of its cells: {kept} of {n} are kept.")
    return tuple(found)
