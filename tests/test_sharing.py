"""Model files: what comes back is what went in, and whatever is wrong is said."""

from __future__ import annotations

import hashlib
import json
import zipfile

import numpy as np
import pytest

from sctl.errors import DataError, NotFittedError, ParameterError
from sctl.methods import METHODS, get_method
from sctl.methods.base import Saveable, fit_transfer
from sctl.run import Run
from sctl.sharing import load_model, model_card, read_manifest, save_model

ItClust = get_method("itclust")


@pytest.fixture(scope="module")
def fitted(pair):
    return ItClust(n_pretrain_epochs=2, dropout=0.3).fit(pair.source, pair.label_key, Run(seed=4))


@pytest.fixture
def path(fitted, tmp_path):
    return save_model(fitted, tmp_path / "model", seed=4, note="Simulated cells.")


def rewritten(path, **parts):
    """Write the file again with some parts replaced; None leaves one out."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content |= {name.replace("_", "."): part for name, part in parts.items()}
    out = path.with_name("changed.sctl")
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in content.items():
            if part is not None:
                archive.writestr(name, part)
    return out


def test_a_loaded_model_answers_as_the_one_that_was_saved(fitted, path, pair):
    loaded = load_model(path)
    assert path.name == "model.sctl"
    assert loaded.params == fitted.params
    mine, theirs = (method.transfer(pair.target, Run(seed=4)) for method in (fitted, loaded))
    np.testing.assert_array_equal(mine.labels, theirs.labels)
    np.testing.assert_array_equal(mine.label_proba, theirs.label_proba)
    np.testing.assert_array_equal(mine.embedding, theirs.embedding)
    assert loaded.log_.keys() == fitted.log_.keys()


def test_the_manifest_says_what_it_is_and_the_card_too(path, fitted):
    manifest = read_manifest(path)
    assert manifest["method"] == "itclust"
    assert manifest["seed"] == 4
    assert manifest["facts"]["genes"] == list(fitted.var_names_)
    assert manifest["facts"]["label_names"] == list(fitted.label_names_)
    card = model_card(manifest)
    assert "Simulated cells." in card
    assert "| `dropout` | 0.3 |" in card
    assert zipfile.ZipFile(path).read("README.md").decode() == card


def test_nothing_in_it_is_a_pickle(path):
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["README.md", "manifest.json", "tensors.safetensors"]


def test_a_target_may_lack_genes_but_not_too_many(path, pair):
    model = load_model(path)
    target = pair.target[:, np.random.default_rng(0).permutation(pair.target.n_vars)[: int(0.8 * pair.target.n_vars)]]
    result = model.transfer(target.copy(), Run())
    assert result.diagnostics.genes.missing == 60
    assert (result.labels == target.obs["cell_type"].astype(str)).mean() > 0.9
    with pytest.raises(DataError, match="100 of the 300 genes"):
        model.transfer(pair.target[:, :100].copy(), Run())


def test_the_order_of_genes_does_not_matter(path, pair):
    model = load_model(path)
    turned = model.transfer(pair.target[:, ::-1].copy(), Run())
    np.testing.assert_array_equal(turned.labels, model.transfer(pair.target, Run()).labels)


def test_truncated(path):
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="only the beginning"):
        load_model(path)


def test_tampered_tensors(path):
    with zipfile.ZipFile(path) as archive:
        tensors = bytearray(archive.read("tensors.safetensors"))
    tensors[-1] ^= 1
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in {**content, "tensors.safetensors": bytes(tensors)}.items():
            archive.writestr(name, part)
    with pytest.raises(DataError, match="changed or damaged"):
        load_model(path)


def test_tampered_manifest(path):
    manifest = read_manifest(path)
    manifest["facts"]["label_names"].reverse()
    with pytest.raises(DataError, match="changed or damaged"):
        load_model(rewritten(path, manifest_json=json.dumps(manifest)))


def header(length: int | None = None, **entry) -> bytes:
    """A file of tensors whose header says what it likes."""
    text = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **entry}}).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + b"\0" * 4


@pytest.mark.parametrize(
    "tensors",
    [
        header(length=2**62), header(shape=[10**12], data_offsets=[0, 4 * 10**12]), header(data_offsets=[4, 8]),
        header(shape=[-1]), header(dtype="pickle"), b"", b"\x80\x04N.",
    ],
)  # fmt: skip
def test_tensors_whose_header_lies_are_refused(path, tensors):
    manifest = read_manifest(path)
    sums = {**manifest["sha256"], "tensors.safetensors": hashlib.sha256(tensors).hexdigest()}
    lie = rewritten(path, tensors_safetensors=tensors, manifest_json=json.dumps({**manifest, "sha256": sums}))
    with pytest.raises(DataError, match="does not know"):
        load_model(lie)


def test_a_file_that_would_fill_the_disk_is_refused(path, monkeypatch):
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * 50_000_000)
    assert path.stat().st_size < 2_000_000
    monkeypatch.setattr("sctl.io.archive.MAX_BYTES", 10_000_000)
    with pytest.raises(DataError, match="unpack"):
        load_model(path)


def test_newer(path):
    manifest = {**read_manifest(path), "schema": 99, "sctl": "9.0"}
    with pytest.raises(DataError, match=r"newer version of sctl \(9.0\)"):
        load_model(rewritten(path, manifest_json=json.dumps(manifest)))


@pytest.mark.parametrize("manifest", ["{", "[]", '{"schema": 1}', "{}"])
def test_manifests_that_are_none(path, manifest):
    with pytest.raises(DataError, match="manifest"):
        load_model(rewritten(path, manifest_json=manifest))


def test_numbers_that_are_none(fitted, path, monkeypatch):
    arrays, facts = fitted.state()
    holed = {**arrays, "head.centroids": np.full_like(arrays["head.centroids"], np.nan)}
    monkeypatch.setattr(fitted, "state", lambda: (holed, facts))
    with pytest.raises(DataError, match="missing or infinite"):
        load_model(save_model(fitted, path))


def test_foreign_and_missing_files(path, tmp_path):
    with pytest.raises(DataError, match="no file"):
        load_model(tmp_path / "none.sctl")
    (tmp_path / "text.sctl").write_text("hello")
    with pytest.raises(DataError, match="no model"):
        load_model(tmp_path / "text.sctl")
    with pytest.raises(DataError, match="holds"):
        load_model(rewritten(path, README_md=None))
    with pytest.raises(DataError, match="leads out"):
        load_model(rewritten(path, **{"../evil_txt": "x"}))


def test_what_cannot_be_saved_is_refused(tmp_path, pair):
    with pytest.raises(NotFittedError):
        save_model(ItClust(), tmp_path / "x")
    other = next(method for method in METHODS.values() if not issubclass(method, Saveable))
    with pytest.raises(ParameterError, match="does not train a model"):
        save_model(other(), tmp_path / "x")


def test_saving_does_not_touch_the_method(fitted, path, pair):
    again = fit_transfer(pair, ItClust(n_pretrain_epochs=2, dropout=0.3), Run(seed=4))
    np.testing.assert_array_equal(fitted.transfer(pair.target, Run(seed=4)).labels, again.labels)
