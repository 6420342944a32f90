"""How the fields of a diagnostic are kept in ``uns`` of a written result: by default each under its own name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """The key under which a value is written, where it is not the field's name."""

    name: str


@dataclass(frozen=True)
class Rest:
    """A mapping whose entries are written beside the other fields: those with the given names, or all others."""

    names: tuple[str, ...] = ()


class Inline:
    """The fields of a dataclass are written beside those of the one that holds it."""
