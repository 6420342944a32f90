"""Files from outside are read in a process of their own: whatever becomes of it, the caller goes on."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import sctl
from sctl import io
from sctl.errors import DataError, ProjectError
from sctl.genesets import read_gmt
from sctl.jobs import isolated
from sctl.project import Project, export_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return Project.create("Toy")


def put(project: Project, path: Path) -> None:
    isolated.put_datasets(project, "target", [path], [path.name], {"filename": path.name}, note="Load")


@pytest.fixture
def table(tmp_path: Path, target: AnnData) -> Path:
    target.to_df().T.to_csv(tmp_path / "cells.csv")
    return tmp_path / "cells.csv"


def test_what_is_read_apart_is_what_is_read_here(project: Project, table: Path, tmp_path: Path) -> None:
    put(project, table)
    mine, theirs = project.input("target"), io.read(table)
    assert (mine.X != theirs.X).nnz == 0
    assert mine.obs_names.equals(theirs.obs_names)
    assert mine.uns == theirs.uns
    here = Project.create("Here")
    here.put_input("target", theirs, {"filename": "cells.csv"})
    changing = {"added", "bytes", "fingerprint"}
    infos = [{k: v for k, v in (p.input_info("target") or {}).items() if k not in changing} for p in (project, here)]
    assert infos[0] == infos[1]
    assert project.can_undo == "Load"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_refusal_is_the_same_as_here(project: Project, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n")
    with pytest.raises(DataError) as here:
        io.read(tmp_path / "x.csv")
    with pytest.raises(DataError) as apart:
        put(project, tmp_path / "x.csv")
    texts = [(error.found, error.expected, error.do) for error in (here.value, apart.value)]
    assert texts[0] == texts[1]
    assert project.input_info("target") is None
    assert list((tmp_path / "tmp").iterdir()) == []


# program of the process -> what is said
ENDS = {
    "signal": ("os.kill(os.getpid(), signal.SIGSEGV)", "so damaged that the program which reads it ended"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "needs more memory than there is"),
    "too long": ("os.kill(os.getpid(), signal.SIGXCPU)", "takes too long"),
    "before it listens": ("sys.exit(3)", "so damaged"),
    "rubbish": ("answer('[1')", "so damaged"),
    "another kind": ("answer('[1]')", "so damaged"),
    "memory": ("""answer('{"error": {"type": "MemoryError"}}')""", "needs more memory than there is"),
    "bug": ("""answer('{"error": {"type": "Unknown", "found": "KeyError: 1"}}')""", r"ended \(KeyError: 1\)"),
    "no error of ours": ("""answer('{"error": {"type": "annotations"}}')""", "so damaged"),
}
PROGRAM = """
import json, os, signal, sys
def answer(text):
    folder = json.loads(sys.stdin.readline())["folder"]
    open(folder + "/answer.json", "w").write(text)
"""


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let what waits already end, so that the next process is started as the test wants it."""
    isolated._end()
    yield monkeypatch
    isolated._end()


@pytest.mark.parametrize("end", ENDS)
def test_however_the_process_ends_it_is_said(
    end: str, project: Project, table: Path, reader: pytest.MonkeyPatch
) -> None:
    program, fragment = ENDS[end]
    reader.setattr(isolated, "_READER", ("-c", PROGRAM + program))
    with pytest.raises(DataError, match=fragment) as caught:
        put(project, table)
    assert caught.value.do
    assert "cells.csv" in caught.value.found
    assert project.input_info("target") is None


