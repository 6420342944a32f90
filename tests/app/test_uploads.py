"""Files on their way in: copied in blocks, never out of the folders that may be read."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from sctl import workflow
from sctl.errors import DataError
from sctl.export import command_for
from sctl.project import Project
from sctl.ui.data import inputs
from sctl.ui.export import exports
from sctl.ui.widgets import uploads


class Slow(io.BytesIO):
    """An upload that remembers how much was asked for at once."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name
        self.asked: list[int] = []

    def read(self, size: int = -1, /) -> bytes:
        self.asked.append(size)
        return super().read(size)


def test_uploads_are_copied_in_blocks_and_vanish_afterwards():
    content = b"0123456789" * 300_000
    upload = Slow(content, "cells.csv")
    with uploads.on_disk([upload]) as (paths, digest):
        assert paths[0].read_bytes() == content
        assert paths[0].name == "cells.csv"  # what is said of a file calls it so
        assert digest == hashlib.sha256(content).hexdigest()
    assert not paths[0].exists()
    assert set(upload.asked) == {1 << 20}


@pytest.mark.parametrize("name", ["細胞" * 60 + ".csv.gz", "x" * 300 + ".csv.gz", "a\0b.csv.gz", "\ud800.csv.gz"])
def test_names_that_no_disk_takes_are_shortened_and_keep_their_ending(name):
    for number in (1, 2):
        with uploads.on_disk([Slow(b"1", name) for _ in range(number)]) as (paths, _):
            assert [path.read_bytes() for path in paths] == [b"1"] * number
            assert all(path.suffixes == [".csv", ".gz"] for path in paths)


def test_an_upload_on_the_disk_takes_no_memory(monkeypatch):
    """Streamlit keeps what was uploaded until the visitor leaves."""
    manager = MemoryUploadedFileManager("/upload")
    records = [UploadedFileRec(str(i), f"{i}.csv", "text/csv", b"0123456789" * 1000) for i in range(2)]
    for record in records:
        manager.add_file("visit", record)
    context = SimpleNamespace(session_id="visit", uploaded_file_mgr=manager)
    monkeypatch.setattr(uploads, "get_script_run_ctx", lambda **_: context)
    files = [UploadedFile(record, FileURLs()) for record in records]
    with uploads.on_disk(files) as (paths, _):
        assert [path.read_bytes() for path in paths] == [record.data for record in records]
        assert manager.get_files("visit", ["0", "1"]) == []
        assert all(file.closed for file in files)


def test_uploads_of_one_name_are_kept_apart():
    with uploads.on_disk([Slow(b"one", "a.csv"), Slow(b"two", "a.csv")]) as (paths, _):
        assert [path.read_bytes() for path in paths] == [b"one", b"two"]


@pytest.mark.parametrize("name", ["../../escape.csv", "/etc/passwd", "a/b/c.csv", "..", ""])
def test_a_name_cannot_lead_out_of_the_folder(name):
    with uploads.on_disk([Slow(b"x", name)]) as (paths, _):
        assert paths[0].parent.name.startswith("sctl-upload-")


def test_only_named_folders_are_read(tmp_path, monkeypatch):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "x.csv").write_text("a,b\n")
    monkeypatch.delenv("SCTL_DATA_ROOTS", raising=False)
    with pytest.raises(DataError, match="outside the folders"):
        uploads.inside_roots(inside / "x.csv")
    monkeypatch.setenv("SCTL_DATA_ROOTS", str(inside))
    assert uploads.inside_roots(inside / "x.csv") == (inside / "x.csv").resolve()
    (inside / "link.csv").symlink_to(outside / "x.csv")
    for path in (outside / "x.csv", inside / "link.csv", inside / ".." / "out" / "x.csv", Path("/etc/passwd")):
        with pytest.raises(DataError, match="outside the folders"):
            uploads.inside_roots(path)
    assert uploads.server_files() == [(inside / "x.csv").resolve()]


@pytest.mark.parametrize(("for_reference", "batch_key"), [(False, None), (True, "file")])
def test_only_a_reference_tells_its_files_apart_by_itself(projects, source, monkeypatch, for_reference, batch_key):
    project = Project.create("Two files")
    both = workflow.joined({"one.h5ad": source[::2].copy(), "two.h5ad": source[1::2].copy()}, labeled=True)
    project.put_input("source", both, {"filename": "one.h5ad + two.h5ad", "files": ["one.h5ad", "two.h5ad"]})
    monkeypatch.setattr(inputs.shell, "current", lambda: project)
    inputs._choose_labels("source", for_reference=for_reference)
    assert project.params("data") == {"label_key": "cell_type", "batch_key": batch_key}
    assert "(--batch-key file)" in both.uns["read_notes"]


def test_several_datasets_are_one_side_and_can_be_read_again(source, projects, tmp_path):
    names = ["one.h5ad", "two.h5ad"]
    source[::2, :250].copy().write_h5ad(tmp_path / names[0])
    source[1::2, 50:].copy().write_h5ad(tmp_path / names[1])
    for genes, n_vars in (("shared", 200), ("union", 300)):
        project = Project.create(genes)
        uploads.take(project, "source", [Slow((tmp_path / name).read_bytes(), name) for name in names], genes=genes)
        info = project.input_info("source")
        assert (info["filename"], info["n_vars"], info["n_obs"]) == ("one.h5ad + two.h5ad", n_vars, source.n_obs)
        assert "file" in info["obs_columns"]
        recipe = exports.recipe_of(project)
        assert ("source" in recipe.all_genes) == (genes == "union")
        assert "--source one.h5ad two.h5ad --target" in command_for(recipe)
