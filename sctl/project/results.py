"""Results of a project's steps as values: what jobs save and pages load.

Every loader gives the result for the present settings or, where that is not finished, the newest older
one (``Project.state`` tells which), and raises ``ProjectError`` where there is none at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from sctl.errors import ProjectError
from sctl.project.files import damaged, read_json, replacing, write_json
from sctl.project.folder import Project

# What follows takes a second or two to import; a page that shows the list of projects does without it.
if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from anndata import AnnData

    from sctl.data import Pair, TransferResult
    from sctl.preprocess import Prepared
    from sctl.sweep import ThetaPoint, ThetaSweep

GENES, MAPS, MARKERS = "genes.h5", "maps.npz", "markers.csv"
RESULT, SWEEP, POINTS, BASELINES = "result.h5ad", "sweep.npz", "points", "baselines"


# -- preprocess ----------------------------------------------------------------------------------


def save_prepared(directory: Path, prepared: Prepared) -> None:
    """Write what the preprocessing made: the pair, the target with all its genes, and the report."""
    pair = prepared.pair
    for name, adata in (("source", pair.source), ("target", pair.target), ("target_all", prepared.target_all)):
        _save_dataset(directory / f"{name}.h5ad", adata)
    _save_genes(directory / GENES, prepared.target_all)
    write_json(directory / "pair.json", {"label_key": pair.label_key, "batch_key": pair.batch_key})
    write_json(directory / "report.json", prepared.report.to_dict())


def load_pair(project: Project) -> Pair:
    """Return the pair that methods work on."""
    from sctl.data import Pair  # noqa: PLC0415

    directory = _required(project, "preprocess")
    keys = read_json(directory / "pair.json")
    return Pair(
        source=_load_dataset(directory / "source.h5ad"),
        target=_load_dataset(directory / "target.h5ad"),
        label_key=keys.get("label_key"),
        batch_key=keys.get("batch_key"),
    )


def target_names(project: Project) -> pd.Index:
    """Return the names of the target cells that were kept, in order, without reading the data."""
    import pandas as pd  # noqa: PLC0415

    with _genes(project) as file:
        return pd.Index([name.decode() for name in file["cells"][:]])


def load_target_all(project: Project) -> AnnData:
    """Return the kept target cells with all their genes, log-normalised."""
    return _load_dataset(_required(project, "preprocess") / "target_all.h5ad")


def load_report(project: Project) -> dict[str, Any]:
    """Return what the preprocessing dropped, as numbers and sentences."""
    return read_json(_required(project, "preprocess") / "report.json")


def gene_names(project: Project) -> list[str]:
    """Return the names of all genes of the target, in the order of :func:`load_target_all`."""
    with _genes(project) as file:
        return [name.decode() for name in file["names"][:]]


def gene(project: Project, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return one gene's log-normalised values in the target, reading little else.

    Returns
    -------
    ndarray of shape (n_obs,)

    Raises
    ------
    ProjectError
        If the target has no such gene.
    """
    import numpy as np  # noqa: PLC0415

    names = gene_names(project)
    if name not in names:
        raise ProjectError(f"The target has no gene {name!r}.", do="Check how the genes of your file are named.")
    place = names.index(name)
    with _genes(project) as file:
        start, stop = file["indptr"][place : place + 2]
        values = np.zeros(int(file.attrs["n_obs"]), dtype=np.float32)
        values[file["indices"][start:stop]] = file["data"][start:stop]
    return values


# -- transfer and θ ------------------------------------------------------------------------------


def save_point(directory: Path, point: ThetaPoint) -> None:
    """Write one finished θ of a sweep, whole or not at all."""
    write_json(directory / POINTS / f"{point.theta:.6f}.json", point.to_dict())


def points_in(directory: Path) -> list[ThetaPoint]:
    """Return the finished θ of a folder, in the order of θ."""
    from sctl.sweep import ThetaPoint  # noqa: PLC0415

    paths = sorted((directory / POINTS).glob("*.json"))
    try:
        return [ThetaPoint.from_dict(read_json(path)) for path in paths]
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(directory / POINTS) from error


def load_points(project: Project) -> list[ThetaPoint]:
    """Return the finished θ of the sweep, also while it runs; an empty list where there are none."""
    current = points_in(project.result_dir("transfer"))
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
    from sctl.errors import DataError  # noqa: PLC0415
    from sctl.sweep import ThetaSweep  # noqa: PLC0415

    try:
        return ThetaSweep.load(directory / SWEEP)
    except DataError as error:
        raise damaged(directory / SWEEP) from error


def load_sweep(project: Project) -> ThetaSweep:
    """Return the prepared sweep, from which any θ is evaluated in milliseconds; also while it runs."""
    current = project.result_dir("transfer")
    directory = current if (current / SWEEP).exists() else _required(project, "transfer")
    if not (directory / SWEEP).exists():
        raise ProjectError(
            "The chosen method has no θ.", do="Choose TransferCluster to set how much to trust the source."
        )
    return sweep_in(directory)


