"""What stands for a target cell in the mix: the ways of rebuilding it from the source (Mieth et al. 2019)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TargetStep = Literal["hard", "soft", "hard_optimised"]
"""The profile of the strongest type, all types with their loadings, or the strongest type at its best scale."""


def rebuilding_weights(step: TargetStep, loadings: Floats, Q: Floats, M: Floats) -> Floats | None:
    """Weights ``W`` with which the source's profiles ``H`` rebuild the target cells, ``R = W H``.

    Parameters
    ----------
    step : {"hard", "soft", "hard_optimised"}
        "hard": the profile of the type with the strongest loading. "soft": all profiles with their loadings.
        "hard_optimised": the strongest type's profile times the factor that brings it closest to the cell.
    loadings : ndarray of shape (n_obs, n_types)
    Q : ndarray of shape (n_types, n_types)
        ``H Hᵀ``.
    M : ndarray of shape (n_types, n_obs)
        ``H Xᵀ``.

    Returns
    -------
    ndarray of shape (n_obs, n_types), or None
        None stands for the indicator matrix of "hard", which needs no products.

    Notes
    -----
    The least-squares factor of one profile is ``⟨H_z, x⟩ / ⟨H_z, H_z⟩``; the paper's extra training step
    approaches it by multiplicative updates that keep the support.

    Examples
    --------
    >>> H, x = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[0.5, 3.0]])
    >>> rebuilding_weights("hard_optimised", np.array([[0.5, 1.5]]), H @ H.T, H @ x.T)
    array([[0. , 1.5]])
    """
    if step == "hard":
        return None
    if step == "soft":
        return loadings
    rows, z = np.arange(len(loadings)), loadings.argmax(axis=1)
    squares = np.diagonal(Q)[z]
    out: Any = np.zeros_like(loadings)
    out[rows, z] = np.divide(np.maximum(M[z, rows], 0.0), squares, out=np.zeros_like(squares), where=squares > 0)
    return np.asarray(out)
