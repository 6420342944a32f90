"""Run spoilt files one by one, each in a process of its own with limits, and write what came of each as a line of JSON.

Usage: python cases.py KIND FOLDER FIRST COUNT
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import anndata as ad
import mutations
import numpy as np
from scipy import sparse

from sctl import io, project, sharing
from sctl.errors import SctlError
from sctl.numerics.tuning import read_search
from sctl.project.results import load_maps, source_table
from sctl.workflow.analyses import all_analyses

SEED = 20_240_607
CPU_SECONDS, MEMORY = 20, 3_000_000_000
Spoil = mutations.Spoil


def read_dataset(path: Path) -> None:
    adata = io.read(path)
    assert isinstance(adata, ad.AnnData)
    assert adata.n_obs > 0 < adata.n_vars
    assert sparse.issparse(adata.X)
    adata.X.check_format(full_check=True)
    assert adata.X.shape == adata.shape == (len(adata.obs), len(adata.var))
    assert all(isinstance(name, str) for names in (adata.obs_names, adata.var_names) for name in names[:5])
    adata[: adata.n_obs // 2].copy()
    adata.X.sum(axis=0)


def read_model(path: Path) -> None:
    loads = (sharing.read_manifest, sharing.load_model, sharing.load_trained)
    _all_of([lambda load=load: load(path) for load in loads])
    _all_of([lambda: sharing.load_adaptor(path)], known=True)


def read_labels(path: Path) -> None:
    table = io.read_labels(path)
    assert len(table.columns) > 0


def read_journal(path: Path) -> None:
    for trial in read_search(path).trials:
        assert isinstance(trial.value, float)


def read_project(path: Path) -> None:
    os.environ["SCTL_PROJECTS"] = str(path.parent / "projects")
    opened = project.import_project(path)
    _all_of(list(_loaders(opened)))


def _loaders(p: project.Project) -> Iterator[Callable[[], Any]]:
    for role in ("source", "target"):
        yield lambda role=role: p.input(role)
        yield lambda role=role: p.input_info(role)
    for step in project.STEPS:
        yield lambda step=step: p.state(step)
    for name in (
        "load_pair",
        "load_points",
        "load_result",
        "load_sweep",
        "load_target_all",
        "load_report",
        "load_markers",
    ):
        yield lambda name=name: getattr(project, name)(p)
    for name in (
        "target_names",
        "gene_names",
        "load_baselines",
        "load_self_test",
        "load_estimate",
    ):
        yield lambda name=name: getattr(project, name)(p)
    for analysis in all_analyses().values():
        yield lambda name=analysis.name: project.analyses.stored_params(p, name)
        if not fields(analysis.params):
            yield lambda name=analysis.name: project.analyses.load(p, name)
    for load in (load_maps, project.load_latent_map, source_table):
        yield lambda load=load: load(p)
    yield lambda: project.load_consensus(p, 3)
    yield lambda: project.mean_of_genes(p, project.gene_names(p)[:9])
    yield p.truth
    yield p.labels
    yield project.Project.all


def _all_of(loads: list[Callable[[], object]], *, known: bool = False) -> None:
    """Call all; raise the first refusal at the end, unless the file is ``known`` to be of another kind."""
    refusals = []
    for load in loads:
        try:
            load()
        except SctlError as error:
            _require_words(error)
            refusals.append(error)
    if refusals and not known:
        raise refusals[0]


def _require_words(error: SctlError) -> None:
    assert error.found.strip(), repr(error)
    assert error.do.strip() or error.expected.strip(), str(error)


def one_file(*structured: Spoil) -> Callable[[Path, Path, np.random.Generator], Path]:
    """Return what spoils the one file of a kind."""

    def make(seeds: Path, folder: Path, rng: np.random.Generator) -> Path:
        seed = mutations.choose(rng, sorted(seeds.iterdir()))
        spoil = mutations.choose(rng, mutations.BYTES) if rng.random() < 0.25 else mutations.choose(rng, structured)
        out = folder / seed.name
        out.write_bytes(spoil(seed.read_bytes(), rng))
        return out

    return make


def folder_of_files(seeds: Path, folder: Path, rng: np.random.Generator) -> Path:
    """Spoil one of several files that belong together."""
    out = folder / "sample"
    shutil.copytree(mutations.choose(rng, sorted(seeds.iterdir())), out)
    path = mutations.choose(rng, sorted(out.iterdir()))
    path.write_bytes(mutations.part(path.name, path.read_bytes(), rng))
    return out


KINDS: dict[str, tuple[Callable[[Path, Path, np.random.Generator], Path], Callable[[Path], None]]] = {
    "h5ad": (one_file(mutations.hdf5), read_dataset),
    "h5": (one_file(mutations.hdf5), read_dataset),
    "loom": (one_file(mutations.hdf5), read_dataset),
    "mtx": (folder_of_files, read_dataset),
    "csv": (one_file(mutations.text), read_dataset),
    "journal": (one_file(mutations.as_json), read_journal),
    "labels": (one_file(mutations.text), read_labels),
    "archive": (one_file(mutations.archive), read_dataset),
    "model": (one_file(mutations.model, mutations.archive), read_model),
    "project": (one_file(mutations.bundle, mutations.bundle, mutations.archive), read_project),
}


def attempt(kind: str, seeds: Path, number: int, folder: Path) -> dict[str, str]:
    """Make one case and read it; return what came of it."""
    rng = np.random.default_rng([SEED, sorted(KINDS).index(kind), number])
    make, read = KINDS[kind]
    try:
        path = make(seeds, folder, rng)
    except Exception as error:  # noqa: BLE001 - HDF5 cannot write every change; such a case is none
        return {"status": "none", "detail": repr(error)}
    try:
        read(path)
    except SctlError as error:
        _require_words(error)
        return {"status": "refused", "detail": str(error)}
    return {"status": "read", "detail": ""}


def in_its_own_process(kind: str, seeds: Path, number: int) -> dict[str, str]:
    """Run a case in a fork of this process, with limits; say so where it ends by a signal or an error."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        answer = folder / "answer.json"
        (folder / "case").mkdir()
        child = os.fork()
        if child == 0:
            _limit()
            try:
                found = attempt(kind, seeds, number, folder / "case")
            except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
                found = {"status": "error", "detail": traceback.format_exc()[-3000:]}
            answer.write_text(json.dumps(found))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) or not answer.exists():
            return {"status": "killed", "detail": f"by signal {os.WTERMSIG(status)}"}
        return dict(json.loads(answer.read_text()))


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Run the cases that the command names."""
    kind, seeds, first, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    warnings.simplefilter("ignore")
    for number in range(first, first + count):
        found = in_its_own_process(kind, seeds, number)
        sys.stdout.write(json.dumps({"kind": kind, "case": number, **found}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
