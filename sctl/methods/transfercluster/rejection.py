"""Scores of how well each target cell is explained by the source; higher means: keep (Mieth et al., released code).

The formulas are those of the released code with its slips corrected: nothing is divided by a range of zero, and the
margin of the loadings is scaled as a whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sctl.typing import Doubles

REJECTION_SCORES = (
    "reconstruction", "kurtosis", "entropy", "margin",
    "l2_soft", "l2_hard", "l1_soft", "l1_hard",
)  # fmt: skip
"""Columns of :func:`rejection_scores`."""

CHUNK = 1024
"""Cells made dense at a time: 16 MB for 2,000 genes."""


def rejection_scores(X: Any, H: Doubles, loadings: Doubles, hard: Doubles | None = None) -> Doubles:
    """Score each cell by its loadings and by what the source leaves of it.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Target.
    H : ndarray of shape (n_types, n_vars)
        Source dictionary.
    loadings : ndarray of shape (n_obs, n_types)
        Non-negative.
    hard : ndarray of shape (n_obs, n_types), optional
        What stands for the cell in the mix; by default the profile of its strongest type with weight one.

    Returns
    -------
    ndarray of shape (n_obs, 8)
        Columns as in :data:`REJECTION_SCORES`; higher means better explained.

        - ``reconstruction`` minus the L1 residual of the hard reconstruction, scaled to [0, 1] over cells, weighted by 1
          for the cell of least and ½ for the cell of most expression; in [−1, 0]
        - ``kurtosis`` of the loadings (Pearson's: 3 for a normal distribution); 0 where all are equal
        - ``entropy`` minus the Shannon entropy of the normalised loadings, scaled to [0, 1] over cells; in [−1, 0]
        - ``margin`` largest minus smallest loading, scaled to [0, 1] over cells
        - ``l2_soft``, ``l2_hard``, ``l1_soft``, ``l1_hard`` minus the norm of the residual with all loadings or the hard
          reconstruction, in the unit of ``X``
    """
    if hard is None:
        hard = np.zeros_like(loadings)
        hard[np.arange(len(loadings)), loadings.argmax(axis=1)] = 1.0
    residuals = np.empty((len(loadings), 4))
    sums = np.empty(len(loadings))
    for start in range(0, len(loadings), CHUNK):
        cells = slice(start, start + CHUNK)
        block = np.asarray(X[cells].toarray() if sparse.issparse(X) else X[cells], dtype=np.float64)
        sums[cells] = block.sum(axis=1)
        left = [block - weights[cells] @ H for weights in (loadings, hard)]
        residuals[cells, :2] = np.stack([np.linalg.norm(part, axis=1) for part in left], axis=1)
        residuals[cells, 2:] = np.stack([np.abs(part).sum(axis=1) for part in left], axis=1)
    weight = 1.0 - 0.5 * _scaled(sums)
    margin = loadings.max(axis=1) - loadings.min(axis=1)
    own = (-weight * _scaled(residuals[:, 3]), kurtosis(loadings), -_scaled(entropy(loadings)), _scaled(margin))
    return np.column_stack([*own, -residuals])


def kurtosis(values: Doubles) -> Doubles:
    """Fourth standardised moment of each row, shape (n_obs,); 0 where all values are equal.

    Examples
    --------
    >>> kurtosis(np.array([[0.0, 1.0], [0.0, 0.0]]))
    array([1., 0.])
    """
    centred = values - values.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1)
    fourth = (centred**4).mean(axis=1)
    spread = variance > 1e-24 * np.maximum((values**2).mean(axis=1), 1e-300)  # rounding is no spread
    return np.asarray(np.divide(fourth, variance**2, out=np.zeros_like(fourth), where=spread))


def entropy(loadings: Doubles) -> Doubles:
    """Shannon entropy in nats of each row's shares, shape (n_obs,); a row of zeros has the largest.

    Examples
    --------
    >>> entropy(np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]])).round(3) + 0.0
    array([0.   , 0.693, 0.693])
    """
    total = loadings.sum(axis=1, keepdims=True)
    equal = np.full_like(loadings, 1.0 / loadings.shape[1])
    shares = np.divide(loadings, total, out=equal, where=total > 0)
    return np.asarray(-(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1))


def _scaled(values: Doubles) -> Doubles:
    """Bring values to [0, 1]; all equal ones to 0."""
    span = np.ptp(values) if len(values) else 0.0
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)
