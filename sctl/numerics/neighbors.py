"""Nearest neighbours, labels by their votes, and how far a cell is from everything known.

Three weightings. ``paper`` and ``deviation`` are the equations of Lotfollahi et al. and those of their released code;
both have a bandwidth that grows as the space shrinks, so that in a usual latent space all neighbours weigh alike.
``local`` is ours: the self-tuning Gaussian of Zelnik-Manor and Perona (2004), the same in any unit of length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sctl.run import Run
from sctl.typing import Floats, Ints

Weighting = Literal["local", "deviation", "paper", "uniform"]

TINY = 1e-12
_CHUNK = 2048


@dataclass(frozen=True)
class Votes:
    """What the reference says about some cells.

    Parameters
    ----------
    proba : ndarray of shape (n_obs, n_labels)
        Weighted share of each label among the neighbours; rows sum to one.
    distance : ndarray of shape (n_obs,)
        Mean distance to the neighbours over what is usual for those neighbours: about 1 within the reference,
        more outside it. Without unit.
    """

    proba: Floats
    distance: Floats

    @property
    def ambiguity(self) -> Floats:
        """One minus the largest probability: (n_obs,), high between types."""
        return np.asarray(1.0 - self.proba.max(axis=1))


class ReferenceIndex:
    """Reference cells, ready to be asked for neighbours; made once.

    Parameters
    ----------
    points : ndarray of shape (n_ref, n_dims)
    codes : ndarray of shape (n_ref,)
        Label of each cell as a number from 0.
    n_labels : int
    k : int
        Number of neighbours; fewer where there are not so many cells.
    own : ndarray of shape (n_ref,), optional
        That of an index of the same cells, where it is known: finding it takes time, all else is quick.

    Attributes
    ----------
    own : ndarray of shape (n_ref,)
        Mean distance of each reference cell to its nearest others; in the unit of ``points``.

    Examples
    --------
    >>> index = ReferenceIndex(np.array([[0.0], [0.1], [5.0], [5.1]]), np.array([0, 0, 1, 1]), 2, k=2)
    >>> index.query(np.array([[0.2], [5.2]]), "uniform").proba
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(self, points: Floats, codes: Ints, n_labels: int, k: int = 15, own: Floats | None = None) -> None:
        self.points = np.ascontiguousarray(points, dtype=np.float64)
        self.codes = np.asarray(codes)
        self.n_labels = n_labels
        self.k = max(1, min(k, len(points)))
        self._tree = _tree(self.points, self.k)
        self.own: Floats = self._usual() if own is None else np.asarray(own, dtype=np.float64)

    def neighbors(self, points: Floats) -> tuple[Floats, Ints]:
        """Return distances to the nearest reference cells, ascending, and their numbers: (n_obs, k) each."""
        distances, found = self._tree.kneighbors(np.asarray(points, dtype=np.float64), n_neighbors=self.k)
        return distances, found

    def query(self, points: Floats, weighting: Weighting = "local") -> Votes:
        """Return the votes on some cells.

        Parameters
        ----------
        points : ndarray of shape (n_obs, n_dims)
        weighting : {"local", "deviation", "paper", "uniform"}
        """
        return self._votes(*self.neighbors(points), weighting)

    def leave_one_out(self, weighting: Weighting = "local") -> Votes:
        """Return the votes on each reference cell by the others."""
        return self._votes(*self._others(), weighting)

    def _usual(self) -> Floats:
        distances, _ = self._others()
        least: Floats = np.maximum(distances.mean(axis=1), TINY * (1.0 + np.abs(self.points).max(initial=0.0)))
        return least

    def _others(self) -> tuple[Floats, Ints]:
        n = len(self.points)
        if n < 2:
            return np.zeros((n, 1)), np.zeros((n, 1), dtype=np.int64)
        distances, found = self._tree.kneighbors(n_neighbors=min(self.k, n - 1))  # of themselves: self left out
        return distances, found

    def _votes(self, distances: Floats, found: Ints, weighting: Weighting) -> Votes:
        weights = neighbor_weights(distances, self.own[found], weighting)
        proba = label_shares(weights, self.codes[found], self.n_labels)
        return Votes(proba, distances.mean(axis=1) / self.own[found].mean(axis=1))


def neighbor_weights(distances: Floats, own: Floats, weighting: Weighting) -> Floats:
    """Weigh neighbours by their distance.

    Parameters
    ----------
    distances : ndarray of shape (n_obs, k)
    own : ndarray of shape (n_obs, k)
        Each neighbour's usual distance to its own neighbours; read by ``"local"`` alone.
    weighting : {"local", "deviation", "paper", "uniform"}
        With ``d`` the distances of a cell:

        - ``local``: ``exp(-d² / (own · mean d))``
        - ``paper``: ``exp(-d / (2 / s)²)`` with ``s`` the root mean square of ``d`` (equations 17 and 18)
        - ``deviation``: the same with ``s`` the standard deviation of ``d`` around its mean
        - ``uniform``: all alike

    Returns
    -------
    ndarray of shape (n_obs, k)
        The largest of each row is 1: only ratios matter.
    """
    if weighting == "uniform":
        return np.ones_like(distances)
    if weighting == "local":
        scale = distances.mean(axis=1, keepdims=True)
        exponent = -(distances**2) / np.maximum(own * scale, np.finfo(np.float64).tiny)
    else:
        squared = (distances**2).mean(axis=1) if weighting == "paper" else distances.var(axis=1)
        exponent = -distances * squared[:, None] / 4.0
    weights: Floats = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return weights


