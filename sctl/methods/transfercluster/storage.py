"""A sweep as a file: arrays and JSON, no pickles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from sctl.data import Diagnostics, from_uns, to_uns
from sctl.errors import DataError
from sctl.io import read_arrays
from sctl.methods.transfercluster.clusterers import CLUSTERERS
from sctl.methods.transfercluster.kernels import ThetaKernels
from sctl.methods.transfercluster.landmarks import CrossKernels
from sctl.methods.transfercluster.sc3 import Sc3
from sctl.methods.transfercluster.target_only_genes import TargetOnlyGenes

if TYPE_CHECKING:
    from sctl.methods.transfercluster.sweep import ThetaSweep


def save(sweep: ThetaSweep, path: Path) -> None:
    """Write a sweep as ``.npz``."""
    parts = _named("kernels", sweep.kernels)
    parts |= {
        "loadings": sweep.loadings,
        "type_names": np.array(sweep.type_names, dtype=str),
        "n_clusters": sweep.n_clusters,
        "settings": np.array(json.dumps(asdict(sweep.settings))),
        "seed": sweep.seed,
        "clusterer": np.array(sweep.clusterer),
    }
    parts["notes"] = np.array(json.dumps(to_uns(sweep.diagnostics)))
    if sweep.cells is not None:
        parts["cells"] = sweep.cells
    if sweep.rejection is not None:
        parts["rejection"] = sweep.rejection
    if sweep.cross is not None:
        parts |= _named("cross", sweep.cross)
        parts["landmarks"] = sweep.landmarks
    if sweep.expression is not None:
        X = sparse.csr_matrix(sweep.expression)
        parts |= {"x_data": X.data, "x_indices": X.indices, "x_indptr": X.indptr, "dictionary": sweep.dictionary}
    if sweep.nulls:
        names = [name for name in _NULL_PARTS if getattr(sweep.nulls[0], name) is not None]
        parts |= {f"null_{name}": np.stack([getattr(null, name) for null in sweep.nulls]) for name in names}
        parts |= {name: value for i, null in enumerate(sweep.nulls) for name, value in _own_of(f"null{i}", null)}
    with path.open("wb") as file:
        np.savez(file, **parts)


_NULL_PARTS = ("M", "z", "weights")  # all else is that of the kernels, and own genes are kept apart


def _named(prefix: str, parts: ThetaKernels | CrossKernels) -> dict[str, Any]:
    named = {f"{prefix}_{name}": value for name, value in vars(parts).items() if value is not None and name != "own"}
    return named | dict(_own_of(prefix, parts))


def _own_of(prefix: str, parts: ThetaKernels | CrossKernels) -> Iterator[tuple[str, Any]]:
    for name, value in vars(parts.own).items() if parts.own is not None else ():
        if value is not None:
            yield f"own_{prefix}_{name}", value


def _own(prefix: str, parts: Mapping[str, Any]) -> TargetOnlyGenes | None:
    start = f"own_{prefix}_"
    own = {name[len(start) :]: value for name, value in parts.items() if name.startswith(start)}
    return TargetOnlyGenes(**own | {"n_vars": int(own["n_vars"])}) if own else None


def load(path: Path) -> dict[str, Any]:
    """Read what a :class:`~sctl.methods.transfercluster.sweep.ThetaSweep` is made of.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    try:
        found = _from_parts(read_arrays(path))
        _require_fit(found)
        return found
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise DataError(
            f"The θ sweep in {path.name} cannot be read.",
            expected="It is written when a sweep runs.",
            do="Run the sweep again.",
        ) from error


def _from_parts(parts: Mapping[str, Any]) -> dict[str, Any]:
    kernels = {name[8:]: value for name, value in parts.items() if name.startswith("kernels_")}
    kernels["n_vars"] = int(kernels["n_vars"])
    cross = {name[6:]: value for name, value in parts.items() if name.startswith("cross_")}
    expression = None
    if "x_data" in parts:
        shape = (len(kernels["z"]), kernels["n_vars"])
        expression = sparse.csr_matrix((parts["x_data"], parts["x_indices"], parts["x_indptr"]), shape=shape)
    clustered = ThetaKernels(**kernels, own=_own("kernels", parts))
    return {
        "kernels": clustered,
        "loadings": parts["loadings"],
        "type_names": tuple(map(str, parts["type_names"])),
        "n_clusters": int(parts["n_clusters"]),
        "settings": _settings(str(parts["settings"])),
        "seed": int(parts["seed"]),
        "clusterer": str(parts["clusterer"]),
        "expression": expression,
        "dictionary": parts.get("dictionary"),
        "landmarks": parts.get("landmarks"),
        "cross": CrossKernels(**cross, own=_own("cross", parts)) if cross else None,
        "rejection": parts.get("rejection"),
        "cells": parts.get("cells"),
        "diagnostics": from_uns(Diagnostics, json.loads(str(parts.get("notes", "{}")))),
        "nulls": _nulls(clustered, parts),
    }


