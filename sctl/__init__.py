"""Cluster and annotate a small single-cell dataset with the help of a large, annotated one.

Names are imported when they are first used: ``import sctl`` takes milliseconds, and ``sctl --help`` too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sctl.base import TransferMethod as TransferMethod
    from sctl.data import Pair as Pair
    from sctl.data import TransferResult as TransferResult
    from sctl.data import read_result as read_result
    from sctl.data import write_result as write_result
    from sctl.demo import load_demo as load_demo
    from sctl.errors import SctlError as SctlError
    from sctl.errors import SctlWarning as SctlWarning
    from sctl.io import read as read
    from sctl.markers import rank_markers as rank_markers
    from sctl.methods import METHODS as METHODS
    from sctl.methods import get_method as get_method
    from sctl.pipeline import annotated as annotated
    from sctl.pipeline import prepare_pair as prepare_pair
    from sctl.pipeline import repaired as repaired
    from sctl.pipeline import transfer as transfer
    from sctl.preflight import inspect as inspect
    from sctl.preflight import inspect_pair as inspect_pair
    from sctl.preprocess import PreprocessParams as PreprocessParams
    from sctl.project import Project as Project
    from sctl.run import Run as Run

__version__ = "0.1.0.dev1"

_HOME = {
    "METHODS": "methods",
    "Pair": "data",
    "PreprocessParams": "preprocess",
    "Project": "project",
    "Run": "run",
    "SctlError": "errors",
    "SctlWarning": "errors",
    "TransferMethod": "base",
    "TransferResult": "data",
    "annotated": "pipeline",
    "get_method": "methods",
    "inspect": "preflight",
    "inspect_pair": "preflight",
    "load_demo": "demo",
    "prepare_pair": "pipeline",
    "rank_markers": "markers",
    "read": "io",
    "read_result": "data",
    "repaired": "pipeline",
    "transfer": "pipeline",
    "write_result": "data",
}

__all__ = [  # noqa: PLE0604 - sorted as the table above is
    "__version__",
    *_HOME,
]


def __getattr__(name: str) -> Any:
    """Import a public name from its room."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
