"""The training loop against closed forms; best weights, stop, and seeds that hold in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from sctl.errors import Cancelled, ParameterError
from sctl.numerics.networks import Dense, Mlp, draw_weights, dropped
from sctl.numerics.resample import stratified_split
from sctl.numerics.training import Cells, TrainingConfig, generator, one_thread, train
from sctl.run import Run


@pytest.fixture
def problem(rng):
    """A linear problem with noise: X (200, 5), y (200, 2)."""
    X = rng.normal(size=(200, 5)) * (rng.random((200, 5)) < 0.5)
    return X, X @ rng.normal(size=(5, 2)) + 0.1 * rng.normal(size=(200, 2))


def fitted(X, y, config, *, seed=0, cells=None, noise=0.0, run=None):
    run = run or Run(seed=seed)
    net = Dense(X.shape[1], y.shape[1], "linear")
    draw_weights(net, generator(run, "weights"))
    known = torch.from_numpy(y.astype(np.float32))

    def error(x, rows, g):
        return (net(dropped(x, noise, g)) - known[rows]).square().mean()

    return net, train(net, error, cells or Cells.all(X), config=config, run=run, phase="fit")


@pytest.mark.parametrize("optimiser", ["adam", "sgd", "nesterov"])
def test_a_linear_model_reaches_least_squares(problem, optimiser):
    X, y = problem
    config = TrainingConfig(optimiser=optimiser, learning_rate=0.05, batch_size=200, max_epochs=400, stop_on="never")
    net, log = fitted(X, y, config)
    design = np.c_[X, np.ones(len(X))]
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose(net.weight.detach().numpy(), solution[:-1].T, atol=1e-3)
    assert log.epochs[-1].train == pytest.approx(np.mean((design @ solution - y) ** 2), rel=1e-2)


def test_sparse_and_dense_cells_train_alike(problem):
    X, y = problem
    config = TrainingConfig(batch_size=32, max_epochs=3)
    dense, sparse_ = (fitted(form, y, config)[0] for form in (X, sparse.csr_matrix(X)))
    torch.testing.assert_close(dense.weight, sparse_.weight)


def test_the_weights_kept_are_those_of_the_best_epoch(problem, rng):
    X, y = problem
    cells = Cells.split(X, None, 0.3, rng)
    config = TrainingConfig(optimiser="sgd", learning_rate=0.6, batch_size=8, max_epochs=40, patience=40)
    net, log = fitted(X, y, config, cells=cells)
    losses = [epoch.validation for epoch in log.epochs]
    assert log.best_epoch == int(np.argmin(losses)) < len(losses) - 1
    held_out = cells.validation
    mine = np.mean((net(cells.rows(held_out)).detach().numpy() - y[held_out]) ** 2)
    assert mine == pytest.approx(min(losses), rel=1e-5)
    last, log = fitted(X, y, replace(config, restore_best=False), cells=cells)
    assert log.best_epoch == len(losses) - 1
    assert not torch.equal(last.weight, net.weight)


def test_stops_when_the_loss_no_longer_falls(problem):
    X, y = problem
    config = TrainingConfig(learning_rate=0.05, max_epochs=500, stop_on="train", patience=3, min_delta=0.01)
    _, log = fitted(X, y, config)
    assert log.stopped_early
    assert len(log.epochs) < 500


def test_two_at_once_are_each_as_alone(problem):
    X, y = problem
    config = TrainingConfig(batch_size=16, max_epochs=15)

    def weights(seed):
        return fitted(X, y, config, seed=seed, noise=0.3)[0].weight.detach().numpy()

    alone = [weights(seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(weights, (1, 2, 1, 2)))
    for i, found in enumerate(together):
        np.testing.assert_array_equal(found, alone[i % 2])
    assert np.abs(alone[0] - alone[1]).max() > 1e-6


def test_noise_changes_training_but_not_validation(problem, rng):
    X, y = problem
    cells = Cells.split(X, None, 0.3, rng)
    config = TrainingConfig(learning_rate=0.0, max_epochs=2)
    _, log = fitted(X, y, config, cells=cells, noise=0.5)
    assert log.epochs[0].validation == log.epochs[1].validation
    assert log.epochs[0].train != log.epochs[1].train


def test_can_be_stopped_between_batches(problem):
    X, y = problem
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 7

    with pytest.raises(Cancelled):
        fitted(X, y, TrainingConfig(batch_size=20), run=Run(cancelled=cancelled))
    assert len(asked) == 8  # one report, then a question before every batch


def test_a_loss_that_is_no_number_is_refused(problem):
    X, y = problem
    config = TrainingConfig(optimiser="sgd", learning_rate=1e6, max_gradient_norm=None)
    with pytest.raises(ParameterError, match="learning rate"):
        fitted(1e6 * X, y, config)


def test_long_gradients_are_shortened():
    X, y = np.full((1, 1), 1e4), np.zeros((1, 1))
    config = TrainingConfig(optimiser="sgd", learning_rate=1.0, momentum=0.0, max_epochs=1, max_gradient_norm=0.5)
    start = Dense(1, 1, "linear")
    draw_weights(start, generator(Run(), "weights"))
    net, _ = fitted(X, y, config)
    moved = torch.cat([net.weight - start.weight, (net.bias - start.bias)[None]])
    assert float(moved.detach().norm()) == pytest.approx(0.5, rel=1e-4)


def test_split_is_stratified_and_the_same_for_a_seed(rng):
    strata = np.repeat([0, 1, 2], [100, 10, 1])
    learned, held_out = stratified_split(strata, 0.2, rng)
    assert np.bincount(strata[held_out], minlength=3).tolist() == [20, 2, 0]
    assert sorted([*learned, *held_out]) == list(range(111))
    again = stratified_split(strata, 0.2, np.random.default_rng(0))
    np.testing.assert_array_equal(again[1], held_out)


def test_weighted_cells_are_drawn_more_often(problem):
    X, _ = problem
    seen = np.zeros(len(X))
    weights = np.ones(len(X))
    weights[:100] = 3.0
    net = Mlp((5, 2))

    def error(x, rows, _):
        np.add.at(seen, rows.numpy(), 1)
        return net(x).square().mean()

    cells = replace(Cells.all(X), weights=weights)
    train(net, error, cells, config=TrainingConfig(max_epochs=50, stop_on="never"), run=Run(), phase="fit")
    assert seen[:100].sum() / seen.sum() == pytest.approx(0.75, abs=0.02)


def test_progress_reaches_its_total_and_the_log_is_plain(problem):
    steps, points = [], []
    X, y = problem
    run = Run(listener=steps.append, recorder=points.append)
    _, log = fitted(X, y, TrainingConfig(max_epochs=4), run=run)
    assert steps[-1].done == steps[-1].total == 4
    assert [(point.x, point.values["train"]) for point in points] == list(enumerate(log.to_dict()["train"], start=1))
    assert log.to_dict()["train"] == [epoch.train for epoch in log.epochs]


def test_threads_are_put_back():
    before = torch.get_num_threads()
    with one_thread(), one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
