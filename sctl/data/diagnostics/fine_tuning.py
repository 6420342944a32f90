"""What ItClust reports of fine-tuning on the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from sctl.data.diagnostics.kept import Key

Answer = Literal["before", "after"]
"""Of a result with two answers: the one from before the target sharpened its groups, or the one from after."""


@dataclass(frozen=True, kw_only=True)
class FineTuningComparison:
    """The answers before and after fine-tuning, compared without knowing the truth.

    Parameters
    ----------
    silhouette_before, silhouette_after : float
        How well the clusters divide the target's own data, in [−1, 1]; neither network has a part in it.
    silhouette_own : float
        The same of groups that k-means makes of these data without any source: the best of as many groups
        as there are clusters before, or of more, up to 10.
    confidence_before, confidence_after : float
        Mean probability of the most likely cluster.
    flipped : float
        Share of the cells whose label changed.
    recommended : {"before", "after"}
        The labels with the larger silhouette; the later ones where both are alike.
    """

    silhouette_before: float
    silhouette_after: float
    silhouette_own: float
    confidence_before: float
    confidence_after: float
    flipped: float
    recommended: Answer


@dataclass(frozen=True, kw_only=True)
class StageTypes:
    """The source type that each cluster stands for, before and after fine-tuning."""

    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ClusterTable:
    """One entry for each cluster after fine-tuning.

    Parameters
    ----------
    cluster, type : tuple of str
        Its name, and the source type it stands for.
    cells_before, cells_after : tuple of int
    confidence : tuple of float
        Share of its cells that were in it from the start.
    confidence_released : tuple of float
        The same as the released code computes it.
    """

    cluster: tuple[str, ...]
    type: tuple[str, ...]
    cells_before: tuple[int, ...]
    cells_after: tuple[int, ...]
    confidence: tuple[float, ...]
    confidence_released: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class MergedClusters:
    """Clusters that lost most of their cells to another one.

    Parameters
    ----------
    cluster, by : tuple of str
        The cluster, and the one that took its cells.
    cells_before, cells_moved : tuple of int
    """

    cluster: tuple[str, ...]
    by: tuple[str, ...]
    cells_before: tuple[int, ...]
    cells_moved: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Refreshes:
    """What happened from one refresh of the target distribution to the next.

    Parameters
    ----------
    changed : tuple of float, length n_refreshes
        Share of cells that changed their cluster before each refresh.
    loss : tuple of float, length n_refreshes
    sizes : tuple of tuple of int, shape (n_refreshes, n_clusters)
    settled : bool
        Whether it ended because hardly any cell changed its cluster.
    """

    changed: tuple[float, ...]
    loss: tuple[float, ...]
    sizes: tuple[tuple[int, ...], ...]
    settled: bool


@dataclass(frozen=True, kw_only=True)
class KeptStage:
    """Which of two answers was kept.

    Parameters
    ----------
    answer : {"before", "after"}
    cluster_types : tuple of str
        The source type that each cluster of it stands for.
    types : StageTypes
        The same of both.
    """

    answer: Answer
    cluster_types: tuple[str, ...]
    types: StageTypes


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """What fine-tuning on the target changed.

    Parameters
    ----------
    comparison : FineTuningComparison
    explained : bool
        Whether the source explained the target before new groups were made.
    cluster_table : ClusterTable
    merged : MergedClusters
    refreshes : Refreshes
    trajectory_refreshes : tuple of int
        After which refreshes ``obsm["trajectory"]`` was recorded.
    """

    comparison: FineTuningComparison
    explained: bool
    cluster_table: ClusterTable
    merged: Annotated[MergedClusters, Key("swallowed")]
    refreshes: Refreshes
    trajectory_refreshes: tuple[int, ...]
