"""How many clusters: eigenvalues larger than chance would make them (Tracy & Widom 1994; Patterson et al. 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from sctl.core.kernels import inner_products

Floats = NDArray[np.float64]
Matrix = Any  # ndarray or sparse matrix of shape (n_obs, n_vars)

DEVIATIONS = 3.273
"""Above so many scale units of the Tracy–Widom law an eigenvalue is no chance (p < 0.001), as in SC3."""

DENSE_UP_TO = 3000
"""Cells or genes, whichever are fewer, up to which all eigenvalues are computed at once."""


@dataclass(frozen=True)
class NumberEstimate:
    """An estimate of the number of clusters.

    Parameters
    ----------
    n_clusters : int
        Eigenvalues above the threshold, and at least 1.
    eigenvalues : ndarray of shape (n_found,)
        Largest first: all above the threshold and at least one below it where there is one.
    threshold : float
        What the largest eigenvalue of pure noise of this size stays below.
    """

    n_clusters: int
    eigenvalues: Floats
    threshold: float


def threshold(n_obs: int, n_vars: int) -> float:
    """Return what the largest eigenvalue of ``n_obs`` cells of pure noise over ``n_vars`` genes stays below.

    Examples
    --------
    >>> round(threshold(100, 5000), 1)
    6641.2
    """
    a, b = np.sqrt(n_vars - 1), np.sqrt(n_obs)
    centre, scale = (a + b) ** 2, (a + b) * (1 / a + 1 / b) ** (1 / 3)
    return float(centre + DEVIATIONS * scale)


def estimate_number(X: Matrix) -> NumberEstimate:
    """Estimate the number of clusters as SC3 does.

    Each cell is standardised over its genes; counted are the eigenvalues of the cells' inner products that exceed
    those of noise. Many cells make small differences count, so that for thousands of cells this is an upper bound.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression; never made dense as a whole. A cell without any spread counts as zeros.

    Returns
    -------
    NumberEstimate

    References
    ----------
    .. [1] Patterson, Price & Reich (2006), "Population structure and eigenanalysis", PLoS Genetics 2, e190.
       https://doi.org/10.1371/journal.pgen.0020190
    """
    n_obs, n_vars = X.shape
    limit = threshold(n_obs, n_vars)
    mean = np.asarray(X.mean(axis=1), dtype=np.float64).ravel()
    inverse = _inverse_spread(X, mean)
    if min(n_obs, n_vars) > DENSE_UP_TO:
        values = _largest(X, mean, inverse, limit)
    else:
        small = _between_cells(X, mean, inverse) if n_obs <= n_vars else _between_genes(X, mean, inverse)
        values = linalg.eigvalsh(small)[::-1]
    above = int((values > limit).sum())
    return NumberEstimate(max(above, 1), np.maximum(values, 0.0), limit)


def _inverse_spread(X: Matrix, mean: Floats) -> Floats:
    """Return one over the standard deviation (n − 1) of each cell, 0 where it has none."""
    n_vars = X.shape[1]
    squares = X.multiply(X) if sparse.issparse(X) else np.square(X, dtype=np.float64)
    total = np.asarray(squares.sum(axis=1, dtype=np.float64)).ravel()
    variance = (total - n_vars * mean**2) / max(n_vars - 1, 1)
    real = variance > 1e-12 * np.maximum(total, 1e-300)
    return np.asarray(np.divide(1.0, np.sqrt(variance, where=real, out=np.ones_like(variance)), where=real,
                                out=np.zeros_like(variance)))  # fmt: skip


def _between_cells(X: Matrix, mean: Floats, inverse: Floats) -> Floats:
    """Inner products of the standardised cells, (n_obs, n_obs)."""
    G = inner_products(X)
    G -= X.shape[1] * np.outer(mean, mean)
    G *= inverse
    G *= inverse[:, None]
    return G


def _between_genes(X: Matrix, mean: Floats, inverse: Floats) -> Floats:
    """Inner products of the genes over standardised cells, (n_vars, n_vars): the same eigenvalues but for zeros."""
    scaled = sparse.diags(inverse) @ X if sparse.issparse(X) else X * inverse[:, None]
    G = inner_products(scaled.T.tocsr() if sparse.issparse(scaled) else scaled.T)
    shift = mean * inverse
    column = np.asarray(scaled.T @ shift).ravel()
    G -= column
    G -= column[:, None]
    G += shift @ shift
    return G


def _largest(X: Matrix, mean: Floats, inverse: Floats, limit: float) -> Floats:
    """Largest eigenvalues, found a few at a time until one lies below the limit; no square matrix is made."""

    def product(v: Floats) -> Floats:
        weighted = inverse * v.ravel()
        genes = np.asarray(X.T @ weighted).ravel() - mean @ weighted
        return np.asarray(inverse * (np.asarray(X @ genes).ravel() - mean * genes.sum()))

    n_obs = X.shape[0]
    operator = LinearOperator((n_obs, n_obs), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).normal(size=n_obs)  # any fixed direction: the same answer every time
    wanted = 20
    while True:
        values: Floats = eigsh(operator, k=wanted, which="LA", v0=start, tol=1e-4, return_eigenvectors=False)
        if values.min() <= limit or 2 * wanted >= n_obs:
            return np.sort(values)[::-1]
        wanted *= 2
