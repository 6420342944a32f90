"""Nearest neighbours in a space of codes, and how far a cell lies from all it could resemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from sctl.run import Run
from sctl.typing import Floats, Ints

Scaling = Literal["none", "source", "each"]

_CHUNK = 2048
FEW_CELLS = 10
"""Fewer cells than this are not scaled on their own."""


@dataclass(frozen=True)
class CodeScale:
    """What is taken from a code before cells are compared: its centre and spread, and perhaps its length.

    Parameters
    ----------
    center, spread : ndarray of shape (n_latent,)
    unit_length : bool
        Whether codes are then divided by their length, so that only their direction counts.
    """

    center: Floats
    spread: Floats
    unit_length: bool = False

    @classmethod
    def of(cls, code: Floats, *, scaling: Scaling, unit_length: bool) -> CodeScale:
        """Return the scale of some cells: nothing is taken for ``"none"``; units that never change are left out."""
        n_latent = code.shape[1]
        if scaling == "none":
            return cls(np.zeros(n_latent), np.ones(n_latent), unit_length)
        spread = code.std(axis=0, dtype=np.float64)
        return cls(code.mean(axis=0, dtype=np.float64), np.where(spread > 1e-6, spread, np.inf), unit_length)

    def apply(self, code: Floats) -> NDArray[np.float32]:  # (n_obs, n_latent)
        """Return the scaled codes: (n_obs, n_latent)."""
        out = (code - self.center) / self.spread
        if self.unit_length:
            out = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        return out.astype(np.float32)


def common_space(
    codes: Sequence[Floats],
    reference: Sequence[Floats],
    *,
    scaling: Scaling,
    unit_length: bool,
    weights: Sequence[float] | None = None,
) -> NDArray[np.float32]:
    """Put the codes of several networks side by side, so that squared distances are weighted means of theirs.

    Parameters
    ----------
    codes, reference : sequence of ndarrays of shape (n_obs, n_latent)
        Of the cells, and of the source's, one for each network.
    scaling : {"none", "source", "each"}
        What scales the cells: nothing, the source's cells, or they themselves if there are 10 or more.
    unit_length : bool
        Whether the direction alone counts.
    weights : sequence of float, optional
        By which the code of each network is multiplied; all alike by default.

    Returns
    -------
    ndarray of shape (n_obs, sum of n_latent)

    Examples
    --------
    >>> one, other = np.array([[2.0, 0.0]]), np.array([[0.0, 5.0]])
    >>> options = {"scaling": "none", "unit_length": True, "weights": (1.0, 0.75)}
    >>> common_space([one, other], [one, other], **options).round(2).tolist()
    [[0.800000011920929, 0.0, 0.0, 0.6000000238418579]]
    """
    counts = np.ones(len(codes)) if weights is None else np.asarray(weights, dtype=np.float64)
    parts = []
    for own, known, weight in zip(codes, reference, counts, strict=True):
        scale = CodeScale.of(
            own if scaling == "each" and len(own) >= FEW_CELLS else known, scaling=scaling, unit_length=unit_length
        )
        parts.append(scale.apply(own) * np.float32(weight))
    out: NDArray[np.float32] = np.asarray(np.hstack(parts) / np.linalg.norm(counts), dtype=np.float32)
    return out


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
