"""Results of analyses on demand that pages show without choosing parameters, checked against the project."""

from __future__ import annotations

from typing import Any

import numpy as np

from sctl.data import TransferResult
from sctl.project import analyses
from sctl.project.folder import Project
from sctl.project.genes import n_cells
from sctl.project.soundness import require_maps
from sctl.workflow import self_test_tables


def load_baselines(project: Project) -> dict[str, TransferResult]:
    """Return the baselines of a sweep that are finished, by method; also while it runs."""
    return {result.method: result for result in analyses.load(project, "compare")}


def load_latent_map(project: Project) -> dict[str, np.ndarray[Any, Any]]:
    """Return the map of both datasets in the space that the method learned; empty where none is drawn."""
    maps: dict[str, np.ndarray[Any, Any]] = analyses.load(project, "latent") or {}
    if maps:
        require_maps(maps, analyses.folder(project, "latent") / "result.npz", n_target=n_cells(project))
    return maps


def load_self_test(project: Project) -> dict[str, dict[str, list[Any]]]:
    """Return a table for each kind of test of the reference, as columns; empty where nothing is finished."""
    return self_test_tables(analyses.load(project, "self_test"))
