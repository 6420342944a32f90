"""What is told of fine-tuning: clusters, refreshes, and who swallowed whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sctl.methods.itclust.fine_tuning_result import FineTuningStages
from sctl.methods.itclust.finetuning import FineTuningResult, merged_clusters
from sctl.methods.itclust.stages import FineTuningStage, cluster_confidence
from sctl.methods.itclust.target_labels import NamedTarget


def training_report(found: NamedTarget, both: FineTuningStages, log: Mapping[str, Any]) -> dict[str, Any]:
    """Return what pages show of both steps of the training.

    Parameters
    ----------
    found : NamedTarget
    both : FineTuningStages
    log : mapping
        Of each phase on the source.
    """
    names, types = both.cluster_names(found.after), both.type_names(found.after)
    return {
        "comparison": found.comparison.to_dict(),
        "explained": found.explained,
        "training": log,
        "phases": list(log),  # in order, which files do not keep
        **what_happened(found.before, found.after, found.sharp, names=names, types=types),
    }


def what_happened(
    before: FineTuningStage,
    after: FineTuningStage,
    sharp: FineTuningResult,
    *,
    names: Sequence[str],
    types: Sequence[str],
) -> dict[str, Any]:
    """Return what pages tell of fine-tuning, in a form that files take.

    Parameters
    ----------
    before, after : Clustering
    sharp : FineTuningResult
    names, types : sequence of str
        Of the clusters after fine-tuning: their names, and the source types they stand for.
    """
    n, end = len(after.types), after.clusters
    place = {int(kind): cluster for cluster, kind in enumerate(after.types) if kind >= 0}
    start = np.array([place.get(int(kind), n) for kind in before.labels])  # n: a type that new groups replaced
    lost = merged_clusters(start, end, n)
    return {
        "cluster_table": {
            "cluster": list(names),
            "type": list(types),
            "cells_before": np.bincount(start, minlength=n)[:n],
            "cells_after": np.bincount(end, minlength=n),
            "confidence": cluster_confidence(start, end, n),
            "confidence_released": cluster_confidence(sharp.first, end, n),
        },
        "swallowed": {
            "cluster": np.array([names[row[0]] for row in lost], dtype=str),
            "by": np.array([names[row[1]] for row in lost], dtype=str),
            "cells_before": np.array([row[2] for row in lost], dtype=int),
            "cells_moved": np.array([row[3] for row in lost], dtype=int),
        },
        "refreshes": {
            "changed": sharp.changed,
            "loss": sharp.losses,
            "sizes": sharp.sizes,
            "settled": sharp.settled,
        },
        "trajectory_refreshes": [snapshot.refresh for snapshot in sharp.snapshots],
    }
