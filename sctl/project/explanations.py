"""What was asked to be explained, and the answers, kept beside the result they explain."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from sctl.errors import ParameterError, ProjectError
from sctl.project.checksums import forgotten, is_intact
from sctl.project.files import canonical, digest, read_json, replacing, write_json
from sctl.project.folder import Project
from sctl.project.results import load_result
from sctl.project.soundness import stored_table
from sctl.project.steps import unreadable

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from sctl.genesets import GeneSets
    from sctl.workflow.explanations import Reasons

Asked = Literal["clusters", "labels", "cell", "selection"]
PATHWAYS = ("size", "score", "p_value", "fdr", "fdr_all")
"""Columns of numbers in a table of pathways, see :func:`sctl.analysis.enrichment.enrich`."""
_TABLES = {
    "genes": (("gene",), ("contribution", "share", "expression", "elsewhere")),
    "pathways": (("set", "leading_genes"), PATHWAYS),
    "deletion": ((), ("genes", "salient", "random")),
}
"""Columns of text and of numbers that each table of an answer has."""


@dataclass(frozen=True, kw_only=True)
class WhyQuestion:
    """Which cells are to be explained.

    Parameters
    ----------
    of : {"clusters", "labels", "cell", "selection"}
    name : str
        Of the cluster, the cell type or the cell; what a selection is called.
    against : str, optional
        The type to compare with; the runner-up by default.
    sets : str
        Reference of uploaded gene sets, see :func:`keep_gene_sets`; Hallmark where it is empty.
    cells : tuple of int
        Places of the selected cells; of a selection only.
    """

    of: Asked
    name: str
    against: str | None = None
    sets: str = ""
    cells: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the kind; names are checked where the cells are known."""
        if self.of not in ("clusters", "labels", "cell", "selection"):
            raise ParameterError(f"There are no groups {self.of!r}.", do="Choose a group or a cell.")

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned."""
        against = value["against"]
        return cls(
            of=value["of"],
            name=str(value["name"]),
            against=None if against is None else str(against),
            sets=str(value["sets"]),
            cells=tuple(map(int, value["cells"])),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the question as JSON values."""
        return {**asdict(self), "cells": list(self.cells)}

    def places(self, project: Project) -> NDArray[np.integer[Any]]:
        """Return the places of the cells in the target, ascending; none where the group has no cell.

        Raises
        ------
        ParameterError
            If cells were selected that the target does not have.
        """
        import numpy as np  # noqa: PLC0415

        from sctl.workflow import groups_of  # noqa: PLC0415

        result = load_result(project)
        if self.of == "selection":
            if not all(0 <= cell < result.n_obs for cell in self.cells):
                raise ParameterError("Some selected cells are not in the target.", do="Select cells again.")
            return np.array(self.cells, dtype=np.int64)
        if self.of == "cell":
            return np.flatnonzero(result.obs_names.astype(str) == self.name)
        return np.flatnonzero(groups_of(result, self.of).astype(str).to_numpy() == self.name)


def save_reasons(project: Project, question: WhyQuestion, found: Reasons) -> None:
    """Keep an answer; the question is written last, so that what can be found is complete."""
    stem = _stem(project, question)
    stem.parent.mkdir(parents=True, exist_ok=True)
    answer = found.explanation
    for name, table in zip(_TABLES, (answer.genes, found.pathways, found.deletion), strict=True):
        with replacing(_table(stem, name)) as temporary:
            table.to_csv(temporary, index=False)
    facts = {
        "label": answer.label,
        "against": answer.against,
        "n_cells": answer.n_cells,
        "margin": answer.margin,
        "no_pathways": found.no_pathways,
    }
    write_json(stem.with_suffix(".json"), {"question": question.to_dict(), **facts})


def load_reasons(project: Project, question: WhyQuestion) -> Reasons | None:
    """Return the answer to a question about the present result, or None where it was not asked yet.

    Raises
    ------
    ProjectError
        If a file is damaged.
    """
    import pandas as pd  # noqa: PLC0415

    from sctl.analysis.explain import Explanation  # noqa: PLC0415
    from sctl.workflow.explanations import Reasons  # noqa: PLC0415

    stem = _stem(project, question)
    path = stem.with_suffix(".json")
    if not all(map(is_intact, (path, *(_table(stem, name) for name in _TABLES)))):
        return None
    facts = read_json(path)
    try:
        return Reasons(
            explanation=Explanation(
                label=str(facts["label"]),
                against=str(facts["against"]),
                n_cells=int(facts["n_cells"]),
                margin=float(facts["margin"]),
                genes=_read(stem, "genes", least=1),
            ),
            pathways=pd.DataFrame() if facts["no_pathways"] else _read(stem, "pathways"),
            no_pathways=str(facts["no_pathways"]),
            deletion=_read(stem, "deletion", least=1),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise unreadable(path) from error


def why_questions(project: Project) -> list[WhyQuestion]:
    """Return what was explained of the present result, in a fixed order.

    Raises
    ------
    ProjectError
        If a file is damaged.
    """
    found = []
    for path in filter(is_intact, sorted(_folder(project).glob("why_*.json"))):
        try:
            found.append(WhyQuestion.from_dict(read_json(path)["question"]))
        except (KeyError, TypeError, ValueError, OverflowError, ParameterError) as error:
            raise unreadable(path) from error
    return sorted(found, key=lambda question: (question.of, question.name, question.against or ""))


def keep_gene_sets(project: Project, sets: GeneSets) -> str:
    """Keep gene sets that the user gave, and return their reference."""
    content = sets.to_dict()
    reference = digest(canonical(content))
    path = _sets(project, reference)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content)
    return reference


def load_gene_sets(project: Project, reference: str) -> GeneSets:
    """Return gene sets that :func:`keep_gene_sets` kept.

    Raises
    ------
    ProjectError
        If the file is damaged or gone.
    """
    from sctl.genesets import GeneSets  # noqa: PLC0415

    path = _sets(project, reference)
    if not is_intact(path):
        raise _sets_lost(path)
    try:
        return GeneSets.from_dict(read_json(path))
    except (KeyError, TypeError, ProjectError) as error:
        raise _sets_lost(path) from error


def _sets_lost(path: Path) -> ProjectError:
    forgotten(path)
    return ProjectError(
        "The gene sets that were added here are missing or damaged.",
        do="Add the file of gene sets again, or choose other sets.",
    )


def _folder(project: Project) -> Path:
    return project.result_dir("theta") / "reasons"


def _stem(project: Project, question: WhyQuestion) -> Path:
    return _folder(project) / f"why_{digest(canonical(question.to_dict()))}"


def _table(stem: Path, name: str) -> Path:
    return stem.with_name(f"{stem.name}_{name}.csv")


def _read(stem: Path, name: str, least: int = 0) -> pd.DataFrame:
    texts, numbers = _TABLES[name]
    return stored_table(_table(stem, name), texts=texts, numbers=numbers, least=least)


def _sets(project: Project, reference: str) -> Path:
    return _folder(project) / f"sets_{reference}.json"
