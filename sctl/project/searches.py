"""Searches for settings, kept beside the prepared data they are made on: a journal each, to go on from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sctl.errors import ProjectError
from sctl.project.files import canonical, digest
from sctl.project.folder import Project

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    from sctl.numerics.hyperparameters import Ranges, Search, Wanted


@dataclass(frozen=True, kw_only=True)
class SearchQuestion:
    """What is searched.

    Parameters
    ----------
    method : str
    params : mapping
        Settings of the method; those that are searched do not count.
    ranges : str
        See :class:`~sctl.numerics.hyperparameters.Wanted`.
    n_trials : int
        A larger number goes on with the same search.
    """

    method: str
    params: Mapping[str, Any]
    ranges: Ranges = "wide"
    n_trials: int = 40

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned."""
        return cls(**value)

    def to_dict(self) -> dict[str, Any]:
        """Return the question as JSON values."""
        return {
            "method": self.method,
            "params": dict(self.params),
            "ranges": self.ranges,
            "n_trials": self.n_trials,
        }

    @property
    def wanted(self) -> Wanted:
        """What the search itself is asked for.

        Raises
        ------
        ParameterError
            If there are no such ranges, or the number of trials is out of bounds.
        """
        from sctl.numerics.hyperparameters import Wanted  # noqa: PLC0415

        return Wanted(ranges=self.ranges, n_trials=self.n_trials)

    def journal(self, project: Project) -> Path:
        """Return where the trials are written."""
        from sctl.numerics.hyperparameters import SPACES  # noqa: PLC0415

        asked = {**self.to_dict(), "seed": project.params("transfer")["seed"]}
        asked.pop("n_trials")
        asked["params"] = {
            name: value for name, value in self.params.items() if name not in SPACES.get(self.ranges, {})
        }
        return _folder(project) / f"{digest(canonical(asked))}.jsonl"


def has_searches(project: Project) -> bool:
    """Tell whether anything was searched on the data as they are prepared now."""
    return _folder(project).exists()


def _folder(project: Project) -> Path:
    return project.result_dir("preprocess") / "searches"


def load_search(project: Project, question: SearchQuestion) -> Search | None:
    """Return what was found so far, also while the search runs; None where nothing was.

    Raises
    ------
    ProjectError
        If the journal is damaged.
    """
    from sctl.errors import DataError  # noqa: PLC0415
    from sctl.numerics.hyperparameters import read_search  # noqa: PLC0415

    path = question.journal(project)
    try:
        found = read_search(path) if path.exists() and path.stat().st_size else None
    except DataError as error:
        raise ProjectError(
            "The journal of this search is damaged.",
            expected="It holds a line for everything that the search did.",
            do="Start the search again: it goes on from what can still be read.",
        ) from error
    return found if found is not None and found.trials else None


def mend_journal(path: Path) -> None:
    """Cut a journal after its last readable line, so that a search goes on from there; one that cannot be read goes.

    For the one process that writes it.
    """
    from sctl.errors import DataError  # noqa: PLC0415
    from sctl.numerics.hyperparameters import read_search  # noqa: PLC0415

    if not path.exists():
        return
    content = path.read_bytes()
    lines: list[bytes] = content.splitlines(keepends=True)
    kept = b"".join(takewhile(_is_entry, lines))
    if kept != content:
        path.write_bytes(kept)
    try:
        if kept:
            read_search(path)
    except DataError:
        path.unlink()


def _is_entry(line: Any) -> bool:
    try:
        return bool(line.endswith(b"\n")) and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
