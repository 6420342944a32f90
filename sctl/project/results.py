"""Results of a project's steps as values: what jobs save and pages load.

Every loader gives the result for the present settings or, where that is not finished, the newest older
one (``Project.state`` tells which), and raises ``ProjectError`` where there is none at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.analysis.markers import COLUMNS
from sctl.data import Pair, TransferResult, read_result, result_only
from sctl.errors import DataError, ProjectError
from sctl.io import read_h5ad, read_obs
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.methods.transfercluster.theta import ThetaPoint
from sctl.preprocess import Prepared
from sctl.project.checksums import is_intact
from sctl.project.files import read_json, replacing, write_json
from sctl.project.folder import Project
from sctl.project.genes import n_cells, save_genes, target_names
from sctl.project.inputs import write_dataset
from sctl.project.memory import keep, kept
from sctl.project.repairs import save_repairs
from sctl.project.soundness import require_maps, require_points, require_result, stored_arrays, stored_table
from sctl.project.steps import finished, note_damage, require_intact, unreadable

MAPS, MARKERS = "maps.npz", "markers.csv"
RESULT, SWEEP, POINTS = "result.h5ad", "sweep.npz", "points"
LATENT = "latent.npz"
"""Where a method has the cells of its reference in the space that it learned."""
TRAINED = "trained.sctl"
"""What a method learned from a source of cells, beside its result."""
OPINION = "second_opinion.h5ad"
"""What simple classifiers say of the same cells, where the result itself comes later."""


# -- preprocess ----------------------------------------------------------------------------------


def save_prepared(directory: Path, prepared: Prepared) -> None:
    """Write what the preprocessing made: the pair, the target with all its genes, and the report."""
    pair = prepared.pair
    for name, adata in (("source", pair.source), ("target", pair.target), ("target_all", prepared.target_all)):
        save_dataset(directory / f"{name}.h5ad", adata)
    save_genes(directory, prepared.target_all)
    write_json(
        directory / "pair.json",
        {"label_key": pair.label_key, "batch_key": pair.batch_key, "profiles_only": pair.profiles_only},
    )
    write_json(directory / "report.json", prepared.report.to_dict())
    save_repairs(directory, prepared)


def load_pair(project: Project) -> Pair:
    """Return the pair that methods work on."""
    directory = project.require("preprocess")
    keys = _facts(directory / "pair.json")
    try:
        return Pair(
            source=load_dataset(directory / "source.h5ad"),
            target=load_dataset(directory / "target.h5ad"),
            label_key=keys.get("label_key"),
            batch_key=keys.get("batch_key"),
            profiles_only=bool(keys.get("profiles_only", False)),
        )
    except (DataError, TypeError) as error:
        raise unreadable(directory / "pair.json") from error


def source_table(project: Project) -> pd.DataFrame:
    """Return the table of the source cells that were kept, without their values."""
    return _table(project.result_dir("preprocess") / "source.h5ad")


def target_table(project: Project) -> pd.DataFrame:
    """Return the table of the target cells that were kept, without their values."""
    return _table(project.require("preprocess") / "target_all.h5ad")


def _table(path: Path) -> pd.DataFrame:
    try:
        return read_obs(require_intact(path), path.name)
    except DataError as error:
        raise unreadable(path) from error


def load_target(project: Project) -> AnnData:
    """Return the target's side of the pair."""
    return load_dataset(project.require("preprocess") / "target.h5ad")


def load_target_all(project: Project) -> AnnData:
    """Return the kept target cells with all their genes, log-normalised."""
    return load_dataset(project.require("preprocess") / "target_all.h5ad")


def load_report(project: Project) -> dict[str, Any]:
    """Return what the preprocessing dropped, as numbers and sentences."""
    return _facts(project.require("preprocess") / "report.json")


# -- transfer and θ ------------------------------------------------------------------------------


def save_point(directory: Path, point: ThetaPoint) -> None:
    """Write one finished θ of a sweep, whole or not at all."""
    write_json(directory / POINTS / f"{point.theta:.6f}.json", point.to_dict())


def points_in(directory: Path, *, n_target: int | None = None) -> list[ThetaPoint]:
    """Return the finished θ of a folder, in the order of θ; a damaged one counts as not finished.

    Parameters
    ----------
    directory : Path
    n_target : int, optional
        Cells that they must be about.
    """
    found = {}
    for path in filter(is_intact, sorted((directory / POINTS).glob("[0-9]*.json"))):
        try:
            point = ThetaPoint.from_dict(read_json(path))
            require_points([point], n_target=n_target)
            found[path] = point
        except (ProjectError, KeyError, OverflowError, TypeError, ValueError, AttributeError):
            note_damage(path)
    try:
        require_points(list(found.values()))
    except ValueError:  # which of them is about the cells of this result cannot be known
        for path in found:
            note_damage(path)
        return []
    return list(found.values())


def present_points(project: Project) -> list[ThetaPoint]:
    """Return the finished θ under the present settings, also while the sweep runs."""
    directory = project.result_dir("transfer")
    cells = cells_of_result(project, directory)
    return points_in(directory, n_target=None if cells is None else len(cells))


def load_points(project: Project) -> list[ThetaPoint]:
    """Return the finished θ of the sweep, also while it runs; an empty list where there are none."""
    current = present_points(project)
    if current or project.state("transfer") == "running":
        return current
    older = project.latest_result_dir("transfer")
    return points_in(older) if older else []


def save_sweep(directory: Path, sweep: ThetaSweep) -> None:
    """Write a prepared sweep."""
    with replacing(directory / SWEEP) as temporary:
        sweep.save(temporary)


