"""A conditional variational autoencoder whose new conditions are parameters of their own.

Lotfollahi et al. (2020): datasets are conditions, which enter the first layer of encoder and decoder alone. Surgery adds
a condition. Here each condition's weights are separate tensors, so that training a new one cannot touch what cells of the
reference are made of: their embedding is the same bit for bit, whatever optimiser, weight decay or normalisation is used.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sctl.numerics.networks import Dense, draw_weights, dropped

Likelihood = Literal["mse", "sse", "nb", "zinb"]
Norm = Literal["layer", "batch", "none"]
Trainable = Literal["condition", "input", "all"]
"""What surgery trains: the new conditions' weights; those and the first layers; everything."""

COUNTS: frozenset[Likelihood] = frozenset({"nb", "zinb"})
"""Likelihoods of raw counts."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a network looks like.

    Parameters
    ----------
    n_vars, n_conditions : int
    hidden : tuple of int
        Widths of the encoder's layers; the decoder's are the same in reverse.
    n_latent : int
    likelihood : {"mse", "sse", "nb", "zinb"}
    norm : {"layer", "batch", "none"}
        Layer normalisation has no parameters and no memory, so that there is nothing to freeze.
    dropout : float
        Share of values of hidden layers that are set to zero in training.
    """

    n_vars: int
    n_conditions: int
    hidden: tuple[int, ...] = (128, 128)
    n_latent: int = 10
    likelihood: Likelihood = "mse"
    norm: Norm = "layer"
    dropout: float = 0.05


class Latent(NamedTuple):
    """The normal distribution of each cell: ``mean`` and ``log_variance``, (n_obs, n_latent) each."""

    mean: Tensor
    log_variance: Tensor


class Decoded(NamedTuple):
    """What the decoder says of each cell.

    ``mean`` is the expected value, or its logarithm where counts are modelled: (n_obs, n_vars). ``first`` is the first
    layer, (n_obs, width); ``log_dispersion`` and ``dropout_logit`` belong to likelihoods of counts.
    """

    mean: Tensor
    first: Tensor
    log_dispersion: Tensor | None = None
    dropout_logit: Tensor | None = None


class ConditionalDense(nn.Module):
    """``W x + b + c[condition]``, each condition's ``c`` a parameter of its own.

    Parameters
    ----------
    n_in, n_out, n_conditions : int
    """

    def __init__(self, n_in: int, n_out: int, n_conditions: int) -> None:
        super().__init__()
        self.main = Dense(n_in, n_out, "linear")
        self.offsets = nn.ParameterList(nn.Parameter(torch.zeros(n_out)) for _ in range(n_conditions))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:  # (n_obs, n_in), (n_obs,)
        """Return the layer's output: (n_obs, n_out)."""
        out: Tensor = self.main(x) + torch.stack(tuple(self.offsets))[condition]
        return out


class FrozenBatchNorm(nn.BatchNorm1d):
    """Batch normalisation that, once frozen, uses what it learned in training mode too."""

    frozen = False

    def train(self, mode: bool = True) -> FrozenBatchNorm:  # noqa: FBT001, FBT002 - torch's own signature
        """Follow the network's mode unless frozen."""
        super().train(mode and not self.frozen)
        return self

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; a single cell, which has no spread, by what was learned."""
        if self.training and len(input) == 1:
            return functional.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias)
        return super().forward(input)


class Block(nn.Module):
    """What follows a linear layer: normalisation, rectifier, dropout."""

    def __init__(self, width: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.norm: nn.Module = _norm(width, norm)
        self.dropout = dropout

    def forward(self, x: Tensor, noise: torch.Generator | None) -> Tensor:  # (n_obs, width)
        """Return the block's output: (n_obs, width)."""
        return dropped(torch.relu(self.norm(x)), self.dropout, noise)


