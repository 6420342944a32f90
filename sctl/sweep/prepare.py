"""From a target and the source's profiles to a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sctl.core.consensus import Sc3
from sctl.core.kernels import products, theta_kernels
from sctl.core.landmarks import ALL_CELLS_UP_TO, N_LANDMARKS, cross_kernels
from sctl.core.nmf import nonnegative_loadings
from sctl.core.resample import stratified
from sctl.run import Run
from sctl.sweep.theta import ThetaSweep

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]


def prepare_sweep(
    X: Any,
    H: Floats,
    type_names: Sequence[str],
    *,
    n_clusters: int | None = None,
    settings: Sc3 | None = None,
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
    run.report("Comparing target cells with source types", 1, 2)
    landmarks = cross = None
    used, of = X, M
    if len(z) > ALL_CELLS_UP_TO:
        landmarks = stratified(z, N_LANDMARKS, run.rng("landmarks"))
        rest = np.setdiff1d(np.arange(len(z)), landmarks)
        used, of = X[landmarks], M[:, landmarks]
        cross = cross_kernels(X[rest], used, M[:, rest], z[rest])
    kernels = theta_kernels(used, H, z if landmarks is None else z[landmarks], M=of, Q=Q)
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
    )


def types_met(z: Ints, share: float = 0.01) -> int:
    """Return how many source types at least ``share`` of the target cells (and two cells) resemble most.

    Examples
    --------
    >>> types_met(np.array([0] * 50 + [1] * 48 + [2]))
    2
    """
    return max(int((np.bincount(z) >= max(2, share * len(z))).sum()), 2)
