"""k-means from many starts at once, as one sequence of matrix products.

SC3 runs k-means hundreds of times on the same few hundred cells; run one by one, most of the time goes into
calls. Here all starts advance together: distances of all cells to the centres of all starts are one product.
"""

from __future__ import annotations

import numpy as np

from sctl.typing import Floats, Ints


def kmeans(points: Floats, n_clusters: int, *, n_init: int, rng: np.random.Generator, max_iter: int = 300) -> Ints:
    """Cluster points by Lloyd's algorithm from ``n_init`` k-means++ starts; keep the best.

    Parameters
    ----------
    points : ndarray of shape (n_obs, n_dims)
    n_clusters : int
        At most ``n_obs``.
    n_init : int
        Number of starts.
    rng : Generator
    max_iter : int

    Returns
    -------
    ndarray of shape (n_obs,)
        Cluster of each point in the start with the smallest within-cluster sum of squares.

    Examples
    --------
    >>> x = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> labels = kmeans(x, 2, n_init=3, rng=np.random.default_rng(0))
    >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
    True
    """
    points = (points - points.mean(axis=0)).astype(np.float32)  # half the work; only the nearest centre matters
    lengths = np.einsum("nd,nd->n", points, points)
    centres = _plus_plus(points, lengths, n_clusters, n_init=n_init, rng=rng)  # (n_init, k, d)
    labels = np.full((n_init, len(points)), -1, dtype=np.int32)
    inertia = np.full(n_init, np.inf)
    active = np.arange(n_init)
    for _ in range(max_iter):
        near, inertia[active] = _assign(points, lengths, centres[active])
        moved = (near != labels[active]).any(axis=1)
        labels[active] = near
        active = active[moved]
        if not len(active):
            break
        centres[active] = _means(points, labels[active], centres[active])
    best: Ints = labels[int(np.argmin(inertia))]
    return best


def _assign(points: Floats, lengths: Floats, centres: Floats) -> tuple[Ints, Floats]:
    """Nearest centre of each point in each start (n_init, n_obs), and the sum of squares (n_init,)."""
    n_init, k, d = centres.shape
    flat = centres.reshape(n_init * k, d)
    score = flat @ points.T  # (n_init * k, n_obs)
    score *= -2.0
    score += np.einsum("kd,kd->k", flat, flat)[:, None]
    score = score.reshape(n_init, k, len(points))
    near = score.argmin(axis=1)
    best = np.take_along_axis(score, near[:, None], axis=1)[:, 0]
    return near.astype(np.int32), best.sum(axis=1) + lengths.sum()


def _means(points: Floats, labels: Ints, old: Floats) -> Floats:
    """Centres of the labelled points, (n_init, k, d); a centre left without points stays where it was."""
    n_init, k, d = old.shape
    member = (labels[:, None, :] == np.arange(k, dtype=np.int32)[:, None]).reshape(n_init * k, -1)
    sizes = np.count_nonzero(member, axis=1).astype(points.dtype)
    sums = member.astype(points.dtype) @ points  # (n_init * k, d)
    kept = sizes > 0
    out = old.reshape(n_init * k, d).copy()
    out[kept] = sums[kept] / sizes[kept, None]
    return out.reshape(n_init, k, d)


def _plus_plus(points: Floats, lengths: Floats, n_clusters: int, *, n_init: int, rng: np.random.Generator) -> Floats:
    """Start centres by greedy k-means++, all starts side by side, shape (n_init, n_clusters, n_dims)."""
    n_obs, n_dims = points.shape
    trials = 2 + int(np.log(n_clusters))
    centres = np.empty((n_init, n_clusters, n_dims), dtype=points.dtype)
    chosen = rng.integers(n_obs, size=n_init)
    centres[:, 0] = points[chosen]
    nearest = _distances(points, lengths, chosen)  # (n_init, n_obs)
    for c in range(1, n_clusters):
        cumulative = np.cumsum(nearest, axis=1, dtype=np.float64)
        draws = rng.random((n_init, trials)) * cumulative[:, -1:]
        picks = np.stack([np.searchsorted(row, draw) for row, draw in zip(cumulative, draws, strict=True)])
        picks = np.minimum(picks, n_obs - 1)
        candidate = _distances(points, lengths, picks.ravel()).reshape(n_init, trials, n_obs)
        np.minimum(candidate, nearest[:, None], out=candidate)
        best = candidate.sum(axis=2).argmin(axis=1)
        rows = np.arange(n_init)
        nearest = candidate[rows, best]
        centres[:, c] = points[picks[rows, best]]
    return centres


def _distances(points: Floats, lengths: Floats, chosen: Ints) -> Floats:
    """Squared distances of all points to chosen ones, shape (n_chosen, n_obs)."""
    out = points[chosen] @ points.T
    out *= -2.0
    out += lengths
    out += lengths[chosen][:, None]
    return np.maximum(out, 0.0, out=out)
