"""Indicator matrices and mean profiles of groups of cells."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sctl.typing import Doubles, Ints, Matrix


def one_hot(codes: Ints, n_types: int) -> Doubles:
    """Return the indicator matrix of ``codes``, shape (n_obs, n_types); negative codes give zero rows."""
    out = np.zeros((len(codes), n_types))
    known = np.flatnonzero(codes >= 0)
    out[known, codes[known]] = 1.0
    return out


def class_means(X: Matrix, codes: Ints, n_types: int) -> Doubles:
    """Mean profile of each type.

    This is the minimiser of ``||X − Y A||²`` over ``A`` for the indicator matrix ``Y``: stage one of the
    paper's dictionary, in closed form.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
    codes : ndarray of shape (n_obs,)
        Type of each cell, 0 … n_types − 1.
    n_types : int

    Returns
    -------
    ndarray of shape (n_types, n_vars)

    Examples
    --------
    >>> class_means(np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]]), np.array([0, 0, 1]), 2)
    array([[2., 0.],
           [0., 5.]])
    """
    indicator = sparse.csr_matrix(one_hot(codes, n_types))
    sizes = np.maximum(np.asarray(indicator.sum(axis=0)).ravel(), 1.0)
    sums = indicator.T @ X
    dense = np.asarray(sums.todense()) if sparse.issparse(sums) else np.asarray(sums)
    return np.asarray(dense / sizes[:, None], dtype=np.float64)