def test_a_process_that_never_answers_is_ended(project: Project, table: Path, reader: pytest.MonkeyPatch) -> None:
    reader.setattr(isolated, "_READER", ("-c", "import signal; signal.pause()"))
    reader.setattr(isolated, "_PATIENCE", 0)
    with pytest.raises(DataError, match="takes too long"):
        put(project, table)


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such limits")
def test_memory_and_time_are_limited(project: Project, tmp_path: Path, reader: pytest.MonkeyPatch) -> None:
    """A dense matrix of nothing: a file of 10 kB that takes 800 MB."""
    AnnData(np.zeros((2, 2), dtype=np.float32)).write_h5ad(tmp_path / "x.h5ad")
    n_obs, n_vars = 20_000, 10_000
    with h5py.File(tmp_path / "x.h5ad", "r+") as file:
        attributes = dict(file["X"].attrs)
        del file["X"], file["obs/_index"], file["var/_index"]
        file.create_dataset("X", (n_obs, n_vars), "f4", chunks=(100, 100)).attrs.update(attributes)
        for axis, n in (("obs", n_obs), ("var", n_vars)):
            file[axis]["_index"] = np.array([b"%d" % i for i in range(n)])
    with reader.context() as patch:
        patch.setattr(isolated, "MEMORY_SHARE", 0.0)
        patch.setattr(isolated, "LEAST_MEMORY", 300_000_000)
        with pytest.raises(DataError, match="needs more memory than there is"):
            put(project, tmp_path / "x.h5ad")
    wide = pd.DataFrame(np.zeros((3, 100_000), dtype=int), index=["INS", "GCG", "SST"])
    wide.to_csv(tmp_path / "x.csv")
    reader.setattr(isolated, "SECONDS", 0)
    reader.setattr(isolated, "SECONDS_PER_GB", 0)
    with pytest.raises(DataError, match="takes too long"):
        put(project, tmp_path / "x.csv")


def test_labels_are_joined_apart(project: Project, source: AnnData, tmp_path: Path) -> None:
    bare = source.copy()
    kinds = bare.obs.pop("cell_type").astype(str)
    project.put_input("source", bare, {"filename": "a.h5ad"})
    kinds.rename("kind").to_csv(tmp_path / "labels.csv")
    report = isolated.join_labels(project, tmp_path / "labels.csv", "labels.csv", {"filename": "a.h5ad"}, note="Join")
    assert (report["columns"], report["chosen"]) == (["kind"], "kind")
    assert project.input("source").obs["kind"].astype(str).tolist() == kinds.tolist()
    (tmp_path / "bad.csv").write_text("cell,kind\nx,a\nx,b\n")
    with pytest.raises(DataError, match="more than once"):
        isolated.join_labels(project, tmp_path / "bad.csv", "bad.csv", {}, note="Join")
    assert project.can_undo == "Join"


def test_a_project_is_opened_apart(project: Project, source: AnnData, tmp_path: Path) -> None:
    project.put_input("source", source, {"filename": "a.h5ad"})
    path = export_project(project, tmp_path / "p.sctl.zip")
    copy = isolated.import_project(path, "p.sctl.zip")
    assert copy.id != project.id
    assert copy.input("source").shape == source.shape
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ProjectError, match="damaged or incomplete"):
        isolated.import_project(path, "p.sctl.zip")


def test_a_model_is_checked_apart(tmp_path: Path) -> None:
    (tmp_path / "x.sctl").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="no model"):
        isolated.check_model(tmp_path / "x.sctl", "x.sctl")


def test_gene_sets_are_read_apart(tmp_path: Path) -> None:
    (tmp_path / "x.gmt").write_text("islet\tmine\tINS\tGCG\n")
    assert isolated.read_gene_sets(tmp_path / "x.gmt", "mine.gmt") == read_gmt(tmp_path / "x.gmt", name="mine.gmt")
    (tmp_path / "x.gmt").write_text("islet\n")
    with pytest.raises(DataError, match=r"Line 1 of mine\.gmt"):
        isolated.read_gene_sets(tmp_path / "x.gmt", "mine.gmt")


def test_pages_read_no_uploads_themselves() -> None:
    """Whatever opens a file from outside belongs into the process that is made for it."""
    reading = re.compile(r"\b(read_gmt|read_labels|read_datasets|read_many|load_model|load_adaptor)\b|\bio\.read\(")
    package = Path(sctl.__file__).parent / "ui"
    found = {path.name for path in package.rglob("*.py") if reading.search(path.read_text("utf-8"))}
    assert not found


def test_one_process_waits_and_is_used_once(project: Project, table: Path, reader: pytest.MonkeyPatch) -> None:
    isolated.warm_up()
    (first,) = isolated._waiting
    isolated.warm_up()
    assert isolated._waiting == [first]
    put(project, table)
    (second,) = isolated._waiting
    assert first.returncode == 0
    assert second is not first
    second.kill()
    second.wait()
    put(project, table)  # one that has died meanwhile is no harm
