"""A place in the latent space against another: the margin in numpy, and its slopes by finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sctl.methods.scarches.cvae import Architecture, drawn
from sctl.methods.scarches.network import latent_margin
from sctl.methods.scarches.surgery import embedded
from sctl.numerics.autograd import gradient_of, score_of

N_CELLS, N_VARS = 5, 7


@pytest.fixture
def network():
    architecture = Architecture(n_vars=N_VARS, n_conditions=2, hidden=(9, 6), n_latent=3, dropout=0.2)
    return drawn(architecture, torch.Generator().manual_seed(3))


@pytest.fixture
def given(network, rng):
    """Cells, their datasets, and two places for each."""
    return rng.normal(size=(N_CELLS, N_VARS)), np.array([0, 1, 1, 0, 1]), *rng.normal(size=(2, N_CELLS, 3))


def test_the_margin_is_a_difference_of_squared_distances(network, given):
    x, codes, own, other = given
    z = embedded(network, x, codes)
    expected = ((z - other) ** 2).sum(axis=1) - ((z - own) ** 2).sum(axis=1)
    np.testing.assert_allclose(score_of(latent_margin(network, codes, own, other))(x), expected, rtol=1e-4, atol=1e-5)


def test_its_gradient_is_that_of_finite_differences(network, given):
    x, codes, own, other = given
    score = latent_margin(network, codes, own, other)
    found, value, step = gradient_of(score)(x), score_of(score), 1e-3  # short, for the kinks of the layers
    for gene in range(N_VARS):
        ahead = np.zeros(N_VARS)
        ahead[gene] = step
        slope = (value(x + ahead) - value(x - ahead)) / (2 * step)
        np.testing.assert_allclose(found[:, gene], slope, rtol=2e-2, atol=2e-3)


def test_another_dataset_gives_another_margin(network, given):
    x, codes, own, other = given
    one, two = (score_of(latent_margin(network, c, own, other))(x) for c in (codes, 1 - codes))
    assert np.abs(one - two).min() > 0
