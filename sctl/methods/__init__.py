"""The methods, found by name: every module of this folder declares one as ``METHOD``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from sctl.base import TransferMethod
from sctl.errors import ParameterError


def _found() -> dict[str, type[TransferMethod]]:
    modules = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    methods: list[type[TransferMethod]] = [module.METHOD for module in modules]
    return {method.key: method for method in sorted(methods, key=lambda method: (method.order, method.key))}


METHODS: dict[str, type[TransferMethod]] = _found()
"""Method key → class, in the order of the menu."""


def get_method(key: str) -> type[TransferMethod]:
    """Return the class of a method.

    Raises
    ------
    ParameterError
        If there is no method of that key.
    """
    if key not in METHODS:
        raise ParameterError(
            f"There is no method {key!r}.", expected=f"Methods are {list(METHODS)}.", do="Choose one of these."
        )
    return METHODS[key]
