"""Groups for a target that its source does not explain: where its own genes divide it, and the source has no name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from scipy.spatial.distance import cdist

from sctl.methods.itclust.profile_names import ProfileNames
from sctl.numerics.kmeans import kmeans
from sctl.numerics.silhouette import silhouettes
from sctl.typing import Floats, Ints

MIN_CELLS = 10
"""No group has fewer cells."""
MAX_PARTS = 6
"""Cells are divided into at most so many groups at a time."""
DISTINCT = 0.25
"""Groups whose median silhouettes all reach this are real; below it there is no substantial structure."""
DISTINCT_ON_AVERAGE, NOT_BLURRED = 0.3, 0.1
"""So are groups that reach the first on average over all cells, if none is below the second."""
AGREED = 2 / 3
"""A group has the name that this share of its cells agrees on."""
LESS_CERTAIN = 0.6
"""A group below this share of the certainty of another that has the same name is not of that type."""
SURE = 0.7
"""A group whose cells agree on a type by unscaled expression, half of them at least so surely, is of that type. On pancreas and
cortex, groups of types that the source lacks reached 0.65 mostly, those of its types 0.78 or more."""
FITS = 0.5
"""And its cells' correlation with the type is at least this share of that of the group that fits it best.
It follows a simulated target of mixed groups and was only checked on pancreas."""
FAR = 2 / 3
"""Only a group whose cells are so much less near to their types than those of the nearest group, each against what is typical
in the source, can be new. On pancreas one in twenty groups of known types was below 0.63; half of those of unknown ones were."""
_N_COMPONENTS, _MAX_CELLS = 10, 1000
_ALIKE = 1e-6  # scaled expression that differs less is the same


def cluster_target(X: Floats, *, rng: np.random.Generator) -> Ints:
    """Divide cells by their own genes alone, and what was divided again, as long as the parts are distinct.

    Cells are divided by k-means on the principal components of their genes. Each part has components of its own in
    turn, so that a type which stands far apart does not hide what tells the others from each other.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_vars)
        Scaled expression.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n_obs,)
        Numbers from 0 without gaps; zeros where nothing is distinct.

    References
    ----------
    .. [1] Kaufman & Rousseeuw (1990), "Finding Groups in Data", on how to read a silhouette.
    """
    parts = _parts(X, rng)
    if parts is None:
        return np.zeros(len(X), dtype=np.int64)
    out, n = np.empty(len(X), dtype=np.int64), 0
    for part in range(parts.max() + 1):
        inner = cluster_target(X[parts == part], rng=rng)
        out[parts == part] = n + inner
        n += int(inner.max()) + 1
    return out


def unmatched_cells(q: Floats, groups: Ints, unscaled: ProfileNames | None = None) -> NDArray[np.bool_]:
    """Return which cells belong to groups that the source has no name for.

    A group is foreign if its cells do not agree on a name, or if another group of that name is far more certain
    of it. How certain a network is of another dataset says little by itself: it depends on the protocol. The network sees
    cells that were scaled within the target, so that a type which the source lacks can take the name of another, and be
    surer of it than the cells that are of that type: no group is foreign that is surely of a type by unscaled expression,
    and fits it nearly as well as any group does. Nor is one whose cells are as near to their types as those of other groups,
    such as two close relatives in one group, which do not agree on a name.

    Parameters
    ----------
    q : ndarray of shape (n_obs, n_types)
        What the network says of the cells.
    groups : ndarray of int, shape (n_obs,)
        From :func:`cluster_target`; one group alone is not judged.
    unscaled : ProfileNames, optional
        What expression says of them that was not scaled within the target.

    Returns
    -------
    ndarray of bool, shape (n_obs,)
        All cells of a group together.

    Examples
    --------
    >>> q = np.array([[0.9, 0.1], [0.8, 0.2], [0.5, 0.4], [0.5, 0.4], [0.2, 0.8]])
    >>> unmatched_cells(q, np.array([0, 0, 1, 1, 2]))
    array([False, False,  True,  True, False])
    """
    n = int(groups.max()) + 1
    if n == 1:
        return np.zeros(len(q), dtype=bool)
    foreign = _foreign(*_votes(q, groups, n))
    if unscaled is not None:
        name, agreed, certainty = _votes(unscaled.proba, groups, n)
        fit = np.array([np.median(unscaled.fit[groups == group, name[group]]) for group in range(n)])
        best = np.array([fit[name == own].max() for own in name])
        foreign |= _foreign(name, agreed, certainty)
        foreign &= ~(agreed & (certainty >= SURE) & (fit >= FITS * best))
        if unscaled.nearness is not None:
            near = np.array([np.median(unscaled.nearness[groups == group]) for group in range(n)])
            foreign &= near < FAR * near.max()
    out: NDArray[np.bool_] = foreign[groups]
    return out


def _votes(proba: Floats, groups: Ints, n: int) -> tuple[Ints, NDArray[np.bool_], Floats]:
    """Return the name of each group, whether its cells agree on it, and how certain half of them are at least."""
    votes = np.zeros((n, proba.shape[1]))
    np.add.at(votes, (groups, proba.argmax(axis=1)), 1)
    name = votes.argmax(axis=1)
    certainty = np.array([np.median(proba[groups == group, name[group]]) for group in range(n)])
    return name, votes.max(axis=1) >= AGREED * votes.sum(axis=1), certainty


def _foreign(name: Ints, agreed: NDArray[np.bool_], certainty: Floats) -> NDArray[np.bool_]:
    surest = np.array([certainty[agreed & (name == own)].max(initial=0.0) for own in name])
    out: NDArray[np.bool_] = ~agreed | (certainty < LESS_CERTAIN * surest)
    return out


def _parts(X: Floats, rng: np.random.Generator) -> Ints | None:
    """Divide cells once, into the number of distinct parts that divides them best; None if no number does."""
    if len(X) < 2 * MIN_CELLS or np.ptp(X, axis=0).max() < _ALIKE:
        return None
    points = _components(X, rng)
    sample = np.arange(len(X)) if len(X) <= _MAX_CELLS else rng.choice(len(X), _MAX_CELLS, replace=False)
    distances = cdist(points[sample], points[sample])
    best, best_width = None, -np.inf
    for k in range(2, min(MAX_PARTS, len(X) // MIN_CELLS) + 1):
        found = kmeans(points, k, n_init=10, rng=rng)
        if np.bincount(found, minlength=k).min() < MIN_CELLS:
            continue
        widths, overall = _widths(distances, found[sample])
        distinct = widths.min() >= DISTINCT or (overall >= DISTINCT_ON_AVERAGE and widths.min() >= NOT_BLURRED)
        if distinct and widths.mean() > best_width:
            best, best_width = found, float(widths.mean())
    return best


def _components(X: Floats, rng: np.random.Generator) -> Floats:
    """Return the leading principal components: (n_obs, n_components)."""
    centred = X - X.mean(axis=0, dtype=np.float64)
    n_components = min(_N_COMPONENTS, min(X.shape) - 1)
    vectors, values, _ = svds(centred, k=n_components, v0=rng.normal(size=min(X.shape)))
    out: Floats = vectors * values
    return out


def _widths(distances: NDArray[np.float64], groups: Ints) -> tuple[Floats, float]:
    """Return the median silhouette of each group, and the mean of all cells."""
    _, codes = np.unique(groups, return_inverse=True)
    each = silhouettes(distances, codes)
    return np.array([np.median(each[codes == code]) for code in range(codes.max() + 1)]), float(each.mean())
