"""How much more of one source profile than of another a cell is rebuilt from, and which genes say so."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sctl.core.nmf import nonnegative_loadings

Floats = NDArray[np.floating[Any]]


def loading_margin(X: Floats, H: Floats, label: int, against: int) -> Floats:
    """Return the difference of two loadings of each cell.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_vars)
    H : ndarray of shape (n_types, n_vars)
        Source profiles.
    label, against : int

    Returns
    -------
    ndarray of shape (n_obs,)
    """
    loadings = _loadings(X, H)
    out: Floats = loadings[:, label] - loadings[:, against]
    return out


def loading_contributions(X: Floats, H: Floats, label: int, against: int, baseline: Floats) -> Floats:
    """Divide the difference of two loadings among the genes.

    Among the profiles that a cell is rebuilt from, and the two that are compared, the loadings are linear in the cell:
    ``(H_S H_Sᵀ)⁻¹ H_S x``. Each gene's share of the difference follows, less what a baseline cell would have.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_vars)
    H : ndarray of shape (n_types, n_vars)
    label, against : int
    baseline : ndarray of shape (n_vars,)

    Returns
    -------
    ndarray of shape (n_obs, n_vars)
        Where both profiles are used, rows sum to the difference of the loadings, less the baseline's.
    """
    used = _loadings(X, H) > 1e-12
    used[:, [label, against]] = True
    out = np.empty(X.shape)
    patterns, which = np.unique(used, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        profiles = np.flatnonzero(pattern)
        solve = np.linalg.pinv(H[profiles] @ H[profiles].T) @ H[profiles]  # (n_used, n_vars)
        places = np.searchsorted(profiles, [label, against])
        cells = which.ravel() == number
        out[cells] = (X[cells] - baseline) * (solve[places[0]] - solve[places[1]])
    return out


def _loadings(X: Floats, H: Floats) -> NDArray[np.float64]:
    return nonnegative_loadings(np.asarray(H @ H.T, dtype=np.float64), np.asarray(H @ X.T, dtype=np.float64))
