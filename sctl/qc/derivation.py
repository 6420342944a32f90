"""Whether one matrix was made of another: normalised or log values of counts, scaled values of either.

Arrays hold the same cells and genes in the same order; zeros and values that are not finite are passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sctl.typing import Doubles

_OFF = 0.05
"""So far, in natural logarithms, a value may lie from what its count says: values are often rounded."""
_ZEROS = 0.01  # share of the values that may be zero on one side only
_FIT, _FIT_LARGER = 0.99, 0.95  # share of the values that fit: of all, and of those that no mark of presence explains
_SEEN_IN = 10  # cells in which a gene must occur before a factor of its own is believed
_GENES = 300  # genes compared where only correlation can decide


def sampled_rows(n_obs: int, most: int = 200) -> NDArray[np.intp]:
    """Return at most ``most`` evenly spaced positions among the cells."""
    return np.unique(np.linspace(0, n_obs - 1, min(n_obs, most)).astype(np.intp))


def dense_rows(X: Any, rows: NDArray[np.intp]) -> Doubles:
    """Return some cells as a dense array, with 0 for what is not finite: (n_rows, n_vars)."""
    part = sparse.csr_matrix(X)[rows].toarray() if sparse.issparse(X) else np.asarray(X)[rows]
    out: Doubles = np.nan_to_num(part.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return out


def same_largest(X: Doubles) -> bool:
    """Say whether nearly all cells have one largest value, as bins and marks of presence do and counts do not.

    Examples
    --------
    >>> same_largest(np.array([[0.0, 1.0], [1.0, 1.0]])), same_largest(np.array([[0.0, 3.0], [1.0, 5.0]]))
    (True, False)
    """
    largest = X.max(axis=1)
    largest = largest[largest > 0]
    return bool(largest.size > 1 and (largest == np.median(largest)).mean() >= 0.9)


def follows(X: Doubles, counts: Doubles) -> bool:
    """Say whether non-negative values are those counts, divided by a number for each cell and perhaps logarithmic.

    Tried are the values themselves, their square, and log(1 + value) to base e, 2 and 10; a gene may have a factor
    of its own (its length) as well.

    Parameters
    ----------
    X, counts : ndarray of shape (n_obs, n_vars)

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(3.0, size=(30, 40)).astype(float)
    >>> X = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    >>> follows(X, counts), follows(X, (counts > 0) * 1.0), follows(X, counts[::-1])
    (True, False, False)
    """
    here, there = X > 0, counts > 0
    either = int((here | there).sum())
    if not either or int((here ^ there).sum()) > _ZEROS * either:
        return False
    rows, columns = np.nonzero(here & there)
    values, numbers = X[rows, columns], counts[rows, columns]
    return any(
        np.isfinite(linear).all() and _fits(linear, numbers, rows, columns)
        for linear in (undo(values) for undo in _UNDONE)
    )


def correlation(X: Doubles, values: Doubles) -> float:
    """Return the median correlation of the genes in two matrices, in [-1, 1]; 0 where no gene can be compared.

    Parameters
    ----------
    X, values : ndarray of shape (n_obs, n_vars)
        Compared are at most 300 genes, evenly spaced among those that are not zero in a twentieth of the cells.
    """
    often = np.flatnonzero((values != 0).mean(axis=0) >= 0.05)
    often = often[np.unique(np.linspace(0, len(often) - 1, min(len(often), _GENES)).astype(np.intp))]
    left, right = X[:, often] - X[:, often].mean(axis=0), values[:, often] - values[:, often].mean(axis=0)
    spread = np.sqrt((left**2).sum(axis=0) * (right**2).sum(axis=0))
    known = spread > 0
    return float(np.median((left * right).sum(axis=0)[known] / spread[known])) if known.any() else 0.0


def logged(counts: Doubles) -> Doubles:
    """Return log(1 + count per 10,000)."""
    totals = counts.sum(axis=1, keepdims=True)
    return np.log1p(counts / np.where(totals > 0, totals, 1.0) * 1e4)


def _power(base: float) -> Callable[[Doubles], Doubles]:
    def undo(values: Doubles) -> Doubles:
        exponent = values * np.log(base)
        return np.expm1(np.where(exponent > 700, np.nan, exponent))  # beyond it a float64 overflows: no logarithm

    return undo


_UNDONE: tuple[Callable[[Doubles], Doubles], ...] = (
    _power(float(np.e)),
    _power(2.0),
    _power(10.0),
    lambda values: values,
    np.square,
)


def _fits(linear: Doubles, counts: Doubles, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> bool:
    """Say whether value and count differ by one factor in each cell, or by that and one for each gene."""
    off = np.log(linear) - np.log(counts)
    off = off - _medians(off, rows)[rows]
    smallest = np.full(int(rows.max()) + 1, np.inf)
    np.minimum.at(smallest, rows, linear)
    larger = (counts > 1) | (linear > 1.5 * smallest[rows])
    if _share(off, None) >= _FIT and _share(off, larger) >= _FIT_LARGER:
        return True
    often = np.bincount(columns)[columns] >= _SEEN_IN
    if often.mean() < 0.5:
        return False
    for _ in range(3):
        off = off - _medians(off, columns)[columns]
        off = off - _medians(off, rows)[rows]
    return _share(off, often) >= _FIT_LARGER and _share(off, often & larger) >= _FIT_LARGER


def _share(off: Doubles, among: NDArray[np.bool_] | None) -> float:
    chosen = off if among is None else off[among]
    return float((np.abs(chosen) <= _OFF).mean()) if chosen.size else 1.0


def _medians(values: Doubles, groups: NDArray[np.intp]) -> Doubles:
    """Return the median of each group of values, 0 for a number that is no group."""
    order = np.lexsort((values, groups))
    ordered, sizes = values[order], np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    low, high = starts + np.maximum(sizes - 1, 0) // 2, starts + sizes // 2
    last = len(ordered) - 1
    out: Doubles = (ordered[np.minimum(low, last)] + ordered[np.minimum(high, last)]) / 2
    return np.where(sizes > 0, out, 0.0)
