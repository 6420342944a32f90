"""References: cells brought to the form that a conditional network learns from, and how well a reference knows itself."""

from sctl.reference.cohort import Cohort, cohort, matched

__all__ = ["Cohort", "cohort", "matched"]