class Stack(nn.Module):
    """A conditional layer and plain ones, each with its block."""

    def __init__(self, sizes: tuple[int, ...], architecture: Architecture) -> None:
        super().__init__()
        self.first = ConditionalDense(sizes[0], sizes[1], architecture.n_conditions)
        self.deeper = nn.ModuleList(Dense(n_in, n_out, "linear") for n_in, n_out in pairwise(sizes[1:]))
        self.blocks = nn.ModuleList(Block(width, architecture.norm, architecture.dropout) for width in sizes[1:])

    def forward(self, x: Tensor, condition: Tensor, noise: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return the last and the first layer's output: (n_obs, sizes[-1]) and (n_obs, sizes[1])."""
        first = x = self.blocks[0](self.first(x, condition), noise)
        for layer, block in zip(self.deeper, self.blocks[1:], strict=True):
            x = block(layer(x), noise)
        return x, first


class ConditionalAutoencoder(nn.Module):
    """Encoder, decoder, and for counts one dispersion for each gene and condition.

    Parameters
    ----------
    architecture : Architecture
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        n_vars, n_latent, hidden = architecture.n_vars, architecture.n_latent, architecture.hidden
        self.encoder = Stack((n_vars, *hidden), architecture)
        self.to_mean = Dense(hidden[-1], n_latent, "linear")
        self.to_log_variance = Dense(hidden[-1], n_latent, "linear")
        self.decoder = Stack((n_latent, *reversed(hidden)), architecture)
        self.to_genes = Dense(hidden[0], n_vars, "linear")
        self.to_dropout = Dense(hidden[0], n_vars, "linear") if architecture.likelihood == "zinb" else None
        counts = architecture.likelihood in COUNTS
        self.log_dispersions = nn.ParameterList(
            nn.Parameter(torch.zeros(n_vars)) for _ in range(architecture.n_conditions if counts else 0)
        )
        self.register_buffer("center", torch.zeros(n_vars))
        self.register_buffer("spread", torch.ones(n_vars))
        self.center: Tensor
        self.spread: Tensor

    @property
    def n_conditions(self) -> int:
        """Number of conditions, new ones included."""
        return len(self.encoder.first.offsets)

    def encode(self, x: Tensor, condition: Tensor, noise: torch.Generator | None = None) -> Latent:
        """Return each cell's distribution in the latent space.

        Parameters
        ----------
        x : Tensor of shape (n_obs, n_vars)
            Logarithms of normalised expression.
        condition : Tensor of shape (n_obs,)
        noise : torch.Generator, optional
            Draws what is dropped; None drops nothing.
        """
        hidden, _ = self.encoder((x - self.center) / self.spread, condition, noise)
        return Latent(self.to_mean(hidden), self.to_log_variance(hidden).clamp(-10.0, 5.0))

    def decode(
        self,
        z: Tensor,
        condition: Tensor,
        *,
        log_size: Tensor | None = None,
        genes: Tensor | None = None,
        noise: torch.Generator | None = None,
    ) -> Decoded:
        """Return what expression is expected.

        Parameters
        ----------
        z : Tensor of shape (n_obs, n_latent)
        condition : Tensor of shape (n_obs,)
        log_size : Tensor of shape (n_obs,), optional
            Logarithm of the counts of each cell in ``genes``; needed where counts are modelled.
        genes : Tensor of shape (n_genes,), integer, optional
            Genes that were measured; the others are left out, and no share of the counts is given to them.
        noise : torch.Generator, optional
        """
        hidden, first = self.decoder(z, condition, noise)
        output = _columns(self.to_genes(hidden), genes)
        if self.architecture.likelihood not in COUNTS:
            spread, center = _columns(self.spread, genes), _columns(self.center, genes)
            return Decoded(output * spread + center, first)
        size = z.new_zeros(len(z)) if log_size is None else log_size
        log_mean = torch.log_softmax(output, dim=1) + size[:, None]
        dispersion = _columns(torch.stack(tuple(self.log_dispersions))[condition], genes)
        logit = None if self.to_dropout is None else _columns(self.to_dropout(hidden), genes)
        return Decoded(log_mean, first, dispersion, logit)

    def own_weights(self, condition: int) -> tuple[nn.Parameter, ...]:
        """Return the weights that belong to one condition alone."""
        layers = (self.encoder.first.offsets, self.decoder.first.offsets)
        dispersion = (self.log_dispersions[condition],) if len(self.log_dispersions) else ()
        return (*(offsets[condition] for offsets in layers), *dispersion)

    def lists_of_conditions(self) -> Iterator[nn.ParameterList]:
        """Yield the lists that have one tensor for each condition."""
        yield self.encoder.first.offsets
        yield self.decoder.first.offsets
        if len(self.log_dispersions):
            yield self.log_dispersions


@torch.no_grad()
def drawn(architecture: Architecture, generator: torch.Generator) -> ConditionalAutoencoder:
    """Return an untrained network whose weights are drawn from ``generator``."""
    network = ConditionalAutoencoder(architecture)
    draw_weights(network, generator)
    for offsets in (network.encoder.first.offsets, network.decoder.first.offsets):
        for offset in offsets:
            offset.normal_(0.0, 0.01, generator=generator)
    return network


@torch.no_grad()
def extend_conditions(
    network: ConditionalAutoencoder, n_new: int, trainable: Trainable = "condition"
) -> ConditionalAutoencoder:
    """Return a copy with ``n_new`` more conditions, in which only what ``trainable`` allows can be trained.

    The new conditions start as the mean of those there are: without any training, cells are embedded as those of a usual
    dataset of the reference. Dropout is off, as published; batch normalisation uses what the reference taught it.

    Parameters
    ----------
    network : ConditionalAutoencoder
        Left as it is. May itself come from surgery.
    n_new : int
    trainable : {"condition", "input", "all"}

    Examples
    --------
    >>> network = drawn(Architecture(n_vars=4, n_conditions=2, hidden=(3,)), torch.Generator().manual_seed(0))
    >>> [tuple(weight.shape) for weight in extend_conditions(network, 1).parameters() if weight.requires_grad]
    [(3,), (3,)]
    """
    out = copy.deepcopy(network)
    out.requires_grad_(trainable == "all")
    for weights in out.lists_of_conditions():
        mean = torch.stack(tuple(weights)).mean(dim=0)
        weights.extend([nn.Parameter(mean.clone()) for _ in range(n_new)])
    out.architecture = replace(out.architecture, n_conditions=out.n_conditions)
    if trainable == "input":
        for stack in (out.encoder, out.decoder):
            stack.first.main.requires_grad_(True)  # noqa: FBT003 - torch's own signature
    for module in out.modules():
        if isinstance(module, FrozenBatchNorm):
            module.frozen = trainable != "all"
        if isinstance(module, Block):
            module.dropout = 0.0
    return out


def n_trainable(network: nn.Module) -> int:
    """Return how many numbers training may change."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def adaptor(network: ConditionalAutoencoder, condition: int) -> dict[str, Tensor]:
    """Return what surgery learned for one condition: all that has to be shared with those who have the reference."""
    names = ("encoder", "decoder", "log_dispersion")
    weights = network.own_weights(condition)
    return {name: weight.detach().clone() for name, weight in zip(names, weights, strict=False)}


@torch.no_grad()
def attached(network: ConditionalAutoencoder, weights: dict[str, Tensor]) -> ConditionalAutoencoder:
    """Return a copy of the network with an :func:`adaptor` as its last condition.

    Raises
    ------
    ValueError
        If the adaptor was made for another network.
    """
    out = extend_conditions(network, 1)
    own = dict(zip(("encoder", "decoder", "log_dispersion"), out.own_weights(-1), strict=False))
    if {name: weight.shape for name, weight in own.items()} != {name: weight.shape for name, weight in weights.items()}:
        raise ValueError("the adaptor belongs to another network")
    for name, weight in own.items():
        weight.copy_(weights[name])
    return out


def _columns(values: Tensor, genes: Tensor | None) -> Tensor:
    return values if genes is None else values[..., genes]


def _norm(width: int, norm: Norm) -> nn.Module:
    if norm == "layer":
        return nn.LayerNorm(width, elementwise_affine=False)
    return FrozenBatchNorm(width) if norm == "batch" else nn.Identity()
