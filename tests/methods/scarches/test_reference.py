"""What a reference has learned: refused where a file lies, and grown by further datasets without moving."""

from __future__ import annotations

import numpy as np
import pytest

from sctl.data import UNASSIGNED
from sctl.errors import DataError
from sctl.methods.scarches import ScArches
from sctl.run import Run
from sctl.sharing import load_model, save_model

QUICK = {"epochs": 1, "surgery_epochs": 2, "batch_key": "donor"}


@pytest.fixture(scope="module")
def fitted(pair) -> ScArches:
    return ScArches(**QUICK).fit(pair.source, "cell_type", Run())


def spoilt(array: np.ndarray, value: float) -> np.ndarray:
    out = array.copy()
    out.flat[0] = value
    return out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("network.to_mean.weight", np.nan), ("network.encoder.first.offsets.0", np.inf), ("latent", np.nan),
        ("codes", -1), ("codes", 99), ("batches", 2), ("usual", 0.0), ("usual", np.nan),
    ],
)  # fmt: skip
def test_tensors_that_are_no_model_are_refused(fitted, name, value):
    arrays, facts = fitted.state()
    with pytest.raises(DataError, match="do not fit"):
        ScArches(**QUICK).restore({**arrays, name: spoilt(arrays[name], value)}, facts)


@pytest.mark.parametrize(
    "lie",
    [
        {"n_vars": 10**8}, {"n_conditions": 10**8}, {"n_latent": -1}, {"n_latent": 2.5}, {"hidden": []},
        {"hidden": [10**8]}, {"hidden": [1] * 10**6}, {"dropout": 1.0}, {"likelihood": "zinb"},
    ],
)  # fmt: skip
def test_descriptions_that_the_weights_do_not_bear_out_are_refused_before_memory_is_taken(fitted, lie):
    arrays, facts = fitted.state()
    with pytest.raises(DataError, match="do not fit its description"):
        ScArches(**QUICK).restore(arrays, {**facts, "architecture": {**facts["architecture"], **lie}})


@pytest.mark.parametrize(
    "lie",
    [
        {"genes": ["a"]}, {"conditions": ["donor 1", "donor 1"]}, {"label_names": []}, {"label_names": [1, 2, 3, 4]},
    ],
)  # fmt: skip
def test_names_that_do_not_fit_are_refused(fitted, lie):
    arrays, facts = fitted.state()
    with pytest.raises(DataError, match="do not fit"):
        ScArches(**QUICK).restore(arrays, {**facts, **lie})


@pytest.mark.parametrize("lie", [{"threshold": "low"}, {"coefficients": [1.0]}, {"no such": 1.0}])
def test_a_novelty_that_is_none_is_refused(fitted, lie, tmp_path, monkeypatch):
    arrays, facts = fitted.state()
    monkeypatch.setattr(ScArches, "state", lambda self: (arrays, {**facts, "novelty": {**facts["novelty"], **lie}}))
    with pytest.raises(DataError, match="does not know"):
        load_model(save_model(fitted, tmp_path / "x"))


# -- more datasets ---------------------------------------------------------------------------------------


def test_an_adaptor_maps_as_the_surgery_did_and_trains_nothing(fitted, pair):
    found = fitted.transfer(pair.target, Run())
    assert set(found.diagnostics.mapping.adaptors) == {"donor 1 (new)", "donor 2 (new)"}
    assert {w.shape for weights in found.diagnostics.mapping.adaptors.values() for w in weights.values()} == {(128,)}
    adaptors = {
        name.replace("donor", "patient").removesuffix(" (new)"): w
        for name, w in found.diagnostics.mapping.adaptors.items()
    }
    target = pair.target.copy()
    target.obs["donor"] = target.obs["donor"].astype(str).str.replace("donor", "patient")
    knowing = fitted.with_adaptors(adaptors)
    again = knowing.transfer(target, Run(seed=9))
    np.testing.assert_array_equal(again.embedding, found.embedding)
    np.testing.assert_array_equal(again.label_proba, found.label_proba)
    assert (
        again.diagnostics.mapping.n_trained,
        again.diagnostics.mapping.n_new_conditions,
        again.diagnostics.mapping.drift,
    ) == (0, 0, 0.0)
    assert fitted.conditions_ == ("donor 1", "donor 2")
    restored = ScArches(**QUICK).restore(*knowing.state())
    np.testing.assert_array_equal(restored.transfer(target, Run()).embedding, found.embedding)


