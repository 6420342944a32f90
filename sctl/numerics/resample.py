"""Drawing cells, and dividing them into those to learn from and those held out."""

from __future__ import annotations

import numpy as np

from sctl.typing import Ints

ALL_CELLS_UP_TO = 3000
"""Cells beyond which SC3 runs on landmarks."""

N_LANDMARKS = 1000


def stratified(codes: Ints, n_most: int, rng: np.random.Generator) -> Ints:
    """Draw at most ``n_most`` cells, every type in proportion and with at least one cell.

    Parameters
    ----------
    codes : ndarray of shape (n_obs,)
        Type of each cell.
    n_most : int
    rng : Generator

    Returns
    -------
    ndarray
        Ascending positions; all of them where there are no more than ``n_most``.

    Examples
    --------
    >>> drawn = stratified(np.repeat([0, 1], [90, 10]), 20, np.random.default_rng(0))
    >>> np.bincount(np.repeat([0, 1], [90, 10])[drawn])
    array([18,  2])
    """
    if len(codes) <= n_most:
        return np.arange(len(codes))
    share = n_most / len(codes)
    drawn = [
        rng.choice(cells, size=max(int(len(cells) * share), 1), replace=False)
        for cells in (np.flatnonzero(codes == code) for code in np.unique(codes))
    ]
    return np.sort(np.concatenate(drawn))


def stratified_split(strata: Ints, share: float, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Divide cells at random into those to learn from and those held out.

    Parameters
    ----------
    strata : ndarray of shape (n_obs,)
        Each value is divided on its own.
    share : float
        Share held out, in [0, 1).
    rng : numpy.random.Generator

    Returns
    -------
    tuple of two ndarrays of int, ascending

    Examples
    --------
    >>> train, held_out = stratified_split(np.repeat([0, 1], 10), 0.2, np.random.default_rng(0))
    >>> len(train), (held_out < 10).sum(), (held_out >= 10).sum()
    (16, np.int64(2), np.int64(2))
    """
    held_out = []
    for value in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == value))
        n = min(round(share * len(members)), len(members) - 1)
        held_out.append(members[:n])
    validation = np.sort(np.concatenate(held_out)).astype(np.int64)
    return np.setdiff1d(np.arange(len(strata)), validation), validation