def label_shares(weights: Floats, codes: Ints, n_labels: int) -> Floats:
    """Sum the weights by label and divide by their total (equation 19): (n_obs, n_labels).

    Examples
    --------
    >>> label_shares(np.array([[1.0, 0.5, 0.5]]), np.array([[0, 1, 1]]), 2)
    array([[0.5, 0.5]])
    """
    n = len(weights)
    cell = np.arange(n)[:, None] * n_labels + codes
    sums = np.bincount(cell.ravel(), weights=weights.ravel(), minlength=n * n_labels).reshape(n, n_labels)
    shares: Floats = sums / sums.sum(axis=1, keepdims=True)
    return shares


def vote_shares(index: Ints, labels: Ints, n_labels: int) -> Floats:
    """Return the share of each label among neighbours that count alike: (n_obs, n_labels), rows sum to one.

    Parameters
    ----------
    index : ndarray of int, shape (n_obs, k)
        From :func:`nearest`.
    labels : ndarray of int, shape (n_reference,)
    n_labels : int

    Examples
    --------
    >>> vote_shares(np.array([[0, 2, 1, 3]]), np.array([1, 0, 1, 1]), 2).tolist()
    [[0.25, 0.75]]
    """
    return label_shares(np.ones(index.shape), labels[index], n_labels)


def winners(shares: Floats, index: Ints, labels: Ints) -> Ints:
    """Return the label with most votes; of equal ones that of the nearest cell: (n_obs,)."""
    rows = np.arange(len(index))
    most = shares.max(axis=1, initial=0.0)
    out: Ints = shares.argmax(axis=1)
    open_ = np.ones(len(index), dtype=bool)
    for column in index.T:
        first = open_ & (shares[rows, labels[column]] >= most - 1e-12)
        out[first] = labels[column[first]]
        open_ &= ~first
    return out


def winners_over_k(index: Ints, labels: Ints, n_labels: int, ks: range) -> Ints:
    """Return the label for each number of neighbours, from one search: (len(ks), n_obs)."""
    return np.array(
        [
            winners(vote_shares(index[:, :n_neighbors], labels, n_labels), index[:, :n_neighbors], labels)
            for n_neighbors in ks
        ]
    )


def _tree(points: Floats, k: int) -> NearestNeighbors:
    """Return an exact index: a tree in few dimensions, all distances in many."""
    algorithm = "kd_tree" if points.shape[1] <= 15 and len(points) > 500 else "brute"
    return NearestNeighbors(n_neighbors=k, algorithm=algorithm).fit(points)


def nearest(
    reference: Floats, queries: Floats, k: int, *, run: Run, stage: str = "Compare cells"
) -> tuple[Ints, Floats]:
    """Find the nearest reference cells of each query, exactly.

    Parameters
    ----------
    reference : ndarray of shape (n_reference, n_latent)
    queries : ndarray of shape (n_obs, n_latent)
    k : int
        At most ``n_reference``.
    run : Run
    stage : str

    Returns
    -------
    index : ndarray of int, shape (n_obs, k)
        The nearest first.
    distance : ndarray of shape (n_obs, k)
        Euclidean.
    """
    finder = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(reference)
    starts = range(0, len(queries), _CHUNK)
    parts = [finder.kneighbors(queries[start : start + _CHUNK]) for start in run.track(stage, starts)]
    return np.concatenate([index for _, index in parts]), np.concatenate([distance for distance, _ in parts])


def typical_distances(reference: Floats, k: int, *, run: Run) -> Floats:
    """Return how far the reference cells lie from their own neighbours, ascending: (n_reference,).

    The distance is the mean to the ``k`` nearest other cells.
    """
    _, distance = nearest(reference, reference, min(k + 1, len(reference)), run=run, stage="Look at the source's cells")
    return np.sort(distance[:, 1:].mean(axis=1) if distance.shape[1] > 1 else np.zeros(len(distance)))


def novelty(distance: Floats, typical: Floats) -> Floats:
    """Return the share of reference cells that lie nearer to their neighbours than each cell does to its own.

    Parameters
    ----------
    distance : ndarray of shape (n_obs, k)
    typical : ndarray, ascending
        From :func:`typical_distances`.

    Returns
    -------
    ndarray of shape (n_obs,)
        In [0, 1]: 1 is farther out than every reference cell.

    Examples
    --------
    >>> novelty(np.array([[0.5], [9.0]]), np.array([0.1, 0.4, 0.8, 1.0])).tolist()
    [0.5, 1.0]
    """
    out: Floats = np.searchsorted(typical, distance.mean(axis=1)) / max(len(typical), 1)
    return out


def mean_of_nearest(reference: Floats, queries: Floats, k: int, *, run: Run) -> Floats:
    """Return the mean of the ``k`` nearest reference cells, or of all where they are fewer: (n_obs, n_latent)."""
    index, _ = nearest(reference, queries, min(k, len(reference)), run=run)
    out: Floats = reference[index].mean(axis=1, dtype=np.float64)
    return out
