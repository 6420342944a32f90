"""Cluster and annotate a small single-cell dataset with the help of a large, annotated one.

Names are imported when they are first used: ``import sctl`` takes milliseconds, and ``sctl --help`` too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sctl.base import transfer as transfer
    from sctl.data import Pair as Pair
    from sctl.data import TransferResult as TransferResult
    from sctl.data import read_result as read_result
    from sctl.data import write_result as write_result
    from sctl.errors import SctlError as SctlError
    from sctl.run import Run as Run

__version__ = "0.1.0"

_HOME = {
    "METHODS": "methods",
    "Pair": "data",
    "PreprocessParams": "preprocess",
    "Run": "run",
    "SctlError": "errors",
    "TransferResult": "data",
    "get_method": "methods",
    "load_demo": "demo",
    "prepare_pair": "preprocess",
    "read": "io",
    "read_result": "data",
    "transfer": "base",
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
