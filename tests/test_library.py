"""The library of models: what is in it is told, what is broken is told too, and nothing leads out of it."""

from __future__ import annotations

import json
import zipfile
from typing import ClassVar

import numpy as np
import pytest

from sctl.errors import DataError, ParameterError
from sctl.methods import get_method
from sctl.run import Run
from sctl.sharing import Library, load_model, model_card, read_manifest, save_model
from sctl.sharing import library as library_module
from sctl.sharing.library import safe_name
from sctl.sharing.model_file import manifest_digest

TargetCluster = get_method("targetcluster")


@pytest.fixture(params=["folder", "url"])
def library(request, tmp_path) -> Library:
    place = str(tmp_path / "shelf") if request.param == "folder" else f"memory://{tmp_path.name}"
    return Library(place)


def test_what_goes_in_comes_out(library, model_file):
    assert library.entries() == []
    entry = library.add(model_file)
    assert entry.name == "toy.sctl"
    assert (entry.title, entry.method, entry.n_cells, len(entry.types)) == ("TargetCluster", "targetcluster", 200, 4)
    assert entry.usable
    assert entry.card == model_card(entry.manifest)
    assert entry.holds in entry.card
    assert entry.manifest == read_manifest(model_file)
    (listed,) = library.entries()
    assert (listed.name, listed.size, listed.problem) == ("toy.sctl", model_file.stat().st_size, "")
    with library.get("toy.sctl") as path:
        assert path.read_bytes() == model_file.read_bytes()
    library.remove("toy.sctl")
    assert library.entries() == []
    with pytest.raises(DataError, match="no model toy"), library.get("toy.sctl"):
        pass
    with pytest.raises(DataError, match="no model toy"):
        library.remove("toy.sctl")


def test_the_same_model_is_kept_once_and_a_taken_name_gets_a_number(library, model_file, tmp_path, pair):
    library.add(model_file)
    assert library.add(model_file, name="again").name == "toy.sctl"
    other = save_model(TargetCluster().fit(pair.source, pair.label_key, Run()), tmp_path / "other")
    entry = library.add(other, name="toy.sctl")
    assert entry.name == "toy-2.sctl"
    assert not entry.usable
    assert [item.name for item in library.entries()] == ["toy-2.sctl", "toy.sctl"]


