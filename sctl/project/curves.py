"""How right labels were for each number of neighbours, kept beside the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sctl.project.checksums import is_intact
from sctl.project.files import canonical, digest, replacing
from sctl.project.folder import Project
from sctl.project.soundness import stored_table

if TYPE_CHECKING:
    import pandas as pd


def save_curves(project: Project, curves: pd.DataFrame) -> None:
    """Keep what :func:`sctl.workflow.neighbor_curves` gave for the present result and truth."""
    path = _file(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        curves.to_csv(temporary, index=False)


def load_curves(project: Project) -> pd.DataFrame | None:
    """Return it, or None where it was not asked for, or the truth has changed since.

    Raises
    ------
    ProjectError
        If the file is damaged.
    """
    path = _file(project)
    if not is_intact(path):
        return None
    return stored_table(path, texts=("space",), numbers=("k", "accuracy", "macro_f1"), least=1)


def _file(project: Project) -> Path:
    truth = project.truth()
    known = {} if truth is None else {str(cell): str(kind) for cell, kind in truth.items()}
    return project.result_dir("theta") / f"neighbours_{digest(canonical(known))}.csv"