def sweep_in(directory: Path) -> ThetaSweep:
    """Return the prepared sweep of a folder."""
    try:
        return ThetaSweep.load(require_intact(directory / SWEEP))
    except DataError as error:
        raise unreadable(directory / SWEEP) from error


def load_sweep(project: Project) -> ThetaSweep:
    """Return the prepared sweep, from which any θ is evaluated in milliseconds; also while it runs."""
    current = project.result_dir("transfer")
    directory = current if is_intact(current / SWEEP) else project.require("transfer")
    if not (directory / SWEEP).exists():
        raise ProjectError(
            "The chosen method has no θ.", do="Choose TransferCluster to set how much to trust the source."
        )
    sweep, cells = sweep_in(directory), cells_of_result(project, directory)
    if cells is not None and sweep.n_obs != len(cells):
        raise unreadable(directory / SWEEP)
    return sweep


def save_result(path: Path, result: TransferResult) -> None:
    """Write a result without expression values."""
    save_dataset(path, result_only(result))


def result_in(directory: Path, name: str = RESULT, *, cells: pd.Index | None = None) -> TransferResult:
    """Return the one result that a file of a folder holds.

    Parameters
    ----------
    directory : Path
    name : str
        Of the file.
    cells : Index, optional
        Names of the cells that it must be about.
    """
    adata = load_dataset(directory / name)
    methods = [str(key).removeprefix("sctl_") for key in adata.uns if str(key).startswith("sctl_")]
    if len(methods) != 1:
        raise unreadable(directory / name)
    try:
        result = read_result(adata, methods[0])
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise unreadable(directory / name) from error
    require_result(result, directory / name, cells=cells)
    return result


def load_result(project: Project) -> TransferResult:
    """Return the result of the method that the project uses, at the chosen θ."""
    directory = project.require("theta")
    return result_in(directory, cells=cells_of_result(project, directory))


def trained_file(project: Project) -> Path | None:
    """Return the file with what was learned from the source, or None where nothing was that could be kept."""
    path = project.result_dir("transfer") / TRAINED
    return path if is_intact(path) else None


def cells_of_result(project: Project, directory: Path) -> pd.Index | None:
    """Return the names of the cells that a result is about; None for one of earlier settings, which may be others."""
    present = directory == project.result_dir(directory.parent.name)
    return target_names(project) if present and finished(project.result_dir("preprocess")) else None


# -- explore and markers -------------------------------------------------------------------------


def save_embeddings(directory: Path, maps: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write maps (arrays by name)."""
    with replacing(directory / MAPS) as temporary:
        np.savez_compressed(temporary, **dict(maps))  # type: ignore[arg-type]


def embeddings_in(directory: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the maps of a folder by name; none where there is no file yet."""
    path = directory / MAPS
    maps = stored_arrays(path) if is_intact(path) else {}
    require_maps(maps, path)
    return maps


def load_maps(project: Project) -> dict[str, np.ndarray[Any, Any]]:
    """Return the maps that are finished under the present settings, of the cells that were kept.

    Raises
    ------
    ProjectError
        If the file is damaged, or about other cells.
    """
    maps = embeddings_in(project.result_dir("explore"))
    if maps:
        n_source = len(source_table(project))
        require_maps(maps, project.result_dir("explore") / MAPS, n_target=n_cells(project), n_source=n_source)
    return maps


def load_embeddings(project: Project) -> dict[str, np.ndarray[Any, Any]]:
    """Return the maps by name, see :func:`sctl.workflow.explore`; while they are drawn, those that are finished."""
    found = embeddings_in(project.result_dir("explore"))
    if not found:
        directory = project.require("explore")
        require_intact(directory / MAPS)
        found = embeddings_in(directory)
    return found


def save_markers(directory: Path, markers: pd.DataFrame) -> None:
    """Write the table of markers."""
    with replacing(directory / MARKERS) as temporary:
        markers.to_csv(temporary, index=False)


def load_markers(project: Project) -> pd.DataFrame:
    """Return the table of markers of each cluster or label, see :func:`sctl.analysis.markers.rank_markers`."""
    texts = ("group", "gene")
    path = project.require("markers") / MARKERS
    return stored_table(path, texts=texts, numbers=[name for name in COLUMNS if name not in texts])


# -- files -------------------------------------------------------------------------------------


def save_dataset(path: Path, adata: AnnData) -> None:
    """Write a dataset whole or not at all, and leave it as it is."""
    with replacing(path) as temporary:
        write_dataset(adata, temporary)
    keep(path, adata)


def load_dataset(path: Path) -> AnnData:
    """Read a dataset that :func:`save_dataset` wrote; ``ProjectError`` where it is damaged."""
    try:
        if (known := kept(require_intact(path))) is not None:
            return known
        adata = read_h5ad(path, path.name)
    except DataError as error:
        raise unreadable(path) from error
    keep(path, adata)
    return adata


def _facts(path: Path) -> dict[str, Any]:
    try:
        return read_json(require_intact(path))
    except ProjectError as error:
        raise unreadable(path) from error


Arrays = dict[str, "np.ndarray[Any, Any]"]


def keep_latent(directory: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write ``points`` (n_source, n_dims) and ``types`` (n_source,) of a reference."""
    with replacing(directory / LATENT) as temporary:
        np.savez_compressed(temporary, **dict(arrays))  # type: ignore[arg-type]


def latent_in(directory: Path) -> Arrays | None:
    """Return what :func:`keep_latent` wrote, or None."""
    path = directory / LATENT
    return stored_arrays(path) if is_intact(path) else None
