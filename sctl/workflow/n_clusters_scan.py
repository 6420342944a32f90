"""The step that looks at other numbers of clusters: SC3's consensus, and what sets its clusters apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sctl.data import Pair, TransferResult
from sctl.methods.base import TransferMethod
from sctl.methods.transfercluster.biology import (
    MAX_P,
    MIN_AUROC,
    cluster_genes,
    differing_genes,
    marker_genes,
    outlier_scores,
)
from sctl.methods.transfercluster.n_clusters import ConsensusAt, NumberEstimate
from sctl.methods.transfercluster.n_clusters import estimate_number as estimated
from sctl.methods.transfercluster.sc3 import consensus_matrix
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.run import Run
from sctl.typing import Doubles, Ints
from sctl.workflow.settings import target_alone
from sctl.workflow.steps import prepare_sweep


@dataclass(frozen=True)
class ConsensusPoint:
    """All that is known of one number of clusters.

    Parameters
    ----------
    n_clusters : int
        As many as were asked for.
    clusters : ndarray of shape (n_obs,)
        Numbered along the tree.
    compared : ndarray of shape (n_compared,)
        Places of the cells that were compared: of all, or of the landmarks.
    runs : ndarray of shape (n_runs, n_compared)
        The clusterings behind the consensus, of these cells.
    order : ndarray of shape (n_compared,)
        Those cells along the tree.
    silhouettes, outliers : ndarray of shape (n_compared,)
        Silhouette of the consensus in [−1, 1]; distance beyond the usual, 0 for most.
    genes : DataFrame, n_vars rows
        From :func:`sctl.methods.transfercluster.biology.cluster_genes`.
    """

    n_clusters: int
    clusters: NDArray[np.int64]
    compared: NDArray[Any]
    runs: NDArray[Any]
    order: NDArray[Any]
    silhouettes: NDArray[np.float64]
    outliers: NDArray[np.float64]
    genes: pd.DataFrame

    def marker_genes(self, *, min_auroc: float = MIN_AUROC, max_p_adjusted: float = MAX_P) -> pd.DataFrame:
        """Return the genes that mark one cluster; see :func:`sctl.methods.transfercluster.biology.marker_genes`."""
        return marker_genes(self.genes, min_auroc=min_auroc, max_p_adjusted=max_p_adjusted)

    def differing_genes(self, *, max_p_adjusted: float = MAX_P) -> pd.DataFrame:
        """Return the genes that differ between clusters; see :func:`sctl.methods.transfercluster.biology.differing_genes`."""
        return differing_genes(self.genes, max_p_adjusted=max_p_adjusted)

    def consensus_matrix(self, shown: Ints) -> Doubles:
        """Return how often some of the compared cells were in one cluster: (n_shown, n_shown), in [0, 1]."""
        return consensus_matrix(self.runs[:, shown].astype(np.int64))


def numbers_of(params: Mapping[str, Any], own: int, n_obs: int) -> tuple[int, ...]:
    """Return the numbers of clusters to look at, the result's own first, so that it can be shown first.

    Parameters
    ----------
    params : mapping
        Those of the step ``"consensus"``.
    own : int
        How many clusters the result has.
    n_obs : int
        Cells that are compared; there are at most half as many clusters.

    Examples
    --------
    >>> numbers_of({"k_min": 2, "k_max": 5}, own=7, n_obs=100)
    (7, 2, 3, 4, 5)
    """
    most = max(n_obs // 2, 2)
    others = [k for k in range(params["k_min"], params["k_max"] + 1) if k <= most and k != own]
    return (own, *others)


def consensus_sweep(pair: Pair, method: TransferMethod, run: Run) -> ThetaSweep:
    """Return distances between the target's cells for a method without θ: those of the target alone."""
    kind = target_alone()
    names = {parameter.name for parameter in kind.parameters()}
    shared = {name: value for name, value in method.params.items() if name in names}
    return prepare_sweep(pair, kind(**shared), run)


def theta_of(result: TransferResult) -> float:
    """Return the θ of a result; 0, the target alone, for methods without."""
    curve = result.diagnostics.theta
    return 0.0 if curve is None else curve.theta


def n_clusters_of(result: TransferResult) -> int:
    """Return how many clusters a result has; those without a cell count where the method made them."""
    clustering = result.diagnostics.clustering
    return len(result.cluster_names) if clustering is None else clustering.n_clusters


def consensus(
    sweep: ThetaSweep, result: TransferResult, target: AnnData, params: Mapping[str, Any], *, run: Run,
    done: Collection[int] = (),
) -> Iterator[ConsensusPoint]:  # fmt: skip
    """Look at several numbers of clusters, one after the other; distances and eigenvectors are computed once.

    Parameters
    ----------
    sweep : ThetaSweep
        Of this target.
    result : TransferResult
        Its θ and number of clusters are those of the answer.
    target : AnnData
        The target's cells with all their genes, log-normalised.
    params : mapping
        Those of the step ``"consensus"``.
    run : Run
    done : collection of int
        Numbers that are not computed again.

    Yields
    ------
    ConsensusPoint
        As soon as it is known.
    """
    own = n_clusters_of(result)
    numbers = numbers_of(params, own, sweep.kernels.n_obs)
    todo = [number for number in numbers if number not in done]
    points = sweep.over_k(theta_of(result), todo)
    for number in run.track("Trying numbers of clusters", numbers):
        if number not in done:
            yield _described(next(points), sweep, target, run)


def _described(point: ConsensusAt, sweep: ThetaSweep, target: AnnData, run: Run) -> ConsensusPoint:
    quiet = Run(seed=run.seed, cancelled=run.cancelled)  # the bar counts numbers of clusters, not genes
    clusters = point.consensus.clusters.astype("int64")
    compared = sweep.compared
    return ConsensusPoint(
        n_clusters=point.n_clusters,
        clusters=clusters,
        compared=compared,
        runs=point.consensus.runs,
        order=point.order,
        silhouettes=point.silhouettes,
        outliers=outlier_scores(sweep.kernels.gram(0.0), clusters[compared], quiet),
        genes=cluster_genes(target.X, clusters, target.var_names, run=quiet),
    )


def estimate_number(target: AnnData) -> NumberEstimate:
    """Estimate the number of clusters of the target as SC3 does, on all its genes."""
    return estimated(target.X)
