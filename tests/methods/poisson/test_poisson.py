"""What is particular to the Poisson autoencoder."""

from __future__ import annotations

import dataclasses

import anndata as ad
import numpy as np
import pytest

from sctl.data import read_result, write_result
from sctl.errors import DataError, ParameterError
from sctl.genesets import hallmark
from sctl.methods import get_method
from sctl.methods.base import Saveable, fit_transfer
from sctl.methods.poisson.denoise import denoised, denoised_genes, has_denoised, with_denoised
from sctl.methods.poisson.search import search_poisson
from sctl.numerics.hyperparameters import Range
from sctl.run import Run
from sctl.sharing import load_model, model_card, read_manifest, save_model

Poisson = get_method("poissonautoencoder")
QUICK = {"n_hidden": 40, "n_latent": 12, "max_epochs": 40, "learning_rate": 2e-3}


@pytest.fixture(scope="module")
def fitted(pair):
    return Poisson(**QUICK, n_networks=2).fit(pair.source, pair.label_key, Run(seed=1))


@pytest.fixture(scope="module")
def result(fitted, pair):
    return fitted.transfer(pair.target, Run(seed=1))


def test_can_be_saved_and_taken_back(fitted, result, pair, tmp_path):
    assert isinstance(fitted, Saveable)
    again = load_model(save_model(fitted, tmp_path / "model", seed=1)).transfer(pair.target, Run(seed=1))
    np.testing.assert_array_equal(result.labels, again.labels)
    np.testing.assert_allclose(result.embedding, again.embedding, rtol=1e-5, atol=1e-6)


def test_its_card_says_that_the_file_holds_the_sources_cells_as_points(fitted, tmp_path):
    manifest = read_manifest(save_model(fitted, tmp_path / "model", seed=1))
    assert manifest["keep"] == "latents"
    assert "every cell of the source as a point" in model_card(manifest)
    with pytest.raises(ParameterError):
        save_model(fitted, tmp_path / "less", seed=1, keep="weights")


def test_a_model_whose_parts_do_not_fit_is_refused(fitted):
    arrays, facts = fitted.state()
    for damage in (
        {"labels": arrays["labels"] + 99},
        {"mean": arrays["mean"][:-1]},
        {"typical": arrays["typical"][:-1]},
        {"1.code": arrays["1.code"][:-1]},
    ):
        with pytest.raises(DataError, match="do not fit together"):
            Poisson(**QUICK, n_networks=2).restore({**arrays, **damage}, facts)


def test_layers_that_do_not_follow_each_other_are_refused(fitted):
    arrays, facts = fitted.state()
    for name in ("0.encoder.layers.1.weight", "0.decoder.layers.0.weight", "0.encoder.layers.0.bias"):
        with pytest.raises(ValueError, match="do not follow"):
            Poisson(**QUICK, n_networks=2).restore({**arrays, name: arrays[name][:1]}, facts)


def test_probabilities_are_shares_of_votes(result):
    np.testing.assert_allclose(result.label_proba * 15, (result.label_proba * 15).round(), atol=1e-9)


def test_labels_for_every_number_of_neighbours(result, pair):
    truth = pair.target.obs["cell_type"].astype(str).to_numpy()
    by_k = result.obsm["labels_by_k"]
    assert by_k.shape == (pair.target.n_obs, 24)
    assert result.diagnostics.n_neighbors_tried == tuple(range(2, 26))
    at_15 = np.array(result.label_names, dtype=object)[by_k[:, 13]]
    np.testing.assert_array_equal(at_15, result.labels)
    assert (at_15 == truth).mean() > 0.9


def test_a_source_with_one_type_is_refused(pair):
    source = pair.source[:1].copy()
    with pytest.raises(DataError, match="single type"):
        get_method("poissonautoencoder")().fit(source, "cell_type", Run())


def test_cells_like_none_of_the_source_are_novel(pair, fitted):
    target = pair.target.copy()
    X = target.X.toarray()
    X[:20] = X[20:60].reshape(2, 20, -1).mean(axis=0)  # a mixture of cells, which the source does not hold
    X[:20, ::2] = 0
    target.X = X
    novel = fitted.transfer(target, Run()).obsm["novelty"][:, 0]
    assert np.median(novel[:20]) > np.median(novel[20:]) + 0.2


def test_genes_that_the_target_lacks_count_as_silent(pair, fitted):
    fewer = pair.target[:, : int(0.7 * pair.target.n_vars)].copy()
    result = fitted.transfer(fewer, Run())
    assert result.diagnostics.genes.missing > 0
    assert "70%" in result.diagnostics.warnings[0]
    with pytest.raises(DataError, match="genes by which the trained source compares"):
        fitted.transfer(pair.target[:, :20].copy(), Run())


def test_order_of_genes_does_not_matter(pair, fitted, result):
    order = np.random.default_rng(0).permutation(pair.target.n_vars)
    again = fitted.transfer(pair.target[:, order].copy(), Run(seed=1))
    np.testing.assert_allclose(again.embedding, result.embedding, atol=1e-5)


