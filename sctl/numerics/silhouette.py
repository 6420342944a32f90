"""Silhouette of clusters on given distances."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sctl.numerics.class_means import one_hot
from sctl.typing import Doubles


def silhouettes(distances: Doubles, clusters: NDArray[np.integer[Any]]) -> Doubles:
    """Silhouette of each cell (Rousseeuw 1987): near its own cluster (1) or nearer to another (−1).

    Parameters
    ----------
    distances : ndarray of shape (n_obs, n_obs)
    clusters : ndarray of shape (n_obs,)
        Numbers from 0 without gaps.

    Returns
    -------
    ndarray of shape (n_obs,)
        In [−1, 1]; 0 for cells that are alone in their cluster, and where there is one cluster only.
    """
    member = one_hot(clusters, int(clusters.max(initial=0)) + 1)
    sizes = member.sum(axis=0)
    if len(sizes) < 2:
        return np.zeros(len(clusters))
    sums = distances @ member  # (n_obs, n_clusters)
    rows = np.arange(len(clusters))
    own_size = sizes[clusters]
    own = sums[rows, clusters] / np.maximum(own_size - 1, 1)
    others = sums / np.maximum(sizes, 1)
    others[rows, clusters] = np.inf
    nearest = others.min(axis=1)
    larger = np.maximum(own, nearest)
    out = np.divide(nearest - own, larger, out=np.zeros_like(own), where=larger > 0)
    return np.where(own_size > 1, out, 0.0)


def mean_silhouette(distances: Doubles, clusters: NDArray[np.integer[Any]]) -> float:
    """Mean of :func:`silhouettes`."""
    return float(silhouettes(distances, clusters).mean()) if len(clusters) else 0.0
