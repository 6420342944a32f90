"""What TransferCluster and its baselines report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from sctl.data.diagnostics.kept import Key, Rest

ThetaScore = Literal["balanced", "target_kta", "kta", "null_kta", "stability", "silhouette"]
"""A score of the clusters at one θ; larger is better."""

SCORES = Rest(get_args(ThetaScore))
"""Scores are written under their own names."""


@dataclass(frozen=True, kw_only=True)
class ThetaCurve:
    """Which θ was taken, and the scores of those that were tried.

    Parameters
    ----------
    theta : float
        In [0, 1].
    chosen_by : str
        The score it was chosen by, or ``"hand"``.
    thetas : tuple of float, length n_thetas
        Ascending.
    scores : mapping of score to tuple of float, length n_thetas
        Those that were computed.
    warnings : tuple of str, optional
        What makes the choice unsure; None where it was made by hand.
    """

    theta: float
    chosen_by: Annotated[str, Key("theta_chosen_by")]
    thetas: tuple[float, ...]
    scores: Annotated[Mapping[ThetaScore, tuple[float, ...]], SCORES]
    warnings: Annotated[tuple[str, ...] | None, Key("doubts")] = None


@dataclass(frozen=True, kw_only=True)
class ConsensusClustering:
    """What was clustered.

    Parameters
    ----------
    n_clusters : int
    n_landmarks : int, optional
        Number of cells that were compared with one another, where there were too many for all.
    n_source_cells : int, optional
        Number of source cells that were clustered along with the target.
    """

    n_clusters: int
    n_landmarks: int | None = None
    n_source_cells: int | None = None


@dataclass(frozen=True, kw_only=True)
class SourceTransferability:
    """How much of the target a source explains, in comparison with sources whose genes are shuffled.

    Parameters
    ----------
    score : float
        1 where it explains all, 0 where no more than a shuffled source.
    p_value : float
    """

    score: Annotated[float, Key("transferability")]
    p_value: Annotated[float, Key("transferability_p_value")]


@dataclass(frozen=True, kw_only=True)
class FoundGroups:
    """Groups that were found in a source without labels.

    Parameters
    ----------
    tried : tuple of int
        Numbers of groups.
    errors : tuple of float
        Share of the squared length of the source's cells that each number leaves unexplained.
    chosen : int
    """

    tried: tuple[int, ...]
    errors: tuple[float, ...]
    chosen: int


@dataclass(frozen=True, kw_only=True)
class TargetOnlyGenes:
    """How genes were used that only the target has.

    Parameters
    ----------
    mode : str
    n_genes : int
    """

    mode: Annotated[str, Key("target_genes")]
    n_genes: Annotated[int, Key("n_target_only_genes")]
