"""Giving clusters of two clusterings the same numbers where they hold the same cells."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from sctl.typing import Ints


def matched(clusters: Ints, reference: Ints) -> Ints:
    """Renumber ``clusters`` so that as many cells as possible have the number they have in ``reference``.

    Parameters
    ----------
    clusters, reference : ndarray of shape (n_obs,)
        Numbers from 0; -1 where a cell has no cluster, which stays.

    Returns
    -------
    ndarray of shape (n_obs,)
        The same partition. Clusters without a partner get the numbers that ``reference`` does not use.

    Examples
    --------
    >>> matched(np.array([2, 2, 0, 1]), np.array([0, 0, 1, 1])).tolist()
    [0, 0, 1, 2]
    """
    clusters, reference = np.asarray(clusters), np.asarray(reference)
    n_own, n_other = int(clusters.max(initial=-1)) + 1, int(reference.max(initial=-1)) + 1
    counts = np.zeros((n_own, n_other), dtype=np.int64)
    known = (clusters >= 0) & (reference >= 0)
    np.add.at(counts, (clusters[known], reference[known]), 1)
    rows, columns = linear_sum_assignment(-counts)
    names = np.full(n_own + 1, -1)  # the last stands for -1
    names[rows] = columns
    unmatched = np.flatnonzero(names[:-1] < 0)  # only where there are more clusters than in the reference
    names[unmatched] = n_other + np.arange(len(unmatched))
    return np.asarray(names[clusters])
