"""How well datasets are mixed and types kept apart in a common space; each number says what it measures.

Lotfollahi et al. (2020) call the share of neighbours of the same type "kNN purity", which their text defines as the
overlap of neighbourhoods before and after; here they are :func:`label_purity` and :func:`neighbourhood_purity`.
Their entropy of batch mixing has another base in each version of the code; here it is natural or normalised by name.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sctl.typing import Floats, Ints


def nearest(points: Floats, k: int) -> tuple[Floats, Ints]:
    """Return distances to the nearest other cells, ascending, and their numbers: (n_obs, k) each."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - takes a second, and the app starts without it

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


def lisi(distances: Floats, neighbors: Ints, codes: Ints, perplexity: float | None = None) -> Floats:
    """Effective number of different labels around each cell (Korsunsky et al. 2019, local inverse Simpson index).

    Parameters
    ----------
    distances, neighbors : ndarray of shape (n_obs, k)
        From :func:`nearest`.
    codes : ndarray of shape (n_obs,)
        Batches (then it is called iLISI, high is mixed) or types (cLISI, low is pure).
    perplexity : float, optional
        Effective number of neighbours; by default a third of ``k``.

    Returns
    -------
    ndarray of shape (n_obs,)
        From 1 to the number of different codes.
    """
    wanted = max(1.0, distances.shape[1] / 3.0 if perplexity is None else perplexity)
    weights = _perplexity_weights(distances, wanted)
    n_codes = int(codes.max(initial=0)) + 1
    n = len(distances)
    where = np.arange(n)[:, None] * n_codes + codes[neighbors]
    shares = np.bincount(where.ravel(), weights=weights.ravel(), minlength=n * n_codes).reshape(n, n_codes)
    return np.asarray(1.0 / (shares**2).sum(axis=1))


def scaled_lisi(values: Floats, n_codes: int, *, mixed_is_good: bool) -> float:
    """Bring the median of :func:`lisi` to [0, 1], where 1 is good (Luecken et al. 2022)."""
    if n_codes < 2:
        return 1.0
    median = float(np.median(values))
    return (median - 1.0) / (n_codes - 1.0) if mixed_is_good else (n_codes - median) / (n_codes - 1.0)


def type_silhouette(points: Floats, labels: Ints) -> float:
    """Mean silhouette of the types, brought from [-1, 1] to [0, 1]: 1 if they lie far apart; ½ of one type."""
    return (float(_silhouettes(points, labels).mean()) + 1.0) / 2.0


def batch_silhouette(points: Floats, batches: Ints, labels: Ints) -> float:
    """One minus the absolute silhouette of the batches within each type, averaged over types: 1 if mixed.

    Types that occur in one batch, or have as many batches as cells, say nothing; without any other it is NaN.
    """
    means = []
    for label in np.unique(labels):
        cells = labels == label
        n_batches = len(np.unique(batches[cells]))
        if 1 < n_batches < cells.sum():
            means.append(1.0 - np.abs(_silhouettes(points[cells], batches[cells])).mean())
    return float(np.mean(means)) if means else float("nan")


def graph_connectivity(neighbors: Ints, labels: Ints) -> float:
    """Share of each type's cells in its largest connected piece, averaged over types: 1 if no type is torn.

    Parameters
    ----------
    neighbors : ndarray of shape (n_obs, k)
        Two cells are connected if one is among the other's neighbours.
    labels : ndarray of shape (n_obs,)
    """
    graph = _adjacency(neighbors)
    shares = []
    for label in np.unique(labels):
        cells = np.flatnonzero(labels == label)
        _, pieces = connected_components(graph[cells][:, cells], directed=False)
        shares.append(np.bincount(pieces).max() / len(cells))
    return float(np.mean(shares))


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


def _silhouettes(points: Floats, codes: Ints) -> Floats:
    from sklearn.metrics import silhouette_samples  # noqa: PLC0415 - as above

    if not 1 < len(np.unique(codes)) < len(codes):
        return np.zeros(len(codes))
    return np.asarray(silhouette_samples(points, codes))


def _perplexity_weights(distances: Floats, perplexity: float, n_steps: int = 60) -> Floats:
    """Gaussian weights of each row whose entropy is log(perplexity), found by bisection of all rows at once."""
    wanted = np.log(min(perplexity, distances.shape[1]))
    scaled = distances / np.maximum(distances.mean(axis=1, keepdims=True), 1e-300)  # the unit does not matter
    low, high = np.full((len(scaled), 1), -30.0), np.full((len(scaled), 1), 30.0)  # log of the steepness
    for _ in range(n_steps):
        middle = (low + high) / 2.0
        flat = (_entropy(_gaussian(scaled, middle)) > wanted)[:, None]
        low, high = np.where(flat, middle, low), np.where(flat, high, middle)
    return _gaussian(scaled, (low + high) / 2.0)


def _gaussian(distances: Floats, log_steepness: Floats) -> Floats:
    exponent = -np.exp(log_steepness) * (distances - distances.min(axis=1, keepdims=True))
    weights = np.exp(exponent)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
