"""How well datasets are mixed and types kept apart in a common space.

Lotfollahi et al. (2020) call the share of neighbours of the same type "kNN purity", which their text defines as the
overlap of neighbourhoods before and after; here they are :func:`label_purity` and :func:`neighbourhood_purity`.
Their entropy of batch mixing has another base in each version of the code; here it is natural or normalised by name.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from sctl.typing import Floats, Ints


def nearest(points: Floats, k: int) -> tuple[Floats, Ints]:
    """Return distances to the nearest other cells, ascending, and their numbers: (n_obs, k) each."""
    distances, found = NearestNeighbors(n_neighbors=min(k, len(points) - 1)).fit(points).kneighbors()
    return distances, found


def mixing_entropies(neighbors: Ints, batches: Ints, *, normalized: bool) -> Floats:
    """Entropy of the batches among each cell's neighbours.

    Parameters
    ----------
    neighbors : ndarray of shape (n_obs, k)
    batches : ndarray of shape (n_obs,)
        Numbers from 0.
    normalized : bool
        Divide by the entropy of the batches in the whole dataset, so that 1 is perfect mixing however many batches
        there are and whatever their sizes. Otherwise the entropy is in nats.

    Returns
    -------
    ndarray of shape (n_obs,)

    Examples
    --------
    >>> mixing_entropies(np.array([[1, 2], [0, 2], [0, 1]]), np.array([0, 1, 1]), normalized=False).round(3) + 0.0
    array([0.   , 0.693, 0.693])
    """
    n_batches = int(batches.max(initial=0)) + 1
    entropies = _entropy(_shares(batches[neighbors], n_batches))
    if not normalized:
        return entropies
    whole = _entropy(np.bincount(batches, minlength=n_batches)[None] / len(batches))[0]
    return entropies / whole if whole > 0 else np.ones_like(entropies)


def label_purity(neighbors: Ints, labels: Ints) -> float:
    """Share of neighbours of a cell's own type, averaged over the cells of each type and then over types: in [0, 1].

    Parameters
    ----------
    neighbors : ndarray of shape (n_obs, k)
    labels : ndarray of shape (n_obs,)
    """
    same = (labels[neighbors] == labels[:, None]).mean(axis=1)
    return float(np.mean([same[labels == label].mean() for label in np.unique(labels)]))


def neighbourhood_purity(before: Floats, after: Floats, batches: Ints, k: int = 15) -> float:
    """How much of each cell's neighbourhood within its batch is the same in two spaces.

    Parameters
    ----------
    before, after : ndarray of shape (n_obs, n_dims)
        The numbers of dimensions may differ.
    batches : ndarray of shape (n_obs,)
    k : int

    Returns
    -------
    float
        Mean Jaccard index of the two sets of neighbours over cells, then over batches: 1 if nothing was torn apart.
    """
    means = []
    for batch in np.unique(batches):
        cells = np.flatnonzero(batches == batch)
        if len(cells) < 3:
            continue
        one, two = (_adjacency(nearest(space[cells], k)[1]) for space in (before, after))
        both = np.asarray(one.multiply(two).sum(axis=1)).ravel()
        either = np.asarray(one.sum(axis=1)).ravel() + np.asarray(two.sum(axis=1)).ravel() - both
        means.append(float((both / either).mean()))
    return float(np.mean(means)) if means else 1.0


def _shares(codes: Ints, n_codes: int) -> Floats:
    """Share of each code in each row: (n_obs, n_codes)."""
    n, k = codes.shape
    where = np.arange(n)[:, None] * n_codes + codes
    return np.asarray(np.bincount(where.ravel(), minlength=n * n_codes).reshape(n, n_codes) / k)


def _entropy(shares: Floats) -> Floats:
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return np.asarray(-(shares * logs).sum(axis=1))


def _adjacency(neighbors: Ints) -> sparse.csr_matrix:
    n, k = neighbors.shape
    return sparse.csr_matrix((np.ones(n * k), neighbors.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
