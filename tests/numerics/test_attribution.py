"""Attributions against captum, closed forms, and cases that fit on paper."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, Saliency

from sctl.methods.poisson.autoencoder import PoissonConfig, untrained
from sctl.methods.poisson.knn_attribution import LocalMargin
from sctl.methods.poisson.latent_space import CodeScale
from sctl.methods.transfercluster.loadings import loading_contributions, loading_margin
from sctl.methods.transfercluster.nmf import nonnegative_loadings
from sctl.numerics.attribution import deletion_curve, integrated_gradients, saliency_by_type, saliency_map
from sctl.numerics.autograd import gradient_of, score_of
from sctl.run import Run


@pytest.fixture
def net():
    return untrained(12, PoissonConfig(n_hidden=7, n_latent=4), Run(seed=3))


@pytest.fixture
def cells(rng):
    return rng.gamma(1.0, size=(9, 12))


def encoder(net):
    return lambda x: net.layers[1](net.layers[0](x))


def test_gradients_equal_captum(net, cells):
    model = net.as_model()
    x = torch.tensor(cells, dtype=torch.float32)
    for unit in range(4):
        with warnings.catch_warnings():
            # captum says that it asks the tensor for a gradient, which is wanted.
            warnings.filterwarnings("ignore", message="Input Tensor 0 did not already require gradients")
            expected = Saliency(encoder(net)).attribute(x, target=unit, abs=False).detach().numpy()
        ours = gradient_of(lambda x, unit=unit: encoder(net)(x)[:, unit])(cells)
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)
        directions = np.tile(np.eye(4)[unit], (len(cells), 1))
        np.testing.assert_allclose(model.pulled_back(cells, directions), expected, rtol=1e-4, atol=1e-6)


def test_integrated_gradients_equal_captum(net, cells, rng):
    baseline = rng.gamma(1.0, size=12)
    expected = (
        IntegratedGradients(encoder(net), multiply_by_inputs=True)
        .attribute(
            torch.tensor(cells, dtype=torch.float32),
            torch.tensor(baseline, dtype=torch.float32)[None],
            target=2,
            n_steps=50,
            method="gausslegendre",
        )
        .detach()
        .numpy()
    )
    ours = integrated_gradients(gradient_of(lambda x: encoder(net)(x)[:, 2]), cells, baseline)
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5)


def test_integrated_gradients_add_up(net, cells):
    score = score_of(lambda x: encoder(net)(x)[:, 1] ** 2)
    values = integrated_gradients(gradient_of(lambda x: encoder(net)(x)[:, 1] ** 2), cells, np.zeros(12))
    np.testing.assert_allclose(values.sum(axis=1), score(cells) - score(np.zeros((1, 12))), rtol=1e-3)


def test_a_linear_score_is_its_weights(cells, rng):
    weights = rng.normal(size=12)
    values = integrated_gradients(lambda x: np.broadcast_to(weights, x.shape), cells, cells[0])
    np.testing.assert_allclose(values, (cells - cells[0]) * weights)


# -- Maps ------------------------------------------------------------------------------------------


def test_maps_are_means_of_absolute_gradients(net, cells):
    model = net.as_model()
    expected = np.mean([np.abs(g) for g in model.gradients(cells)], axis=0)
    np.testing.assert_allclose(saliency_map(model, cells), expected)


def test_maps_of_types_are_corrected(net, cells):
    model, types = net.as_model(), np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    maps = saliency_by_type(model, cells, types, run=Run(), against="none")
    whole = saliency_map(model, cells)
    np.testing.assert_allclose(maps[0], saliency_map(model, cells[:6]))
    np.testing.assert_allclose(saliency_by_type(model, cells, types, run=Run()), maps - whole)
    rest = saliency_by_type(model, cells, types, run=Run(), against="rest")
    np.testing.assert_allclose(rest[0], maps[0] - maps[1])
    even = saliency_by_type(model, cells, types, run=Run(), against="none", unit_mean=True)
    np.testing.assert_allclose(even.mean(axis=2), 1.0)


def test_of_many_cells_some_are_looked_at(net, cells):
    model, types = net.as_model(), np.zeros(len(cells), dtype=int)
    some = saliency_by_type(model, cells, types, run=Run(), against="none", most_cells=3)
    assert not np.allclose(some[0], saliency_map(model, cells))


# -- Margins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit_length", [True, False])
def test_the_local_margins_gradient_is_that_of_finite_differences(rng, unit_length):
    code = rng.gamma(2.0, size=(5, 4))
    scale = CodeScale(rng.normal(size=4), rng.gamma(2.0, size=4), unit_length)
    near = LocalMargin(scale, *rng.normal(size=(2, 5, 4)))
    step = 1e-6
    for unit in range(4):
        moved = code + step * np.eye(4)[unit]
        expected = (near.values(moved) - near.values(code)) / step
        np.testing.assert_allclose(near.gradient(code)[:, unit], expected, rtol=1e-3, atol=1e-4)


def test_a_difference_of_loadings_is_divided_among_the_genes(rng):
    H = rng.gamma(1.0, size=(3, 12))
    cells = rng.gamma(2.0, size=(6, 3)) @ H + 0.01 * rng.normal(size=(6, 12))  # all three profiles are used
    loadings = nonnegative_loadings(H @ H.T, H @ cells.T)
    assert (loadings > 0).all()
    values = loading_contributions(cells, H, 0, 2, np.zeros(12))
    np.testing.assert_allclose(values.sum(axis=1), loadings[:, 0] - loadings[:, 2], rtol=1e-6)
    np.testing.assert_allclose(loading_margin(cells, H, 0, 2), loadings[:, 0] - loadings[:, 2])


def test_the_gene_that_tells_profiles_apart_speaks_for_one():
    H = np.array([[5.0, 1.0, 2.0], [1.0, 5.0, 2.0]])
    values = loading_contributions(H[:1], H, 0, 1, H.mean(axis=0))[0]
    assert values[0] > 0
    assert values[1] > 0  # the lack of the other's marker
    assert values[2] == pytest.approx(0)


# -- Deletion --------------------------------------------------------------------------------------


def test_deletion_of_what_counts_hurts_more(rng):
    weights = np.array([9.0, 4.0, 1.0, *np.zeros(9)])
    cells = np.ones((5, 12))

    def score(x):
        return x @ weights

    numbers = np.array([0, 1, 2, 3])
    curve = deletion_curve(score, cells, cells * weights, np.zeros(12), numbers=numbers, rng=None)
    np.testing.assert_allclose(curve, [14, 5, 1, 0])
    random = deletion_curve(score, cells, cells * weights, np.zeros(12), numbers=numbers, rng=rng)
    assert (random[1:] > curve[1:]).all()
    np.testing.assert_array_equal(cells, 1)
