"""Diagnostics as the nested mappings of plain values that ``uns`` of a written result holds, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from sctl.data.diagnostics.kept import Inline, Key, Rest

Report = TypeVar("Report")


def to_uns(report: Any) -> dict[str, Any]:
    """Return a diagnostic, or all of them, as nested mappings of plain values.

    Parameters
    ----------
    report : Diagnostics, or another dataclass of :mod:`sctl.data.diagnostics`

    Returns
    -------
    dict
        Lists, numbers, texts, mappings and arrays by key. What is None, or empty by default, is left out.
    """
    out: dict[str, Any] = {}
    for entry in _entries(type(report)):
        value = getattr(report, entry.name)
        if value is None or (not entry.required and value in ((), {}) and value == entry.default):
            continue
        plain = _plain(value)
        out |= plain if entry.spread else {entry.key: plain}
    return out


def from_uns(kind: type[Report], values: Mapping[str, Any]) -> Report:
    """Return what :func:`to_uns` turned into mappings; a subject that lacks a key is None.

    Parameters
    ----------
    kind : type
        ``Diagnostics``, or another dataclass of :mod:`sctl.data.diagnostics`.
    values : mapping
        As from :func:`to_uns`, a file or JSON.

    Raises
    ------
    TypeError, ValueError
        If a value is missing, or of another kind.
    """
    found = _taken(kind, dict(values))
    if found is None:
        raise ValueError(f"values of a {kind.__name__} are missing")
    return found


@dataclass(frozen=True)
class _Entry:
    """How one field is kept."""

    name: str
    hint: Any
    key: str
    default: Any
    rest: Rest | None
    inline: bool

    @property
    def required(self) -> bool:
        return self.default is MISSING

    @property
    def spread(self) -> bool:
        """Whether its entries stand beside other fields."""
        return self.inline or self.rest is not None


def _entries(kind: type) -> tuple[_Entry, ...]:
    """Return the fields of a dataclass; one that takes what is left comes last."""
    hints = get_type_hints(kind, include_extras=True)
    found = [_entry(item, hints[item.name]) for item in fields(kind)]
    return tuple(sorted(found, key=lambda entry: entry.rest is not None and not entry.rest.names))


def _entry(item: Field[Any], hint: Any) -> _Entry:
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *marks_ = get_args(hint)
        marks = tuple(marks_)
    key = next((mark.name for mark in marks if isinstance(mark, Key)), item.name)
    rest = next((mark for mark in marks if isinstance(mark, Rest)), None)
    default = item.default if item.default_factory is MISSING else item.default_factory()
    inline = any(isinstance(mark, Inline) for mark in marks)
    return _Entry(item.name, _without_none(hint), key, default, rest, inline)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        return next(part for part in get_args(hint) if part is not NoneType)
    return hint


def _taken(kind: type[Report], values: dict[str, Any]) -> Report | None:
    """Take the values of a dataclass out of a mapping; None, with nothing taken, where one is missing."""
    entries = _entries(kind)
    if any(entry.required and not entry.spread and entry.key not in values for entry in entries):
        return None
    found: dict[str, Any] = {}
    for entry in entries:
        for value in _value_of(entry, values):
            found[entry.name] = value
    return kind(**found)


def _value_of(entry: _Entry, values: dict[str, Any]) -> Iterator[Any]:
    """Yield the value of a field if it is there, and take it out of the mapping."""
    if entry.inline:
        inner = _taken(entry.hint, values)
        if inner is not None:
            yield inner
    elif entry.rest is not None:
        names = [name for name in entry.rest.names or tuple(values) if name in values]
        yield _typed(entry.hint, {name: values.pop(name) for name in names})
    elif entry.key in values:
        yield _typed(entry.hint, values.pop(entry.key))


def _typed(hint: Any, value: Any) -> Any:
    """Return a plain value as the type wants it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_uns(hint, value)
    if origin is tuple:
        return tuple(_typed(arguments[0], item) for item in (value if np.ndim(value) else [value]))
    if origin is Literal:
        return _one_of(arguments, str(value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {str(name): _typed(arguments[1], item) for name, item in value.items()}
    if origin is np.ndarray:
        return np.asarray(value)
    return float("nan") if value is None and hint is float else hint(value)


def _one_of(known: tuple[str, ...], value: str) -> str:
    if value not in known:
        raise ValueError(f"{value!r} is none of {known}")
    return value


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_uns(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return np.array(value) if value and isinstance(value[0], tuple) else list(value)
    return value
