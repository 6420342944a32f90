"""Cluster and annotate a small single-cell dataset with the help of a large, annotated one.

Names are imported when they are first used: ``import sctl`` takes milliseconds, and ``sctl --help`` too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    "METHODS": "methods",
    "Pair": "data",
    "PreprocessParams": "preprocess",
    "Project": "project",
    "Run": "run",
    "SctlError": "errors",
    "SctlWarning": "errors",
    "TransferMethod": "methods.base",
    "TransferResult": "data",
    "annotated": "workflow",
    "get_method": "methods",
    "inspect": "preflight",
    "inspect_pair": "preflight",
    "load_demo": "data.demo",
    "prepare_pair": "workflow",
    "rank_markers": "analysis.markers",
    "read": "io",
    "read_result": "data",
    "repaired": "workflow",
    "transfer": "workflow",
    "write_result": "data",
}

__all__ = [  # noqa: PLE0604 - sorted as the table above is
    "__version__",
    *_MODULES,
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
