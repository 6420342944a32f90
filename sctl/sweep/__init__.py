"""θ, how much to trust the source: prepared once, then any θ is clustered in milliseconds."""

from sctl.sweep.doubts import Remark, doubts, remarks
from sctl.sweep.hidden import HiddenGroup, hidden_groups
from sctl.sweep.own_genes import OwnGenesMode, with_own_genes
from sctl.sweep.point import Criterion, ThetaPoint, choose_theta, thetas_beside
from sctl.sweep.prepare import N_NULLS, prepare_sweep, types_met
from sctl.sweep.theta import ThetaSweep

__all__ = [
    "N_NULLS",
    "Criterion",
    "HiddenGroup",
    "OwnGenesMode",
    "Remark",
    "ThetaPoint",
    "ThetaSweep",
    "choose_theta",
    "doubts",
    "hidden_groups",
    "prepare_sweep",
    "remarks",
    "thetas_beside",
    "types_met",
    "with_own_genes",
]
