"""Groups of source cells where nobody has labelled them: factorise, and take each cell's strongest part.

Mieth et al. (2019) do this with a number of groups given by the user. Here a range of numbers can be compared; the
first steps pay more than the later ones, and the knee between them is the proposal.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, sparse
from scipy.sparse.linalg import svds

from sctl.errors import ConvergenceWarning, ParameterError
from sctl.methods.transfercluster.nmf import elastic_net_nmf, nonnegative_loadings
from sctl.numerics.class_means import class_means
from sctl.run import Run
from sctl.typing import Doubles, Ints

CELLS_FOR_CHOICE = 500
"""Cells on which numbers of groups are compared."""

CELLS_FOR_PROFILES = 2000
"""Cells from which the profiles are learned; all cells then get their loadings."""

MAX_ITER, TOL = 200, 1e-3


@dataclass(frozen=True)
class Groups:
    """Groups of unlabelled cells.

    Parameters
    ----------
    codes : ndarray of shape (n_obs,)
        Group of each cell, from 0 without gaps, in the order of the profiles.
    tried : tuple of int
        Numbers of groups that were compared; the found number can be smaller than the chosen one, as a profile may be
        the strongest of no cell.
    errors : tuple of float
        Share of the squared length of the cells that is left unexplained, for each of ``tried``.
    chosen : int
    """

    codes: Ints
    tried: tuple[int, ...]
    errors: tuple[float, ...]
    chosen: int


def nndsvd(X: Any, n_types: int) -> tuple[Doubles, Doubles]:
    """Start of a factorisation from the singular vectors, zeros filled with the mean of the data.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Non-negative.
    n_types : int
        Below both numbers of ``X.shape``.

    Returns
    -------
    W : ndarray of shape (n_obs, n_types)
    H : ndarray of shape (n_types, n_vars)

    References
    ----------
    .. [1] Boutsidis and Gallopoulos (2008), "SVD based initialization: a head start for nonnegative matrix
       factorization", Pattern Recognition 41, 1350. https://doi.org/10.1016/j.patcog.2007.09.010
    """
    start = np.random.default_rng(0).normal(size=min(X.shape))  # any fixed direction: the same answer every time
    left, values, right = svds(X.astype(np.float64), k=n_types, v0=start)
    order = np.argsort(-values)
    left, values, right = left[:, order], values[order], right[order]
    W, H = np.zeros_like(left), np.zeros_like(right)
    for c, value in enumerate(values):
        u, v = left[:, c], right[c]
        sides = [(np.maximum(sign * u, 0.0), np.maximum(sign * v, 0.0)) for sign in (1.0, -1.0)]
        norms = [(float(np.linalg.norm(a)), float(np.linalg.norm(b))) for a, b in sides]
        best = int(norms[1][0] * norms[1][1] > norms[0][0] * norms[0][1])
        (a, b), (length_a, length_b) = sides[best], norms[best]
        if length_a * length_b > 0:
            scale = np.sqrt(value * length_a * length_b)
            W[:, c], H[c] = scale * a / length_a, scale * b / length_b
    mean = float(X.mean())
    return np.where(W > 0, W, mean), np.where(H > 0, H, mean)


def factorised(X: Any, n_types: int, *, alpha: float, l1_ratio: float, run: Run) -> tuple[Doubles, float]:
    """Factorise from a start that needs no labels; return the profiles and the share left unexplained.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
    n_types : int
    alpha, l1_ratio : float
        As for :func:`~sctl.methods.transfercluster.nmf.elastic_net_nmf`.
    run : Run

    Returns
    -------
    H : ndarray of shape (n_types, n_vars)
    error : float
        ``‖X − WH‖² / ‖X‖²``, in [0, 1], with the best loadings for ``H``.
    """
    W, H = nndsvd(X, n_types)
    quiet = Run(seed=run.seed, cancelled=run.cancelled)  # one of many: the caller says how far it is
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the strongest part settles long before the factors do
        W, H, _ = elastic_net_nmf(X, W, H, alpha=alpha, l1_ratio=l1_ratio, max_iter=MAX_ITER, tol=TOL, run=quiet)
    if not (W.any() and H.any()):
        raise ParameterError(
            f"With a penalty of {alpha:g} nothing is left of the source's profiles.",
            expected="The penalty must be small against the data.",
            do="Choose a smaller strength of the penalty (alpha), for example 0.",
        )
    Q, M = H @ H.T, np.asarray((X @ H.T).T, dtype=np.float64)
    W = nonnegative_loadings(Q, M)
    total = float(X.multiply(X).sum() if sparse.issparse(X) else np.square(X).sum())
    left = total - 2.0 * np.einsum("nc,cn->", W, M) + np.einsum("nc,nc->", W @ Q, W)
    return H, float(np.clip(left / total, 0.0, 1.0))


def profiles_of_types(X: Any, codes: Ints, n_types: int, *, alpha: float, l1_ratio: float, run: Run) -> Doubles:
    """Learn profiles without a warm start, and give each to one type afterwards.

    The factorisation starts from singular vectors and never sees the types. Each profile is then named by the type
    whose cells it makes up most, one profile for each type, so that the sum of these shares is largest.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
    codes : ndarray of shape (n_obs,)
        Type of each cell, from 0.
    n_types : int
    alpha, l1_ratio : float
        As for :func:`~sctl.methods.transfercluster.nmf.elastic_net_nmf`.
    run : Run

    Returns
    -------
    H : ndarray of shape (n_types, n_vars)
        In the order of the types.

    Raises
    ------
    ParameterError
        If there are not more cells and genes than types, or the penalty leaves nothing.
    """
    if n_types >= min(X.shape):
        raise ParameterError(
            f"The source has {X.shape[0]} cells and {X.shape[1]} genes, too few for {n_types} profiles.",
            expected="Without the labels as a start there must be more cells and genes than types.",
            do="Start the factorisation from the labels.",
        )
    run.report("Learning the source dictionary", 0, 1)
    H, _ = factorised(X, n_types, alpha=alpha, l1_ratio=l1_ratio, run=run)
    parts = _parts(X, H)
    shares = parts / np.maximum(parts.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    _, profile_of = optimize.linear_sum_assignment(class_means(shares, codes, n_types), maximize=True)
    run.report("Learning the source dictionary", 1, 1)
    return np.asarray(H[profile_of], dtype=np.float64)


def _parts(X: Any, H: Doubles) -> Doubles:
    """How much of each cell a profile makes up, as if all profiles were equally long.  (n_obs, n_types)."""
    loadings = nonnegative_loadings(H @ H.T, np.asarray((X @ H.T).T, dtype=np.float64))
    return np.asarray(loadings * np.linalg.norm(H, axis=1))


def knee(counts: Sequence[int], errors: Sequence[float]) -> int:
    """Return the number after which more groups explain little: the point farthest below the line of the ends.

    Examples
    --------
    >>> knee((2, 3, 4, 5, 6), (0.9, 0.6, 0.3, 0.28, 0.26))
    4
    """
    x, y = np.asarray(counts, dtype=float), np.asarray(errors, dtype=float)
    if len(x) < 3 or np.ptp(y) == 0:
        return int(counts[0])
    line = y[0] + (y[-1] - y[0]) * (x - x[0]) / (x[-1] - x[0])
    return int(counts[int(np.argmax(np.round(line - y, 12)))])


def nmf_groups(X: Any, n_groups: int | Sequence[int], *, alpha: float, l1_ratio: float, run: Run) -> Groups:
    """Group cells by the profile that contributes most to each.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Non-negative.
    n_groups : int or sequence of int
        One number; or numbers to compare, of which the one at the knee of the error is taken.
    alpha, l1_ratio : float
        Penalty, as for :func:`~sctl.methods.transfercluster.nmf.elastic_net_nmf`.
    run : Run

    Returns
    -------
    Groups

    Raises
    ------
    ParameterError
        If no number of groups is below the number of cells and of genes, or the penalty leaves nothing.
    """
    asked = (n_groups,) if isinstance(n_groups, int) else tuple(sorted(set(n_groups)))
    order = run.rng("cells to group").permutation(X.shape[0])
    few = X[np.sort(order[:CELLS_FOR_CHOICE])]
    counts = tuple(k for k in asked if 1 < k < min(few.shape))
    if not counts:
        raise ParameterError(
            f"The source has {X.shape[0]} cells and {X.shape[1]} genes, too few for {min(asked)} groups.",
            expected="There must be more cells and genes than groups, and at least two groups.",
            do="Ask for another number of source groups, or loosen the filters.",
        )
    errors = [
        factorised(few, k, alpha=alpha, l1_ratio=l1_ratio, run=run)[1]
        for k in run.track("Trying numbers of source groups", counts)
        if len(counts) > 1
    ]
    chosen = knee(counts, errors) if errors else counts[0]
    H, error = factorised(X[np.sort(order[:CELLS_FOR_PROFILES])], chosen, alpha=alpha, l1_ratio=l1_ratio, run=run)
    codes = np.unique(_parts(X, H).argmax(axis=1), return_inverse=True)[1].ravel()
    return Groups(codes=codes, tried=counts, errors=tuple(errors) or (error,), chosen=chosen)
