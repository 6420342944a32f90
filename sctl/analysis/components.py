"""Principal components of cells, of one dataset or of two sides that are centered each on its own."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

from sctl.errors import DataError
from sctl.run import Run
from sctl.typing import Floats, Ints, Matrix

FEWEST_CELLS = 3
"""Fewer cells have no map."""

_DENSE_SIDE = 150  # below this many cells or genes a full decomposition is the quickest and has no edge cases


def pca(X: Matrix, n_components: int = 50, run: Run | None = None) -> Floats:  # noqa: N803 - a matrix
    """Principal components of the cells; a sparse matrix stays sparse.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression; centred here, gene by gene.
    n_components : int
        At most ``min(n_obs, n_vars) - 1`` are returned.
    run : Run, optional

    Returns
    -------
    ndarray of shape (n_obs, n_components), float64
        Scores, in units of ``X``. The largest loading of each component is positive, which settles the sign.

    Raises
    ------
    DataError
        If there are fewer than 3 cells.

    Examples
    --------
    >>> pca(np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]), n_components=1).round(6).ravel().tolist()
    [-2.0, 0.0, 2.0]
    """
    return side_scores(X, np.zeros(X.shape[0], dtype=np.int64), n_components, run=run or Run())


def require_cells(n_obs: int) -> None:
    """Raise ``DataError`` where there are too few cells for a map."""
    if n_obs < FEWEST_CELLS:
        raise DataError(
            f"There are only {n_obs} cells.",
            expected=f"A map needs at least {FEWEST_CELLS}.",
            do="Loosen the filters, or choose a larger dataset.",
        )


def side_scores(X: Matrix, sides: Ints, n_components: int, *, run: Run) -> Floats:  # noqa: N803 - a matrix
    """Scores of the cells after centring every side on its own mean, without densifying ``X``."""
    require_cells(X.shape[0])
    run.report("PCA", 0, 1)
    is_sparse = bool(sparse.issparse(X))
    X = X.tocsr().astype(np.float64) if is_sparse else np.asarray(X, dtype=np.float64)  # noqa: N806
    member = np.eye(int(sides.max()) + 1)[sides]  # (n_obs, n_sides)
    means = (member.T @ X) / member.sum(axis=0)[:, None]  # (n_sides, n_vars)
    k = max(1, min(n_components, min(X.shape) - 1))
    if min(X.shape) <= _DENSE_SIDE:
        dense = (X.toarray() if is_sparse else X) - member @ means
        u, s, vt = np.linalg.svd(dense, full_matrices=False)
        u, s, vt = u[:, :k], s[:k], vt[:k]
    else:
        u, s, vt = _implicit_svd(X, member, means, k=k, v0=run.rng("pca").normal(size=min(X.shape)))
    signs = np.sign(vt[np.arange(k), np.abs(vt).argmax(axis=1)])
    run.report("PCA", 1, 1)
    return np.asarray(u * (s * np.where(signs == 0, 1.0, signs)), dtype=np.float64)


def _implicit_svd(
    X: Matrix,  # noqa: N803 - a matrix
    member: Floats,
    means: Floats,
    *,
    k: int,
    v0: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Decompose ``X - member @ means`` into its k largest parts, largest first, by products alone."""
    centred = LinearOperator(
        X.shape,
        matvec=lambda v: X @ v - member @ (means @ v),
        rmatvec=lambda u: X.T @ u - means.T @ (member.T @ u),
        dtype=np.float64,
    )
    values = X.data if sparse.issparse(X) else X
    squares = float(np.vdot(values, values))
    if squares - (member.sum(axis=0) @ means**2).sum() <= 1e-12 * squares:  # all cells alike
        return np.zeros((X.shape[0], k)), np.zeros(k), np.ones((k, X.shape[1]))
    u, s, vt = svds(centred, k=k, v0=v0, solver="arpack")
    order = np.argsort(-s, kind="stable")
    return u[:, order], s[order], vt[order]
