"""The Poisson autoencoder's parts, against closed forms, autograd, hooks and scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.stats import poisson
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from sctl.errors import Cancelled
from sctl.methods.poisson.autoencoder import (
    PoissonConfig,
    overlap_of_units,
    poisson_loss,
    start_from_means,
    train_poisson,
    train_several,
    untrained,
)
from sctl.methods.poisson.latent_space import CodeScale, common_space
from sctl.numerics.encoder_decoder import EncoderDecoder, dense_chunks, softplus
from sctl.numerics.neighbors import (
    nearest,
    novelty,
    typical_distances,
    vote_shares,
    winners,
    winners_over_k,
)
from sctl.numerics.training import TrainingConfig
from sctl.run import Run

SHORT = TrainingConfig(learning_rate=5e-3, batch_size=32, max_epochs=20, stop_on="never")
SMALL = PoissonConfig(n_hidden=12, n_latent=5, loss="rate", training=SHORT)


@pytest.fixture
def cells(rng):
    """Three groups of 40 cells with 30 genes, log(1 + counts): (120, 30)."""
    rates = rng.gamma(0.5, 4.0, size=(3, 30))[np.repeat([0, 1, 2], 40)]
    return np.log1p(rng.poisson(rates)).astype(np.float32)


@pytest.fixture(params=["smooth", "width"])
def net(request):
    out = untrained(30, PoissonConfig(n_hidden=12, n_latent=5, loss="rate", softplus=request.param), Run(seed=2))
    with torch.no_grad():
        for layer in out.layers:  # biases that are not 0 would show a slip
            layer.bias.uniform_(-0.5, 0.5, generator=torch.Generator().manual_seed(1))
    return out


# -- The loss and its penalty ----------------------------------------------------------------------


def test_the_rate_form_is_the_poisson_likelihood(rng):
    x, y = rng.poisson(2.0, size=(6, 4)), rng.gamma(2.0, size=(6, 4))
    ours = poisson_loss(torch.tensor(x, dtype=torch.float64), torch.tensor(y), "rate")
    constant = poisson.logpmf(x, x.clip(1e-300)) + x - x * np.log(x.clip(1e-300))  # −log x!
    expected = (-poisson.logpmf(x, y) + constant).mean()
    assert float(ours) == pytest.approx(expected, rel=1e-6)


def test_the_log_form_is_that_of_torch(rng):
    x, y = torch.tensor(rng.poisson(2.0, size=(6, 4)).astype(float)), torch.tensor(rng.normal(size=(6, 4)))
    expected = nn.PoissonNLLLoss(log_input=True)(y, x)
    assert float(poisson_loss(x, y, "log-rate")) == pytest.approx(float(expected))
    assert float(poisson_loss(x, torch.zeros_like(y), "log-rate")) == 1.0  # a constant 0 scores exactly 1


def test_the_overlap_of_units_is_zero_for_orthonormal_rows_only(rng):
    rows = np.linalg.qr(rng.normal(size=(9, 4)))[0].T
    assert float(overlap_of_units(torch.tensor(rows))) == pytest.approx(0, abs=2e-6)
    W = rng.normal(size=(4, 9))
    assert float(overlap_of_units(torch.tensor(W))) == pytest.approx(np.linalg.norm(np.eye(4) - W @ W.T))


def test_the_penalty_trains(cells):
    """The published code's penalty had no gradient; this one makes the units orthogonal."""
    overlap = {}
    for strength in (0.0, 1.0):
        config = PoissonConfig(n_hidden=12, n_latent=5, orthogonality=strength, training=SHORT)
        model, _ = train_poisson(cells, None, config, run=Run())
        overlap[strength] = float(overlap_of_units(torch.tensor(model.weights[1])))
    assert overlap[1.0] < 0.2 < 1.0 < overlap[0.0]


@pytest.mark.parametrize(("loss", "shape"), [("rate", "smooth"), ("rate", "width"), ("log-rate", "width")])
def test_training_starts_from_the_means(cells, loss, shape):
    config = PoissonConfig(n_hidden=12, n_latent=5, loss=loss, softplus=shape)
    net = untrained(30, config, Run())
    with torch.no_grad():
        net.layers[-1].weight.zero_()
    means = np.maximum(cells.mean(axis=0), 0.01 if loss == "rate" else 1.001)
    start_from_means(net.layers[-1], means, loss)
    np.testing.assert_allclose(net.as_model().decode(np.zeros((1, 5)))[0], means, rtol=2e-3)


def test_l1_makes_weights_small(cells):
    size = {}
    for strength in (0.0, 0.01):
        config = PoissonConfig(n_hidden=12, n_latent=5, l1=strength, training=SHORT)
        size[strength] = np.abs(train_poisson(cells, None, config, run=Run())[0].weights[0]).mean()
    assert size[0.01] < 0.7 * size[0.0]


# -- Training --------------------------------------------------------------------------------------


