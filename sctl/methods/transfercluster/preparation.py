"""A target compared with a source once, for every θ; and the genes that only the target has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import sparse

from sctl.errors import ParameterError
from sctl.methods.transfercluster.clusterers import ClustererName
from sctl.methods.transfercluster.kernels import (
    TargetStep,
    ThetaKernels,
    inner_products,
    products,
    rebuilding_weights,
    theta_kernels,
)
from sctl.methods.transfercluster.landmarks import CrossKernels, cross_kernels
from sctl.methods.transfercluster.nmf import nonnegative_loadings
from sctl.methods.transfercluster.sc3 import Sc3
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.methods.transfercluster.target_only_genes import (
    Covariance,
    Landmarks,
    TargetOnlyGenes,
    learn_covariance,
    target_only_genes,
)
from sctl.numerics.resample import ALL_CELLS_UP_TO, N_LANDMARKS, stratified
from sctl.run import Run
from sctl.typing import Doubles, Ints

N_NULLS = 3
"""Shuffles of the source's genes behind ``null_kta``; each costs a sweep. Their scores differ little."""


def prepare_sweep(  # noqa: PLR0913 - what is clustered, how, and against what chance
    X: Any,
    H: Doubles,
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
        By default as many as source types are met among the target cells, see :func:`n_types_matched`.
    settings : Sc3, optional
    target_step : {"hard", "soft", "hard_optimised"}
        What stands for a target cell in the mix, see :func:`~sctl.methods.transfercluster.kernels.rebuilding_weights`.
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
        n_clusters=n_clusters or n_types_matched(z),
        settings=settings,
        seed=run.seed,
        expression=sparse.csr_matrix(used) if spearman else None,
        dictionary=H if spearman else None,
        landmarks=landmarks,
        cross=cross,
        clusterer=clusterer,
        nulls=tuple(_shuffled(kernels, used, H, target_step, run.rng(f"null {i}")) for i in range(n_nulls)),
    )


def _rows(W: Doubles | None, cells: Any) -> Doubles | None:
    return None if W is None else W[cells]


def _shuffled(
    kernels: ThetaKernels, X: Any, H: Doubles, target_step: TargetStep, rng: np.random.Generator
) -> ThetaKernels:
    """Return the kernels with the source's genes in random order: ``H Hᵀ`` and all means stay as they are."""
    M = np.asarray((X @ H[:, rng.permutation(H.shape[1])].T).T, dtype=np.float64)
    loadings = nonnegative_loadings(kernels.Q, M)
    W = rebuilding_weights(target_step, loadings, kernels.Q, M)
    return replace(kernels, M=M, z=loadings.argmax(axis=1), weights=W)


def n_types_matched(z: Ints, share: float = 0.01) -> int:
    """Return how many source types at least ``share`` of the target cells (and two cells) resemble most.

    Examples
    --------
    >>> n_types_matched(np.array([0] * 50 + [1] * 48 + [2]))
    2
    """
    return max(int((np.bincount(z) >= max(2, share * len(z))).sum()), 2)


TargetOnlyGenesMode = Literal["shared", "constant", "covariance"]
"""Target's own genes are left out, stay as they are in the mix, or follow the shared ones."""


def with_target_only_genes(sweep: ThetaSweep, own: Any, mode: TargetOnlyGenesMode) -> ThetaSweep:
    """Return the sweep with genes that the target has and the source lacks.

    Loadings, and with them the types of the cells, stay those of the shared genes; what is clustered, and every score
    of a θ, is over all genes. Speed at a θ stays that of the shared genes.

    Parameters
    ----------
    sweep : ThetaSweep
        On the shared genes; unchanged.
    own : array or sparse matrix of shape (n_obs, n_own)
        Log-normalised values of the same target cells.
    mode : {"shared", "constant", "covariance"}
        See :mod:`sctl.methods.transfercluster.target_only_genes`; "shared" returns the sweep as it is.

    Returns
    -------
    ThetaSweep

    Raises
    ------
    ParameterError
        If there are other cells in ``own``.
    """
    if mode == "shared":
        return sweep
    if own.shape[0] != sweep.n_obs:
        raise ParameterError(
            f"The target's own genes were given for {own.shape[0]} cells.",
            expected=f"The sweep has {sweep.n_obs} cells.",
            do="Pass the own genes of the same cells.",
        )
    own = sparse.csr_matrix(own)
    used = own if sweep.landmarks is None else own[sweep.landmarks]
    covariance = learn_covariance(sweep.kernels.A, sweep.kernels.n_vars) if mode == "covariance" else None
    joining = _Joining(used, inner_products(used), _totals(used), covariance, sweep.expression is not None)
    cross = sweep.cross
    if cross is not None and sweep.landmarks is not None:
        rest = np.setdiff1d(np.arange(sweep.n_obs), sweep.landmarks)
        cross = replace(cross, own=joining.of_others(cross, sweep.kernels, own[rest]))
    return replace(
        sweep,
        kernels=replace(sweep.kernels, own=joining.of(sweep.kernels)),
        nulls=tuple(replace(null, own=joining.of(null, ranks=False)) for null in sweep.nulls),
        cross=cross,
    )


@dataclass(frozen=True)
class _Joining:
    """The own genes of the cells that are clustered, and how they follow the shared ones, if they do."""

    own: sparse.csr_matrix
    products: Doubles
    totals: Doubles
    covariance: Covariance | None
    ranks: bool

    def steps(self, kernels: ThetaKernels) -> Doubles | None:
        if self.covariance is None:
            return None
        differences = kernels.rebuilt_with_cells()
        differences -= kernels.A
        return self.covariance.steps(differences, differences.mean(axis=0))

    def of(self, kernels: ThetaKernels, *, ranks: bool = True) -> TargetOnlyGenes:
        """Return what the own genes add to the kernels of the cells that are clustered."""
        steps = self.steps(kernels)
        out = target_only_genes(self.products, self.totals, self.own.shape[1], steps=steps)
        if not (ranks and self.ranks):  # shuffled sources are never compared by ranks
            return out
        values = self.own.toarray().astype(np.float64)
        return replace(out, values=np.stack([values] if steps is None else [values, steps @ values]))

    def of_others(self, cross: CrossKernels, kernels: ThetaKernels, own: sparse.csr_matrix) -> TargetOnlyGenes:
        """Return what the own genes add to the products of the other cells with those that are clustered."""
        theirs = self.steps(kernels)
        landmarks = None if theirs is None else Landmarks(self.products, self.totals, theirs)
        center = (kernels.rebuilt_with_cells() - kernels.A).mean(axis=0)
        parts = []
        for cells in cross.chunks():
            of_type = kernels.M[cross.z[cells]] if cross.weights is None else cross.weights[cells] @ kernels.M
            steps = None if self.covariance is None else self.covariance.steps(of_type - cross.A[cells], center)
            block = own[cells]
            products = np.asarray((block @ self.own.T).todense(), dtype=np.float32)
            lengths = np.asarray(block.multiply(block).sum(axis=1), dtype=np.float64).ravel()
            parts.append(
                target_only_genes(
                    products, _totals(block), own.shape[1], lengths=lengths, steps=steps, landmarks=landmarks
                )
            )
        return TargetOnlyGenes(
            products=np.concatenate([part.products for part in parts], axis=1),
            lengths=np.concatenate([part.lengths for part in parts], axis=1),
            totals=np.concatenate([part.totals for part in parts], axis=1),
            n_vars=own.shape[1],
        )


def _totals(own: sparse.csr_matrix) -> Doubles:
    return np.asarray(own.sum(axis=1, dtype=np.float64)).ravel()
