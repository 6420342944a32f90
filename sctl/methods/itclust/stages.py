"""Whether fine-tuning helped: two labellings of the same cells compared without knowing the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from sctl.data import FineTuningComparison
from sctl.numerics.kmeans import kmeans
from sctl.numerics.pca import principal_components
from sctl.numerics.silhouette import mean_silhouette
from sctl.typing import Floats, Ints

N_COMPONENTS = 20
"""Principal components of the target's own genes in which silhouettes are measured."""
MAX_CELLS = 2000
"""Silhouettes of more cells are measured on a sample of so many."""
MAX_OWN = 10
"""Up to so many groups are tried without the source."""
EXPLAINED = 0.65
"""A source explains a target whose clusters reach this share of the silhouette of groups made without it."""


@dataclass(frozen=True)
class FineTuningStage:
    """One way to see the target: its clusters before fine-tuning, or those after.

    Parameters
    ----------
    proba : ndarray of shape (n_obs, n_clusters)
    types : ndarray of int, shape (n_clusters,)
        The source type that each cluster stands for; -1 for none.
    embedding : ndarray of shape (n_obs, n_latent)
    """

    proba: Floats
    types: Ints
    embedding: Floats

    @property
    def clusters(self) -> Ints:
        """Most likely cluster of each cell: (n_obs,)."""
        out: Ints = self.proba.argmax(axis=1)
        return out

    @property
    def labels(self) -> Ints:
        """Source type of each cell, -1 for none: (n_obs,)."""
        out: Ints = self.types[self.clusters]
        return out

    def label_proba(self, n_types: int) -> Floats:
        """Return the probability of each source type, (n_obs, n_types); what new clusters hold belongs to none."""
        out = np.zeros((len(self.proba), n_types))
        known = self.types >= 0
        out[:, self.types[known]] = self.proba[:, known]
        return out

    def among_matched(self) -> FineTuningStage:
        """Return the same without clusters that have no cell."""
        met = np.unique(self.clusters)
        proba = self.proba[:, met]
        return FineTuningStage(proba / proba.sum(axis=1, keepdims=True), self.types[met], self.embedding)

    def take(self, rows: Ints) -> FineTuningStage:
        """Return some cells, in a given order."""
        return FineTuningStage(self.proba[rows], self.types, self.embedding[rows])


def compare(
    X: Floats, before: FineTuningStage, after: FineTuningStage, *, rng: np.random.Generator
) -> FineTuningComparison:
    """Compare the labels before and after fine-tuning.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_vars)
        The target's scaled expression.
    before, after : Clustering
    rng : numpy.random.Generator
        Draws the cells that are looked at where there are many.
    """
    sample = np.arange(len(X)) if len(X) <= MAX_CELLS else np.sort(rng.choice(len(X), MAX_CELLS, replace=False))
    cells = np.asarray(X[sample], dtype=np.float64)
    points = principal_components(cells @ cells.T, N_COMPONENTS).scores
    distances = cdist(points, points)
    first, last = (
        mean_silhouette(distances, np.unique(side.clusters[sample], return_inverse=True)[1]) for side in (before, after)
    )
    fewest = max(len(np.unique(before.clusters)), 2)  # a coarser division is easier, and shows nothing to be missing
    most = max(min(MAX_OWN, len(points) - 1), fewest)
    own = [kmeans(points, k, n_init=5, rng=rng) for k in range(fewest, most + 1)]
    return FineTuningComparison(
        silhouette_before=first,
        silhouette_after=last,
        silhouette_own=max(mean_silhouette(distances, np.unique(groups, return_inverse=True)[1]) for groups in own),
        confidence_before=float(before.proba.max(axis=1).mean()),
        confidence_after=float(after.proba.max(axis=1).mean()),
        flipped=float((before.labels != after.labels).mean()),
        recommended="after" if last >= first else "before",
    )


def is_explained(found: FineTuningComparison) -> bool:
    """Tell whether the clusters divide the target hardly worse than it divides by itself."""
    return bool(max(found.silhouette_before, found.silhouette_after) >= EXPLAINED * found.silhouette_own)


def cluster_confidence(start: Ints, end: Ints, n_clusters: int) -> Floats:
    """Return the paper's confidence of each cluster: the share of its cells that were in it from the start.

    Parameters
    ----------
    start, end : ndarray of int, shape (n_obs,)
        Cluster of each cell before and after fine-tuning.
    n_clusters : int

    Returns
    -------
    ndarray of shape (n_clusters,)
        In [0, 1]; 0 for an empty cluster.

    Examples
    --------
    >>> cluster_confidence(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 3).round(2)
    array([1.  , 0.67, 0.  ])
    """
    stayed = np.bincount(end[start == end], minlength=n_clusters)
    return stayed / np.maximum(np.bincount(end, minlength=n_clusters), 1)


def mean_confidence(labels: Ints, both: tuple[FineTuningStage, FineTuningStage], n_types: int) -> Floats:
    """Return how sure a cell's label is: its probability before and after fine-tuning, averaged.

    Fine-tuning makes every cell certain, also those that it moved for no good reason; before it they were not.

    Parameters
    ----------
    labels : ndarray of int, shape (n_obs,)
        Source type; -1 for a new cluster, whose own probability counts.
    both : tuple of two Clustering
    n_types : int

    Returns
    -------
    ndarray of shape (n_obs,)
        In [0, 1].
    """
    rows, known = np.arange(len(labels)), labels >= 0
    sides = [np.where(known, side.label_proba(n_types)[rows, labels], side.proba.max(axis=1)) for side in both]
    out: Floats = (sides[0] + sides[1]) / 2
    return out