def test_one_dataset_has_an_adaptor_and_the_other_is_trained(fitted, pair):
    weights = fitted.transfer(pair.target, Run()).diagnostics.mapping.adaptors["donor 2 (new)"]
    target = pair.target.copy()
    target.obs["donor"] = target.obs["donor"].astype(str).replace({"donor 1": "a stranger", "donor 2": "known"})
    result = fitted.with_adaptors({"known": weights}).transfer(target, Run())
    assert list(result.diagnostics.mapping.conditions) == ["donor 1", "donor 2", "known", "a stranger"]
    assert result.diagnostics.mapping.n_trained == 256
    own = (target.obs["donor"] == "known").to_numpy()
    np.testing.assert_array_equal(result.embedding[own], fitted.transfer(pair.target, Run()).embedding[own])


def test_adaptors_of_another_reference_are_refused(fitted, pair):
    weights = fitted.transfer(pair.target, Run()).diagnostics.mapping.adaptors["donor 1 (new)"]
    with pytest.raises(DataError, match="has a dataset 'donor 1' already"):
        fitted.with_adaptors({"donor 1": weights})
    for wrong in ({"encoder": weights["encoder"]}, {**weights, "decoder": np.full(128, np.nan)}, {"encoder": "x"}):
        with pytest.raises(DataError, match="does not fit this reference"):
            fitted.with_adaptors({"other": wrong})


def test_a_reference_grows_and_its_cells_stay(fitted, pair, tmp_path):
    types = pair.target.obs["cell_type"].astype(str).to_numpy().astype(object)
    labels = np.where(types == "type D", "a new type", types)
    labels[:5] = UNASSIGNED
    grown = fitted.extended(pair.target, labels, Run(seed=3))
    n = len(fitted.latent_)
    np.testing.assert_array_equal(grown.latent_[:n], fitted.latent_)
    np.testing.assert_array_equal(grown.codes_[:n], fitted.codes_)
    assert len(grown.latent_) == n + pair.target.n_obs - 5
    assert grown.label_names_ == ("type A", "type B", "type C", "type D", "a new type")
    np.testing.assert_array_equal(np.array(grown.label_names_, dtype=object)[grown.codes_[n:]], labels[5:])
    assert grown.learned_.lineage[0]["datasets"] == ["donor 1 (new)", "donor 2 (new)"]
    loaded = load_model(save_model(grown, tmp_path / "grown"))
    twice = loaded.extended(pair.target, labels, Run())  # surgery upon surgery, from a file
    np.testing.assert_array_equal(twice.latent_[: len(grown.latent_)], grown.latent_)
    assert [entry["seed"] for entry in twice.learned_.lineage] == [3, 0]
    result = twice.transfer(pair.target, Run())
    assert result.diagnostics.mapping.drift == 0.0
    assert len(result.diagnostics.mapping.lineage) == 2
    assert (result.labels == labels)[5:].mean() > 0.8


def test_a_reference_grows_only_by_labelled_cells(fitted, pair):
    with pytest.raises(DataError, match=r"0 of .* labels name a type"):
        fitted.extended(pair.target, [UNASSIGNED] * pair.target.n_obs, Run())
    free = ScArches(**QUICK, trainable="all").fit(pair.source, "cell_type", Run())
    with pytest.raises(DataError, match="no place for more cells"):
        free.extended(pair.target, ["type A"] * pair.target.n_obs, Run())


def test_what_the_target_lacks_is_named(fitted, pair):
    few = pair.target[:, 7:].copy()
    assert fitted.transfer(few, Run()).diagnostics.genes.lacking == tuple(pair.target.var_names[:7])
    assert fitted.transfer(pair.target, Run()).diagnostics.genes.lacking == ()


def test_every_part_of_the_network_can_be_set():
    recipe = ScArches(
        norm="batch", reconstruction_weight=3.0, anneal_epochs=4, mmd_on="decoder", mmd_weight=2.0, sampling="datasets"
    ).recipe
    assert (recipe.norm, recipe.reconstruction, recipe.anneal_epochs, recipe.mmd_on, recipe.mmd, recipe.balanced) == (
        "batch", 3.0, 4, "decoder", 2.0, True,
    )  # fmt: skip
