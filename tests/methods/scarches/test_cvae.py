"""Surgery first: the reference is the same bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sctl.methods.scarches.cvae import (
    Architecture,
    Block,
    ConditionalAutoencoder,
    ConditionalDense,
    FrozenBatchNorm,
    adaptor,
    attached,
    drawn,
    extend_conditions,
    n_trainable,
)


def architecture(**changed) -> Architecture:
    return Architecture(**{"n_vars": 12, "n_conditions": 3, "hidden": (8, 6), "n_latent": 4, "dropout": 0.0} | changed)


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def network() -> ConditionalAutoencoder:
    return drawn(architecture(), noise())


@pytest.fixture
def cells() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(9, 12, generator=noise(1)), torch.arange(9) % 3


def trained(network: nn.Module, x, condition, *, weight_decay=0.1, steps=5) -> None:
    """Move every weight that may move, weight decay included."""
    network.train()
    optimiser = torch.optim.Adam(
        [w for w in network.parameters() if w.requires_grad], lr=0.1, weight_decay=weight_decay
    )
    for _ in range(steps):
        optimiser.zero_grad()
        latent = network.encode(x, condition)
        decoded = network.decode(latent.mean, condition)
        loss = (decoded.mean - x).square().mean() + latent.mean.square().mean() + latent.log_variance.square().mean()
        if decoded.log_dispersion is not None:
            loss = loss + (decoded.log_dispersion - 1).square().mean()
        loss.backward()
        optimiser.step()


def test_a_conditional_layer_is_a_dense_layer_of_the_one_hot_condition(cells):
    x, condition = cells
    layer = ConditionalDense(12, 5, 3)
    for weight in layer.parameters():
        nn.init.normal_(weight, generator=noise())
    whole = torch.cat([layer.main.weight, torch.stack(tuple(layer.offsets), dim=1)], dim=1)
    joined = torch.cat([x, nn.functional.one_hot(condition, 3).float()], dim=1)
    torch.testing.assert_close(layer(x, condition), joined @ whole.T + layer.main.bias)


@pytest.mark.parametrize("likelihood", ["mse", "nb", "zinb"])
@pytest.mark.parametrize("norm", ["layer", "batch", "none"])
def test_surgery_leaves_the_reference_as_it_was(cells, likelihood, norm):
    x, condition = cells
    network = drawn(architecture(likelihood=likelihood, norm=norm), noise())
    trained(network, x, condition, steps=60)  # batch normalisation has something to remember
    network.eval()
    before = network.encode(x, condition)
    after = extend_conditions(network, 2)
    target = torch.rand(6, 12, generator=noise(2)), torch.tensor([3, 3, 3, 4, 4, 4])
    at_first = after.eval().encode(*target).mean
    trained(after, *target)
    after.eval()
    for one, other in zip(before, after.encode(x, condition), strict=True):
        assert torch.equal(one, other)
    assert not torch.allclose(at_first, after.encode(*target).mean)
    decoded = [part.decode(before.mean, condition) for part in (network, after)]
    assert torch.equal(decoded[0].mean, decoded[1].mean)


def test_the_original_is_left_alone(network, cells):
    x, condition = cells
    before = network.encode(x, condition).mean
    trained(extend_conditions(network, 1, "all"), x, torch.full((9,), 3))
    assert network.n_conditions == 3
    assert torch.equal(before, network.encode(x, condition).mean)


def test_new_conditions_start_as_the_mean_of_the_old(network, cells):
    x, _ = cells
    new = extend_conditions(network, 1)
    expected = torch.stack(tuple(network.encoder.first.offsets)).mean(0)
    torch.testing.assert_close(new.encoder.first.offsets[3], expected)
    assert torch.isfinite(new.encode(x, torch.full((9,), 3)).mean).all()


@pytest.mark.parametrize("n_new", [1, 2])
@pytest.mark.parametrize("likelihood", ["mse", "nb"])
def test_numbers_that_are_trained(n_new, likelihood):
    network = drawn(architecture(likelihood=likelihood), noise())
    dispersions = 12 if likelihood == "nb" else 0
    own = n_new * (8 + 6 + dispersions)  # (new conditions) × (width of the encoder's and the decoder's first layer)
    assert n_trainable(extend_conditions(network, n_new)) == own
    first_layers = (12 * 8 + 8) + (4 * 6 + 6)
    assert n_trainable(extend_conditions(network, n_new, "input")) == own + first_layers
    assert n_trainable(extend_conditions(network, n_new, "all")) == sum(
        w.numel() for w in extend_conditions(network, n_new).parameters()
    )


def test_surgery_upon_surgery_keeps_both(network, cells):
    x, condition = cells
    first = extend_conditions(network, 1)
    trained(first, x, torch.full((9,), 3))
    second = extend_conditions(first, 1)
    trained(second, x, torch.full((9,), 4))
    assert second.n_conditions == 5
    for codes in (condition, torch.full((9,), 3)):
        assert torch.equal(first.encode(x, codes).mean, second.encode(x, codes).mean)


@pytest.mark.parametrize("likelihood", ["mse", "zinb"])
def test_an_adaptor_carries_a_condition_to_another_copy(cells, likelihood):
    x, _ = cells
    network = drawn(architecture(likelihood=likelihood), noise())
    mine = extend_conditions(network, 1)
    trained(mine, x, torch.full((9,), 3))
    yours = attached(network, adaptor(mine, 3))
    new = torch.full((9,), 3)
    assert torch.equal(mine.encode(x, new).mean, yours.encode(x, new).mean)
    z = torch.rand(9, 4, generator=noise())
    assert torch.equal(mine.decode(z, new).mean, yours.decode(z, new).mean)
    with pytest.raises(ValueError, match="another network"):
        attached(drawn(architecture(hidden=(7, 6), likelihood=likelihood), noise()), adaptor(mine, 3))


def test_missing_genes_get_no_share_of_the_counts(cells):
    x, condition = cells
    network = drawn(architecture(likelihood="nb"), noise())
    z, genes = network.encode(x, condition).mean, torch.tensor([0, 3, 7])
    few = network.decode(z, condition, log_size=torch.zeros(9), genes=genes)
    torch.testing.assert_close(few.mean.exp().sum(1), torch.ones(9))
    whole = network.decode(z, condition, log_size=torch.zeros(9)).mean[:, genes]
    torch.testing.assert_close(few.mean, whole - whole.logsumexp(1, keepdim=True))
    assert few.log_dispersion is not None
    assert few.log_dispersion.shape == (9, 3)


def test_batch_normalisation_is_that_of_torch_until_frozen():
    x = torch.rand(20, 4, generator=noise())
    ours, oracle = FrozenBatchNorm(4), nn.BatchNorm1d(4)
    for layer in (ours, oracle):
        layer.train()
    torch.testing.assert_close(ours(x), oracle(x))
    ours.frozen = True
    ours.train()
    oracle.eval()
    torch.testing.assert_close(ours(x), oracle(x))


def test_surgery_turns_dropout_off(cells):
    network = drawn(architecture(dropout=0.5), noise())
    x, condition = cells
    assert not torch.equal(network.encode(x, condition, noise(1)).mean, network.encode(x, condition, noise(2)).mean)
    after = extend_conditions(network, 1)
    assert torch.equal(after.encode(x, condition, noise(1)).mean, after.encode(x, condition, noise(2)).mean)
    assert {module.dropout for module in network.modules() if isinstance(module, Block)} == {0.5}


def test_the_seed_is_all_that_matters():
    one = drawn(architecture(), noise(5)).state_dict()
    torch.rand(3)  # the process's own generator moves on
    other = drawn(architecture(), noise(5)).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not np.allclose(one["encoder.first.offsets.0"], one["encoder.first.offsets.1"])
