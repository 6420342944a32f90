"""θ, how much to trust the source: prepared once, then any θ is clustered in milliseconds."""

from sctl.sweep.point import Criterion, ThetaPoint, choose_theta
from sctl.sweep.prepare import prepare_sweep, types_met
from sctl.sweep.theta import ThetaSweep

__all__ = ["Criterion", "ThetaPoint", "ThetaSweep", "choose_theta", "prepare_sweep", "types_met"]
