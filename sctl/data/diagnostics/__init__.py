"""What a method reports beside labels and confidence: one frozen dataclass for each subject, all of them in :class:`Diagnostics`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from sctl.data.diagnostics.calibration import CalibrationReport as CalibrationReport
from sctl.data.diagnostics.calibration import SourceVerdict as SourceVerdict
from sctl.data.diagnostics.clustering import SCORES as SCORES
from sctl.data.diagnostics.clustering import ConsensusClustering as ConsensusClustering
from sctl.data.diagnostics.clustering import FoundGroups as FoundGroups
from sctl.data.diagnostics.clustering import SourceTransferability as SourceTransferability
from sctl.data.diagnostics.clustering import TargetOnlyGenes as TargetOnlyGenes
from sctl.data.diagnostics.clustering import ThetaCurve as ThetaCurve
from sctl.data.diagnostics.clustering import ThetaScore as ThetaScore
from sctl.data.diagnostics.fine_tuning import Answer as Answer
from sctl.data.diagnostics.fine_tuning import ClusterTable as ClusterTable
from sctl.data.diagnostics.fine_tuning import FineTuning as FineTuning
from sctl.data.diagnostics.fine_tuning import FineTuningComparison as FineTuningComparison
from sctl.data.diagnostics.fine_tuning import KeptStage as KeptStage
from sctl.data.diagnostics.fine_tuning import MergedClusters as MergedClusters
from sctl.data.diagnostics.fine_tuning import Refreshes as Refreshes
from sctl.data.diagnostics.fine_tuning import StageTypes as StageTypes
from sctl.data.diagnostics.kept import Inline, Key
from sctl.data.diagnostics.networks import Decoder as Decoder
from sctl.data.diagnostics.networks import GenesFound as GenesFound
from sctl.data.diagnostics.networks import TrainingLog as TrainingLog
from sctl.data.diagnostics.networks import TrainingPhase as TrainingPhase
from sctl.data.diagnostics.reference import NoveltyModel as NoveltyModel
from sctl.data.diagnostics.reference import ReferenceMapping as ReferenceMapping


@dataclass(frozen=True, kw_only=True)
class Depths:
    """How deeply both sides of a pair were measured.

    Parameters
    ----------
    source, target : float
        Median number of shared genes that a cell shows.
    source_counts, target_counts : float, optional
        Median number of counts of a cell, where both sides hold counts.
    """

    source: float
    target: float
    source_counts: float | None = None
    target_counts: float | None = None


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """All that a result reports beside labels; what a method does not report is None or empty.

    Parameters
    ----------
    theta : ThetaCurve, optional
        Of a sweep over θ.
    scores : mapping of score to float
        Of a clustering without such a sweep.
    clustering : ConsensusClustering, optional
    transferability : SourceTransferability, optional
    source_groups : FoundGroups, optional
    target_genes : TargetOnlyGenes, optional
    merged_subpopulations : tuple of str, optional
        A sentence for each group that the target shows by itself and the chosen θ merges; None where none was looked for.
    rejection_scores : tuple of str
        Names of the columns of ``obsm["rejection"]``.
    depths : Depths, optional
    confidence_threshold : float, optional
        Less sure labels were replaced by ``"unassigned"``.
    training : TrainingLog, optional
    genes : GenesFound, optional
    warnings : tuple of str
        What speaks against the result as a whole, as its method knows it.
    kept : KeptStage, optional
    fine_tuning : FineTuning, optional
        Both of ItClust.
    mapping : ReferenceMapping, optional
    novelty : NoveltyModel, optional
    novelty_columns : tuple of str
        Names of the columns of ``obsm["novelty"]``; all three of scArches.
    decoder : Decoder, optional
    n_neighbors_tried : tuple of int
        Numbers of neighbors of the rows of ``obsm["labels_by_k"]``; both of the Poisson autoencoder.
    calibration : CalibrationReport, optional
        Of the confidence, where that is a probability.
    """

    theta: Annotated[ThetaCurve | None, Inline()] = None
    scores: Annotated[Mapping[ThetaScore, float], SCORES] = field(default_factory=dict)
    clustering: Annotated[ConsensusClustering | None, Inline()] = None
    transferability: Annotated[SourceTransferability | None, Inline()] = None
    source_groups: FoundGroups | None = None
    target_genes: Annotated[TargetOnlyGenes | None, Inline()] = None
    merged_subpopulations: tuple[str, ...] | None = None
    rejection_scores: tuple[str, ...] = ()
    depths: Annotated[Depths | None, Key("depth")] = None
    confidence_threshold: float | None = None
    training: Annotated[TrainingLog | None, Inline()] = None
    genes: Annotated[GenesFound | None, Inline()] = None
    warnings: Annotated[tuple[str, ...], Key("remarks")] = ()
    kept: Annotated[KeptStage | None, Inline()] = None
    fine_tuning: Annotated[FineTuning | None, Inline()] = None
    mapping: Annotated[ReferenceMapping | None, Inline()] = None
    novelty: NoveltyModel | None = None
    novelty_columns: tuple[str, ...] = ()
    decoder: Decoder | None = None
    n_neighbors_tried: Annotated[tuple[int, ...], Key("ks")] = ()
    calibration: CalibrationReport | None = None
