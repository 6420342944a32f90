"""Centred, cosine-normalised kernel–target alignment (KTA): how well clusters agree with the data.

Mieth et al. (2019), equation of the KTA score, with the centring and normalisation of the released code.
Computed without forming the centring product or the label kernel: O(n² k) instead of O(n³).
"""

from __future__ import annotations

import numpy as np

from sctl.numerics.class_means import one_hot
from sctl.typing import Doubles, Ints

TINY = 1e-12
"""A centred cell shorter than this, relative to the longest, has no direction."""


def centered_cosine(K: Doubles) -> Doubles:
    """Centre a kernel and scale it to unit diagonal.

    Parameters
    ----------
    K : ndarray of shape (n_obs, n_obs)
        Symmetric; unchanged.

    Returns
    -------
    ndarray of shape (n_obs, n_obs)
        Dimensionless, diagonal one. A cell that lies in the centre has a zero row.
    """
    means = K.mean(axis=0)
    out: Doubles = K - means
    out -= means[:, None] - means.mean()
    scale = np.maximum(np.diagonal(out), 0.0) ** 0.5
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > TINY * scale.max(initial=0.0))
    out *= inverse
    out *= inverse[:, None]
    return out


def kernel_target_alignment(K: Doubles, clusters: Ints) -> float:
    """Agreement of a kernel between cells with a clustering of them.

    Parameters
    ----------
    K : ndarray of shape (n_obs, n_obs)
        Linear kernel of the cells, not centred; unchanged.
    clusters : ndarray of shape (n_obs,)
        Cluster numbers from 0.

    Returns
    -------
    float
        ``⟨K̂, L̂⟩ / (‖K̂‖ ‖L̂‖)`` in [−1, 1], where ``L`` is the kernel of the one-hot clusters and a hat
        means centred and cosine-normalised. Zero where there is one cluster only.

    Examples
    --------
    >>> x = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    >>> round(kernel_target_alignment(x @ x.T, np.array([0, 0, 1, 1])), 12)
    1.0
    """
    return aligned(centered_cosine(K), clusters)


def aligned(kernel: Doubles, clusters: Ints) -> float:
    """Return the alignment of an already centred and normalised kernel with a clustering."""
    Y = one_hot(clusters, int(clusters.max(initial=0)) + 1)
    Y -= Y.mean(axis=0)
    length = np.sqrt(np.einsum("ic,ic->i", Y, Y))
    Y = np.divide(Y, length[:, None], out=np.zeros_like(Y), where=length[:, None] > TINY)
    norm = float(np.linalg.norm(kernel) * np.linalg.norm(Y.T @ Y))
    return float(np.einsum("ic,ic->", Y, kernel @ Y)) / norm if norm > 0 else 0.0


def pairwise_agreement(runs: Ints) -> Doubles:
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
