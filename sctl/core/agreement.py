"""How well several clusterings of the same cells agree with one another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]


def pairwise_agreement(runs: Ints) -> Floats:
    """Adjusted Rand index of every two clusterings, from one product of their indicator matrices.

    Parameters
    ----------
    runs : ndarray of shape (n_runs, n_obs)
        Cluster numbers from 0; they need not agree between runs.

    Returns
    -------
    ndarray of shape (n_runs, n_runs)
        Symmetric, ones on the diagonal; 1 is the same partition, about 0 what chance gives.

    Examples
    --------
    >>> pairwise_agreement(np.array([[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]])).round(2)
    array([[ 1. ,  1. , -0.5],
           [ 1. ,  1. , -0.5],
           [-0.5, -0.5,  1. ]])
    """
    n_runs, n_obs = runs.shape
    width = int(runs.max(initial=0)) + 1
    indicator = np.zeros((n_obs, n_runs * width), dtype=np.float32)
    indicator[np.arange(n_obs)[:, None], runs.T + np.arange(n_runs) * width] = 1.0
    shared = (indicator.T @ indicator).astype(np.float64).reshape(n_runs, width, n_runs, width)
    together = ((shared**2).sum(axis=(1, 3)) - n_obs) / 2.0  # pairs of cells joined by both
    own = np.diagonal(together)
    expected = np.outer(own, own) / max(n_obs * (n_obs - 1) / 2.0, 1.0)
    most = (own[:, None] + own) / 2.0
    room = most - expected
    return np.asarray(np.divide(together - expected, room, out=np.ones_like(room), where=room > 0))


def mean_agreement(runs: Ints) -> float:
    """Mean adjusted Rand index over all pairs of clusterings; 1 where there is only one.

    Examples
    --------
    >>> mean_agreement(np.array([[0, 0, 1, 1], [1, 1, 0, 0]]))
    1.0
    """
    if len(runs) < 2:
        return 1.0
    return float(pairwise_agreement(runs)[np.triu_indices(len(runs), 1)].mean())
