"""The baselines of Mieth et al. (2019): the target clustered alone, and both datasets thrown together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from anndata import AnnData
from scipy import sparse
from typing_extensions import override

from sctl.data import ConsensusClustering, Diagnostics, TransferResult
from sctl.methods.base import param
from sctl.methods.transfercluster.base import OF_THE_TARGET, ConsensusMethod, SavedProfiles
from sctl.methods.transfercluster.landmarks import clustering_seconds
from sctl.methods.transfercluster.preparation import prepare_sweep
from sctl.methods.transfercluster.sc3 import Consensus
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.numerics.resample import stratified
from sctl.run import Run

MOST_SOURCE_CELLS = 1500
"""Of a larger source ConcatenateCluster draws this many cells by default."""


@dataclass(kw_only=True)
class TargetCluster(SavedProfiles):
    """Cluster the target by SC3 without any help; the same as TransferCluster at θ = 0.

    References
    ----------
    .. [1] Mieth et al. (2019), Scientific Reports 9, 20353. https://doi.org/10.1038/s41598-019-56911-z
    """

    key: ClassVar[str] = "targetcluster"
    title: ClassVar[str] = "TargetCluster"
    summary: ClassVar[str] = "Groups your cells by your data alone; the annotated dataset only names the groups."
    choose_when: ClassVar[str] = "You want to see what your data say without any help, or expect new cell types."
    reference: ClassVar[str] = "Mieth et al. (2019), https://doi.org/10.1038/s41598-019-56911-z"
    needs_labels: ClassVar[bool] = True
    order: ClassVar[int] = 80
    is_baseline: ClassVar[bool] = True
    target_settings: ClassVar[frozenset[str]] = OF_THE_TARGET

    @override
    def prepare_sweep(self, target: AnnData, run: Run) -> ThetaSweep:
        return self._with_target_genes(super().prepare_sweep(target, run), target)

    @override
    def transfer(self, target: AnnData, run: Run) -> TransferResult:
        sweep = self.prepare_sweep(target, run)
        run.report("Clustering your cells", 0, 1)
        consensus = sweep.cluster(0.0)
        point = sweep.score(0.0, consensus)
        run.report("Clustering your cells", 1, 1)
        return self._result(
            consensus,
            sweep,
            target_names=target.obs_names,
            embedding=sweep.embedding(0.0),
            seed=run.seed,
            found=Diagnostics(scores=point.scores),
        )


@dataclass(kw_only=True)
class ConcatenateCluster(ConsensusMethod):
    """Cluster source and target cells together by SC3 and keep the target's part.

    The paper leaves open how many clusters are asked for; here as many as the source has types, or
    ``n_clusters`` if that is more.

    References
    ----------
    .. [1] Mieth et al. (2019), Scientific Reports 9, 20353. https://doi.org/10.1038/s41598-019-56911-z
    """

    key: ClassVar[str] = "concatenatecluster"
    title: ClassVar[str] = "ConcatenateCluster"
    summary: ClassVar[str] = "Throws both datasets together and groups all cells at once."
    choose_when: ClassVar[str] = "Both datasets were made in the same way, so that no technical difference parts them."
    reference: ClassVar[str] = "Mieth et al. (2019), https://doi.org/10.1038/s41598-019-56911-z"
    needs_labels: ClassVar[bool] = True
    order: ClassVar[int] = 90
    is_baseline: ClassVar[bool] = True
    needs_source_cells: ClassVar[bool] = True

    max_source_cells: int = param(
        MOST_SOURCE_CELLS,
        "Of a larger annotated dataset this many cells are drawn, every type in proportion: memory and time "
        "grow with the square of all cells.",
        title="Largest number of source cells",
        low=10,
        high=20_000,
        advanced=True,
    )

    @classmethod
    @override
    def cost(cls, *, n_source: int, n_target: int, n_thetas: int = 1) -> float | None:
        return clustering_seconds(n_target + min(n_source, MOST_SOURCE_CELLS))

    @override
    def fit(self, source: AnnData, label_key: str | None, run: Run) -> Self:
        super().fit(source, label_key, run)
        codes = source.obs[label_key].astype("category").cat.codes.to_numpy()
        kept = stratified(codes, self.max_source_cells, run.rng("cells of the source"))
        self.source_expression_ = sparse.csr_matrix(source[:, self.var_names_].X)[kept]
        return self

    @override
    def transfer(self, target: AnnData, run: Run) -> TransferResult:
        own = self.prepare_sweep(target, run)
        X = sparse.csr_matrix(self._expression(target))
        n_clusters = max(self.n_clusters or 0, len(self.label_names_))
        both = prepare_sweep(
            sparse.vstack([X, self.source_expression_], format="csr"),
            self.dictionary_,
            self.label_names_,
            n_clusters=n_clusters,
            settings=self.settings,
            clusterer=self.clusterer,
            n_landmarks=self.n_landmarks,
            run=run,
        )
        run.report("Clustering all cells", 0, 1)
        consensus = _first(both.cluster(0.0), target.n_obs)
        point = own.score(0.0, consensus)
        run.report("Clustering all cells", 1, 1)
        return self._result(
            consensus,
            own,
            target_names=target.obs_names,
            embedding=both.embedding(0.0)[: target.n_obs],
            seed=run.seed,
            found=Diagnostics(
                scores=point.scores,
                clustering=ConsensusClustering(
                    n_clusters=int(consensus.proba.shape[1]), n_source_cells=int(self.source_expression_.shape[0])
                ),
            ),
        )


def _first(consensus: Consensus, n_obs: int) -> Consensus:
    """Return the clustering of the first cells; clusters without any are dropped."""
    used, clusters = np.unique(consensus.clusters[:n_obs], return_inverse=True)
    proba = consensus.proba[:n_obs, used]
    return Consensus(
        clusters=clusters.ravel(), proba=proba / proba.sum(axis=1, keepdims=True), runs=consensus.runs[:, :n_obs]
    )
