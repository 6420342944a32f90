"""Nearest neighbours in a space of codes: votes for labels, and how far a cell lies from all it could resemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from sctl.run import Run

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

Scaling = Literal["none", "source", "each"]

_CHUNK = 2048
FEW_CELLS = 10
"""Fewer cells than this are not scaled on their own."""


@dataclass(frozen=True)
class CodeScale:
    """What is taken from a code before cells are compared: its centre and spread, and perhaps its length.

    Parameters
    ----------
    centre, spread : ndarray of shape (n_code,)
    unit_length : bool
        Whether codes are then divided by their length, so that only their direction counts.
    """

    centre: Floats
    spread: Floats
    unit_length: bool = False

    @classmethod
    def of(cls, code: Floats, *, scaling: Scaling, unit_length: bool) -> CodeScale:
        """Return the scale of some cells: nothing is taken for ``"none"``; units that never change are left out."""
        n_code = code.shape[1]
        if scaling == "none":
            return cls(np.zeros(n_code), np.ones(n_code), unit_length)
        spread = code.std(axis=0, dtype=np.float64)
        return cls(code.mean(axis=0, dtype=np.float64), np.where(spread > 1e-6, spread, np.inf), unit_length)

    def apply(self, code: Floats) -> NDArray[np.float32]:  # (n_obs, n_code)
        """Return the scaled codes: (n_obs, n_code)."""
        out = (code - self.centre) / self.spread
        if self.unit_length:
            out = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        return out.astype(np.float32)


def common_space(
    codes: Sequence[Floats], reference: Sequence[Floats], *, scaling: Scaling, unit_length: bool
) -> NDArray[np.float32]:
    """Put the codes of several networks side by side, so that distances are their means.

    Parameters
    ----------
    codes, reference : sequence of ndarrays of shape (n_obs, n_code)
        Of the cells, and of the source's, one for each network.
    scaling : {"none", "source", "each"}
        What scales the cells: nothing, the source's cells, or they themselves if there are 10 or more.
    unit_length : bool
        Whether the direction alone counts.

    Returns
    -------
    ndarray of shape (n_obs, sum of n_code)
    """
    parts = []
    for own, known in zip(codes, reference, strict=True):
        scale = CodeScale.of(
            own if scaling == "each" and len(own) >= FEW_CELLS else known, scaling=scaling, unit_length=unit_length
        )
        parts.append(scale.apply(own))
    return np.hstack(parts) / np.float32(np.sqrt(len(parts)))


def nearest(
    reference: Floats, queries: Floats, k: int, *, run: Run, stage: str = "Compare cells"
) -> tuple[Ints, Floats]:
    """Find the nearest reference cells of each query, exactly.

    Parameters
    ----------
    reference : ndarray of shape (n_reference, n_code)
    queries : ndarray of shape (n_obs, n_code)
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


def vote_shares(index: Ints, labels: Ints, n_labels: int) -> Floats:
    """Return the share of each label among the neighbours.

    Parameters
    ----------
    index : ndarray of int, shape (n_obs, k)
        From :func:`nearest`.
    labels : ndarray of int, shape (n_reference,)
    n_labels : int

    Returns
    -------
    ndarray of shape (n_obs, n_labels)
        Rows sum to one.

    Examples
    --------
    >>> vote_shares(np.array([[0, 2, 1, 3]]), np.array([1, 0, 1, 1]), 2).tolist()
    [[0.25, 0.75]]
    """
    out: Floats = np.zeros((len(index), n_labels))
    rows = np.arange(len(index))
    for column in index.T:
        out[rows, labels[column]] += 1.0
    out /= max(index.shape[1], 1)
    return out


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
    return np.array([winners(vote_shares(index[:, :k], labels, n_labels), index[:, :k], labels) for k in ks])


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


@dataclass(frozen=True)
class LocalMargin:
    """How much nearer each cell's code lies to cells like it of one label than to those of another.

    With ``m`` the mean of the nearest reference cells of a label, the margin is ``‖u − m_b‖² − ‖u − m_a‖²``, ``u`` the
    cell in the space in which cells are compared. The reference cells stay those of the cell as it was.

    Parameters
    ----------
    scale : CodeScale
        What is taken from a code first.
    mean_a, mean_b : ndarray of shape (n_obs, n_code)
    """

    scale: CodeScale
    mean_a: Floats
    mean_b: Floats

    def values(self, code: Floats) -> Floats:  # (n_obs, n_code)
        """Return the margin of each cell: (n_obs,)."""
        u = self._unit(code)[0]
        out: Floats = ((u - self.mean_b) ** 2).sum(axis=1) - ((u - self.mean_a) ** 2).sum(axis=1)
        return out

    def gradient(self, code: Floats) -> Floats:  # (n_obs, n_code)
        """Return the margin's gradient with respect to the code: (n_obs, n_code)."""
        u, length = self._unit(code)
        slope = 2 * (self.mean_a - self.mean_b)
        if self.scale.unit_length:
            slope = (slope - (slope * u).sum(axis=1, keepdims=True) * u) / length
        out: Floats = slope / self.scale.spread
        return out

    def _unit(self, code: Floats) -> tuple[Floats, Floats]:
        v = (np.asarray(code, dtype=np.float64) - self.scale.centre) / self.scale.spread
        length = np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)
        return (v / length, length) if self.scale.unit_length else (v, length)


def mean_of_nearest(reference: Floats, queries: Floats, k: int, *, run: Run) -> Floats:
    """Return the mean of the ``k`` nearest reference cells, or of all where they are fewer: (n_obs, n_code)."""
    index, _ = nearest(reference, queries, min(k, len(reference)), run=run)
    out: Floats = reference[index].mean(axis=1, dtype=np.float64)
    return out