def save_result(path: Path, result: TransferResult) -> None:
    """Write a result without expression values."""
    from sctl.data import result_only  # noqa: PLC0415

    _save_dataset(path, result_only(result))


def result_in(directory: Path, name: str = RESULT) -> TransferResult:
    """Return the one result that a file of a folder holds."""
    from sctl.data import read_result  # noqa: PLC0415

    adata = _load_dataset(directory / name)
    methods = [str(key).removeprefix("sctl_") for key in adata.uns if str(key).startswith("sctl_")]
    if len(methods) != 1:
        raise damaged(directory / name)
    return read_result(adata, methods[0])


def load_result(project: Project, method: str | None = None) -> TransferResult:
    """Return the result at the chosen θ, or that of a baseline.

    Parameters
    ----------
    project : Project
    method : str, optional
        ``"targetcluster"`` or ``"concatenatecluster"`` for the baselines of a sweep; by default the
        method that the project uses.
    """
    path = _required(project, "theta") / RESULT if method is None else _result_of(project, method)
    return result_in(path.parent, path.name)


def load_baselines(project: Project) -> dict[str, TransferResult]:
    """Return the baselines of a sweep that are finished, by method; also while it runs."""
    current = project.result_dir("transfer")
    directory = current if current.exists() else project.latest_result_dir("transfer")
    paths = sorted((directory / BASELINES).glob("*.h5ad")) if directory else []
    return {path.stem: result_in(path.parent, path.name) for path in paths}


# -- explore and markers -------------------------------------------------------------------------


def save_embeddings(directory: Path, maps: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write maps (arrays by name)."""
    import numpy as np  # noqa: PLC0415

    with replacing(directory / MAPS) as temporary:
        np.savez_compressed(temporary, **dict(maps))  # type: ignore[arg-type]


def embeddings_in(directory: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the maps of a folder by name; none where there is no file yet."""
    import numpy as np  # noqa: PLC0415

    path = directory / MAPS
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise damaged(path) from error


def load_embeddings(project: Project) -> dict[str, np.ndarray[Any, Any]]:
    """Return the maps by name, see :func:`sctl.pipeline.explore`; while they are drawn, those that are finished."""
    return embeddings_in(project.result_dir("explore")) or embeddings_in(_required(project, "explore"))


def save_markers(directory: Path, markers: pd.DataFrame) -> None:
    """Write the table of markers."""
    with replacing(directory / MARKERS) as temporary:
        markers.to_csv(temporary, index=False)


def load_markers(project: Project) -> pd.DataFrame:
    """Return the table of markers of each cluster or label, see :func:`sctl.markers.rank_markers`."""
    import pandas as pd  # noqa: PLC0415

    path = _required(project, "markers") / MARKERS
    try:
        return pd.read_csv(path, dtype={"group": str, "gene": str}, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise damaged(path) from error


# -- private -------------------------------------------------------------------------------------

_TITLES = {
    "preprocess": "Preprocess",
    "transfer": "Transfer",
    "theta": "Transfer",
    "explore": "Explore",
    "markers": "Markers",
}


def _required(project: Project, step: str) -> Path:
    directory = project.latest_result_dir(step)
    if directory is None:
        raise ProjectError("This step has not been run yet.", do=f"Run the step {_TITLES[step]!r} first.")
    return directory


def _result_of(project: Project, method: str) -> Path:
    baseline = _required(project, "transfer") / BASELINES / f"{method}.h5ad"
    if baseline.exists():
        return baseline
    if project.params("transfer")["method"] == method:
        return _required(project, "theta") / RESULT
    raise ProjectError(f"There is no result of {method!r} in this project.", do="Run this method first.")


def _save_dataset(path: Path, adata: AnnData) -> None:
    from sctl.project.inputs import shallow  # noqa: PLC0415

    with replacing(path) as temporary:
        shallow(adata).write_h5ad(temporary, compression="lzf")


def _load_dataset(path: Path) -> AnnData:
    import anndata as ad  # noqa: PLC0415

    try:
        return ad.read_h5ad(path)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise damaged(path) from error


@contextmanager
def _genes(project: Project) -> Iterator[Any]:
    """Open the expression by gene."""
    import h5py  # noqa: PLC0415

    path = _required(project, "preprocess") / GENES
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise damaged(path) from error


def _save_genes(path: Path, adata: AnnData) -> None:
    """Write the expression by gene (CSC), so that one gene is read without the others."""
    import h5py  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from scipy import sparse  # noqa: PLC0415

    by_gene = sparse.csc_matrix(adata.X, dtype=np.float32)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["n_obs"] = adata.n_obs
        file["names"] = np.array([str(name).encode() for name in adata.var_names])
        file["cells"] = np.array([str(name).encode() for name in adata.obs_names])
        for name in ("data", "indices", "indptr"):
            file.create_dataset(name, data=getattr(by_gene, name))
