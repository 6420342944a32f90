"""References: cells brought to the form that a conditional network learns from, and how well a reference knows itself."""

from sctl.reference.cohort import Cohort, cohort, matched
from sctl.reference.learned import Learned
from sctl.reference.report import SelfTest, self_test

__all__ = ["Cohort", "Learned", "SelfTest", "cohort", "matched", "self_test"]
