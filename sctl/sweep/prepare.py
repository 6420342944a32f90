"""From a target and the source's profiles to a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sctl.core.clusterers import ClustererName
from sctl.core.consensus import Sc3
from sctl.core.kernels import ThetaKernels, products, theta_kernels
from sctl.core.landmarks import ALL_CELLS_UP_TO, N_LANDMARKS, cross_kernels
from sctl.core.nmf import nonnegative_loadings
from sctl.core.resample import stratified
from sctl.core.target_step import TargetStep, rebuilding_weights
from sctl.run import Run
from sctl.sweep.theta import ThetaSweep

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]


N_NULLS = 3
"""Shuffles of the source's genes behind ``null_kta``; each costs a sweep. Their scores differ little."""


def prepare_sweep(  # noqa: PLR0913 - what is clustered, how, and against what chance
    X: Any,
    H: Floats,
    type_names: Sequence[str],
    *,
    n_clusters: int | None = None,
    settings: Sc3 | None = None,
    target_step: TargetStep = "hard",
    n_nulls: int = 0,
    clusterer: ClustererName = "sc3",
    n_landmarks: int | None = None,
    run: Run,
) -> ThetaSweep:
    """Prepare a θ sweep of target cells against a source dictionary.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Log-normalised target.
    H : ndarray of shape (n_types, n_vars)
        Source dictionary.
    type_names : sequence of str, length n_types
    n_clusters : int, optional
        By default as many as source types are met among the target cells, see :func:`types_met`.
    settings : Sc3, optional
    target_step : {"hard", "soft", "hard_optimised"}
        What stands for a target cell in the mix, see :func:`~sctl.core.target_step.rebuilding_weights`.
    n_nulls : int
        Shuffles of the source's genes to compare with; 0 leaves ``null_kta`` out.
    clusterer : {"sc3", "leiden", "kmeans", "agglomerative"}
    n_landmarks : int, optional
        Of more cells than this, so many are clustered and the others follow them. By default 1,000 of more than 3,000.
    run : Run

    Returns
    -------
    ThetaSweep
    """
    settings = settings or Sc3()
    run.report("Comparing target cells with source types", 0, 2)
    M = products(X, H.T).T
    Q = H @ H.T
    loadings = nonnegative_loadings(Q, M)
    z = loadings.argmax(axis=1)
    W = rebuilding_weights(target_step, loadings, Q, M)
    run.report("Comparing target cells with source types", 1, 2)
    landmarks = cross = None
    used, of = X, M
    if len(z) > (n_landmarks or ALL_CELLS_UP_TO):
        landmarks = stratified(z, n_landmarks or N_LANDMARKS, run.rng("landmarks"))
        rest = np.setdiff1d(np.arange(len(z)), landmarks)
        used, of = X[landmarks], M[:, landmarks]
        cross = cross_kernels(X[rest], used, M[:, rest], z[rest], _rows(W, rest))
    chosen: Any = slice(None) if landmarks is None else landmarks
    kernels = theta_kernels(used, H, z[chosen], M=of, Q=Q, weights=_rows(W, chosen))
    spearman = "spearman" in settings.distances
    run.report("Comparing target cells with source types", 2, 2)
    return ThetaSweep(
        kernels=kernels,
        loadings=loadings,
        type_names=tuple(type_names),
        n_clusters=n_clusters or types_met(z),
        settings=settings,
        seed=run.seed,
        expression=sparse.csr_matrix(used) if spearman else None,
        dictionary=H if spearman else None,
        landmarks=landmarks,
        cross=cross,
        clusterer=clusterer,
        nulls=tuple(_shuffled(kernels, used, H, target_step, run.rng(f"null {i}")) for i in range(n_nulls)),
    )


def _rows(W: Floats | None, cells: Any) -> Floats | None:
    return None if W is None else W[cells]


def _shuffled(
    kernels: ThetaKernels, X: Any, H: Floats, target_step: TargetStep, rng: np.random.Generator
) -> ThetaKernels:
    """Return the kernels with the source's genes in random order: ``H Hᵀ`` and all means stay as they are."""
    M = np.asarray((X @ H[:, rng.permutation(H.shape[1])].T).T, dtype=np.float64)
    loadings = nonnegative_loadings(kernels.Q, M)
    W = rebuilding_weights(target_step, loadings, kernels.Q, M)
    return replace(kernels, M=M, z=loadings.argmax(axis=1), weights=W)


def types_met(z: Ints, share: float = 0.01) -> int:
    """Return how many source types at least ``share`` of the target cells (and two cells) resemble most.

    Examples
    --------
    >>> types_met(np.array([0] * 50 + [1] * 48 + [2]))
    2
    """
    return max(int((np.bincount(z) >= max(2, share * len(z))).sum()), 2)
