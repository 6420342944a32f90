"""Droplets without a cell: barcodes whose few counts come from what floats in the fluid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sctl.typing import Floats

LOWER = 100
"""A barcode with more counts is not taken for empty without being looked at, as in emptyDrops (Lun et al. 2019)."""
_BELOW_CELLS = 0.1  # of the counts of a deep cell, as Cell Ranger 2 divides cells from empty droplets
_SHARE = 0.05  # of the barcodes; a few poor cells are in every sample
_ALMOST_ALL = 0.8  # of the barcodes: no sample of cells has so many that are so much poorer than the rest
_FEWEST = 10
_BINS_PER_DECADE = 8
_DIP = 0.5  # between empty droplets and cells there are half as many barcodes as at either, or fewer


@dataclass(frozen=True)
class EmptyDroplets:
    """What the counts of barcodes say of a matrix that was not filtered for cells.

    Parameters
    ----------
    min_counts : int
        Barcodes with fewer counts are taken for empty.
    n_empty : int
        How many have fewer.
    n_obs : int
        All barcodes.
    typical : int
        The median of the counts of the others.
    """

    min_counts: int
    n_empty: int
    n_obs: int
    typical: int


def empty_droplets(totals: Floats) -> EmptyDroplets | None:
    """Say whether many barcodes are empty droplets; None where all may be cells, however poor.

    Barcodes are many and poor (at most 100 counts and a tenth of a deep cell's), and there is a dip between them and the
    cells. A sample whose cells are all poor has no such dip.

    Parameters
    ----------
    totals : ndarray of shape (n_obs,)
        Counts of each barcode over all genes.

    Returns
    -------
    EmptyDroplets or None

    Examples
    --------
    >>> found = empty_droplets(np.r_[np.full(50, 4000), np.arange(1, 41), np.arange(1, 41)])
    >>> found.n_empty, 40 < found.min_counts <= 400
    (80, True)
    >>> empty_droplets(np.full(100, 60)) is None
    True
    """
    totals = np.asarray(totals, dtype=np.float64)
    if not np.isfinite(totals).all():
        return None
    limit = _limit(totals)
    poor = (totals <= LOWER) & (totals < limit)
    filled = poor & (totals > 0)
    if poor.sum() < max(_FEWEST, _SHARE * len(totals)) or filled.sum() < _FEWEST or not (totals >= limit).any():
        return None
    dip = _dip(totals[totals > 0], limit)
    if dip is None and poor.mean() < _ALMOST_ALL:
        return None
    least = max(2, int(np.ceil(limit if dip is None else min(dip, limit))))
    empty = totals < least
    if empty.all() or not empty.any():
        return None
    return EmptyDroplets(least, int(empty.sum()), len(totals), int(np.median(totals[~empty])))


def _limit(totals: Floats) -> float:
    """Return a tenth of the counts of a deep cell; the deepest barcodes are cells, and others like them follow."""
    ordered = np.sort(totals)[::-1]
    n_cells = min(len(ordered), 20)
    for _ in range(50):
        limit = _BELOW_CELLS * float(np.quantile(ordered[:n_cells], 0.99))
        found = int((ordered >= limit).sum())
        if found <= n_cells:
            break
        n_cells = found
    return limit


def _dip(totals: Floats, limit: float) -> float | None:
    """Return the counts at the dip between the poor barcodes and the rest; None where there is none."""
    places = np.log10(totals)
    edges = np.arange(0, places.max() + 2 / _BINS_PER_DECADE, 1 / _BINS_PER_DECADE)
    density = _smooth(np.histogram(places, edges)[0].astype(np.float64))
    middle = (edges[:-1] + edges[1:]) / 2
    low, high = middle < np.log10(min(limit, LOWER)), middle >= np.log10(limit)
    if not low.any() or not high.any():
        return None
    first = int(np.argmax(np.where(low, density, -1)))
    last = int(np.argmax(np.where(high, density, -1)))
    between = density[first : last + 1]
    lowest = between.min()
    if lowest > _DIP * min(density[first], density[last]):
        return None
    at = np.flatnonzero(between <= lowest * 1.05) + first
    return float(10 ** middle[int(at[len(at) // 2])])


def _smooth(values: Floats) -> NDArray[np.float64]:
    return np.convolve(values, [0.25, 0.5, 0.25], mode="same")