def _nulls(clustered: ThetaKernels, parts: Mapping[str, Any]) -> tuple[ThetaKernels, ...]:
    stacked = {name: parts[f"null_{name}"] for name in _NULL_PARTS if f"null_{name}" in parts}
    n_nulls = len(stacked["z"]) if stacked else 0
    return tuple(
        replace(clustered, own=_own(f"null{i}", parts), **{name: values[i] for name, values in stacked.items()})
        for i in range(n_nulls)
    )


def _settings(text: str) -> Sc3:
    values: dict[str, Any] = json.loads(text)
    values |= {name: tuple(values[name]) for name in ("distances", "transformations")}
    return Sc3(**values)


_MOST_GENES = 100_000_000


def _require_fit(found: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` where the parts are not of one size, or point outside of one another."""
    kernels, cross, loadings, landmarks = (found[name] for name in ("kernels", "cross", "loadings", "landmarks"))
    n_types, n_cells, n_obs = len(kernels.Q), len(kernels.z), len(loadings)
    n_others = 0 if cross is None else len(cross.z)
    for one in (kernels, *found["nulls"]):
        _require_kernels(one, n_types)
    if cross is not None:
        _require_shape(cross.A, n_others, n_cells)
        _require_shape(cross.M, n_types, n_others)
        _require_places(cross.z, n_types, n_others)
        for values in (cross.lengths, cross.cell_means):
            _require_shape(values, n_others)
        _require_shape(cross.weights, n_others, n_types)
    _require_shape(loadings, n_obs, len(found["type_names"]))
    _require_shape(found["rejection"], n_obs, None)
    if found["cells"] is not None and not np.array_equal(np.sort(found["cells"]), np.arange(n_obs)):
        raise ValueError("the order of the cells is none")
    _require_shape(found["dictionary"], n_types, kernels.n_vars)
    if found["expression"] is not None:
        found["expression"].check_format(full_check=True)
    if landmarks is not None:
        _require_places(landmarks, n_obs, n_cells)
    n_known = n_cells + n_others
    if (
        n_known != n_obs
        or not 1 <= kernels.n_vars <= _MOST_GENES
        or not 1 <= found["n_clusters"] <= n_obs
        or found["clusterer"] not in CLUSTERERS
    ):
        raise ValueError("the parts are of other numbers of cells")


def _require_kernels(kernels: ThetaKernels, n_types: int) -> None:
    n_cells = len(kernels.z)
    _require_places(kernels.z, n_types, n_cells)
    _require_shape(kernels.A, n_cells, n_cells)
    _require_shape(kernels.M, n_types, n_cells)
    _require_shape(kernels.Q, n_types, n_types)
    _require_shape(kernels.cell_means, n_cells)
    _require_shape(kernels.type_means, n_types)
    _require_shape(kernels.weights, n_cells, n_types)
    if kernels.own is not None:
        _require_shape(kernels.own.products, None, n_cells, None)
        _require_shape(kernels.own.lengths, None, n_cells)
        _require_shape(kernels.own.totals, None, n_cells)


def _require_shape(values: Any, *sides: int | None) -> None:
    """Raise ``ValueError`` where numbers are none, or do not have the given sides; None stands for any."""
    if values is None:
        return
    fits = len(values.shape) == len(sides) and all(s in (None, n) for s, n in zip(sides, values.shape, strict=True))
    if not fits or values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise ValueError("a part has another shape, or holds what is no number")


def _require_places(places: Any, n: int, length: int) -> None:
    """Raise ``ValueError`` where places are none within ``n`` things."""
    _require_shape(places, length)
    if places.dtype.kind not in "iu" or (length and not 0 <= places.min() <= places.max() < n):
        raise ValueError("a place lies outside")
