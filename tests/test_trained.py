"""A trained source in the place of a source: the same answer, whatever of its cells is gone."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace

import anndata as ad
import numpy as np
import pytest
from anndata import AnnData

from sctl import export, workflow
from sctl.data import read_result
from sctl.errors import DataError, ParameterError
from sctl.methods import METHODS, get_method
from sctl.methods.base import Saveable
from sctl.run import Run
from sctl.sharing import load_trained, model_card, read_manifest, save_model
from sctl.simulate import toy_counts

QUICK = {
    "itclust": {"n_pretrain_epochs": 2, "dropout": 0.3, "max_refreshes": 5},
    "transfercluster": {"n_init": 2, "theta_step": 0.3, "n_permutations": 9},
    "targetcluster": {"n_init": 2},
}
SAVED = pytest.mark.parametrize("key", QUICK)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, source, target):
    """Make, once for each method: file, the pair it was learned from, and the answer of that run."""
    made = {}

    def make(key):
        if key not in made:
            path = tmp_path_factory.mktemp("models") / f"{key}.sctl"
            pair = workflow.prepare(source, target, {"label_key": "cell_type"}, Run()).pair
            method = get_method(key)(**QUICK[key])
            result = workflow.transfer(pair, method, Run(seed=5))
            workflow.save_trained(path, pair, method, {}, seed=5, name="toy.h5ad")
            made[key] = path, pair, result
        return made[key]

    return make


def answer(path, target, **settings):
    loaded = load_trained(path)
    prepared = workflow.prepare_trained(loaded, target, {}, Run())
    return workflow.transfer(prepared.pair, loaded.configured(settings), Run(seed=loaded.seed))


def test_every_method_but_the_one_that_mixes_cells_can_be_trained():
    assert {key for key, kind in METHODS.items() if not workflow.why_not_saved(kind, {})} >= set(QUICK)
    assert "needs the cells" in workflow.why_not_saved(get_method("concatenatecluster"), {})


@SAVED
def test_the_same_target_gets_the_same_answer(trained, target, key):
    path, _, first = trained(key)
    again = answer(path, target)
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.clusters, again.clusters)
    np.testing.assert_array_equal(first.label_proba, again.label_proba)
    np.testing.assert_array_equal(first.embedding, again.embedding)
    assert first.params == again.params


@SAVED
def test_the_stand_in_has_the_means_of_the_types(trained, key):
    path, pair, _ = trained(key)
    profile_source = load_trained(path).profile_source()
    X, types = pair.source.X.toarray(), pair.source.obs["cell_type"].astype(str).to_numpy()
    for row, name, n_cells in zip(
        profile_source.X.toarray(), *map(profile_source.obs.get, ("cell_type", "n_cells")), strict=True
    ):
        np.testing.assert_allclose(row, X[types == name].mean(axis=0), rtol=1e-5)
        assert n_cells == (types == name).sum()
    assert profile_source.n_obs == 4


@SAVED
def test_a_target_may_lack_genes_but_not_too_many(trained, target, key):
    path, _, _ = trained(key)
    fewer = target[:, np.random.default_rng(0).permutation(300)[:240]].copy()
    loaded = load_trained(path)
    prepared = workflow.prepare_trained(loaded, fewer, {}, Run())
    assert prepared.pair.profiles_only
    assert prepared.report.to_dict()["trained"]["n_compared"] == 300
    assert len(prepared.report.missing) == 60
    assert "240 of the 300 genes by which it compares cells" in " ".join(prepared.report.sentences)
    assert (answer(path, fewer).labels == target.obs["cell_type"].astype(str)).mean() > 0.9
    with pytest.raises(DataError, match="100 of the 300 genes"):
        workflow.prepare_trained(loaded, target[:, :100].copy(), {}, Run())


@SAVED
def test_what_was_learned_cannot_be_changed_but_what_concerns_the_target_can(trained, key):
    path, _, _ = trained(key)
    loaded = load_trained(path)
    learned = {"itclust": ("dropout", 0.9), "transfercluster": ("dictionary", "nmf"), "targetcluster": ("genes", "all")}
    name, value = learned[key]
    method = loaded.configured({"min_confidence": 0.7, name: value})
    assert method.params["min_confidence"] == 0.7
    assert method.params[name] == loaded.method.params[name]
    assert method.target_settings < {parameter.name for parameter in method.parameters()}


@pytest.mark.parametrize("kind", METHODS.values(), ids=METHODS.keys())
def test_the_least_confidence_can_always_be_changed(kind):
    assert not issubclass(kind, Saveable) or "min_confidence" in kind.target_settings


@pytest.mark.parametrize("key", ["itclust", "transfercluster"])
def test_settings_of_the_target_play_no_part_in_learning(pair, key):
    """Otherwise a trained source that is met with other ones would differ from one that is trained so."""
    kind = get_method(key)
    other = {"n_init": 7, "min_confidence": 0.5, "theta": 0.3, "n_landmarks": 100, "distances": "euclidean"}
    other |= {
        "allow_for_mix": False,
        "max_refreshes": 3,
        "answer": "before",
        "tolerance": 0.1,
        "n_new_clusters": 2,
        "learning_rate": 0.1,
    }
    quick = QUICK[key]
    changed = {name: value for name, value in other.items() if name in kind.target_settings}
    one, two = (
        kind(**settings).fit(pair.source, pair.label_key, Run()).state()[0] for settings in (quick, quick | changed)
    )
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name])


def test_a_restored_method_learns_nothing_anew(trained, target):
    path, _, first = trained("transfercluster")
    loaded = load_trained(path)
    pair = workflow.prepare_trained(loaded, target, {}, Run()).pair
    worse = pair.source.copy()
    worse.X = worse.X * 0
    again = workflow.transfer(replace(pair, source=worse), loaded.configured({}), Run(seed=5))
    np.testing.assert_array_equal(first.label_proba, again.label_proba)
    assert workflow.baselines_of(loaded.method) == ("targetcluster",)
    kept = workflow.compared_methods(loaded.method, 0.3)
    assert kept["transfercluster"].is_pretrained_
    assert list(kept) == ["transfercluster", "targetcluster"]


def test_found_groups_come_along(tmp_path, source, target):
    pair = workflow.prepare(source, target, {}, Run()).pair
    method = get_method("transfercluster")(**QUICK["transfercluster"], source_types="found", n_source_groups=4)
    first = workflow.transfer(pair, method, Run(seed=5))
    path = workflow.save_trained(tmp_path / "groups", pair, method, {}, seed=5)
    np.testing.assert_array_equal(answer(path, target).labels, first.labels)
    assert sum(load_trained(path).summary.n_cells) == source.n_obs


def test_genes_are_made_to_meet(trained, target):
    path, _, first = trained("itclust")
    shouted = target.copy()
    shouted.var_names = [
        f"{name.upper()}X" if number < 2 else name.upper() for number, name in enumerate(target.var_names)
    ]
    loaded, repaired, told = workflow.match_genes(load_trained(path), shouted)
    assert [finding.code for finding in told] == ["case_differs"]
    pair = workflow.prepare_trained(loaded, repaired, {}, Run()).pair
    result = workflow.transfer(pair, loaded.configured({}), Run(seed=5))
    assert result.diagnostics.genes.missing == 2
    assert (result.labels == first.labels).mean() > 0.95
    again = save_model(loaded.method, path.with_name("renamed"), source=loaded.summary)
    assert load_trained(again).genes == loaded.genes


def test_two_genes_never_get_one_name(trained):
    path, _, _ = trained("itclust")
    loaded = load_trained(path)
    first, second, third = loaded.summary.genes[:3]
    renamed = loaded.renamed({first: "A", second: "A"})
    assert renamed.summary.genes[:3] == ("A", f"{second} (as trained)", third)
    assert set(renamed.genes) <= set(renamed.summary.genes)
    assert renamed.method.is_pretrained_


def test_what_fits_one_target_only_is_not_saved(tmp_path, pair):
    method = get_method("targetcluster")().fit(pair.source, pair.label_key, Run())
    with pytest.raises(ParameterError, match="ComBat"):
        workflow.save_trained(tmp_path / "x", pair, method, {"batch_correction": "combat"}, seed=0)


def test_training_without_a_target(tmp_path, source, target):
    method = get_method("transfercluster")(**QUICK["transfercluster"])
    pair = workflow.train(source, method, {"label_key": "cell_type", "n_top_genes": 100}, Run())
    path = workflow.save_trained(tmp_path / "alone", pair, method, {"n_top_genes": 100}, seed=0)
    assert len(load_trained(path).genes) == 100
    assert (answer(path, target).labels == target.obs["cell_type"].astype(str)).mean() > 0.9


def test_the_card_tells_from_whom_and_what_is_not_in_it(trained):
    path, _, _ = trained("itclust")
    card = model_card(read_manifest(path))
    assert "200 cells of toy.h5ad" in card
    assert "no cell of the source" in card
    assert "sctl run --model" in card


def test_a_type_of_few_cells_is_named_on_the_card(tmp_path, source, target):
    keep = (source.obs["cell_type"] != source.obs["cell_type"].iloc[0]).to_numpy()
    keep[:3] = True
    few = source[keep].copy()
    method = get_method("targetcluster")(**QUICK["targetcluster"])
    pair = workflow.train(few, method, {"label_key": "cell_type"}, Run())
    card = model_card(read_manifest(workflow.save_trained(tmp_path / "few", pair, method, {}, seed=0)))
    assert "fewer than 5 cells" in card


def test_a_model_without_profiles_is_no_trained_source(tmp_path, pair):
    method = get_method("targetcluster")().fit(pair.source, pair.label_key, Run())
    with pytest.raises(DataError, match="not the profiles"):
        load_trained(save_model(method, tmp_path / "bare"))


@pytest.mark.parametrize(
    "broken",
    [
        {"n_cells": [1, 2]},
        {"n_cells": "many"},
        {"genes": ["a"]},
        {"genes": [["a"]] * 300},
        {"preparation": {"log": "log7"}},
        {"preparation": None},
        {"symbols": ["a"]},
    ],
    ids=str,
)
def test_summaries_that_do_not_fit_are_refused(trained, tmp_path, broken, monkeypatch):
    """Even where all checksums are right: they are no signature."""
    path, _, _ = trained("targetcluster")
    loaded = load_trained(path)

    class Strange:
        def arrays(self):
            return loaded.summary.arrays()

        def facts(self):
            return json.loads(json.dumps(loaded.summary.facts())) | broken

    with pytest.raises(DataError):
        load_trained(written(loaded.method, tmp_path / "strange", Strange(), monkeypatch))


@pytest.mark.parametrize("seed", [-1, "one", None, True, 2**63])
def test_seeds_that_are_none_are_refused(trained, tmp_path, seed):
    loaded = load_trained(trained("targetcluster")[0])
    with pytest.raises(DataError):
        load_trained(save_model(loaded.method, tmp_path / "seed", seed=seed, source=loaded.summary))


def written(method, path, source, monkeypatch):
    """Write a file without its card, which could not be written of such a source."""
    monkeypatch.setattr("sctl.sharing.model_file.model_card", lambda manifest: "card")
    return save_model(method, path, source=source)


def test_the_script_of_an_export_repeats_the_answer(trained, target, tmp_path, monkeypatch):
    path, _, first = trained("transfercluster")
    (tmp_path / "atlas.sctl").write_bytes(path.read_bytes())
    target.write_h5ad(tmp_path / "mine.h5ad")
    recipe = export.Recipe(
        source="atlas.sctl", target="mine.h5ad", label_key="cell_type", trained={"dictionary": "means"}, seed=5,
        params={**QUICK["transfercluster"], "dictionary": "means"},
    )  # fmt: skip
    (tmp_path / "again.py").write_text(export.script_for(recipe))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(tmp_path / "again.py"))
    again = read_result(ad.read_h5ad(tmp_path / "result.h5ad"), "transfercluster")
    np.testing.assert_array_equal(first.labels, again.labels)
    assert "--param dictionary" not in export.command_for(recipe)


def test_nothing_of_a_cell_is_in_the_file(trained, source):
    path, _, _ = trained("itclust")
    content = json.dumps(read_manifest(path))
    assert not any(name in content for name in source.obs_names[:20])
    assert isinstance(load_trained(path).profile_source(), AnnData)


def test_toy_counts_are_what_the_tests_think(source):
    assert toy_counts()[0].shape == source.shape == (200, 300)
