"""Files of results that others changed: damage is an error in words, never a crash or an error of Python's own."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pytest
from anndata import AnnData

import sctl
from sctl import jobs
from sctl.errors import DataError, ProjectError
from sctl.io import read_arrays
from sctl.project import (
    Project,
    analyses,
    export_project,
    gene,
    gene_names,
    import_project,
    load_clusters,
    load_consensus,
    load_latent_map,
    load_pair,
    load_points,
    load_result,
    load_sweep,
    load_target,
    load_target_all,
    mean_of_genes,
    target_names,
)
from sctl.project.checksums import LISTING, as_json, files_of, sum_of
from sctl.project.files import digest_of_file
from sctl.project.results import load_maps, save_embeddings, source_table


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, source: AnnData, target: AnnData) -> Path:
    """The folder of a project with results of every kind, for tests to copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(tmp_path_factory.mktemp("template")))
        project = Project.create("Toy")
        project.put_input("source", source, {"filename": "source.h5ad"})
        project.put_input("target", target, {"filename": "target.h5ad"})
        project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
        project.set_params("theta", {"theta": 0.3}, note="θ")
        project.set_params("consensus", {"k_min": 3, "k_max": 3}, note="One number")
        for step in ("preprocess", "transfer", "theta", "consensus"):
            jobs.compute(project, step)
        rng, n = np.random.default_rng(0), load_target(project).n_obs
        with project.working("explore") as directory:
            maps = {"target_umap": rng.normal(size=(n, 2)), "joint_umap_target": rng.normal(size=(n, 2))}
            maps |= {"joint_umap_source": rng.normal(size=(9, 2)), "joint_source_index": np.arange(9)}
            save_embeddings(directory, maps)
        latent = {"latent_umap_source": rng.normal(size=(9, 2)), "latent_umap_target": rng.normal(size=(n, 2))}
        latent |= {"latent_source_index": np.arange(9), "latent_source_types": np.array(["a"] * 9)}
        analyses.save(project, "latent", None, latent)
        return project.root


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path))
    root = tmp_path / finished.name
    shutil.copytree(finished, root)
    return Project(root)


def first_gene(project: Project) -> Any:
    names = gene_names(project)
    return gene(project, names[0]), mean_of_genes(project, names)


def hdf5(name: str, change: Callable[[h5py.File], object]) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        for path in root.glob(name):
            with h5py.File(path, "r+") as file:
                change(file)

    return spoil


def arrays(name: str, **changes: Any) -> Callable[[Path], None]:
    """Return what replaces arrays of a file; a function makes the new one of the old."""

    def spoil(root: Path) -> None:
        (path,) = root.glob(name)
        parts = read_arrays(path)
        for key, value in changes.items():
            parts[key] = value(parts[key]) if callable(value) else value
        with path.open("wb") as file:
            np.savez(file, **{key: value for key, value in parts.items() if value is not None})

    return spoil


def listed_anew(root: Path) -> None:
    """List all results as they are now: whoever forges a result forges sizes and digests, too."""
    for listing in root.glob(f"results/*/*/{LISTING}"):
        folder = listing.parent
        sums = as_json({path.relative_to(folder).as_posix(): sum_of(path) for path in files_of(folder)})
        listing.write_text(json.dumps({"files": sums}))
        done = folder / "done.json"
        if done.exists():
            mark = json.loads(done.read_text())
            own = {name: sums[name] for name in mark["files"] if name in sums}
            done.write_text(json.dumps({**mark, "files": own}))


def values(name: str, **changes: Any) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        path = sorted(root.glob(name))[0]
        found = json.loads(path.read_text())
        path.write_text(json.dumps(found | {k: v(found[k]) if callable(v) else v for k, v in changes.items()}))

    return spoil


def put(name: str, place: Any, value: Any) -> Callable[[h5py.File], None]:
    return lambda file: file[name].__setitem__(place, value)


def taken(name: str, content: Any = None) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        if content is not None:
            file[name] = content

    return change


def fewer_cells(root: Path) -> None:
    """Take the last cell out of a result, wherever it is."""
    for path in root.glob(RES):
        adata = ad.read_h5ad(path)
        adata[:-1].copy().write_h5ad(path)


def other_points(root: Path) -> None:
    for path in root.glob(TRA + "points/*.json"):
        found = json.loads(path.read_text())
        path.write_text(json.dumps({**found, "clusters": found["clusters"][:-1]}))


