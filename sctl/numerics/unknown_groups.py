"""Groups among the cells that belong to no known type."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from sctl.numerics.kmeans import kmeans
from sctl.numerics.silhouette import mean_silhouette
from sctl.typing import Floats, Ints

MIN_CELLS = 10
"""Cells that a group needs on average; fewer are no evidence of a type."""
MOST_GROUPS = 6
SEPARATED = 0.5
"""Mean silhouette from which on cells count as more than one group."""
SAMPLE = 1500


def unknown_groups(points: Floats, rng: np.random.Generator) -> Ints:
    """Divide cells into groups if they clearly form several.

    The number of groups is the one with the largest mean silhouette, if that is :data:`SEPARATED` or more; otherwise all
    cells are one group.

    Parameters
    ----------
    points : ndarray of shape (n_obs, n_dims)
    rng : Generator

    Returns
    -------
    ndarray of shape (n_obs,)
        Numbers from 0, the largest group first.

    Examples
    --------
    >>> points = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0, 0], [9, 9]], [20, 40], axis=0)
    >>> np.bincount(unknown_groups(points, np.random.default_rng(0)))
    array([40, 20])
    """
    best: Ints = np.zeros(len(points), dtype=np.int64)
    most = min(MOST_GROUPS, len(points) // MIN_CELLS)
    if most < 2:
        return best
    seen = np.sort(rng.choice(len(points), size=min(SAMPLE, len(points)), replace=False))
    between, highest = cdist(points[seen], points[seen]), SEPARATED
    for k in range(2, most + 1):
        groups = kmeans(points, k, n_init=10, rng=rng)
        numbers = np.unique(groups[seen], return_inverse=True)[1]
        score = mean_silhouette(between, numbers)
        if score >= highest:
            best, highest = groups, score
    sizes = np.bincount(best)
    place = np.empty(len(sizes), dtype=np.int64)
    place[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return place[best]


@dataclass(frozen=True)
class Division:
    """Cells divided into known types and unknown groups.

    Parameters
    ----------
    clusters : ndarray of shape (n_obs,)
        Index into ``matched``.
    matched : ndarray of shape (n_clusters,)
        Which types, and after all types which unknown groups, have cells.
    proba : ndarray of shape (n_obs, n_clusters)
        Rows sum to one.
    n_types : int
    """

    clusters: Ints
    matched: Ints
    proba: Floats
    n_types: int

    def names(self, types: Sequence[str]) -> list[str]:
        """Return the clusters' names: those of types, and ``unknown 1``, ``unknown 2`` and so on."""
        n_groups = int(self.matched.max(initial=0)) + 1 - self.n_types
        names = [*types, *free_names("unknown", max(0, n_groups), types)]
        return [names[code] for code in self.matched]


def free_names(word: str, n: int, taken: Collection[str]) -> list[str]:
    """Return ``word 1``, ``word 2`` and so on, passing over names that are taken.

    Examples
    --------
    >>> free_names("unknown", 2, ["alpha", "unknown 1"])
    ['unknown 2', 'unknown 3']
    """
    return list(islice((name for i in count(1) if (name := f"{word} {i}") not in taken), n))


def divide(votes: Floats, unknown: Floats, new: NDArray[np.bool_], groups: Ints) -> Division:
    """Give every cell to its likeliest type, or to its group if it is new; types that no cell has are left out.

    Parameters
    ----------
    votes : ndarray of shape (n_obs, n_types)
        Rows sum to one.
    unknown : ndarray of shape (n_obs,)
        Probability that a cell is of no known type.
    new : ndarray of bool, shape (n_obs,)
    groups : ndarray of shape (n_new,)
        From :func:`unknown_groups`.

    Returns
    -------
    Division
        What a cell has of probability for unknown types goes to its own group, or to all groups alike.
    """
    n_types, n_groups = votes.shape[1], int(groups.max(initial=-1)) + 1
    codes = votes.argmax(axis=1)
    codes[new] = n_types + groups
    among = np.full((len(votes), n_groups), 1.0 / max(1, n_groups))
    among[new] = np.eye(n_groups)[groups]
    rest = unknown[:, None] if n_groups else np.zeros((len(votes), 1))
    matched, clusters = np.unique(codes, return_inverse=True)
    proba = np.hstack([votes * (1.0 - rest), among * rest])[:, matched]
    totals = proba.sum(axis=1, keepdims=True)
    proba = np.divide(proba, totals, out=np.eye(len(matched))[clusters], where=totals > 1e-12)
    return Division(clusters.astype(np.int64), matched, proba, n_types)
