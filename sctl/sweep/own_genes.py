"""Add the target's own genes to a sweep that was prepared on the shared ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sctl.core.kernels import ThetaKernels, inner_products
from sctl.core.landmarks import CrossKernels
from sctl.core.own_genes import Covariance, Landmarks, OwnGenes, learn_covariance, own_genes
from sctl.errors import ParameterError
from sctl.sweep.theta import ThetaSweep

Floats = NDArray[np.float64]
OwnGenesMode = Literal["shared", "constant", "covariance"]
"""Target's own genes are left out, stay as they are in the mix, or follow the shared ones."""


def with_own_genes(sweep: ThetaSweep, own: Any, mode: OwnGenesMode) -> ThetaSweep:
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
        See :mod:`sctl.core.own_genes`; "shared" returns the sweep as it is.

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
    products: Floats
    totals: Floats
    covariance: Covariance | None
    ranks: bool

    def steps(self, kernels: ThetaKernels) -> Floats | None:
        if self.covariance is None:
            return None
        differences = kernels.rebuilt_with_cells()
        differences -= kernels.A
        return self.covariance.steps(differences, differences.mean(axis=0))

    def of(self, kernels: ThetaKernels, *, ranks: bool = True) -> OwnGenes:
        """Return what the own genes add to the kernels of the cells that are clustered."""
        steps = self.steps(kernels)
        out = own_genes(self.products, self.totals, self.own.shape[1], steps=steps)
        if not (ranks and self.ranks):  # shuffled sources are never compared by ranks
            return out
        values = self.own.toarray().astype(np.float64)
        return replace(out, values=np.stack([values] if steps is None else [values, steps @ values]))

    def of_others(self, cross: CrossKernels, kernels: ThetaKernels, own: sparse.csr_matrix) -> OwnGenes:
        """Return what the own genes add to the products of the other cells with those that are clustered."""
        theirs = self.steps(kernels)
        landmarks = None if theirs is None else Landmarks(self.products, self.totals, theirs)
        centre = (kernels.rebuilt_with_cells() - kernels.A).mean(axis=0)
        parts = []
        for cells in cross.chunks():
            of_type = kernels.M[cross.z[cells]] if cross.weights is None else cross.weights[cells] @ kernels.M
            steps = None if self.covariance is None else self.covariance.steps(of_type - cross.A[cells], centre)
            block = own[cells]
            products = np.asarray((block @ self.own.T).todense(), dtype=np.float32)
            lengths = np.asarray(block.multiply(block).sum(axis=1), dtype=np.float64).ravel()
            parts.append(
                own_genes(products, _totals(block), own.shape[1], lengths=lengths, steps=steps, landmarks=landmarks)
            )
        return OwnGenes(
            products=np.concatenate([part.products for part in parts], axis=1),
            lengths=np.concatenate([part.lengths for part in parts], axis=1),
            totals=np.concatenate([part.totals for part in parts], axis=1),
            n_vars=own.shape[1],
        )


def _totals(own: sparse.csr_matrix) -> Floats:
    return np.asarray(own.sum(axis=1, dtype=np.float64)).ravel()
