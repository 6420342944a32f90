"""Adaptors as files, and references that take in more cells: from Python and from the shell."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from sctl import workflow
from sctl.cli import main
from sctl.data import UNASSIGNED
from sctl.errors import DataError, ParameterError
from sctl.methods import get_method
from sctl.methods.scarches import ScArches
from sctl.run import Run
from sctl.sharing import load_adaptor, load_model, load_trained, model_card, read_manifest, save_adaptor

QUICK = {"epochs": 1, "surgery_epochs": 2}
SHELL = ["--method", "scarches", "--param", "epochs=1", "--param", "surgery_epochs=2", "--quiet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, source, target) -> Path:
    """A source, a target, a labelled dataset with a type of its own, and a reference learned from the source."""
    out = tmp_path_factory.mktemp("growing")
    source.write_h5ad(out / "source.h5ad")
    labeled = target.copy()
    labeled.obs["cell_type"] = labeled.obs["cell_type"].astype(str).replace("type D", "new type")
    labeled.write_h5ad(out / "labelled.h5ad")
    bare = target.copy()
    bare.obs = bare.obs[[]]
    bare.write_h5ad(out / "target.h5ad")
    words = ["train", "--source", str(out / "source.h5ad"), "--label-key", "cell_type", "--out", str(out / "ref.sctl")]
    assert main([*words, *SHELL, "--note", "Two donors.", "--license", "cc-by-4.0"]) == 0
    return out


def run(folder: Path, out: str, *words: str, model: str = "ref.sctl") -> ad.AnnData:
    given = ["run", "--model", str(folder / model), "--target", str(folder / "target.h5ad"), "--out", str(folder / out)]
    assert main([*given, "--quiet", "--force", *words]) == 0
    return ad.read_h5ad(folder / out)


def test_note_and_licence_are_on_the_card_and_stay_there(folder, tmp_path):
    manifest = read_manifest(folder / "ref.sctl")
    for text in ("Two donors.", "License: cc-by-4.0"):
        assert text in model_card(manifest)
    again = workflow.save_grown(load_trained(folder / "ref.sctl"), tmp_path / "again")
    assert model_card(read_manifest(again)) == model_card(manifest)
    assert "License: none is stated" in model_card({**manifest, "source": {**manifest["source"], "license": ""}})


def test_an_adaptor_goes_into_a_file_and_gives_the_same_answer(folder, capsys):
    first = run(folder, "first.h5ad", "--save-adaptor", str(folder / "mine.sctl"))
    assert (folder / "mine.sctl").stat().st_size < 10_000 < (folder / "ref.sctl").stat().st_size
    again = run(folder, "again.h5ad", "--adaptor", str(folder / "mine.sctl"), "--seed", "9")
    np.testing.assert_array_equal(first.obsm["X_sctl_scarches"], again.obsm["X_sctl_scarches"])
    assert again.uns["sctl_scarches"]["n_trained"] == 0
    reference, weights = load_adaptor(folder / "mine.sctl")
    assert reference == load_model(folder / "ref.sctl").reference_id
    assert {name: sorted(parts) for name, parts in weights.items()} == {"target": ["decoder", "encoder"]}


def test_adaptors_of_others_and_other_files_are_refused(folder, tmp_path, pair, capsys):
    run(folder, "first.h5ad", "--save-adaptor", str(folder / "other.sctl"))
    with pytest.raises(DataError, match="is an adaptor: it belongs to a reference"):
        load_model(folder / "other.sctl")
    with pytest.raises(DataError, match="no adaptor"):
        load_adaptor(folder / "ref.sctl")
    stranger = ScArches(**QUICK).fit(pair.source, "cell_type", Run(seed=5))
    with pytest.raises(DataError, match="belongs to the reference"):
        workflow.with_adaptor(stranger, folder / "other.sctl")
    with pytest.raises(ParameterError, match="has no adaptors"):
        workflow.with_adaptor(get_method("itclust")(), folder / "other.sctl")
    moved = ScArches(**QUICK, trainable="all").fit(pair.source, "cell_type", Run()).transfer(pair.target, Run())
    with pytest.raises(ParameterError, match="no adaptor"):
        save_adaptor(moved, tmp_path / "x")
    words = ["run", "--source", "a", "--target", "b", "--out", str(tmp_path / "c.h5ad"), "--adaptor", "d"]
    assert main(words) == 2
    assert "--adaptor needs --model" in capsys.readouterr().err


def test_labelled_cells_are_added_to_a_reference(folder, capsys):
    words = ["train", "--onto", str(folder / "ref.sctl"), "--source", str(folder / "labelled.h5ad")]
    words += ["--label-key", "cell_type", "--out", str(folder / "grown.sctl"), "--quiet", "--force"]
    assert main(words) == 0
    old, new = (load_trained(folder / name) for name in ("ref.sctl", "grown.sctl"))
    assert new.label_names == (*old.label_names, "new type")
    assert new.n_source == old.n_source + ad.read_h5ad(folder / "labelled.h5ad").n_obs
    np.testing.assert_array_equal(new.method.latent_[: len(old.method.latent_)], old.method.latent_)
    assert "Added later: target" in model_card(new.manifest)
    named = run(folder, "named.h5ad", model="grown.sctl")
    assert "new type" in set(named.obs["sctl_scarches_label"])
    assert len(named.uns["sctl_scarches"]["lineage"]) == 1


def test_profiles_become_those_of_all_cells(folder, pair):
    trained = load_trained(folder / "ref.sctl")
    target = pair.target[:, 5:].copy()
    labels = target.obs["cell_type"].astype(str).to_numpy().astype(object)
    labels[:30] = UNASSIGNED
    grown = workflow.extended(trained, target, labels, Run())
    place, gene = trained.label_names.index("type A"), target.var_names[3]
    n, own = trained.summary.n_cells[place], labels == "type A"
    before = trained.summary.profiles[place, trained.summary.genes.index(gene)]
    values = target[own, gene].X.toarray().ravel()
    expected = (n * before + values.sum()) / (n + own.sum())
    found = grown.summary.profiles[place]
    assert found[grown.summary.genes.index(gene)] == pytest.approx(expected, rel=1e-4)
    lost = trained.summary.genes.index(pair.target.var_names[0])
    assert found[lost] == trained.summary.profiles[place, lost]
    assert grown.summary.n_cells[place] == n + own.sum()
    other = get_method("itclust")(n_pretrain_epochs=1).fit(pair.source, "cell_type", Run())
    with pytest.raises(ParameterError, match="cannot take in more cells"):
        workflow.extended(type(trained)(other, trained.manifest, trained.summary), target, labels, Run())


def test_a_reference_is_tested_from_the_shell(folder, capsys):
    out = folder / "tested.sctl"
    words = [
        "train",
        "--source",
        str(folder / "source.h5ad"),
        str(folder / "labelled.h5ad"),
        "--label-key",
        "cell_type",
    ]
    assert main([*words, "--out", str(out), *SHELL, "--test", "--force"]) == 0  # each file is a dataset of its own
    assert "--batch-key file" in capsys.readouterr().out
    method = load_model(out)
    assert method.conditions_ == ("labelled.h5ad", "source.h5ad")
    assert set(method.self_test_["types"]["type"]) == {"type A", "type B", "type C", "type D", "new type"}
    assert method.self_test_["genes"]["missing"] == [0.0, 0.1, 0.25, 0.4]
    card = model_card(read_manifest(out))
    mean = np.mean(method.self_test_["types"]["flagged"])
    assert "Datasets: labelled.h5ad, source.h5ad." in card
    assert f"it gave no name to {mean:.0%} of that type's cells" in card
    assert f"Learned from {len(method.codes_)} cells" in card
    assert main([*words, "--out", str(folder / "x.sctl"), "--method", "itclust", "--test"]) == 2
    assert "has no test of itself" in capsys.readouterr().err
