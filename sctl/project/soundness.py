"""Whether what a result's files hold fits together: others may have changed them, and no page must stumble over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sctl.project.steps import require_intact, unreadable

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    from sctl.data import TransferResult
    from sctl.pipeline import ConsensusPoint
    from sctl.sweep import ThetaPoint

_TYPES = "_source_types"
_INDEX = "_source_index"  # places of source cells among the parts of a map


def stored_arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of a file; ``ProjectError`` where it is damaged."""
    from sctl.errors import DataError  # noqa: PLC0415
    from sctl.io import read_arrays  # noqa: PLC0415

    try:
        return read_arrays(require_intact(path))
    except DataError as error:
        raise unreadable(path) from error


def require_maps(
    maps: Mapping[str, Any], path: Path, *, n_target: int | None = None, n_source: int | None = None
) -> None:
    """Raise ``ProjectError`` where coordinates are none, or are not those of one target and one source.

    Parameters
    ----------
    maps : mapping of str to ndarray
        See :func:`sctl.pipeline.explore`.
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
            sound = values.ndim == 2 and values.shape[1] == 2 and values.dtype.kind == "f"
            side = f"{name.split('_')[0]}_source" if name.endswith("_source") else "target"
        if not sound:
            raise unreadable(path)
        sides.setdefault(side, set()).add(len(values))
    apart = any(len(lengths) > 1 for lengths in sides.values())
    alone = any(side != "target" and f"{side}_index" not in maps for side in sides)
    if apart or alone or (n_target is not None and sides.get("target", {n_target}) != {n_target}):
        raise unreadable(path)


def require_points(points: Sequence[ThetaPoint]) -> None:
    """Raise ``ValueError`` where the θ of one sweep are not about the same cells, or a number is none."""
    import numpy as np  # noqa: PLC0415

    for point in points:
        scores = [*point.scores.values(), point.kta, point.target_kta, point.silhouette, point.theta, point.seconds]
        sound = np.isfinite(np.array(scores, dtype=float)).all() and 0 <= point.theta <= 1
        if not sound or point.clusters.ndim != 1 or (point.clusters < 0).any():
            raise ValueError("a score or a cluster is none")
    if len({len(point.clusters) for point in points}) > 1:
        raise ValueError("the θ are about different cells")


def require_result(result: TransferResult, path: Path) -> None:
    """Raise ``ProjectError`` where the parts of a result are about different cells, clusters or types."""
    n_obs, n_clusters, n_labels = result.n_obs, len(result.cluster_names), len(result.label_names)
    shapes = (
        result.proba.shape == (n_obs, n_clusters)
        and result.label_proba.shape == (n_obs, n_labels)
        and result.embedding.ndim == 2
        and result.confidence.shape == (n_obs,)
    )
    numbers = (result.proba, result.label_proba, result.embedding, result.confidence)
    inside = n_obs == 0 or -1 <= result.clusters.min() <= result.clusters.max() < n_clusters
    if not shapes or not inside or any(values.dtype.kind not in "biuf" for values in numbers):
        raise unreadable(path)


def require_consensus(point: ConsensusPoint, path: Path) -> None:
    """Raise ``ProjectError`` where the parts of a consensus are about different cells, or point outside."""
    n_obs, n_compared = len(point.clusters), len(point.compared)
    lines = (point.clusters, point.compared, point.order, point.silhouettes, point.outliers)
    sound = (
        all(values.ndim == 1 for values in lines)
        and all(len(values) == n_compared for values in lines[2:])
        and point.runs.ndim == 2
        and point.runs.shape[1] == n_compared
    )
    places = (
        (point.compared, n_obs),
        (point.order, n_compared),
        (point.clusters, point.n_clusters),
        (point.runs, None),
    )
    if not sound or not all(_are_places(values, limit) for values, limit in places):
        raise unreadable(path)


def _are_places(values: Any, limit: int | None) -> bool:
    inside = values.dtype.kind in "iu" and (values.size == 0 or values.min() >= 0)
    return bool(inside and (limit is None or values.size == 0 or values.max() < limit))
