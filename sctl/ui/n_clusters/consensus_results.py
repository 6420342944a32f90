"""What the consensus step has found so far, remembered by :mod:`sctl.ui.frame.caching`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl import workflow
from sctl.project import Project, load_clusters, load_consensus, numbers_in
from sctl.project.checksums import Stamp, stamp
from sctl.project.consensus import number_file
from sctl.ui.frame import caching, results
from sctl.workflow import ConsensusPoint


@dataclass(frozen=True)
class OverK:
    """How the groups fare while their number changes.

    Parameters
    ----------
    stability : dict of int to ndarray of shape (n_clusters,)
    silhouettes : dict of int to float
        Mean at each number.
    highest : float
        The largest stability there can be.
    """

    stability: dict[int, NDArray[np.float64]]
    silhouettes: dict[int, float]
    highest: float


def seen(project: Project) -> Project:
    """Return the project as of the settings whose numbers of groups are shown: the present ones if any is finished."""
    return project if finished(project) else results.shown(project, "consensus")


def finished(project: Project) -> tuple[int, ...]:
    """Return the numbers of groups that are finished, ascending; also while others are computed."""
    return numbers_in(project.result_dir("consensus"))


def point(project: Project, n_clusters: int) -> ConsensusPoint:
    """Return what is known of one number of groups. Shared by all visitors: never change it."""
    return _point(project, n_clusters, stamp(number_file(project.result_dir("consensus"), n_clusters)))


def over_k(project: Project) -> OverK:
    """Return stability and silhouettes over all numbers that are finished."""
    folder = project.result_dir("consensus")
    return _over_k(project, tuple((number, stamp(number_file(folder, number))) for number in finished(project)))


def own_number(project: Project) -> int:
    """Return how many groups the answer has."""
    return workflow.n_clusters_of(results.result(project))


def names(project: Project, found: ConsensusPoint) -> dict[int, str]:
    """Return what each cluster is called: as on the other pages where they are those of the answer, else along the tree."""
    result = results.result(project)
    pairs = np.unique(np.stack([found.clusters, result.clusters]), axis=1)
    numbers = [int(number) for number in np.unique(found.clusters)]
    if pairs.shape[1] == len(numbers) == len(np.unique(result.clusters)):
        return {int(mine): str(result.cluster_names[theirs]) for mine, theirs in pairs.T}
    return {number: str(number + 1) for number in numbers}


def cells(project: Project, found: ConsensusPoint) -> pd.DataFrame:
    """Return a row for each cell that was compared: ``cell``, ``cluster``, ``label``, ``silhouette``, ``outlier_score``."""
    result, called = results.result(project), names(project, found)
    return pd.DataFrame(
        {
            "cell": result.obs_names[found.compared].astype(str),
            "cluster": [called[int(number)] for number in found.clusters[found.compared]],
            "label": result.labels[found.compared].astype(str),
            "silhouette": found.silhouettes,
            "outlier_score": found.outliers,
        }
    )


def partitions(project: Project) -> pd.DataFrame:
    """Return the cluster of each cell at every number that is finished, one column for each."""
    obs_names = results.result(project).obs_names.astype(str)
    found: dict[str, Any] = {"cell": obs_names}
    for number in finished(project):
        here = point(project, number)
        called = names(project, here)
        found[f"k{number}"] = [called[int(cluster)] for cluster in here.clusters]
    return pd.DataFrame(found)


# Numbers are read while others are still being computed: the state of their files is in the keys as well.


@caching.resource("consensus", max_entries=48)
def _point(project: Project, n_clusters: int, written: Stamp | None) -> ConsensusPoint:
    return load_consensus(project, n_clusters)


@caching.data("consensus", max_entries=16)
def _over_k(project: Project, finished: tuple[tuple[int, Stamp | None], ...]) -> OverK:
    clusters = {number: load_clusters(project, number) for number, _ in finished}
    means = {number: float(load_consensus(project, number).silhouettes.mean()) for number in clusters}
    return OverK(workflow.cluster_stability(clusters), means, workflow.most_stable(len(finished)))
