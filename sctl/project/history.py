"""Undo and redo: every settings the user had, in order, in one small file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from sctl.project.files import write_twice
from sctl.project.metadata import SCHEMA, first_readable
from sctl.project.settings import Settings

LIMIT = 200
"""How many changes can be taken back; older ones are forgotten."""


@dataclass(frozen=True)
class Change:
    """One entry: what was done, as a plain sentence, and the settings after it."""

    note: str
    settings: Settings
    time: float


@dataclass(frozen=True)
class History:
    """All changes, and the place where the user stands among them. Never empty."""

    changes: tuple[Change, ...] = (Change("Start", Settings(), 0.0),)
    position: int = 0

    @property
    def settings(self) -> Settings:
        """The settings that hold now."""
        return self.changes[self.position].settings

    @property
    def undone_by_undo(self) -> str | None:
        """What undo would take back, or None."""
        return self.changes[self.position].note if self.position > 0 else None

    @property
    def done_by_redo(self) -> str | None:
        """What redo would do again, or None."""
        return self.changes[self.position + 1].note if self.position + 1 < len(self.changes) else None

    def append(self, settings: Settings, note: str) -> History:
        """Return the history after a change; what had been undone is forgotten."""
        if settings == self.settings:
            return self
        changes = (*self.changes[: self.position + 1], Change(note, settings, time.time()))[-LIMIT:]
        return History(changes, len(changes) - 1)

    def merged(self, since: Change, *, undoable: bool = True) -> History:
        """Return the history with all changes after one as a single change, which is called as the first of them.

        What the program chose by itself is so taken back with the act that it followed from. With ``undoable=False`` they
        become part of ``since``: they were there before anything that undo takes back.
        """
        place = next((i for i in range(self.position, -1, -1) if self.changes[i] == since), self.position)
        if place == self.position:
            return self
        last = self.changes[self.position]
        kept = replace(self.changes[place + 1] if undoable else since, settings=last.settings, time=last.time)
        changes = (*self.changes[: place + 1], kept) if undoable else (*self.changes[:place], kept)
        return History(changes, len(changes) - 1)

    def step(self, by: int) -> History:
        """Return the history at another place, or the same one where there is no such place."""
        place = self.position + by
        return History(self.changes, place) if 0 <= place < len(self.changes) else self

    def nearest(self) -> Iterator[Settings]:
        """Yield all settings but the present ones: the earlier ones, latest first, then what was undone."""
        for change in (*self.changes[: self.position][::-1], *self.changes[self.position + 1 :]):
            yield change.settings

    def references(self) -> set[str]:
        """Return the fingerprints of all files that undo or redo might need."""
        return set().union(*(change.settings.references() for change in self.changes))

    def save(self, path: Path) -> None:
        """Write the history."""
        entries = [{"note": c.note, "time": c.time, "settings": c.settings.to_dict()} for c in self.changes]
        write_twice(path, {"schema": SCHEMA, "position": self.position, "changes": entries})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a history, from its second copy where the first is damaged.

        Raises
        ------
        ProjectError
            If both are damaged, or a later sctl wrote it.
        """
        return first_readable(path, cls.from_json)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return what :meth:`save` wrote.

        Raises
        ------
        ProjectError, KeyError, TypeError, ValueError, AttributeError
            If the value is something else.
        """
        changes = tuple(
            Change(str(entry["note"]), Settings.from_dict(entry["settings"]), float(entry["time"]))
            for entry in value["changes"]
        )
        position = int(value["position"])
        if not 0 <= position < len(changes):
            raise ValueError(position)
        return cls(changes, position)
