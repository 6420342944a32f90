"""Library-size normalisation and logarithms of sparse matrices, cells × genes."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Log = Literal["log1p", "log2", "none"]


def genes_per_cell(X: Any) -> float:
    """Median number of genes that a cell shows: how deeply it was measured, be it in reads or in molecules.

    Parameters
    ----------
    X : sparse matrix or ndarray of shape (n_obs, n_vars)

    Examples
    --------
    >>> genes_per_cell(np.array([[1.0, 2.0, 1.0], [0.0, 0.0, 5.0]]))
    2.0
    """
    shown = np.asarray((X > 0).sum(axis=1)).ravel()
    return float(np.median(shown)) if shown.size else 0.0


def library_sizes(X: Any) -> NDArray[np.float64]:
    """Total of each cell.

    Parameters
    ----------
    X : sparse matrix or ndarray of shape (n_obs, n_vars)
        Counts, or any non-negative linear values.

    Returns
    -------
    ndarray of shape (n_obs,)
        In the unit of ``X``.

    Examples
    --------
    >>> library_sizes(np.array([[1.0, 2.0], [0.0, 0.0]]))
    array([3., 0.])
    """
    return np.asarray(X.sum(axis=1, dtype=np.float64)).ravel()


def log_normalized(
    X: Any, *, sizes: NDArray[np.floating[Any]] | None = None, to: float | None = 10_000.0, log: Log = "log1p"
) -> sparse.csr_matrix:
    """Scale every cell to the same total, then take logarithms; zeros stay zeros.

    Parameters
    ----------
    X : sparse matrix or ndarray of shape (n_obs, n_vars)
        Counts, or any non-negative linear values.
    sizes : ndarray of shape (n_obs,), optional
        What counts as the total of a cell; by default its sum in ``X``. A cell of size 0 is not scaled.
    to : float or None
        The total after scaling; None leaves the cells as they are.
    log : {"log1p", "log2", "none"}
        ``log1p`` is log(1 + x), ``log2`` is log2(1 + x).

    Returns
    -------
    csr_matrix of shape (n_obs, n_vars), float32

    Examples
    --------
    >>> log_normalized(np.array([[1.0, 3.0], [0.0, 2.0]]), to=8, log="none").toarray()
    array([[2., 6.],
           [0., 8.]], dtype=float32)
    """
    out = sparse.csr_matrix(X, dtype=np.float32, copy=True)
    out.eliminate_zeros()
    if to is not None:
        totals = library_sizes(X) if sizes is None else sizes
        factors = np.divide(to, totals, out=np.ones(len(totals)), where=totals > 0)
        out.data *= np.repeat(factors, np.diff(out.indptr)).astype(np.float32)
    if log != "none":
        np.log1p(out.data, out=out.data)
    if log == "log2":
        out.data /= np.float32(np.log(2))
    return out
