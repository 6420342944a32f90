"""TargetCluster: the baseline that clusters the target alone, and lets the source only name the clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from anndata import AnnData
from typing_extensions import override

from sctl.consensus_method import OF_THE_TARGET, SavedProfiles
from sctl.data import TransferResult
from sctl.run import Run
from sctl.sweep import ThetaSweep


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
            uns=point.scores,
        )


METHOD = TargetCluster
