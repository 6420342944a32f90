"""Look at data before they are used, and say in plain words what is right, what is not, and how to repair it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy

if TYPE_CHECKING:
    from sctl.preflight.fixes import NEED_OTHER, apply_fix
    from sctl.preflight.inspection import inspect, inspect_file, inspect_pair
    from sctl.preflight.labels import label_candidates, named_labels
    from sctl.preflight.report import Finding, Fix, Level, Report, Role
else:
    __getattr__, __dir__ = lazy(__name__)

__all__ = [
    "NEED_OTHER",
    "Finding",
    "Fix",
    "Level",
    "Report",
    "Role",
    "apply_fix",
    "inspect",
    "inspect_file",
    "inspect_pair",
    "label_candidates",
    "named_labels",
]
