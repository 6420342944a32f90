"""Whether what a result's files hold fits together: others may have changed them, and no page must stumble over it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sctl.analysis.second_opinion import OPINION
from sctl.data import TransferResult
from sctl.errors import DataError
from sctl.io import read_arrays
from sctl.methods.transfercluster.theta import ThetaPoint
from sctl.project.steps import require_intact, unreadable
from sctl.workflow import ConsensusPoint

_TYPES = "_source_types"
_INDEX = "_source_index"  # places of source cells among the parts of a map


def stored_arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of a file; ``ProjectError`` where it is damaged."""
    try:
        return read_arrays(require_intact(path))
    except DataError as error:
        raise unreadable(path) from error


def stored_table(path: Path, *, texts: Sequence[str], numbers: Sequence[str], least: int = 0) -> pd.DataFrame:
    """Return a table of a result.

    Parameters
    ----------
    path : Path
    texts, numbers : sequence of str
        Columns that it must have; others are returned as they are. A number may be missing.
    least : int
        Rows that it has at least.

    Raises
    ------
    ProjectError
        If it is damaged, or another table.
    """
    try:
        kinds: dict[Hashable, type[str]] = dict.fromkeys(texts, str)
        table = pd.read_csv(require_intact(path), dtype=kinds, keep_default_na=False, na_values=[""])
    except (OSError, ValueError, OverflowError, pd.errors.ParserWarning) as error:
        raise unreadable(path) from error
    there = {*texts, *numbers} <= set(table.columns) and len(table) >= least
    if not there or (len(table) and any(table[name].dtype.kind not in "iuf" for name in numbers)):
        raise unreadable(path)
    return table.fillna(dict.fromkeys(texts, ""))


def require_maps(
    maps: Mapping[str, Any], path: Path, *, n_target: int | None = None, n_source: int | None = None
) -> None:
    """Raise ``ProjectError`` where coordinates are none, or are not those of one target and one source.

    Parameters
    ----------
    maps : mapping of str to ndarray
        See :func:`sctl.workflow.explore`.
    path : Path
        Their file.
    n_target, n_source : int, optional
        Cells that there are.
    """
    sides: dict[str, set[int]] = {}
    for name, values in maps.items():
        if name.endswith(_INDEX):
            inside = values.ndim == 1 and values.dtype.kind in "iu" and (values >= 0).all()
            sound = inside and (n_source is None or (values < n_source).all())
            side = name.removesuffix("_index")
        elif name.endswith(_TYPES):
            sound, side = values.ndim == 1 and values.dtype.kind == "U", name.replace(_TYPES, "_source")
        else:
            sound = values.ndim == 2 and values.shape[1] == 2 and _are_finite(values)
            side = f"{name.split('_')[0]}_source" if name.endswith("_source") else "target"
        if not sound:
            raise unreadable(path)
        sides.setdefault(side, set()).add(len(values))
    apart = any(len(lengths) > 1 for lengths in sides.values())
    alone = any(side != "target" and f"{side}_index" not in maps for side in sides)
    if apart or alone or (n_target is not None and sides.get("target", {n_target}) != {n_target}):
        raise unreadable(path)


def require_points(points: Sequence[ThetaPoint], *, n_target: int | None = None) -> None:
    """Raise ``ValueError`` where the θ of one sweep are not about the same cells, or a number is none.

    Parameters
    ----------
    points : sequence of ThetaPoint
    n_target : int, optional
        Cells that they are about.
    """
    for point in points:
        scores = [*point.scores.values(), point.kta, point.target_kta, point.silhouette, point.theta, point.seconds]
        sound = np.isfinite(np.array(scores, dtype=float)).all() and 0 <= point.theta <= 1
        if not sound or point.clusters.ndim != 1 or (point.clusters < 0).any():
            raise ValueError("a score or a cluster is none")
    lengths = {len(point.clusters) for point in points}
    if len(lengths) > 1 or (n_target is not None and lengths - {n_target}):
        raise ValueError("the θ are about different cells")


def require_result(result: TransferResult, path: Path, *, cells: pd.Index | None = None) -> None:
    """Raise ``ProjectError`` where the parts of a result are about different cells, clusters or types.

    Parameters
    ----------
    result : TransferResult
    path : Path
        Its file.
    cells : Index, optional
        Names of the cells that it is about.
    """
    n_obs, n_clusters, n_labels = result.n_obs, len(result.cluster_names), len(result.label_names)
    shapes = (
        result.proba.shape == (n_obs, n_clusters)
        and result.label_proba.shape == (n_obs, n_labels)
        and result.embedding.ndim == 2
        and result.confidence.shape == (n_obs,)
    )
    opinion = result.obsm.get(OPINION)
    shapes = shapes and (opinion is None or opinion.shape == (n_obs, n_labels))
    numbers = (result.proba, result.label_proba, result.embedding, result.confidence)
    inside = n_obs == 0 or -1 <= result.clusters.min() <= result.clusters.max() < n_clusters
    known = cells is None or cells.equals(result.obs_names.astype(str))
    if not shapes or not inside or not known or any(values.dtype.kind not in "biuf" for values in numbers):
        raise unreadable(path)


def require_consensus(point: ConsensusPoint, path: Path, *, n_target: int | None = None) -> None:
    """Raise ``ProjectError`` where the parts of a consensus are about different cells, or point outside.

    Parameters
    ----------
    point : ConsensusPoint
    path : Path
        Its file.
    n_target : int, optional
        Cells that it is about.
    """
    n_obs, n_compared = len(point.clusters), len(point.compared)
    lines = (point.clusters, point.compared, point.order, point.silhouettes, point.outliers)
    sound = (
        all(values.ndim == 1 for values in lines)
        and all(len(values) == n_compared for values in lines[2:])
        and point.runs.ndim == 2
        and point.runs.shape[1] == n_compared
        and n_target in (None, n_obs)
    )
    places = (
        (point.compared, n_obs),
        (point.order, n_compared),
        (point.clusters, point.n_clusters),
        (point.runs, None),
    )
    if not sound or not all(_are_places(values, limit) for values, limit in places):
        raise unreadable(path)


def _are_finite(values: Any) -> bool:
    return bool(values.dtype.kind == "f" and np.isfinite(values).all())


def _are_places(values: Any, limit: int | None) -> bool:
    inside = values.dtype.kind in "iu" and (values.size == 0 or values.min() >= 0)
    return bool(inside and (limit is None or values.size == 0 or values.max() < limit))
