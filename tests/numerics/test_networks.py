"""Networks: explicit weights, the t-kernel and its gradient, masks from a generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from sctl.numerics.networks import Autoencoder, Dense, Mlp, SoftAssignment, draw_weights, dropped


def drawn(seed: int) -> Mlp:
    net = Mlp((6, 4, 3), output="tanh")
    draw_weights(net, torch.Generator().manual_seed(seed))
    return net


def test_weights_are_those_of_the_seed_and_leave_the_shared_generator_alone():
    before = torch.get_rng_state()
    a, b, c = drawn(0), drawn(0), drawn(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.layers[0].weight, c.layers[0].weight)


def test_weights_are_as_glorot_says():
    layer = Dense(300, 200)
    draw_weights(layer, torch.Generator().manual_seed(0))
    assert float(layer.weight.detach().abs().max()) <= (6 / 500) ** 0.5
    assert float(layer.weight.detach().var()) == pytest.approx(2 / 500, rel=0.02)
    assert not layer.bias.any()


def test_mlp_is_the_composition_of_its_layers():
    net, x = drawn(0), torch.linspace(-1, 1, 12).reshape(2, 6)
    first, second = net.layers
    hidden = functional.relu(x @ first.weight.T + first.bias)
    expected = torch.tanh(hidden @ second.weight.T + second.bias)
    torch.testing.assert_close(net(x), expected)


def test_autoencoder_mirrors_its_encoder():
    net = Autoencoder((10, 6, 2))
    assert [tuple(layer.weight.shape) for layer in net.encoder.layers] == [(6, 10), (2, 6)]
    assert [tuple(layer.weight.shape) for layer in net.decoder.layers] == [(6, 2), (10, 6)]
    assert net(torch.zeros(3, 10)).shape == (3, 10)


def test_soft_assignment_is_the_t_distribution_of_one_degree_of_freedom():
    z, centroids = torch.tensor([[0.0, 0.0], [1.0, 2.0]]), torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    q = SoftAssignment(centroids)(z).detach().numpy()
    kernel = 1 / (1 + np.array([[0, 25], [5, 8]]))
    np.testing.assert_allclose(q, kernel / kernel.sum(1, keepdims=True), rtol=1e-6)


def test_gradients_of_the_kernel():
    g = torch.Generator().manual_seed(0)
    z = torch.randn(5, 3, generator=g, dtype=torch.float64, requires_grad=True)
    head = SoftAssignment(torch.randn(4, 3, generator=g, dtype=torch.float64))

    def q(z, centroids):
        return torch.func.functional_call(head, {"centroids": centroids}, (z,))

    assert torch.autograd.gradcheck(q, (z, head.centroids.detach().requires_grad_()))


def test_dropped_keeps_the_mean_and_does_nothing_without_a_generator():
    x = torch.ones(400, 100)
    out = dropped(x, 0.2, torch.Generator().manual_seed(0))
    assert float((out == 0).float().mean()) == pytest.approx(0.2, abs=0.01)
    assert float(out.mean()) == pytest.approx(1.0, abs=0.01)
    assert dropped(x, 0.2, None) is x
