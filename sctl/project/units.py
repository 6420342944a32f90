"""The pathways of a code's units, kept beside what was learned."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sctl.project.checksums import is_intact
from sctl.project.explanations import PATHWAYS
from sctl.project.files import canonical, digest, read_json, replacing, write_json
from sctl.project.folder import Project
from sctl.project.soundness import stored_table
from sctl.project.steps import unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sctl.analysis.enrichment import UnitPathways


@dataclass(frozen=True, kw_only=True)
class UnitsQuestion:
    """Which units, and which gene sets.

    Parameters
    ----------
    n_units : int
        The first so many.
    sets : str
        As in :class:`~sctl.project.explanations.WhyQuestion`.
    """

    n_units: int
    sets: str = ""

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned."""
        return cls(n_units=int(value["n_units"]), sets=str(value["sets"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the question as JSON values."""
        return asdict(self)


def save_units(project: Project, question: UnitsQuestion, found: Mapping[str, UnitPathways]) -> None:
    """Keep an answer; what says that it is there is written last."""
    stem = _stem(project, question)
    stem.parent.mkdir(parents=True, exist_ok=True)
    for place, one in enumerate(found.values()):
        with replacing(_table(stem, place)) as temporary:
            one.table.to_csv(temporary, index=False)
    units = [one.n_units for one in found.values()]
    write_json(stem.with_suffix(".json"), {"cases": list(found), "units": units, "question": question.to_dict()})


def has_units(project: Project) -> bool:
    """Tell whether any units of what was learned were looked at."""
    return _folder(project).exists()


def load_units(project: Project, question: UnitsQuestion) -> dict[str, UnitPathways] | None:
    """Return the answer about the present result, by case; None where it was not asked yet.

    Raises
    ------
    ProjectError
        If a file is damaged.
    """
    from sctl.analysis.enrichment import UnitPathways  # noqa: PLC0415
    from sctl.workflow.units import CASES  # noqa: PLC0415

    stem = _stem(project, question)
    path = stem.with_suffix(".json")
    if not is_intact(path):
        return None
    facts = read_json(path)
    try:
        sizes = dict(zip(facts["cases"], map(int, facts["units"]), strict=True))
        if not set(sizes) >= set(CASES) or not all(0 <= n_units <= question.n_units for n_units in sizes.values()):
            raise ValueError("cases or units are others")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise unreadable(path) from error
    if not all(is_intact(_table(stem, place)) for place in range(len(sizes))):
        return None
    texts, numbers = ("set", "cell_type", "leading_genes"), ("unit", *PATHWAYS)
    tables = [stored_table(_table(stem, place), texts=texts, numbers=numbers) for place in range(len(sizes))]
    return {case: UnitPathways(table, sizes[case]) for case, table in zip(sizes, tables, strict=True)}


def _folder(project: Project) -> Path:
    return project.result_dir("transfer") / "units"


def _stem(project: Project, question: UnitsQuestion) -> Path:
    return _folder(project) / digest(canonical(question.to_dict()))


def _table(stem: Path, place: int) -> Path:
    return stem.with_name(f"{stem.name}_{place}.csv")
