"""Cluster and annotate a small single-cell dataset with the help of a large, annotated one.

Names are imported when they are first used: ``import sctl`` takes milliseconds, and ``sctl --help`` too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy
from sctl._version import __version__

if TYPE_CHECKING:
    from sctl.analysis.markers import rank_markers as rank_markers
    from sctl.data import Pair as Pair
    from sctl.data import TransferResult as TransferResult
    from sctl.data import read_result as read_result
    from sctl.data import write_result as write_result
    from sctl.data.demo import load_demo as load_demo
    from sctl.errors import SctlError as SctlError
    from sctl.errors import SctlWarning as SctlWarning
    from sctl.io import read as read
    from sctl.methods import METHODS as METHODS
    from sctl.methods import get_method as get_method
    from sctl.methods.base import TransferMethod as TransferMethod
    from sctl.preflight import inspect as inspect
    from sctl.preflight import inspect_pair as inspect_pair
    from sctl.preprocess import PreprocessParams as PreprocessParams
    from sctl.project import Project as Project
    from sctl.run import Run as Run
    from sctl.workflow import annotated as annotated
    from sctl.workflow import prepare_pair as prepare_pair
    from sctl.workflow import repaired as repaired
    from sctl.workflow import transfer as transfer
else:
    __getattr__, __dir__ = lazy(__name__)

__all__ = [
    "METHODS",
    "Pair",
    "PreprocessParams",
    "Project",
    "Run",
    "SctlError",
    "SctlWarning",
    "TransferMethod",
    "TransferResult",
    "__version__",
    "annotated",
    "get_method",
    "inspect",
    "inspect_pair",
    "load_demo",
    "prepare_pair",
    "rank_markers",
    "read",
    "read_result",
    "repaired",
    "transfer",
    "write_result",
]
