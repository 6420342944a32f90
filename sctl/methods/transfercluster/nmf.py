"""Source dictionary and target loadings of TransferCluster (Mieth et al. 2019).

Orientation is cells × genes, as everywhere in sctl; the paper writes genes × cells. In the equations
``X ≈ W H`` with ``W`` (n_obs, n_types) the loadings and ``H`` (n_types, n_vars) the dictionary. Mind that
the NMF literature, and the paper, name the two the other way round.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy import linalg, optimize, sparse

from sctl.errors import ConvergenceWarning, DataError
from sctl.run import Run
from sctl.typing import Doubles, Matrix


def elastic_net_nmf(  # noqa: PLR0913 - the published setting has these six knobs
    X: Matrix, W: Doubles, H: Doubles, *, alpha: float, l1_ratio: float, max_iter: int, tol: float, run: Run
) -> tuple[Doubles, Doubles, int]:
    """Factorise ``X ≈ W H`` from a given start with an elastic-net penalty on both factors.

    Minimises ``½‖X − WH‖² + α λ (Σ|W| + Σ|H|) + ½ α (1 − λ) (‖W‖² + ‖H‖²)`` over non-negative ``W`` and
    ``H`` by hierarchical alternating least squares; ``α`` = ``alpha``, ``λ`` = ``l1_ratio``. The penalty is
    not divided by the size of the data, as in the released code of the paper.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Non-negative.
    W, H : ndarray of shape (n_obs, n_types) and (n_types, n_vars)
        Where to start; unchanged.
    alpha, l1_ratio : float
        Strength of the penalty, and the share of it that is L1.
    max_iter : int
    tol : float
        Stop when the summed projected-gradient violation falls to ``tol`` times its first value.
    run : Run

    Returns
    -------
    W : ndarray of shape (n_obs, n_types)
    H : ndarray of shape (n_types, n_vars)
    n_iter : int

    Warns
    -----
    ConvergenceWarning
        If ``max_iter`` was reached first.

    References
    ----------
    .. [1] Mieth et al. (2019), Scientific Reports 9, 20353. https://doi.org/10.1038/s41598-019-56911-z
    .. [2] Cichocki and Phan (2009), "Fast local algorithms for large scale nonnegative matrix and tensor
       factorizations", IEICE Transactions E92-A, 708.
    """
    W, H = W.copy(), H.copy()
    l1, l2 = alpha * l1_ratio, alpha * (1.0 - l1_ratio)
    Xt = X.T.tocsr() if sparse.issparse(X) else X.T
    first = 0.0
    for iteration in range(1, max_iter + 1):
        violation = _update(W, np.asarray(X @ H.T), H @ H.T, l1=l1, l2=l2)
        Ht = np.ascontiguousarray(H.T)
        violation += _update(Ht, np.asarray(Xt @ W), W.T @ W, l1=l1, l2=l2)
        H = np.ascontiguousarray(Ht.T)
        first = first or violation
        if iteration % 10 == 1:
            run.report("Learning the source dictionary", iteration, max_iter)
        if violation <= tol * first:
            return W, H, iteration
    warnings.warn(
        f"The source dictionary had not settled after {max_iter} rounds; it is close, but not exact.",
        ConvergenceWarning,
        stacklevel=2,
    )
    return W, H, max_iter


def _update(F: Doubles, XG: Doubles, GG: Doubles, *, l1: float, l2: float) -> float:
    """One sweep over the columns of ``F`` in place; return the projected-gradient violation."""
    violation = 0.0
    for c in range(F.shape[1]):
        gradient = F @ GG[:, c] - XG[:, c] + l1 + l2 * F[:, c]
        violation += float(np.abs(np.where(F[:, c] > 0, gradient, np.minimum(gradient, 0.0))).sum())
        curvature = GG[c, c] + l2
        if curvature > 0:
            F[:, c] = np.maximum(F[:, c] - gradient / curvature, 0.0)
    return violation


def scale_to(H: Doubles, means: Doubles) -> Doubles:
    """Scale each row of a dictionary so that it is closest to the type's mean profile.

    The penalised factorisation shrinks the dictionary by type-dependent factors (4–6 on the published
    simulation), so that the same θ would mean another strength for every dataset; this undoes it.

    Parameters
    ----------
    H, means : ndarray of shape (n_types, n_vars)

    Returns
    -------
    ndarray of shape (n_types, n_vars)
        Row ``c`` is ``s_c H_c`` with ``s_c = ⟨H_c, means_c⟩ / ⟨H_c, H_c⟩``; the mean profile itself where
        the dictionary row is zero.

    Examples
    --------
    >>> scale_to(np.array([[1.0, 1.0]]), np.array([[4.0, 2.0]]))
    array([[3., 3.]])
    """
    norms = np.einsum("cg,cg->c", H, H)
    overlap = np.einsum("cg,cg->c", H, means)
    factor = np.divide(overlap, norms, out=np.zeros_like(norms), where=norms > 0)
    return np.where((factor > 0)[:, None], H * factor[:, None], means)


def nonnegative_loadings(Q: Doubles, M: Doubles) -> Doubles:
    """Solve ``min_{W ≥ 0} ‖X − W H‖²`` exactly from the normal equations.

    Parameters
    ----------
    Q : ndarray of shape (n_types, n_types)
        ``H Hᵀ``.
    M : ndarray of shape (n_types, n_obs)
        ``H Xᵀ``; genes are needed for nothing else, so that one pass over ``X`` serves every θ.

    Returns
    -------
    ndarray of shape (n_obs, n_types)

    Raises
    ------
    DataError
        If the dictionary is zero.

    Notes
    -----
    The paper's multiplicative updates stop after at most 100 rounds from a random start; this is the
    optimum they approach, it needs no seed and takes about a hundredth of the time.

    Examples
    --------
    >>> H = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> X = np.array([[3.0, 0.0], [2.0, 2.0]])
    >>> nonnegative_loadings(H @ H.T, H @ X.T).round(6) + 0.0
    array([[3., 0.],
           [0., 2.]])
    """
    values, vectors = linalg.eigh(Q)
    rank = values > max(values[-1], 0.0) * len(Q) * np.finfo(np.float64).eps
    if not rank.any():
        raise DataError(
            "The source types have empty profiles on the shared genes.",
            expected="At least one shared gene must be expressed in the source.",
            do="Check that source and target use the same kind of gene names.",
        )
    root = np.sqrt(values[rank])
    A = root[:, None] * vectors[:, rank].T  # (rank, n_types), AᵀA = Q
    B = (vectors[:, rank].T @ M) / root[:, None]  # (rank, n_obs), AᵀB = M
    return np.stack([optimize.nnls(A, column)[0] for column in B.T]) if M.shape[1] else np.zeros((0, len(Q)))
