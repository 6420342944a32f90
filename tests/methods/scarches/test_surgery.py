"""Training of a reference and of a target's condition, on a few simulated cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from sctl.methods.scarches.cvae import Architecture, ConditionalAutoencoder, Latent, drawn
from sctl.methods.scarches.likelihoods import kl_to_standard_normal, mmd, negative_binomial_log_prob
from sctl.methods.scarches.recipes import PRESETS, Recipe, rounds
from sctl.methods.scarches.surgery import (
    CellBatch,
    CellLoss,
    Losses,
    as_rows,
    embedded,
    learn_reference,
    losses_of,
    map_query,
    sampled,
)
from sctl.numerics.training import best_device, generator
from sctl.run import Run

SMALL = Recipe(hidden=(16,), n_latent=4, epochs=5, surgery_epochs=5)


@pytest.fixture
def expression(rng) -> CellBatch:
    """Three types in two datasets; the second dataset is shifted."""
    types, conditions = np.repeat([0, 1, 2], 40), np.tile([0, 1], 60)
    profiles = rng.gamma(1.0, 2.0, size=(3, 20))
    counts = rng.poisson(profiles[types] * (1.0 + 0.5 * conditions[:, None])).astype(np.float32)
    return CellBatch(np.log1p(counts), conditions, sparse.csr_matrix(counts))


def network(expression, **changed):
    shape = {"n_vars": expression.X.shape[1], "n_conditions": 2, "hidden": (8,), "n_latent": 3} | changed
    return drawn(Architecture(**shape), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("likelihood", ["mse", "sse", "nb"])
def test_the_loss_is_the_sum_of_its_parts(expression, likelihood):
    net, index = network(expression, likelihood=likelihood), np.arange(50)
    losses = Losses(reconstruction=2.0, kl=0.3, mmd=0.7)
    rows = torch.from_numpy(expression.X[index])
    found = float(CellLoss(net, expression, losses)(rows, torch.from_numpy(index), None).detach())
    condition = torch.from_numpy(expression.conditions[index])
    latent = net.encode(rows, condition)
    counts = torch.from_numpy(expression.counts[index].toarray())
    decoded = net.decode(latent.mean, condition, log_size=counts.sum(1).log())
    if likelihood == "nb":
        error = -negative_binomial_log_prob(counts, decoded.mean, decoded.log_dispersion)
    else:
        error = (rows - decoded.mean) ** 2
    reconstruction = error.sum(1).mean() if likelihood == "sse" else error.mean()
    expected = 2.0 * reconstruction + 0.3 * kl_to_standard_normal(*latent).mean() + 0.7 * mmd(latent.mean, condition)
    assert found == pytest.approx(float(expected.detach()), rel=1e-4)


def test_the_decoders_first_layer_can_be_compared_instead(expression):
    net, index = network(expression), torch.arange(50)
    rows, condition = torch.from_numpy(expression.X[:50]), torch.from_numpy(expression.conditions[:50])
    parts = [
        float(CellLoss(net, expression, Losses(kl=0.0, mmd=weight, mmd_on="decoder"))(rows, index, None).detach())
        for weight in (0.0, 1.0)
    ]
    first = net.decode(net.encode(rows, condition).mean, condition).first
    assert parts[1] - parts[0] == pytest.approx(float(mmd(first, condition).detach()), rel=1e-4)


def test_the_divergence_comes_in_slowly(expression):
    net = network(expression)
    rows, index = torch.from_numpy(expression.X[:9]), torch.arange(9)
    kl = float(kl_to_standard_normal(*net.encode(rows, torch.from_numpy(expression.conditions[:9]))).mean().detach())
    slow = CellLoss(net, expression, Losses(reconstruction=0.0, anneal_steps=4))
    net.encoder.blocks[0].dropout = 0.0
    weights = [float(slow(rows, index, torch.Generator().manual_seed(0)).detach()) / kl for _ in range(6)]
    assert weights == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0], rel=1e-4)
    assert float(slow(rows, index, None).detach()) == pytest.approx(kl)  # held-out cells are judged by the whole loss


@pytest.mark.parametrize("likelihood", ["mse", "nb"])
def test_genes_that_were_not_measured_have_no_say(expression, likelihood):
    net, measured = network(expression, likelihood=likelihood), np.arange(0, 20, 2)
    others = np.setdiff1d(np.arange(20), measured)
    rows = expression.X.copy()
    rows[:, others] = 0.0
    values = []
    for filler in (0.0, 7.0):
        counts = expression.counts.toarray()
        counts[:, others] = filler
        some = CellBatch(rows, expression.conditions, counts, measured)
        values.append(
            float(CellLoss(net, some, Losses())(torch.from_numpy(rows[:20]), torch.arange(20), None).detach())
        )
    assert values[0] == values[1]


def test_draws_have_the_mean_and_the_spread_of_the_cell():
    latent = Latent(torch.full((20_000, 1), 3.0), torch.full((20_000, 1), float(np.log(4.0))))
    drawn_ = sampled(latent, torch.Generator().manual_seed(0))
    assert float(drawn_.mean()) == pytest.approx(3.0, abs=0.05)
    assert float(drawn_.std()) == pytest.approx(2.0, abs=0.05)
    assert torch.equal(sampled(latent, None), latent.mean)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_learn(expression, preset):
    recipe = replace(PRESETS[preset], epochs=4, batch_size=32)
    _, log = learn_reference(expression, expression.conditions, recipe, Run())
    assert log.epochs[-1].train < log.epochs[0].train


@pytest.mark.parametrize("likelihood", ["mse", "zinb"])
def test_surgery_fits_the_target_and_leaves_the_reference(expression, likelihood):
    recipe = replace(SMALL, likelihood=likelihood)
    net, _ = learn_reference(expression, expression.conditions, recipe, Run())
    before = embedded(net, expression.X, expression.conditions)
    target = CellBatch(expression.X[:60] + 0.7, np.repeat([2, 3], 30), expression.counts[:60] * 2)
    after, log = map_query(net, target, recipe, Run())
    assert after.n_conditions == 4
    assert log.epochs[log.best_epoch].train < log.epochs[0].train
    np.testing.assert_array_equal(before, embedded(after, expression.X, expression.conditions))
    assert not np.allclose(embedded(after, target.X, target.conditions), embedded(net, target.X, target.conditions % 2))


def test_without_rounds_surgery_is_the_mean_condition(expression):
    net = network(expression)
    target = CellBatch(expression.X[:10], np.full(10, 2))
    after, log = map_query(net, target, replace(SMALL, surgery_epochs=0), Run())
    assert log.epochs == ()
    mean = torch.stack(tuple(net.encoder.first.offsets)).mean(0)
    torch.testing.assert_close(after.encoder.first.offsets[2], mean)


def test_freedom_moves_the_reference(expression):
    net, _ = learn_reference(expression, expression.conditions, SMALL, Run())
    before = embedded(net, expression.X, expression.conditions)
    target = CellBatch(expression.X[:60] + 0.7, np.full(60, 2))
    for trainable in ("input", "all"):
        after, _ = map_query(net, target, SMALL, Run(), trainable)
        assert not np.allclose(before, embedded(after, expression.X, expression.conditions))


def test_embedding_does_not_depend_on_chunks_or_storage(expression, monkeypatch):
    net = network(expression)
    whole = embedded(net, expression.X, expression.conditions)
    monkeypatch.setattr("sctl.methods.scarches.surgery.CHUNK", 7)
    np.testing.assert_allclose(whole, embedded(net, sparse.csr_matrix(expression.X), expression.conditions), atol=1e-5)
    monkeypatch.setattr("sctl.methods.scarches.surgery.DENSE_BYTES", 0)
    assert sparse.issparse(as_rows(expression.X))


def test_seeds_decide(expression):
    runs = [learn_reference(expression, expression.conditions, SMALL, Run(seed=seed))[0] for seed in (1, 1, 2)]
    one, same, other = (embedded(net, expression.X, expression.conditions) for net in runs)
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_the_mean_of_the_reference_is_the_centre(expression):
    net, _ = learn_reference(expression, expression.conditions, SMALL, Run())
    np.testing.assert_allclose(net.center, expression.X.mean(axis=0), rtol=1e-5)
    assert losses_of(Recipe(anneal_epochs=2, batch_size=10), 95).anneal_steps == 20
    assert rounds(25, 10, 64) == 500
    assert generator(Run(), "weights").initial_seed() == Run().random_state("weights")


@pytest.mark.parametrize("likelihood", ["mse", "sse"])
def test_all_that_is_computed_lies_where_the_network_is(expression, likelihood):
    """A GPU is not needed to see it: tensors of the device "meta" have a place, and no values."""
    with torch.device("meta"):
        net = ConditionalAutoencoder(
            Architecture(n_vars=20, n_conditions=2, hidden=(8,), n_latent=3, likelihood=likelihood)
        )
        rows, index = torch.rand(9, 20), torch.arange(9)
    loss = CellLoss(net, replace(expression, genes=np.arange(0, 20, 2)), Losses(), "meta")
    parts = (loss.conditions, loss.genes, loss(rows, index, None))
    assert {part.device.type for part in parts} == {"meta"}


def test_a_gpu_is_used_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device() == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == "cpu"


def test_networks_are_trained_on_the_best_device(expression, monkeypatch):
    seen = []
    monkeypatch.setattr("sctl.methods.scarches.surgery.best_device", lambda: "meta")
    monkeypatch.setattr(
        "sctl.methods.scarches.surgery.train",
        lambda net, loss, cells, *, config, **_: seen.append((config.device, loss.device)),
    )
    learn_reference(expression, expression.conditions, SMALL, Run())
    map_query(network(expression), replace(expression, conditions=np.full(expression.n_obs, 2)), SMALL, Run())
    assert seen == [("meta", "meta")] * 2


def test_a_network_that_is_free_to_move_learns_slowly(expression, monkeypatch):
    rates = {}
    monkeypatch.setattr(
        "sctl.methods.scarches.surgery.train",
        lambda net, loss, cells, *, config, **_: rates.update(last=config.learning_rate),
    )
    found = {}
    for trainable in ("condition", "input", "all"):
        other = replace(expression, conditions=np.full(expression.n_obs, 2))
        map_query(network(expression), other, replace(SMALL, surgery_rate=0.02), Run(), trainable)
        found[trainable] = rates["last"]
    assert found == pytest.approx({"condition": 0.02, "input": 0.002, "all": 0.002})


@pytest.mark.parametrize("balanced", [True, False])
def test_datasets_are_shown_equally_often_where_that_is_asked_for(expression, monkeypatch, balanced):
    seen = {}
    monkeypatch.setattr("sctl.methods.scarches.surgery.train", lambda net, loss, cells, **_: seen.update(cells=cells))
    uneven = replace(expression, conditions=np.repeat([0, 1], [100, 20]))
    learn_reference(uneven, uneven.conditions, replace(SMALL, balanced=balanced), Run())
    cells = seen["cells"]
    assert len(cells.validation) == 12
    if not balanced:
        assert cells.weights is None
        return
    of = uneven.conditions[cells.train]
    np.testing.assert_allclose(cells.weights, np.where(of == 0, 1 / (of == 0).sum(), 1 / (of == 1).sum()))
    assert (of == 0).sum() == 90  # what is held out is a tenth of each dataset


def test_few_cells_are_waited_for_as_many_steps_as_many(expression, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "sctl.methods.scarches.surgery.train", lambda net, loss, cells, *, config, **_: seen.append(config)
    )
    net, recipe = network(expression), Recipe(surgery_epochs=40, patience=8, batch_size=10)
    for n in (10, 120):
        some = CellBatch(expression.X[:n], np.full(n, 2))
        map_query(net, some, recipe, Run())
    few, many = seen
    assert (few.max_epochs, few.patience) == (800, 160)  # one step a round
    assert (many.max_epochs, many.patience) == (67, 13)  # twelve
