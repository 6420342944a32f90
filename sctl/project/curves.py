"""How right labels were for each number of neighbours, kept beside the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sctl.project.checksums import is_intact
from sctl.project.files import canonical, digest, replacing
from sctl.project.folder import Project
from sctl.project.reasons import read_table

if TYPE_CHECKING:
    import pandas as pd


def save_curves(project: Project, curves: pd.DataFrame) -> None:
    """Keep what :func:`sctl.pipeline.neighbour_curves` gave for the present result and truth."""
    path = _file(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        curves.to_csv(temporary, index=False)


def load_curves(project: Project) -> pd.DataFrame | None:
    """Return it, or None where it was not asked for, or the truth has changed since."""
    path = _file(project)
    return read_table(path) if is_intact(path) else None


def _file(project: Project) -> Path:
    truth = project.truth()
    known = {} if truth is None else {str(cell): str(kind) for cell, kind in truth.items()}
    return project.result_dir("theta") / f"neighbours_{digest(canonical(known))}.csv"