PRE, TRA, THE, CON = (f"results/{step}/*/" for step in ("preprocess", "transfer", "theta", "consensus"))
RES = THE + "result.h5ad"
MAP = "results/explore/*/maps.npz"
NPZ = TRA + "sweep.npz"
K3 = CON + "k003.npz"
DAMAGED: dict[str, tuple[Callable[[Path], None], Callable[[Project], Any]]] = {
    "input points outside": (hdf5("inputs/*.h5ad", put("X/indices", 0, 99_999)), lambda p: p.input("target")),
    "pair points outside": (hdf5(PRE + "target.h5ad", put("X/indices", 0, 99_999)), load_target),
    "pair before the first": (hdf5(PRE + "target_all.h5ad", put("X/indices", 0, -7)), load_target_all),
    "layer points outside": (hdf5(PRE + "source.h5ad", put("layers/counts/indptr", -1, 10**6)), load_pair),
    "pair of other genes": (hdf5(PRE + "source.h5ad", put("var/_index", 0, "other")), load_pair),
    "rows that are not there": (
        hdf5(PRE + "target.h5ad", lambda f: f["X"].attrs.__setitem__("shape", [10**12, 5])),
        load_target,
    ),
    "column without its table": (hdf5(PRE + "source.h5ad", taken("obs")), source_table),
    "a reference in a result": (
        hdf5(RES, lambda f: f["obs"].attrs.__setitem__("categories", f["obs"].ref)),
        load_result,
    ),
    "unknown encoding": (hdf5(RES, lambda f: f["obs"].attrs.__setitem__("encoding-type", "x")), load_result),
    "settings gone": (hdf5(RES, taken("uns/sctl_transfercluster/params")), load_result),
    "seed that is a word": (hdf5(RES, taken("uns/sctl_transfercluster/seed", "many")), load_result),
    "clusters of other names": (hdf5(RES, taken("uns/sctl_transfercluster/clusters", ["a"])), load_result),
    "too few probabilities": (
        hdf5(RES, taken("obsm/sctl_transfercluster_proba", np.ones((80, 1)))),
        load_result,
    ),
    "confidence in words": (hdf5(RES, taken("obs/sctl_transfercluster_confidence", ["x"] * 80)), load_result),
    "result of fewer cells": (fewer_cells, load_result),
    "result of other cells": (hdf5(RES, put("obs/_index", 0, "another")), load_result),
    "no clusters": (hdf5(RES, taken("obs/sctl_transfercluster")), load_result),
    "gene points outside": (hdf5(PRE + "genes.h5", put("indices", slice(None), 99_999)), first_gene),
    "genes announce more": (hdf5(PRE + "genes.h5", lambda f: f.attrs.__setitem__("n_obs", 10**13)), first_gene),
    "genes that are numbers": (hdf5(PRE + "genes.h5", taken("names", np.arange(300))), first_gene),
    "cells gone": (hdf5(PRE + "genes.h5", taken("cells")), target_names),
    "map of other cells": (arrays(MAP, target_umap=lambda v: v[:-1], joint_umap_target=lambda v: v[:-1]), load_maps),
    "two maps that differ": (arrays(MAP, target_umap=lambda v: v[:-1]), load_maps),
    "map of a single side": (arrays(MAP, target_umap=lambda v: v[:, 0]), load_maps),
    "map without a place": (arrays(MAP, target_umap=lambda v: v * np.nan), load_maps),
    "map in words": (arrays(MAP, target_umap=lambda v: v.astype(str)), load_maps),
    "source cell that is not there": (arrays(MAP, joint_source_index=lambda v: v + 10_000), load_maps),
    "source cell before the first": (arrays(MAP, joint_source_index=lambda v: v - 5), load_maps),
    "no places of source cells": (arrays(MAP, joint_source_index=None), load_maps),
    "latent types gone": (arrays(TRA + "latent/*/result.npz", latent_source_types=lambda v: v[:3]), load_latent_map),
    "sweep of fewer cells": (arrays(NPZ, loadings=lambda v: v[:-1]), load_sweep),
    "type that is not there": (arrays(NPZ, kernels_z=lambda v: v + 99), load_sweep),
    "kernel that is no square": (arrays(NPZ, kernels_A=lambda v: v[:, :-1]), load_sweep),
    "kernel without numbers": (arrays(NPZ, kernels_M=lambda v: v * np.nan), load_sweep),
    "no number of clusters": (arrays(NPZ, n_clusters=0), load_sweep),
    "unknown clusterer": (arrays(NPZ, clusterer=np.array("x")), load_sweep),
    "settings of another kind": (arrays(NPZ, settings=np.array("[1]")), load_sweep),
    "huge number of genes": (arrays(NPZ, kernels_n_vars=np.array("1" * 400)), load_sweep),
    "consensus of fewer cells": (arrays(K3, order=lambda v: v[:-1]), lambda p: load_consensus(p, 3)),
    "consensus outside": (arrays(K3, order=lambda v: v + 5), lambda p: load_consensus(p, 3)),
    "cluster outside": (arrays(K3, clusters=lambda v: v + 5), lambda p: load_clusters(p, 3)),
    "cluster in words": (arrays(K3, clusters=lambda v: v.astype(str)), lambda p: load_clusters(p, 3)),
    "consensus of other cells": (arrays(K3, clusters=lambda v: v[:-1]), lambda p: load_consensus(p, 3)),
    "pair of a list": (values(PRE + "pair.json", label_key=[1]), load_pair),
    "no such column": (values(PRE + "pair.json", label_key="gone"), load_pair),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_damage_is_said(case: str, project: Project) -> None:
    spoil, load = DAMAGED[case]
    load(project)  # sound as it was
    spoil(project.root)
    listed_anew(project.root)
    with pytest.raises(ProjectError, match="missing or damaged"):
        load(project)


POINTS = {
    "points of other cells": values(TRA + "points/*.json", clusters=lambda v: v[:-1]),
    "points without a score": values(TRA + "points/*.json", kta=None),
    "points in words": values(TRA + "points/*.json", clusters=["a"]),
    "points too large": values(TRA + "points/*.json", clusters=lambda v: [10**30, *v[1:]]),
    "theta beyond": values(TRA + "points/*.json", theta=7),
    "all of other cells": other_points,
}


@pytest.mark.parametrize("case", POINTS)
def test_damaged_points_are_not_shown_and_computed_again(case: str, project: Project) -> None:
    whole = [point.theta for point in load_points(project)]
    POINTS[case](project.root)
    listed_anew(project.root)
    left = [point.theta for point in load_points(project)]
    assert left == ([] if case == "all of other cells" else whole[1:])
    assert project.state("transfer") == "todo"


def test_a_bundle_whose_data_point_outside_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    stored = next(project.root.glob("inputs/*.h5ad"))
    with h5py.File(stored, "r+") as file:
        file["X/indices"][0] = 10**6
    stored.rename(stored.with_stem(digest_of_file(stored)))
    with pytest.raises(ProjectError, match="cannot be read"):
        import_project(export_project(project, tmp_path / "out" / "p.sctl.zip"))


# -- arrays ----------------------------------------------------------------------------------------


def npz(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    return path


def header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


BAD_ARRAYS = {
    "announces more": header((10**13,)) + bytes(80),
    "announces less": header((1,)) + bytes(80),
    "overflows": header((2**62, 16)) + bytes(80),
    "below nothing": header((-1,)) + bytes(80),
    "objects": header((1,), "|O") + bytes(8),
    "no header": b"hello",
    "header that is code": b"\x93NUMPY\x01\x00\x10\x00" + b"__import__('os')",
    "deep header": b"\x93NUMPY\x02\x00\x00\x08\x00\x00" + b"(" * 2048,
    "unknown version": b"\x93NUMPY\x09\x00\x10\x00" + bytes(16),
    "nothing": b"",
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_arrays_that_are_not_what_they_announce_are_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="incomplete file of arrays"):
        read_arrays(npz(tmp_path / "x.npz", BAD_ARRAYS[case]))


def test_arrays_beyond_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = npz(tmp_path / "x.npz", header((1_000_000,)) + bytes(8_000_000))
    assert read_arrays(path)["x"].shape == (1_000_000,)
    monkeypatch.setattr("sctl.io.system.available", lambda: 1_000_000)
    with pytest.raises(DataError, match="of memory"):
        read_arrays(path)


def test_files_are_opened_by_the_readers_alone() -> None:
    """Another way in would lack the checks; what is written, and what comes with the package, needs none."""
    package = Path(sctl.__file__).parent
    opening = re.compile(r"\bad\.(io\.)?read_\w+\(|\bnp\.load\(|h5py\.File\((?!temporary, \"w\")")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if opening.search(path.read_text("utf-8"))
    }
    assert {name for name in found if not name.startswith("io/")} == {"data/demo.py"}
