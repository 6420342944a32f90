"""The nouns: a ``Pair`` goes in, a ``TransferResult`` comes out; one function knows the slot names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy

if TYPE_CHECKING:
    from sctl.data.canonical_order import CanonicalOrder as CanonicalOrder
    from sctl.data.canonical_order import canonical as canonical
    from sctl.data.diagnostics import Answer as Answer
    from sctl.data.diagnostics import CalibrationReport as CalibrationReport
    from sctl.data.diagnostics import ClusterTable as ClusterTable
    from sctl.data.diagnostics import ConsensusClustering as ConsensusClustering
    from sctl.data.diagnostics import Decoder as Decoder
    from sctl.data.diagnostics import Depths as Depths
    from sctl.data.diagnostics import Diagnostics as Diagnostics
    from sctl.data.diagnostics import FineTuning as FineTuning
    from sctl.data.diagnostics import FineTuningComparison as FineTuningComparison
    from sctl.data.diagnostics import FoundGroups as FoundGroups
    from sctl.data.diagnostics import GenesFound as GenesFound
    from sctl.data.diagnostics import KeptStage as KeptStage
    from sctl.data.diagnostics import MergedClusters as MergedClusters
    from sctl.data.diagnostics import NoveltyModel as NoveltyModel
    from sctl.data.diagnostics import ReferenceMapping as ReferenceMapping
    from sctl.data.diagnostics import Refreshes as Refreshes
    from sctl.data.diagnostics import SourceTransferability as SourceTransferability
    from sctl.data.diagnostics import SourceVerdict as SourceVerdict
    from sctl.data.diagnostics import StageTypes as StageTypes
    from sctl.data.diagnostics import TargetOnlyGenes as TargetOnlyGenes
    from sctl.data.diagnostics import ThetaCurve as ThetaCurve
    from sctl.data.diagnostics import ThetaScore as ThetaScore
    from sctl.data.diagnostics import TrainingLog as TrainingLog
    from sctl.data.diagnostics import TrainingPhase as TrainingPhase
    from sctl.data.diagnostics.uns import from_uns as from_uns
    from sctl.data.diagnostics.uns import to_uns as to_uns
    from sctl.data.pair import DEPTH as DEPTH
    from sctl.data.pair import MIN_GENES_FOUND as MIN_GENES_FOUND
    from sctl.data.pair import TARGET_ONLY as TARGET_ONLY
    from sctl.data.pair import Pair as Pair
    from sctl.data.pair import in_memory as in_memory
    from sctl.data.pair import require_genes as require_genes
    from sctl.data.result import UNASSIGNED as UNASSIGNED
    from sctl.data.result import TransferResult as TransferResult
    from sctl.data.slots import read_result as read_result
    from sctl.data.slots import require_cells as require_cells
    from sctl.data.slots import result_only as result_only
    from sctl.data.slots import slot as slot
    from sctl.data.slots import writable as writable
    from sctl.data.slots import write_result as write_result
else:
    __getattr__, __dir__ = lazy(__name__)
