"""Is a source of any use for a target? Compared with the same source whose genes are shuffled (Mieth et al. 2019).

A permutation of genes leaves ``Q = H Hᵀ`` as it is; only ``M = H Xᵀ`` is made anew, and errors follow from both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sctl.methods.transfercluster.nmf import nonnegative_loadings
from sctl.methods.transfercluster.nmf_groups import factorised
from sctl.run import Run
from sctl.typing import Doubles

MOST_CELLS = 200
"""Target cells that are drawn; the error of a dataset needs no more."""


@dataclass(frozen=True)
class Transferability:
    """How well a source's profiles rebuild a target, between its own profiles and shuffled genes.

    Parameters
    ----------
    score : float
        1 where the source rebuilds the target as well as a factorisation of the target itself, 0 as badly as
        the worst shuffled source; in [0, 1].
    p_value : float
        ``(b + 1) / (m + 1)`` with ``b`` of ``m`` shuffled sources at least as good; in (0, 1].
    error : float
        Share of the target's squared length that the source leaves unexplained, in [0, 1].
    best : float
        The same for as many profiles learned from the target itself.
    shuffled : tuple of float
        The same for each shuffled source.
    """

    score: float
    p_value: float
    error: float
    best: float
    shuffled: tuple[float, ...]

    @property
    def null_scores(self) -> tuple[float, ...]:
        """The score of each shuffled source, in [0, 1]; the worst of them has 0.

        Examples
        --------
        >>> Transferability(score=0.5, p_value=0.5, error=0.5, best=0.25, shuffled=(0.65, 0.75)).null_scores
        (0.2, 0.0)
        """
        return tuple(round(_score(error, self.best, max(self.shuffled)), 6) for error in self.shuffled)


def unexplained(Q: Doubles, M: Doubles, total: float) -> float:
    """Share of the cells' squared length that the best loadings leave: ``‖X − WH‖² / ‖X‖²``, in [0, 1].

    Parameters
    ----------
    Q : ndarray of shape (n_types, n_types)
        ``H Hᵀ``.
    M : ndarray of shape (n_types, n_obs)
        ``H Xᵀ``.
    total : float
        ``‖X‖²``.

    Examples
    --------
    >>> H, x = np.array([[1.0, 0.0]]), np.array([[3.0, 4.0]])
    >>> unexplained(H @ H.T, H @ x.T, 25.0)
    0.64
    """
    W = nonnegative_loadings(Q, M)
    left = total - 2.0 * np.einsum("nc,cn->", W, M) + np.einsum("nc,nc->", W @ Q, W)
    return float(np.clip(left / total, 0.0, 1.0)) if total > 0 else 0.0


def transferability(X: Any, H: Doubles, *, n_permutations: int = 99, run: Run) -> Transferability:
    """Measure how much of a target a source explains beyond shuffled genes.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Log-normalised target; at most 200 cells of it are drawn.
    H : ndarray of shape (n_types, n_vars)
        Source dictionary.
    n_permutations : int
        At least 1.
    run : Run

    Returns
    -------
    Transferability

    Notes
    -----
    Errors are squared ones, which follow from the normal equations without forming the reconstruction; the released
    code uses absolute ones. Shuffled genes also lose which genes are high in every cell, so that a small ``p_value``
    is easily reached: the ``score`` tells sources apart.
    """
    cells = np.sort(run.rng("cells for transferability").permutation(X.shape[0])[:MOST_CELLS])
    X = X[cells]
    total = float(X.multiply(X).sum() if sparse.issparse(X) else np.square(X).sum())
    Q = H @ H.T
    error = unexplained(Q, _products(X, H), total)
    rng = run.rng("shuffled genes")
    shuffled = tuple(
        unexplained(Q, _products(X, H[:, rng.permutation(H.shape[1])]), total)
        for _ in run.track("Comparing the source with shuffled genes", range(n_permutations))
    )
    best = _baseline_error(X, len(H), run) if total > 0 else 0.0
    p_value = (sum(other <= error for other in shuffled) + 1) / (n_permutations + 1)
    return Transferability(_score(error, best, max(shuffled)), p_value, error, best, shuffled)


def _score(error: float, best: float, worst: float) -> float:
    """Place an error between the best, 1, and the worst, 0."""
    room = worst - best
    return float(np.clip(1.0 - max(error - best, 0.0) / room, 0.0, 1.0)) if room > 0 else 0.0


def _products(X: Any, H: Doubles) -> Doubles:
    return np.asarray((X @ H.T).T, dtype=np.float64)


def _baseline_error(X: Any, n_types: int, run: Run) -> float:
    """What as many profiles learned from the target itself leave; 0 where they are as many as cells or genes."""
    return 0.0 if n_types >= min(X.shape) else factorised(X, n_types, alpha=0.0, l1_ratio=0.0, run=run)[1]