def test_training_beats_the_best_constant(cells):
    model, log = train_poisson(cells, None, SMALL, run=Run())
    mean = cells.mean(axis=0)
    constant = (mean - cells * np.log(mean + 1e-8)).mean()
    assert model.poisson_loss(cells).mean() < constant - 0.05
    assert log.epochs[-1].train < log.epochs[0].train
    assert log.epochs[0].validation > 0 or np.isfinite(log.epochs[0].validation)


def test_the_best_epoch_is_kept(cells):
    config = PoissonConfig(n_hidden=12, n_latent=5, held_out=0.2, training=TrainingConfig(max_epochs=8, batch_size=32))
    _, log = train_poisson(cells, None, config, run=Run(seed=4))
    held_out = min(epoch.validation for epoch in log.epochs)
    assert log.epochs[log.best_epoch].validation == held_out


def test_what_was_learned_in_the_log_form_rebuilds_rates(cells):
    config = PoissonConfig(n_hidden=12, n_latent=5, loss="log-rate", training=SHORT)
    model, _ = train_poisson(cells, None, config, run=Run())
    assert model.loss == "rate"
    rebuilt = model.decode(model.encode(cells).astype(float))
    faint = cells.mean(axis=0) < 0.5
    assert faint.sum() > 3
    np.testing.assert_allclose(rebuilt.mean(axis=0)[faint], cells.mean(axis=0)[faint], atol=0.15)
    mean = cells.mean(axis=0)
    assert model.poisson_loss(cells).mean() < (mean - cells * np.log(mean + 1e-8)).mean() - 0.05


def test_the_code_does_not_depend_on_what_rebuilds(cells, monkeypatch):
    from sctl.methods.poisson import autoencoder  # noqa: PLC0415 - patched

    config = PoissonConfig(n_hidden=12, n_latent=5, loss="log-rate", training=SHORT)
    model, _ = train_poisson(cells, None, config, run=Run())
    monkeypatch.setattr(autoencoder, "with_rates", lambda model, *_, **__: model)
    plain, _ = train_poisson(cells, None, config, run=Run())
    assert plain.loss == "log-rate"
    np.testing.assert_array_equal(model.encode(cells), plain.encode(cells))


def test_several_networks_differ_and_the_first_is_the_single_one(cells):
    steps = []
    models, logs = train_several(cells, None, [SMALL], 3, run=Run(seed=1, listener=steps.append))
    alone, _ = train_poisson(cells, None, SMALL, run=Run(seed=1))
    np.testing.assert_array_equal(models[0].weights[0], alone.weights[0])
    assert not np.allclose(models[0].weights[0], models[1].weights[0])
    assert len(logs) == 3
    assert len({step.stage for step in steps}) == 3


def test_networks_of_two_kinds_share_their_seeds(cells):
    other = replace(SMALL, l1=0.01)
    models, logs = train_several(cells, None, [SMALL, other], 2, run=Run(seed=1))
    assert len(models) == len(logs) == 4
    for place, config in enumerate((SMALL, other)):
        alone, _ = train_poisson(cells, None, config, run=Run(seed=1))
        np.testing.assert_array_equal(models[place].weights[0], alone.weights[0])


def test_the_paper_trains_a_cell_at_a_time(cells):
    config = PoissonConfig(
        n_hidden=12,
        n_latent=5,
        training=TrainingConfig(
            optimiser="nesterov", learning_rate=1e-3, batch_size=1, max_epochs=5, max_gradient_norm=None
        ),
    )
    _, log = train_poisson(cells, None, config, run=Run())
    assert log.epochs[-1].train < log.epochs[0].train


def test_can_be_stopped(cells):
    with pytest.raises(Cancelled):
        train_poisson(cells, None, SMALL, run=Run(cancelled=lambda: True))


# -- The same network as arrays --------------------------------------------------------------------


def test_arrays_compute_what_torch_does(net, cells):
    model = net.as_model()
    with torch.no_grad():
        x = torch.from_numpy(cells)
        code = net.layers[1](net.layers[0](x)).numpy()
        out = net(x).numpy()
    np.testing.assert_allclose(model.encode(cells), code, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.encode(sparse.csr_matrix(cells)), model.encode(cells), rtol=1e-5)
    np.testing.assert_allclose(model.decode(code.astype(float)), out, rtol=1e-4, atol=1e-6)
    per_cell = [float(poisson_loss(x[i], torch.from_numpy(out[i]), "rate")) for i in range(len(x))]
    np.testing.assert_allclose(model.poisson_loss(cells), per_cell, rtol=1e-4)


def test_some_units_are_as_they_were_among_all(net, cells):
    model = net.as_model()
    np.testing.assert_allclose(model.of_units([3, 1]).encode(cells), model.encode(cells)[:, [3, 1]], rtol=1e-6)
    some = np.array(list(model.of_units([3, 1]).gradients(cells[:3])))
    np.testing.assert_allclose(some, np.array(list(model.gradients(cells[:3])))[:, [3, 1]], rtol=1e-6, atol=1e-12)