@pytest.mark.parametrize("genes", ["hallmark", "all", "variable"])
def test_which_genes_are_learned(pair, genes):
    if genes == "hallmark":
        with pytest.raises(DataError, match=r"0 genes are left to learn from \(hallmark\)"):
            Poisson(genes=genes).fit(pair.source, pair.label_key, Run())
        return
    fitted = Poisson(**QUICK | {"max_epochs": 1}, genes=genes).fit(pair.source, pair.label_key, Run())
    marked = pair.source.var["highly_variable"] if genes == "variable" else np.ones(pair.source.n_vars, bool)
    assert len(fitted.var_names_) == marked.sum()


def test_hallmark_genes_are_found_by_symbol(pair):
    names = [*sorted(hallmark("human").genes)[:40], *(f"GENE{i}" for i in range(pair.source.n_vars - 40))]
    sides = {side: getattr(pair, side).copy() for side in ("source", "target")}
    for side in sides.values():
        side.var_names = names
    result = fit_transfer(dataclasses.replace(pair, **sides), Poisson(**QUICK, genes="hallmark"), Run())
    assert result.var_names == tuple(names[:40])


def test_the_complex_model_and_the_papers_forms_run(pair):
    settings = {"l1": 1e-6, "weight_decay": 1e-5, "loss": "log-rate", "softplus": "width", "scaling": "each"}
    result = fit_transfer(pair, Poisson(**QUICK, **settings, distance="euclidean"), Run())
    assert np.isfinite(result.embedding).all()
    config = Poisson(schedule="paper", max_epochs=400, l1=1e-6, model="complex").config
    assert (config.training.optimiser, config.training.batch_size, config.training.max_epochs) == ("nesterov", 1, 400)
    assert config.l1 == 1e-6


def test_two_kinds_of_networks_stand_side_by_side(pair):
    both = Poisson(**QUICK, simple_weight=0.5).fit(pair.source, pair.label_key, Run(seed=1))
    heavy, plain = both.configs
    assert (heavy.training.weight_decay, heavy.loss) == (1e-4, "rate")
    assert (plain.training.weight_decay, plain.loss) == (0.0, "log-rate")
    embedding = both.transfer(pair.target, Run(seed=1)).embedding
    for place, kind in enumerate(("complex", "simple")):
        alone = Poisson(**QUICK, model=kind).fit(pair.source, pair.label_key, Run(seed=1))
        np.testing.assert_array_equal(alone.models_[0].weights[0], both.models_[place].weights[0])
        own = alone.transfer(pair.target, Run(seed=1)).embedding
        weight = (1.0, 0.5)[place] / np.sqrt(1.25)  # directions of both codes, weighed
        np.testing.assert_allclose(embedding[:, 12 * place : 12 * place + 12], own * weight, rtol=1e-4, atol=1e-6)


def test_denoised_expression_is_what_the_network_rebuilds(pair, fitted, result):
    assert has_denoised(result)
    genes = [fitted.var_names_[3], fitted.var_names_[0]]
    model = fitted.models_[0]
    whole = model.decode(model.encode(fitted.aligned(pair.target)[0]).astype(float))
    np.testing.assert_allclose(denoised(result, genes), whole[:, [3, 0]], rtol=1e-4, atol=1e-5)


def test_denoised_expression_survives_a_file(pair, result, tmp_path):
    write_result(pair.target, result).write_h5ad(tmp_path / "result.h5ad")
    again = read_result(ad.read_h5ad(tmp_path / "result.h5ad"), result.method)
    assert set(denoised_genes(again)) == set(result.var_names)
    gene = result.var_names[5]
    np.testing.assert_allclose(denoised(again, [gene]), denoised(result, [gene]), rtol=1e-4)


def test_denoising_brings_cells_nearer_to_their_type(pair, result):
    truth = pair.target.obs["cell_type"].astype(str).to_numpy()
    genes = list(result.var_names)
    clean, raw = denoised(result, genes).to_numpy(), pair.target[:, genes].X.toarray()

    def share_between(values):
        means = np.array([values[truth == kind].mean(axis=0) for kind in truth])
        return means.var() / values.var() if values.var() else 0.0

    assert share_between(clean) > share_between(raw)


def test_denoised_genes_that_are_not_there(result):
    with pytest.raises(ParameterError, match="NOSUCH"):
        denoised(result, ["NOSUCH"])
    bare = dataclasses.replace(result, varm={})
    assert denoised_genes(bare) == ()
    with pytest.raises(DataError, match="no denoised expression"):
        denoised(bare, [result.var_names[0]])


def test_denoised_expression_as_a_layer(pair, result):
    out = with_denoised(pair.target, result)
    known = out.var_names.isin(result.var_names)
    np.testing.assert_allclose(out[:, known].layers["denoised"], denoised(result, list(out.var_names[known])))
    assert np.isnan(out.layers["denoised"][:, ~known]).all()
    assert "denoised" not in pair.target.layers
    with pytest.raises(DataError, match="79 cells"):
        with_denoised(pair.target[1:], result)


def test_settings_can_be_searched_on_what_is_trained_on(pair):
    method = Poisson(**QUICK | {"max_epochs": 2})
    X, strata, genes = method.training_cells(pair.source, pair.label_key)
    assert X.shape == (pair.source.n_obs, len(genes))
    space = {"n_latent": Range(2, 6, whole=True)}
    found = search_poisson(X, strata, method.config, space, n_trials=2, sampler="random", run=Run())
    assert len(found.trials) == 2
