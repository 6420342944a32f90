"""Histograms binned where the data are, so that a page draws a few hundred bars however many cells there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from anndata import AnnData
from numpy.typing import ArrayLike

from sctl.qc.values import stored
from sctl.typing import Floats, Ints

_VALUES_SHOWN = 5_000_000  # expression values binned at most; more would not change the picture


@dataclass(frozen=True)
class Histogram:
    """Bars ready to draw: ``counts[i]`` values lie between ``edges[i]`` and ``edges[i + 1]``."""

    edges: Floats
    """(shape: n_bins + 1) in the unit of the values, ascending."""
    counts: Ints
    """(shape: n_bins)"""


def histogram(values: ArrayLike, bins: int = 200, *, log: bool = False) -> Histogram:
    """Bin values, so that what a page must draw does not grow with the number of cells.

    Parameters
    ----------
    values : array-like of shape (n_obs,)
        Values that are not finite are left out; with ``log`` they must be 0 or more.
    bins : int
        At most so many bins; fewer where whole numbers do not fill them, since a bin without a whole
        number in it would be a gap that is not in the data.
    log : bool
        Bins of equal width on the scale log(1 + x).

    Returns
    -------
    Histogram

    Examples
    --------
    >>> bars = histogram([1, 1, 2, 3])
    >>> bars.edges.tolist(), bars.counts.tolist()
    ([0.5, 1.5, 2.5, 3.5], [2, 1, 1])
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return Histogram(np.array([0.0, 1.0]), np.array([0]))
    low, high = float(numbers.min()), float(numbers.max())
    whole = bool((numbers == np.rint(numbers)).all())
    edges = _log_edges(low, high, bins, whole=whole) if log else _linear_edges(low, high, bins, whole=whole)
    return Histogram(edges, np.histogram(numbers, bins=edges)[0])


def _linear_edges(low: float, high: float, bins: int, *, whole: bool) -> Floats:
    if whole:
        step = np.ceil((high - low + 1) / bins)
        n_bins = int(np.ceil((high - low + 1) / step))
        return np.asarray(low - 0.5 + step * np.arange(n_bins + 1))
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    return np.linspace(low, high, bins + 1)


def _log_edges(low: float, high: float, bins: int, *, whole: bool) -> Floats:
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    edges = np.expm1(np.linspace(np.log1p(low), np.log1p(high + whole), bins + 1))
    edges[0], edges[-1] = low, high + whole  # exactly, whatever rounding did
    return np.unique(np.rint(edges)) - 0.5 if whole else edges


def expression_histogram(adata: AnnData, *, layer: str | None = None, bins: int = 200) -> Histogram:
    """Bin the expression values above 0, on a log scale: where "expressed" begins can be read from it.

    Parameters
    ----------
    adata : AnnData
        Non-negative values.
    layer : str, optional
        Where the values are; ``X`` by default.
    bins : int

    Returns
    -------
    Histogram
        Of at most five million values, evenly spaced among all that are stored.
    """
    values = stored(adata.layers[layer] if layer else adata.X)
    seen = values[:: max(1, values.size // _VALUES_SHOWN)]
    return histogram(seen[seen > 0], bins, log=True)
