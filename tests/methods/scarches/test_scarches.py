"""What is particular to scArches: surgery that moves nothing, several datasets, missing genes, new types, saving."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from sctl.data import UNASSIGNED, Pair
from sctl.errors import DataError
from sctl.methods.base import fit_transfer
from sctl.methods.scarches import ScArches
from sctl.run import Run
from sctl.sharing import load_model, save_model


@pytest.fixture(scope="module")
def fitted(pair: Pair) -> ScArches:
    return ScArches(batch_key="donor").fit(pair.source, "cell_type", Run())


def truth_of(adata):
    return adata.obs["cell_type"].astype(str).to_numpy()


def test_surgery_does_not_move_the_reference(fitted, pair):
    result = fitted.transfer(pair.target, Run())
    assert result.diagnostics.mapping.drift == 0.0
    assert result.diagnostics.mapping.n_trained == 2 * (
        128 + 128
    )  # two donors × (encoder's and decoder's first layers)
    assert result.diagnostics.mapping.conditions == ("donor 1", "donor 2", "donor 1 (new)", "donor 2 (new)")
    freer = replace(fitted, trainable="all").fit(pair.source, "cell_type", Run())
    assert freer.transfer(pair.target, Run()).diagnostics.mapping.drift > 0.0


def test_one_dataset_where_the_column_is_missing(pair):
    method = ScArches(batch_key="no such column", epochs=1).fit(pair.source, "cell_type", Run())
    assert method.conditions_ == ("source",)
    assert method.transfer(pair.target, Run()).diagnostics.mapping.conditions == ("source", "target")


def test_a_type_that_the_reference_lacks_is_found(pair):
    seen = truth_of(pair.source) != "type D"
    without = replace(pair, source=pair.source[seen].copy())
    result = fit_transfer(without, ScArches(), Run())
    new = truth_of(pair.target) == "type D"
    assert roc_auc_score(new, result.obsm["novelty"][:, 0]) > 0.97
    assert (result.labels[new] == UNASSIGNED).mean() > 0.5
    assert (result.labels[~new] == truth_of(pair.target)[~new]).mean() > 0.9
    assert "unknown 1" in result.cluster_names
    plain = fit_transfer(without, ScArches(find_new_types=False), Run())
    assert "unknown 1" not in plain.cluster_names
    np.testing.assert_allclose(plain.label_proba.sum(axis=1), 1.0)


def test_missing_genes_are_filled_and_said(fitted, pair):
    few = pair.target[:, np.arange(pair.target.n_vars) % 4 != 0].copy()
    result = fitted.transfer(few, Run())
    assert result.diagnostics.genes.missing == 75
    assert (result.labels == truth_of(pair.target)).mean() > 0.85
    shuffled = pair.target[:, np.random.default_rng(0).permutation(pair.target.n_vars)].copy()
    np.testing.assert_array_equal(
        fitted.transfer(shuffled, Run()).embedding, fitted.transfer(pair.target, Run()).embedding
    )
    with pytest.raises(DataError, match="60 of the 300 genes"):
        fitted.transfer(pair.target[:, :60].copy(), Run())


def test_counts_are_modelled_only_where_there_are_some(pair):
    settings = {"preset": "paper-cvae", "epochs": 2, "surgery_epochs": 2}
    assert fit_transfer(pair, ScArches(**settings), Run()).diagnostics.mapping.notes == ()
    source, target = pair.source.copy(), pair.target.copy()
    del target.layers["counts"]
    mapped = fit_transfer(replace(pair, target=target), ScArches(**settings), Run())
    assert "no raw counts" in mapped.diagnostics.mapping.notes[0]
    assert mapped.diagnostics.mapping.n_trained == 0
    del source.layers["counts"]
    modelled = fit_transfer(replace(pair, source=source, target=target), ScArches(**settings), Run())
    assert "normalised expression was modelled" in modelled.diagnostics.mapping.notes[0]
    assert modelled.diagnostics.mapping.n_trained > 0


@pytest.mark.parametrize("preset", ["sctl", "paper-trvae", "paper-cvae"])
def test_a_saved_reference_says_the_same(pair, preset):
    settings = {"preset": preset, "epochs": 3, "surgery_epochs": 3, "batch_key": "donor"}
    method = ScArches(**settings).fit(pair.source, "cell_type", Run())
    arrays, facts = method.state()
    again = ScArches(**settings).restore(arrays, json.loads(json.dumps(facts)))
    one, other = method.transfer(pair.target, Run()), again.transfer(pair.target, Run())
    np.testing.assert_array_equal(one.label_proba, other.label_proba)
    assert json.dumps(again.state()[1]) == json.dumps(facts)
    with pytest.raises(DataError, match="do not fit"):
        ScArches().restore(arrays, {**facts, "genes": facts["genes"][:-1]})
    with pytest.raises(DataError, match="do not fit"):
        ScArches().restore({**arrays, "network.to_mean.weight": np.zeros((2, 2), np.float32)}, facts)


def test_a_saved_reference_cannot_be_moved(pair):
    method = ScArches(trainable="input", epochs=1, surgery_epochs=1).fit(pair.source, "cell_type", Run())
    assert method.transfer(pair.target, Run()).diagnostics.mapping.n_trained > 256
    again = ScArches(trainable="input", surgery_epochs=1).restore(*method.state())
    with pytest.raises(DataError, match="without the expression"):
        again.transfer(pair.target, Run())


def test_doubts_can_be_given_limits(fitted, pair):
    def set_up(**settings):
        method = replace(fitted, find_new_types=False, **settings)
        method.__dict__.update({name: value for name, value in fitted.__dict__.items() if name.endswith("_")})
        return method

    truth, between = truth_of(pair.target), pair.target.copy()
    X = between.X.toarray()
    for place, (one, other) in enumerate(zip(*(np.flatnonzero(truth == f"type {t}")[:12] for t in "AB"), strict=False)):
        X[one] = (0.3 + 0.04 * place) * X[one] + (0.7 - 0.04 * place) * X[other]  # from one type to the other
    between.X = sparse.csr_matrix(X)
    plain, result = (set_up(**limits).transfer(between, Run()) for limits in ({}, {"max_ambiguity": 0.0}))
    doubtful = result.obsm["novelty"][:, 1] > 0
    assert 0 < doubtful.sum() < len(doubtful) / 2
    assert (result.labels[doubtful] == UNASSIGNED).all()
    np.testing.assert_array_equal(result.labels[~doubtful], plain.labels[~doubtful])
    assert (plain.labels[doubtful] != UNASSIGNED).any()  # which the limit alone has left out


def test_the_menu_does_not_load_torch():
    code = "import sys, sctl.methods; sctl.methods.METHODS; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("preset", ["sctl", "paper-cvae"])  # the latter has batch normalisation
def test_a_reference_goes_into_a_file_and_comes_back(pair, tmp_path, preset):
    method = ScArches(preset=preset, epochs=2, surgery_epochs=2).fit(pair.source, "cell_type", Run())
    loaded = load_model(save_model(method, tmp_path / "reference"))
    one, other = (each.transfer(pair.target, Run()) for each in (method, loaded))
    np.testing.assert_array_equal(one.label_proba, other.label_proba)
    assert other.diagnostics.mapping.drift == 0.0
