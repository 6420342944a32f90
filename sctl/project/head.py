"""The first file of a project: what it is called, since when, and in which form it is stored."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from sctl.errors import ProjectError
from sctl.project.files import damaged, read_json, write_json

SCHEMA = 1
NAME_LIMIT = 80
_END_OF_TIME = 2.5e11  # seconds since 1970: the year 9892; calendars end with 9999


@dataclass(frozen=True)
class Head:
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
        write_json(root / "project.json", {"schema": SCHEMA, "name": self.name, "created": self.created})

    @classmethod
    def load(cls, root: Path) -> Self:
        """Read the head of a project.

        Raises
        ------
        ProjectError
            If the file is damaged, or written by a later sctl.
        """
        path = root / "project.json"
        value = read_json(path)
        check_schema(value)
        name, created = value.get("name"), value.get("created")
        if not isinstance(name, str) or not isinstance(created, (int, float)) or not 0 <= created < _END_OF_TIME:
            raise damaged(path)
        return cls(name, float(created))


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
