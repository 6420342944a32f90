"""What fine-tuning changed: clusters, refreshes, and clusters that merged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sctl.data import ClusterTable, FineTuning, MergedClusters, Refreshes
from sctl.methods.itclust.finetuning import FineTuningResult, merged_clusters
from sctl.methods.itclust.stages import cluster_confidence
from sctl.methods.itclust.target_labels import NamedTarget


def what_happened(found: NamedTarget, *, names: Sequence[str], types: Sequence[str]) -> FineTuning:
    """Return what fine-tuning changed.

    Parameters
    ----------
    found : NamedTarget
    names, types : sequence of str
        Of the clusters after fine-tuning: their names, and the source types they stand for.
    """
    before, after, sharp = found.before, found.after, found.sharp
    n, end = len(after.types), after.clusters
    place = {int(kind): cluster for cluster, kind in enumerate(after.types) if kind >= 0}
    start = np.array([place.get(int(kind), n) for kind in before.labels])  # n: a type that new groups replaced
    lost = merged_clusters(start, end, n)
    return FineTuning(
        comparison=found.comparison,
        explained=bool(found.explained),
        cluster_table=ClusterTable(
            cluster=tuple(names),
            type=tuple(types),
            cells_before=tuple(np.bincount(start, minlength=n)[:n].tolist()),
            cells_after=tuple(np.bincount(end, minlength=n).tolist()),
            confidence=tuple(cluster_confidence(start, end, n).tolist()),
            confidence_released=tuple(cluster_confidence(sharp.first, end, n).tolist()),
        ),
        merged=MergedClusters(
            cluster=tuple(names[row[0]] for row in lost),
            by=tuple(names[row[1]] for row in lost),
            cells_before=tuple(int(row[2]) for row in lost),
            cells_moved=tuple(int(row[3]) for row in lost),
        ),
        refreshes=_refreshes(sharp),
        trajectory_refreshes=tuple(int(snapshot.refresh) for snapshot in sharp.snapshots),
    )


def _refreshes(sharp: FineTuningResult) -> Refreshes:
    return Refreshes(
        changed=tuple(sharp.changed.tolist()),
        loss=tuple(sharp.losses.tolist()),
        sizes=tuple(map(tuple, sharp.sizes.tolist())),
        settled=bool(sharp.settled),
    )