def test_broken_files_are_told_and_hide_no_others(library, model_file, tmp_path):
    library.add(model_file)
    content = model_file.read_bytes()
    with zipfile.ZipFile(model_file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    broken = {
        "text.sctl": b"hello",
        "empty.sctl": b"",
        "cut.sctl": content[: len(content) // 2],
        "newer.sctl": packed(tmp_path, {**manifest, "schema": 99}),
        "strange.sctl": packed(tmp_path, {**manifest, "facts": 3}),
        "deep.sctl": packed(tmp_path, "[" * 100_000),
        "uneven.sctl": packed(tmp_path, signed({**manifest, "source": {"name": "x", "n_cells": [1]}})),
        "paramless.sctl": packed(tmp_path, signed({**manifest, "params": None})),
    }
    for name, part in broken.items():
        library._fs.pipe_file(f"{library._root}/{name}", part)
    library._fs.pipe_file(f"{library._root}/notes.txt", b"no model")
    problems = {entry.name: entry.problem for entry in library.entries()}
    assert set(problems) == {*broken, "toy.sctl"}
    assert [name for name, problem in problems.items() if not problem] == ["toy.sctl"]
    assert "newer version" in problems["newer.sctl"]
    assert "changed or damaged" in problems["strange.sctl"]
    assert "manifest that cannot be read" in problems["deep.sctl"]
    assert "only a part" in problems["cut.sctl"]


def signed(manifest) -> dict:
    """Give a strange manifest the right checksum."""
    return {**manifest, "sha256": {**manifest["sha256"], "manifest": manifest_digest(manifest)}}


def packed(folder, manifest) -> bytes:
    path = folder / "made.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", manifest if isinstance(manifest, str) else json.dumps(manifest))
    return path.read_bytes()


def test_only_the_manifest_is_read_for_the_list(model_file, tmp_path, monkeypatch):
    library = Library(tmp_path)
    library.add(model_file)
    opened = []
    read = zipfile.ZipFile.open
    monkeypatch.setattr(
        zipfile.ZipFile,
        "open",
        lambda self, name, *rest, **more: opened.append(name) or read(self, name, *rest, **more),
    )
    library.entries()
    assert opened == ["manifest.json"]
    monkeypatch.setattr(library_module, "MAX_MANIFEST", 100)
    assert "far too long" in library.entries()[0].problem


def test_what_is_no_model_does_not_come_in(library, tmp_path, model_file):
    (tmp_path / "text.sctl").write_text("hello")
    damaged = bytearray(model_file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.sctl").write_bytes(bytes(damaged))
    for name in ("text.sctl", "damaged.sctl"):
        with pytest.raises(DataError):
            library.add(tmp_path / name)
    assert library.files() == []


@pytest.mark.parametrize("name", ["../toy.sctl", "/etc/passwd", ".hidden.sctl", "a/b.sctl", "a\\b.sctl", "toy.zip", ""])
def test_no_name_leads_out_of_the_library(library, name):
    for ask in (library.remove, lambda name: library.get(name).__enter__()):
        with pytest.raises(DataError, match="no name of a model"):
            ask(name)
    assert library.entry(name).problem


def test_names_are_made_safe():
    assert safe_name("..\\..\\x y.sctl") == "x-y.sctl"
    assert safe_name("...") == "model.sctl"
    assert len(safe_name("a" * 500)) < 100


def test_the_place_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SCTL_LIBRARY", str(tmp_path / "named"))
    assert Library().folder == tmp_path / "named"
    assert Library("memory://x").folder is None
    with pytest.raises(ParameterError, match="place cannot be opened"):
        Library("nosuchkind://x")


def test_a_folder_that_is_none_is_told(tmp_path, model_file):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="library cannot be"):
        Library(tmp_path / "file" / "shelf").add(model_file)


# -- how much of single cells a file holds ---------------------------------------------------------------


class Keeping(TargetCluster):
    """Keeps a point and the counts of every cell; can do without the counts."""

    array_levels: ClassVar = {"latent": "latents", "counts": "counts"}

    def state(self):
        arrays, facts = super().state()
        return {**arrays, "latent": np.ones((5, 2)), "counts": np.ones((5, 9))}, facts

    def restore(self, arrays, facts):
        self.latent_ = arrays["latent"]
        self.counts_ = arrays.get("counts")
        return super().restore(arrays, facts)


@pytest.fixture
def keeping(pair, monkeypatch):
    monkeypatch.setattr("sctl.sharing.model_file.get_method", lambda key: Keeping)
    return Keeping().fit(pair.source, pair.label_key, Run())


def test_counts_are_left_out_unless_they_are_wanted(keeping, tmp_path):
    path = save_model(keeping, tmp_path / "x")
    assert read_manifest(path)["keep"] == "latents"
    assert load_model(path).counts_ is None
    assert "as a point of the model's space" in model_card(read_manifest(path))
    path = save_model(keeping, tmp_path / "y", keep="counts")
    assert load_model(path).counts_.shape == (5, 9)
    assert "with their counts" in model_card(read_manifest(path))


def test_a_file_that_would_be_of_no_use_is_not_written(keeping, tmp_path):
    with pytest.raises(ParameterError, match="of no use"):
        save_model(keeping, tmp_path / "x", keep="weights")
    with pytest.raises(ParameterError, match="no level"):
        save_model(keeping, tmp_path / "x", keep="all")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_holds_more_than_it_says_is_refused(keeping, tmp_path, monkeypatch):
    monkeypatch.setattr("sctl.sharing.model_file.level_of", lambda method, arrays: "weights")
    path = save_model(keeping, tmp_path / "x")
    monkeypatch.undo()
    monkeypatch.setattr("sctl.sharing.model_file.get_method", lambda key: Keeping)
    with pytest.raises(DataError, match="more of single cells than it says"):
        load_model(path)


def test_methods_without_cells_say_so_at_every_level(tmp_path, pair):
    method = TargetCluster().fit(pair.source, pair.label_key, Run())
    for keep in ("weights", "latents", "counts"):
        manifest = read_manifest(save_model(method, tmp_path / keep, keep=keep))
        assert manifest["keep"] == "weights"
        assert "no cell of the source" in model_card(manifest)
