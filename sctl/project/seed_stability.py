"""Which two groups are asked about, and what every seed has answered so far: one line for each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from sctl.errors import ParameterError, ProjectError
from sctl.project.checksums import is_intact
from sctl.project.files import canonical, digest, read_json, write_json
from sctl.project.folder import Project
from sctl.project.genes import target_names
from sctl.project.results import load_result
from sctl.project.steps import unreadable

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    import pandas as pd

    from sctl.analysis.stability_measures import Groups
    from sctl.analysis.stability_outcomes import Outcome

Kind = Literal["clusters", "labels", "truth"]
KINDS: tuple[Kind, ...] = ("clusters", "labels", "truth")


@dataclass(frozen=True, kw_only=True)
class Question:
    """Two groups of target cells.

    Parameters
    ----------
    of : {"clusters", "labels", "truth"}
        Clusters of the result, its transferred cell types, or true types kept aside.
    one, other : str
        Their names.
    """

    of: Kind
    one: str
    other: str

    def __post_init__(self) -> None:
        """Check the kind; names are checked where the cells are known."""
        if self.of not in KINDS:
            raise ParameterError(f"There are no groups {self.of!r}.", expected=f"Groups are {list(KINDS)}.")

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned."""
        return cls(of=value["of"], one=str(value["one"]), other=str(value["other"]))

    def to_dict(self) -> dict[str, str]:
        """Return the question as JSON values."""
        return asdict(self)

    def groups(self, project: Project) -> Groups:
        """Return which target cells belong to either group.

        Raises
        ------
        ParameterError
            If a group has no cell, or both are the same.
        """
        from sctl.analysis.stability_measures import groups_from  # noqa: PLC0415

        return groups_from(cells_of(project, self.of), self.one, self.other)


def cells_of(project: Project, kind: Kind) -> pd.Series:
    """Return the group of each target cell, missing where it has none.

    Raises
    ------
    ProjectError
        If the truth is asked for and there is none.
    """
    from sctl.workflow import groups_of  # noqa: PLC0415

    if kind != "truth":
        return groups_of(load_result(project), kind)
    truth = project.truth()
    if truth is None:
        raise ProjectError("The true cell types of this target are not known.", do="Choose groups that were found.")
    return truth.reindex(target_names(project))


def outcomes_file(project: Project, question: Question) -> Path:
    """Return the file of what is known of a question under the present settings; it may not exist yet."""
    known: dict[str, Any] = {**question.to_dict(), "truth": project.settings.truth if question.of == "truth" else None}
    return project.result_dir("theta") / "repeats" / f"{digest(canonical(known))}.jsonl"


def note_question(project: Project, question: Question) -> Path:
    """Keep what was asked beside its outcomes, and return the file that these go to."""
    path = outcomes_file(project, question)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path.with_suffix(".json"), question.to_dict())
    return path


def questions(project: Project) -> list[Question]:
    """Return what was asked under the present settings, in a fixed order.

    Raises
    ------
    ProjectError
        If a file is damaged.
    """
    found = []
    for path in filter(is_intact, sorted((project.result_dir("theta") / "repeats").glob("*.json"))):
        try:
            found.append(Question.from_dict(read_json(path)))
        except (KeyError, TypeError, ParameterError) as error:
            raise unreadable(path) from error
    return sorted(found, key=lambda question: (question.of, question.one, question.other))


def outcomes_in(path: Path) -> tuple[Outcome, ...]:
    """Return the outcomes that are finished, also while others are computed; damaged lines count as not there."""
    if not path.exists():
        return ()
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    return tuple(outcome for outcome in map(_outcome, lines) if outcome is not None)


def _outcome(line: str) -> Outcome | None:
    from sctl.analysis.stability_outcomes import Outcome  # noqa: PLC0415

    try:
        value = json.loads(line)
        return Outcome(
            method=str(value["method"]),
            seed=int(value["seed"]),
            separated=bool(value["separated"]),
            total_variation=float(value["total_variation"]),
            n_clusters=int(value["n_clusters"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None


def add_outcome(path: Path, outcome: Outcome) -> None:
    """Append an outcome."""
    cut_short = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")  # by a process that was killed
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if cut_short else "") + json.dumps(asdict(outcome)) + "\n")
