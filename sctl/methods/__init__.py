"""The methods, found by name: a package or module of this folder lists those it holds as ``METHODS``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from sctl.errors import ParameterError

if TYPE_CHECKING:
    from sctl.methods.base import TransferMethod

METHODS: dict[str, type[TransferMethod]]
"""Method key → class, in the order of the menu; found when it is first used."""


@cache
def _found() -> dict[str, type[TransferMethod]]:
    modules = [import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__)]
    methods: list[type[TransferMethod]] = [method for module in modules for method in vars(module).get("METHODS", ())]
    return {method.key: method for method in sorted(methods, key=lambda method: (method.order, method.key))}


def __getattr__(name: str) -> Any:
    """Find the methods when they are asked for, so that a part of one can be imported without all the others."""
    if name != "METHODS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _found()


def get_method(key: str) -> type[TransferMethod]:
    """Return the class of a method.

    Raises
    ------
    ParameterError
        If there is no method of that key.
    """
    methods = _found()
    if key not in methods:
        raise ParameterError(
            f"There is no method {key!r}.", expected=f"Methods are {list(methods)}.", do="Choose one of these."
        )
    return methods[key]
