"""Drawing cells."""

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
