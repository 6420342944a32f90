"""The consensus step on disk: one file for each number of clusters, so that a stop loses none, and the estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sctl.methods.transfercluster.n_clusters import NumberEstimate
from sctl.project.checksums import is_intact
from sctl.project.files import UNREADABLE, read_json, replacing, write_json
from sctl.project.folder import Project
from sctl.project.genes import gene_names, n_cells
from sctl.project.soundness import require_consensus, stored_arrays
from sctl.project.steps import unreadable
from sctl.workflow import ConsensusPoint

ESTIMATE = "estimate.json"
_ARRAYS = ("clusters", "compared", "runs", "order", "silhouettes", "outliers")
_GENES = "gene_"
_SHOWN = 60  # eigenvalues that are kept: enough to see where they sink into noise


def save_consensus(directory: Path, point: ConsensusPoint) -> None:
    """Write what is known of one number of clusters, whole or not at all."""
    parts: dict[str, Any] = {name: getattr(point, name) for name in _ARRAYS}
    parts["runs"] = point.runs.astype(np.min_scalar_type(int(point.runs.max(initial=0))))
    parts |= {f"{_GENES}{name}": values.to_numpy() for name, values in point.genes.drop(columns="gene").items()}
    with replacing(number_file(directory, point.n_clusters)) as temporary:
        np.savez_compressed(temporary, **parts)


def numbers_in(directory: Path) -> tuple[int, ...]:
    """Return the numbers of clusters that are finished, ascending; also while others are computed."""
    return tuple(sorted(int(path.stem[1:]) for path in directory.glob("k[0-9][0-9][0-9].npz") if is_intact(path)))


def load_consensus(project: Project, n_clusters: int) -> ConsensusPoint:
    """Return what is known of one number of clusters."""
    path = number_file(project.result_dir("consensus"), n_clusters)
    parts = stored_arrays(path)
    try:
        genes = {name[len(_GENES) :]: values for name, values in parts.items() if name.startswith(_GENES)}
        table = pd.DataFrame({"gene": gene_names(project), **genes})
        point = ConsensusPoint(n_clusters=n_clusters, genes=table, **{name: parts[name] for name in _ARRAYS})
    except UNREADABLE as error:
        raise unreadable(path) from error
    require_consensus(point, path, n_target=n_cells(project))
    return point


def load_clusters(project: Project, n_clusters: int) -> Any:
    """Return only the clusters for one number of clusters, shape (n_obs,)."""
    return load_consensus(project, n_clusters).clusters


def save_estimate(directory: Path, estimate: NumberEstimate) -> None:
    """Write the estimate of the number of clusters with the largest eigenvalues."""
    kept = estimate.eigenvalues[: max(_SHOWN, estimate.n_clusters + 5)]
    write_json(
        directory / ESTIMATE,
        {"n_clusters": estimate.n_clusters, "threshold": estimate.threshold, "eigenvalues": kept.tolist()},
    )


def load_estimate(project: Project) -> dict[str, Any] | None:
    """Return the estimate (``n_clusters``, ``threshold``, ``eigenvalues``), or None where there is none yet."""
    path = project.result_dir("consensus") / ESTIMATE
    return read_json(path) if is_intact(path) else None


def number_file(directory: Path, n_clusters: int) -> Path:
    """Return the file of one number of clusters; it may not exist yet."""
    return directory / f"k{n_clusters:03d}.npz"