def test_arrays_go_and_come(net, cells):
    model = net.as_model()
    again = EncoderDecoder.from_arrays(model.to_arrays(), softplus=model.softplus, loss=model.loss)
    np.testing.assert_array_equal(model.encode(cells), again.encode(cells))
    assert (model.n_genes, model.n_latent) == (30, 5)


def test_plain_gradients_are_those_of_autograd(net, cells):
    x = torch.tensor(cells[:4], requires_grad=True)
    z = net.layers[1](net.layers[0](x))
    for unit in range(5):
        expected = torch.autograd.grad(z[:, unit].sum(), x, retain_graph=True)[0].numpy()
        ours = np.array([g[unit] for g in net.as_model().gradients(cells[:4], guided=False)])
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-6)


def hooked(net, x, direction):
    """Guided backpropagation by hooks: what passes a softplus on its way to the input is cut at 0 before it does."""
    x = x.clone().requires_grad_(True)
    value = x
    for layer in net.layers[:2]:
        value = nn.functional.softplus(nn.functional.linear(value, layer.weight, layer.bias), beta=layer.beta)
        value.register_hook(lambda grad: grad.clamp(min=0))
    return torch.autograd.grad((value * direction).sum(), x)[0].numpy()


def test_guided_gradients_are_those_of_hooks(net, cells, rng):
    directions = np.vstack([np.eye(5), rng.normal(size=(2, 5))])
    ours = np.array(list(net.as_model().gradients(cells[:4], directions)))
    for i, direction in enumerate(directions):
        expected = hooked(net, torch.from_numpy(cells[:4]), torch.tensor(direction, dtype=torch.float32))
        np.testing.assert_allclose(ours[:, i], expected, rtol=1e-3, atol=1e-6)


def test_softplus_does_not_overflow():
    np.testing.assert_allclose(softplus(np.array([-1e4, 0.5, 1e4]), 3.0), [0, np.log1p(np.exp(1.5)) / 3, 1e4])


def test_values_below_zero_count_as_zero():
    assert [part.tolist() for part in dense_chunks(np.array([[-1.0, 2.0]]))] == [[[0.0, 2.0]]]


# -- Neighbours ------------------------------------------------------------------------------------


@pytest.fixture
def spaces(rng):
    return rng.normal(size=(60, 4)), rng.normal(size=(15, 4)), rng.integers(3, size=60)


def test_votes_are_those_of_scikit_learn(spaces):
    reference, queries, labels = spaces
    index, distance = nearest(reference, queries, 7, run=Run())
    shares = vote_shares(index, labels, 3)
    expected = KNeighborsClassifier(7).fit(reference, labels).predict_proba(queries)
    np.testing.assert_allclose(shares, expected)
    assert (np.diff(distance, axis=1) >= 0).all()


def test_equal_votes_go_to_the_nearest():
    labels, index = np.array([0, 1, 0, 1, 2]), np.array([[1, 0, 2, 3], [4, 0, 1, 2]])
    assert winners(vote_shares(index, labels, 3), index, labels).tolist() == [1, 0]


def test_all_numbers_of_neighbours_from_one_search(spaces):
    reference, queries, labels = spaces
    index, _ = nearest(reference, queries, 25, run=Run())
    found = winners_over_k(index, labels, 3, range(2, 26))
    assert found.shape == (24, 15)
    odd = KNeighborsClassifier(1 + 2).fit(reference, labels).predict_proba(queries)
    clear = odd.max(axis=1) > 0.5
    np.testing.assert_array_equal(found[1][clear], odd.argmax(axis=1)[clear])


def test_novelty_grows_with_distance(spaces):
    reference = spaces[0]
    typical = typical_distances(reference, 5, run=Run())
    assert (np.diff(typical) >= 0).all()
    far = np.array([reference[0] + 100, reference[0]])
    _, distance = nearest(reference, far, 5, run=Run())
    out = novelty(distance, typical)
    assert out[0] == 1.0
    assert out[1] < 1.0


def test_scaling_by_each_own_cells_removes_a_shift(rng):
    code = rng.gamma(2.0, size=(50, 6))
    shifted = code * 3 + 7
    same = common_space([shifted], [code], scaling="each", unit_length=False)
    np.testing.assert_allclose(same, common_space([code], [code], scaling="each", unit_length=False), atol=1e-4)
    few = common_space([shifted[:5]], [code], scaling="each", unit_length=False)  # too few to scale on their own
    assert few.mean() > 1


def test_distances_of_several_networks_are_averaged(rng):
    a, b = rng.normal(size=(2, 8, 3))
    both = common_space([a, b], [a, b], scaling="none", unit_length=False)
    expected = (np.linalg.norm(a[0] - a[1]) ** 2 + np.linalg.norm(b[0] - b[1]) ** 2) / 2
    assert np.linalg.norm(both[0] - both[1]) ** 2 == pytest.approx(expected, rel=1e-5)


def test_a_unit_that_never_changes_does_not_count():
    code = np.column_stack([np.arange(4.0), np.full(4, 2.0)])
    out = CodeScale.of(code, scaling="source", unit_length=False).apply(np.array([[1.0, 99.0]]))
    assert out[0, 1] == 0
