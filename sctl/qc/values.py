"""What the numbers of an expression matrix seem to be: counts, log values, linear values, or scaled ones."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sctl.qc.derivation import correlation, dense_rows, follows, logged, same_largest, sampled_rows

ValueKind = Literal["counts", "log", "linear", "scaled"]
LogBase = Literal["e", "2", "10"]

LOG_MAX = 20.0
"""log2 of 1,000,001 is 19.93: no log value of counts per million lies above it."""

LIKELY = 0.6
"""Scaled values correlate more with the counts that they were made of; with unrelated ones hardly at all."""

LARGEST = np.float64(np.finfo(np.float32).max)
"""Larger values become infinite where expression is computed with, in float32."""

_BASES: dict[LogBase, float] = {"e": float(np.e), "2": 2.0, "10": 10.0}
_VALUES = 1_000_000  # values looked at to tell whole numbers from others
_ROWS = 300  # cells looked at for their sums and ratios
_WHOLE_RATIOS = 0.5  # share of ratios to a cell's smallest value that are whole where its values are multiples of it
_UNEVEN, _MORE_UNEVEN = 0.5, 3.0
"""No logarithms are values whose sums vary so much when undone (standard deviation by mean), and so much more than their
own: 2 to 11 against 0.1 to 0.3 in counts corrected as by SoupX, CellBender or alevin; 0 to 0.4 where a logarithm was taken."""
_BLOCK = 1 << 22  # values per block when the whole matrix is passed over: no copy of it is made


def stored(X: Any) -> NDArray[Any]:
    """Return the stored values of a matrix as a flat array, without copying where that is possible.

    Parameters
    ----------
    X : sparse matrix or array of shape (n_obs, n_vars)

    Returns
    -------
    ndarray of shape (n_stored,)

    Examples
    --------
    >>> stored(sparse.csr_matrix([[0, 2], [1, 0]]))
    array([2, 1])
    """
    if not sparse.issparse(X):
        return np.asarray(X).reshape(-1)
    matrix: Any = X
    return cast("NDArray[Any]", (matrix if matrix.format in ("csr", "csc", "coo") else matrix.tocsr()).data)


def value_kind(X: Any) -> ValueKind:
    """Say what a matrix seems to hold.

    Values that are not finite are passed over. The extremes are taken from all values; whether they are
    whole numbers is asked of at most a million of them, evenly spaced, so the answer is always the same.

    Parameters
    ----------
    X : sparse matrix or array of shape (n_obs, n_vars)

    Returns
    -------
    {"counts", "log", "linear", "scaled"}
        ``counts``: non-negative whole numbers, in whatever dtype. ``log``: non-negative, not whole, none
        above 20, and nothing speaks against it (:func:`shown_log` says whether something speaks for it). ``linear``:
        non-negative, not whole, and larger, or with equal sums or multiples of one number in a cell (TPM, CPM,
        normalised counts), or mostly whole, or with sums that vary wildly once a logarithm is undone (corrected
        counts). ``scaled``: some are negative.

    Examples
    --------
    >>> value_kind(np.array([[0.0, 3.0], [1.0, 0.0]]))
    'counts'
    >>> value_kind(np.log1p([[0.0, 3.0], [1.0, 0.0]]))
    'log'
    >>> value_kind(np.array([[0.0, 31.5], [1.5, 0.0]]))
    'linear'
    >>> corrected = np.random.default_rng(0).gamma(0.2, 2.0, size=(50, 80))
    >>> value_kind(corrected), value_kind(np.log1p(corrected / corrected.sum(axis=1, keepdims=True) * 1e4))
    ('linear', 'log')
    >>> value_kind(np.array([[-0.5, 0.5]]))
    'scaled'
    """
    values = stored(X)
    low, high = _extremes(values)
    if low < 0:
        return "scaled"
    if (high == 0 or high >= 0.5) and _whole(values):  # below it nothing is whole but zero
        return "counts"
    if high > LOG_MAX or _is_linear(_rows(X)):
        return "linear"
    return "log"


def shown_log(X: Any) -> LogBase | None:
    """Return the base of which values show that they are logarithms, or None where they may be, or are not.

    Parameters
    ----------
    X : sparse matrix or array of shape (n_obs, n_vars)
        Values of which :func:`value_kind` says "log".

    Examples
    --------
    >>> X = np.random.default_rng(0).poisson(3.0, size=(30, 40))
    >>> shown_log(np.log2(1 + X)), shown_log(np.log1p(np.log1p(X)))
    ('2', None)
    """
    return _shown(_rows(X))[0]


def are_its_counts(counts: Any, X: Any) -> bool:
    """Say whether whole numbers that are called counts are those that a matrix was made of.

    Parameters
    ----------
    counts, X : sparse matrix or array of shape (n_obs, n_vars)

    Returns
    -------
    bool
        Whether ``X`` follows from them; of scaled values only a correlation of genes can be asked, 0.6 or more.

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(3.0, size=(30, 40))
    >>> are_its_counts(counts, np.log1p(counts)), are_its_counts(counts // 2, np.log1p(counts))
    (True, False)
    """
    if value_kind(counts) != "counts":
        return False
    rows = sampled_rows(int(X.shape[0]))
    values, numbers = dense_rows(X, rows), dense_rows(counts, rows)
    if same_largest(numbers) and not same_largest(values):
        return False
    if value_kind(X) == "scaled":
        return correlation(values, logged(numbers)) >= LIKELY
    return follows(values, numbers)


def log_base(X: Any) -> LogBase:
    """Guess the base of log values: undoing with the right one gives equal sums or whole ratios.

    Parameters
    ----------
    X : sparse matrix or array of shape (n_obs, n_vars)
        Values of the form ``log(1 + value)``.

    Returns
    -------
    {"e", "2", "10"}
        "e", the field's habit, where neither sums nor ratios decide.

    Notes
    -----
    Three signs are asked in turn. (1) Cells normalised to one total have equal sums again. (2) A count
    divided by the smallest count of its cell is mostly a whole number. (3) Above 14, base e would mean
    more than a million transcripts of one gene in one cell, so base 2 is meant; likewise where base e would make the
    sums of cells very uneven and base 2 would not. Only the first two show the base (:func:`shown_log`).

    Examples
    --------
    >>> cpm = np.array([[400000.0, 600000.0], [900000.0, 100000.0], [500000.0, 500000.0]])
    >>> log_base(np.log2(1 + cpm)), log_base(np.log1p(cpm)), log_base(np.log10(1 + cpm))
    ('2', 'e', '10')
    """
    base, sums = _shown(_rows(X))
    if base is not None:
        return base
    by_sums = sums["e"] > _UNEVEN and sums["e"] > 2 * sums["2"]
    return "2" if by_sums or _extremes(stored(X))[1] > 14 else "e"


def _shown(rows: list[NDArray[np.float64]]) -> tuple[LogBase | None, dict[LogBase, float]]:
    """Return the base that sums or ratios show, and how uneven the sums of cells are for each base."""
    undone = {base: _undo(rows, number) for base, number in _BASES.items()}
    uneven = {base: _unevenness(linear) for base, linear in undone.items()}
    for base, linear in undone.items():
        if _equal_sums(linear):
            return base, uneven
    scores = {base: _whole_ratios(linear) for base, linear in undone.items()}
    best = max(scores, key=scores.__getitem__)
    return (best if scores[best] > _WHOLE_RATIOS else None), uneven


def _is_linear(rows: list[NDArray[np.float64]]) -> bool:
    """Say whether non-negative values that are not whole, none above 20, show that they are no logarithms."""
    if _equal_sums(rows):
        return True
    base, uneven = _shown(rows)
    multiples = _whole_ratios(rows)
    if multiples > _WHOLE_RATIOS:
        undone = _whole_ratios(_undo(rows, _BASES[base])) if base is not None else 0.0
        return multiples >= undone - 0.01
    if base is not None:
        return False
    values = np.concatenate(rows) if rows else np.zeros(0)
    whole = (values >= 0.5) & (np.abs(values - np.rint(values)) <= 1e-4)
    if values.size and whole.mean() >= 0.5:  # most counts stay whole where some were corrected
        return True
    least = min(uneven["e"], uneven["2"])
    return least > _UNEVEN and least > _MORE_UNEVEN * _unevenness(rows)


def _unevenness(rows: list[NDArray[np.float64]]) -> float:
    """Return the standard deviation of the sums of cells, by their mean; 0 for fewer than three cells."""
    sums = np.array([row.sum() for row in rows])
    return float(sums.std() / sums.mean()) if sums.size >= 3 and sums.mean() > 0 else 0.0


def _extremes(values: NDArray[Any]) -> tuple[float, float]:
    """Return the smallest and the largest finite value; zeros where there is none."""
    low, high = 0.0, 0.0
    for start in range(0, values.size, _BLOCK):
        block = values[start : start + _BLOCK]
        finite = block if block.dtype.kind in "biu" else block[np.isfinite(block)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return low, high


def _whole(values: NDArray[Any]) -> bool:
    """Say whether the values are whole numbers; a tolerance of 1e-4 forgives a log that was undone."""
    if values.dtype.kind in "biu":
        return True
    seen = values[:: max(1, -(-values.size // _VALUES))].astype(np.float64)
    seen = seen[np.isfinite(seen)]
    return bool((np.abs(seen - np.rint(seen)) <= 1e-4).all())


def _rows(X: Any) -> list[NDArray[np.float64]]:
    """Return the non-zero finite values of at most 300 evenly spaced cells."""
    n_obs = int(X.shape[0])
    is_sparse = sparse.issparse(X)
    matrix: Any = sparse.csr_array(X) if is_sparse else np.asarray(X)
    out = []
    for i in range(0, n_obs, max(1, -(-n_obs // _ROWS))):
        row = np.asarray(matrix[[i]].data if is_sparse else matrix[i], dtype=np.float64)
        row = row[np.isfinite(row) & (row != 0)]
        if row.size:
            out.append(row)
    return out


def _undo(rows: list[NDArray[np.float64]], number: float) -> list[NDArray[np.float64]]:
    # Beyond 700 a float64 overflows; such a row is no log value, and any finite number says so.
    return [np.expm1(np.minimum(row * np.log(number), 700.0)) for row in rows]


def _equal_sums(rows: list[NDArray[np.float64]]) -> bool:
    """Say whether at least three cells have sums equal to one in a thousand."""
    sums = np.array([row.sum() for row in rows])
    return sums.size >= 3 and bool(np.ptp(sums) <= 1e-3 * np.abs(np.median(sums)))


def _whole_ratios(rows: list[NDArray[np.float64]]) -> float:
    """Return the share of ratios to a cell's smallest value, between 1.5 and 20, that are whole within 0.02."""
    if not rows:
        return 0.0
    ratios = np.concatenate([row / row.min() for row in rows])
    ratios = ratios[(ratios > 1.5) & (ratios < 20)]
    return float((np.abs(ratios - np.rint(ratios)) < 0.02).mean()) if ratios.size >= 20 else 0.0
