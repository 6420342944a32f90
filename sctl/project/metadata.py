"""The first file of a project: what it is called, since when, and in which form it is stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from sctl.errors import ProjectError
from sctl.project.files import copy_of, damaged, read_json, write_twice

T = TypeVar("T")

HEAD = "project.json"
SCHEMA = 1
NAME_LIMIT = 80
_END_OF_TIME = 2.5e11  # seconds since 1970: the year 9892; calendars end with 9999


@dataclass(frozen=True)
class ProjectMetadata:
    """Name and age of a project; checks its name.

    Raises
    ------
    ProjectError
        If the name is empty, longer than 80 characters, or has line breaks.
    """

    name: str
    created: float

    def __post_init__(self) -> None:
        """Check the name."""
        if not 0 < len(self.name) <= NAME_LIMIT or not self.name.isprintable():
            raise ProjectError(
                "A project cannot have this name.",
                expected=f"A name has 1 to {NAME_LIMIT} characters in one line.",
                do="Choose another name.",
            )

    @classmethod
    def of(cls, name: object) -> Self:
        """Return the head of a project that is made now."""
        return cls(name.strip() if isinstance(name, str) else "", time.time())

    def called(self, name: object) -> Self:
        """Return the head under another name."""
        return replace(self, name=name.strip() if isinstance(name, str) else "")

    def save(self, root: Path) -> None:
        """Write the head into a project's folder."""
        write_twice(root / HEAD, {"schema": SCHEMA, "name": self.name, "created": self.created})

    @classmethod
    def load(cls, root: Path) -> Self:
        """Read the head of a project, from its second copy where the first is damaged.

        Raises
        ------
        ProjectError
            If both are damaged, or written by a later sctl.
        """
        return first_readable(root / HEAD, cls.from_json)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return what :meth:`save` wrote.

        Raises
        ------
        ProjectError, TypeError, ValueError
            If the value is something else.
        """
        name, created = value.get("name"), value.get("created")
        if not isinstance(name, str) or not isinstance(created, (int, float)) or not 0 <= created < _END_OF_TIME:
            raise ValueError(name)
        return cls(name, float(created))


def first_readable(path: Path, parse: Callable[[dict[str, Any]], T]) -> T:
    """Read a file of a project, from its second copy where the first is damaged.

    Raises
    ------
    ProjectError
        If neither can be read, or a later sctl wrote it.
    """
    try:
        return _read(path, parse)
    except _Damaged as error:
        try:
            return _read(copy_of(path), parse)
        except (_Damaged, ProjectError):
            raise damaged(path) from error


def is_readable(path: Path, parse: Callable[[dict[str, Any]], object]) -> bool:
    """Tell whether a file of a project can be read without its second copy."""
    try:
        _read(path, parse)
    except _Damaged:
        return False
    return True


class _Damaged(Exception):
    """A file is missing or holds something else."""


def _read(path: Path, parse: Callable[[dict[str, Any]], T]) -> T:
    try:
        value = read_json(path)
    except ProjectError as error:
        raise _Damaged from error
    if isinstance(value.get("schema"), int):
        check_schema(value)  # of a later sctl, no copy would help
    try:
        return parse(value)
    except (ProjectError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _Damaged from error


def check_schema(value: dict[str, Any]) -> None:
    """Check that a file was written in a form that this sctl knows.

    Raises
    ------
    ProjectError
        If a later sctl wrote it, or it does not say.
    """
    schema = value.get("schema")
    if schema != SCHEMA:
        raise ProjectError(
            f"This project was saved in form {schema!r}.",
            expected=f"This sctl reads form {SCHEMA}.",
            do="Update sctl, or open the project with the version that made it.",
        )
