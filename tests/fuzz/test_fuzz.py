"""Thousands of spoilt files: each gives a sound dataset or an error in words, within limits of time and memory.

300 cases by default; ``SCTL_FUZZ_CASES=3000`` for more, which are the same 300 and others. A case that fails is made
again by its kind and number: ``python tests/fuzz/cases.py KIND FOLDER NUMBER 1``, with the folder that the test names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from anndata import AnnData
from scipy import io as scipy_io
from scipy import sparse

from sctl import jobs, workflow
from sctl.methods import get_method
from sctl.numerics.hyperparameters import Range
from sctl.numerics.tuning import search
from sctl.project import Project, export_project, load_target
from sctl.run import Run

CASES = Path(__file__).with_name("cases.py")
KINDS = ("archive", "csv", "h5", "h5ad", "journal", "labels", "loom", "model", "mtx", "project")
COUNT = -(-int(os.environ.get("SCTL_FUZZ_CASES", "300")) // len(KINDS))


def h5ad(folder: Path, adata: AnnData) -> None:
    rich = adata[:, :60].copy()
    rich.raw = rich.copy()
    rich.layers["counts"], rich.layers["columns"] = rich.X.copy(), sparse.csc_matrix(rich.X)
    rich.obsm["X_pca"], rich.obsp["graph"] = np.ones((rich.n_obs, 2)), sparse.eye(rich.n_obs, format="csr")
    rich.varm["loadings"] = np.ones((rich.n_vars, 2))
    rich.obs["flag"], rich.obs["score"] = True, np.arange(rich.n_obs) / 2
    rich.uns = {"name": "x", "colours": np.array(["a", "b"]), "inner": {"graph": rich.obsp["graph"], "n": 3}}
    rich.write_h5ad(folder / "rich.h5ad")
    dense = AnnData(rich.X.toarray(), obs=rich.obs[["cell_type"]], var=rich.var[[]])
    dense.write_h5ad(folder / "dense.h5ad", compression="gzip")
    dense.write_h5ad(folder / "old.h5ad")
    with h5py.File(folder / "old.h5ad", "r+") as file:  # categories as anndata 0.7 kept them
        codes, names = file["obs/cell_type/codes"][()], file["obs/cell_type/categories"][()]
        del file["obs/cell_type"]
        file["obs/__categories/cell_type"], file["obs/cell_type"] = names, codes
        file["obs/cell_type"].attrs["categories"] = file["obs/__categories/cell_type"].ref
        file["obs"].attrs["encoding-version"] = "0.1.0"


def parts_of(adata: AnnData) -> tuple[sparse.csc_matrix, list[bytes], list[bytes]]:
    names = [[str(name).encode() for name in axis[:60]] for axis in (adata.obs_names, adata.var_names)]
    return sparse.csc_matrix(adata.X[:60, :60].T), names[0], names[1]


def tenx(folder: Path, adata: AnnData) -> None:
    matrix, cells, genes = parts_of(adata)
    for version, group in ((3, "matrix"), (2, "GRCh38")):
        with h5py.File(folder / f"v{version}.h5", "w") as file:
            for name in ("data", "indices", "indptr"):
                file[f"{group}/{name}"] = getattr(matrix, name)
            file[f"{group}/shape"], file[f"{group}/barcodes"] = matrix.shape, cells
            if version == 3:
                file[f"{group}/features/id"], file[f"{group}/features/name"] = genes, genes
                file[f"{group}/features/feature_type"] = [b"Gene Expression"] * len(genes)
            else:
                file[f"{group}/genes"], file[f"{group}/gene_names"] = genes, genes


def loom(folder: Path, adata: AnnData) -> None:
    matrix, cells, genes = parts_of(adata)
    with h5py.File(folder / "x.loom", "w") as file:
        file["matrix"], file["row_attrs/Gene"], file["col_attrs/CellID"] = matrix.toarray(), genes, cells
        file["layers/spliced"], file["col_attrs/n"] = matrix.toarray(), np.arange(len(cells))


def triple(folder: Path, adata: AnnData) -> Path:
    out = folder / "sample"
    out.mkdir()
    matrix, cells, genes = parts_of(adata)
    scipy_io.mmwrite(out / "matrix.mtx", matrix.astype(int), field="integer")
    (out / "barcodes.tsv").write_bytes(b"\n".join(cells))
    (out / "features.tsv").write_bytes(b"\n".join(b"%s\t%s\tGene Expression" % (gene, gene) for gene in genes))
    return out


def archives(folder: Path, adata: AnnData, elsewhere: Path) -> None:
    elsewhere.mkdir()
    inner = triple(elsewhere, adata)
    h5ad(elsewhere, adata)
    with zipfile.ZipFile(folder / "a.zip", "w") as packed:
        for file in sorted(inner.iterdir()):
            packed.write(file, f"sample/{file.name}")
    with zipfile.ZipFile(folder / "b.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(elsewhere / "dense.h5ad", "x.h5ad")
    with tarfile.open(folder / "a.tar.gz", "w:gz") as tar:
        tar.add(inner, "sample")


def models(folder: Path, source: AnnData, target: AnnData) -> None:
    pair = workflow.prepare(source, target, {"label_key": "cell_type"}, Run()).pair
    quick = {
        "itclust": {"n_pretrain_epochs": 2, "max_refreshes": 2},
        "transfercluster": {"n_init": 2, "theta_step": 0.5},
    }
    for key, params in quick.items():
        method = get_method(key)(**params)
        workflow.transfer(pair, method, Run())
        workflow.save_trained(folder / f"{key}.sctl", pair, method, {}, seed=0, name="toy.h5ad")


def project(folder: Path, source: AnnData, target: AnnData) -> None:
    made = Project.create("Toy")
    made.put_input("source", source, {"filename": "source.h5ad"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    made.put_truth(target.obs["cell_type"].astype(str))
    made.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    made.set_params("theta", {"theta": 0.3}, note="θ")
    made.set_params("consensus", {"k_min": 3, "k_max": 3}, note="One number")
    for step in ("preprocess", "transfer", "theta", "consensus", "markers"):
        jobs.compute(made, step)
    n, rng = load_target(made).n_obs, np.random.default_rng(0)
    with made.working("explore") as directory:
        maps = {"target_umap": rng.normal(size=(n, 2)), "joint_umap_target": rng.normal(size=(n, 2))}
        maps |= {"joint_umap_source": rng.normal(size=(9, 2)), "joint_source_index": np.arange(9)}
        np.savez(directory / "maps.npz", **maps)
    export_project(made, folder / "p.sctl.zip")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory, source: AnnData, target: AnnData) -> Path:
    """A folder of sound files for each kind."""
    root = tmp_path_factory.mktemp("seeds")
    folders = {kind: root / kind for kind in KINDS}
    for folder in folders.values():
        folder.mkdir()
    h5ad(folders["h5ad"], target)
    tenx(folders["h5"], target)
    loom(folders["loom"], target)
    triple(folders["mtx"], target)
    archives(folders["archive"], target, root / "packed")
    table = target.to_df().iloc[:60, :60].astype(int)
    table.T.to_csv(folders["csv"] / "genes.csv")
    table.to_csv(folders["csv"] / "cells.tsv.gz", sep="\t")
    target.obs[["cell_type"]].to_csv(folders["labels"] / "labels.csv")
    search(
        lambda settings, _: settings["x"] ** 2, {"x": Range(-1, 1), "n": Range(1, 9, whole=True)}, n_trials=5,
        sampler="random", journal=folders["journal"] / "journal.jsonl", run=Run(),
    )  # fmt: skip
    models(folders["model"], source, target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(root / "projects"))
        project(folders["project"], source, target)
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_file_is_read_or_refused_in_words(kind: str, seeds: Path) -> None:
    command = [sys.executable, str(CASES), kind, str(seeds / kind), "0", str(COUNT)]
    limits = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **limits}, check=False)
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(found) == COUNT, ended.stderr
    wrong = [one for one in found if one["status"] in ("error", "killed")]
    assert not wrong, "\n\n".join(f"{one['kind']} {one['case']}: {one['detail']}" for one in wrong[:5])
    statuses = {status: sum(one["status"] == status for one in found) for status in ("read", "refused")}
    assert statuses["refused"] >= COUNT // 4, statuses  # the changes are deep enough to matter
    assert sum(statuses.values()) >= COUNT * 3 // 4, statuses  # and most of them could be made
