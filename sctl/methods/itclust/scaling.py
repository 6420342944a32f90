"""Z-scores of genes, over all cells or within batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sctl.typing import Ints


def z_scores(X: Any, *, batches: Ints | None = None, clip: float = 6.0, both_sides: bool = True) -> NDArray[np.float32]:
    """Give every gene mean 0 and standard deviation 1, and cut what is far out.

    Parameters
    ----------
    X : sparse matrix or ndarray of shape (n_obs, n_vars)
        Take the genes you need first: the result is dense.
    batches : ndarray of int, shape (n_obs,), optional
        Cells of each number are scaled on their own; a batch of one cell becomes 0.
    clip : float
        Largest value.
    both_sides : bool
        Whether ``-clip`` is the smallest value.

    Returns
    -------
    ndarray of float32, shape (n_obs, n_vars)
        A gene without variance is 0.

    Examples
    --------
    >>> z_scores(np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]]))
    array([[-1.,  0.],
           [ 0.,  0.],
           [ 1.,  0.]], dtype=float32)
    """
    out: NDArray[np.float32] = np.array(X.toarray() if sparse.issparse(X) else X, dtype=np.float32)
    groups = [slice(None)] if batches is None else [np.flatnonzero(batches == b) for b in np.unique(batches)]
    for group in groups:
        part = out[group]
        part -= part.mean(axis=0, dtype=np.float64).astype(np.float32)
        spread = part.std(axis=0, ddof=1, dtype=np.float64) if len(part) > 1 else np.zeros(part.shape[1])
        constant = spread <= 1e-6  # what rounding leaves of a gene that is the same everywhere
        part /= np.where(constant, 1.0, spread).astype(np.float32)
        part[:, constant] = 0.0
        out[group] = part
    return np.clip(out, -clip if both_sides else None, clip, out=out)
