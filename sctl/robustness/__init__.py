"""How often a method tells two close groups of cells apart, when all that changes is the seed."""

from sctl.robustness.measure import APART, Groups, apart, groups_from, separated
from sctl.robustness.outcome import Outcome, Separation, wilson
from sctl.robustness.seeds import Trial, each_seed, one_seed, prepare_trial, separation

__all__ = [
    "APART",
    "Groups",
    "Outcome",
    "Separation",
    "Trial",
    "apart",
    "each_seed",
    "groups_from",
    "one_seed",
    "prepare_trial",
    "separated",
    "separation",
    "wilson",
]
