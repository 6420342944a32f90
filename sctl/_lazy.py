"""Packages that import a name when it is first used, so that importing one, or a module of it, costs nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any


def lazy(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package whose names are imported when they are first used.

    The names, and where they are from, stand once: in the block ``if TYPE_CHECKING:`` of the package's ``__init__``,
    which type checkers and editors read as well.

    Parameters
    ----------
    package : str
        ``__name__``. It must have no module that is called like one of these names: that module would hide it.

    Examples
    --------
    >>> import sctl
    >>> sctl.read.__module__
    'sctl.io.reading'
    """

    @cache
    def origins() -> dict[str, tuple[str, str]]:
        import inspect  # noqa: PLC0415 - only when the first name is used

        return dict(_declared(inspect.getsource(sys.modules[package])))

    def get(name: str) -> Any:
        """Import a public name from its module."""
        if name.startswith("__") or name not in origins():  # __path__ and its like are asked for by Python itself
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = origins()[name]
        value = getattr(import_module(module), original)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        """List the public names."""
        return sorted({*vars(sys.modules[package]), *origins()})

    return get, names


def _declared(source: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the names that are imported under ``if TYPE_CHECKING:``, each with its module and its name there."""
    import ast  # noqa: PLC0415 - only when the first name is used

    for block in ast.parse(source).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for statement in block.body:
                if isinstance(statement, ast.ImportFrom) and statement.module:
                    for name in statement.names:
                        yield name.asname or name.name, (statement.module, name.name)
