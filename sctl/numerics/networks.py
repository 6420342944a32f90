"""Small networks whose weights come from an explicit generator; arrays of cells in, tensors out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Literal["relu", "tanh", "softplus", "linear"]

_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "softplus": functional.softplus,
    "linear": lambda x: x,
}


class Dense(nn.Module):
    """One layer, ``activation(W x + b)``.

    Parameters
    ----------
    n_in, n_out : int
    activation : {"relu", "tanh", "softplus", "linear"}

    Notes
    -----
    Weights are zero until :func:`draw_weights` draws them: torch's own layers would draw from the generator
    that all threads share, and a seed would mean nothing while two computations run.
    """

    def __init__(self, n_in: int, n_out: int, activation: Activation = "relu") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_out, n_in))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.activation: Activation = activation

    def forward(self, x: Tensor) -> Tensor:  # (n_obs, n_in)
        """Return the layer's output: (n_obs, n_out)."""
        return _ACTIVATIONS[self.activation](functional.linear(x, self.weight, self.bias))


class Mlp(nn.Module):
    """Dense layers, one after the other.

    Parameters
    ----------
    sizes : sequence of int
        Widths from the input to the output; ``(100, 32, 8)`` makes two layers.
    hidden, output : str
        Activations of the layers between, and of the last one.
    """

    def __init__(self, sizes: Sequence[int], *, hidden: Activation = "relu", output: Activation = "linear") -> None:
        super().__init__()
        last = len(sizes) - 2
        self.layers = nn.ModuleList(
            Dense(n_in, n_out, output if i == last else hidden) for i, (n_in, n_out) in enumerate(pairwise(sizes))
        )

    def forward(self, x: Tensor) -> Tensor:  # (n_obs, sizes[0])
        """Return the last layer's output: (n_obs, sizes[-1])."""
        for layer in self.layers:
            x = layer(x)
        return x


class Autoencoder(nn.Module):
    """An encoder and its mirror image.

    Parameters
    ----------
    sizes : sequence of int
        Widths from the genes to the embedding.
    code, output : str
        Activations of the embedding, and of the reconstruction.
    """

    def __init__(self, sizes: Sequence[int], *, code: Activation = "tanh", output: Activation = "linear") -> None:
        super().__init__()
        self.encoder = Mlp(sizes, output=code)
        self.decoder = Mlp(tuple(reversed(sizes)), output=output)

    def forward(self, x: Tensor) -> Tensor:  # (n_obs, n_vars)
        """Return the reconstruction: (n_obs, n_vars)."""
        out: Tensor = self.decoder(self.encoder(x))
        return out


class SoftAssignment(nn.Module):
    """Probabilities of clusters by Student's t-kernel around centroids.

    ``q_ij = (1 + |z_i - μ_j|² / α)^(-(α + 1) / 2)``, normalised over ``j``; ``α`` = 1.

    Parameters
    ----------
    centroids : Tensor of shape (n_clusters, n_latent)
    """

    def __init__(self, centroids: Tensor) -> None:
        super().__init__()
        self.centroids = nn.Parameter(centroids.clone())

    def forward(self, z: Tensor) -> Tensor:  # (n_obs, n_latent)
        """Return the probabilities: (n_obs, n_clusters)."""
        squared = (z[:, None, :] - self.centroids[None, :, :]).square().sum(-1)  # (n_obs, n_clusters)
        kernel = 1.0 / (1.0 + squared)
        return kernel / kernel.sum(1, keepdim=True)


@torch.no_grad()
def draw_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of every dense layer (Glorot and Bengio 2010, uniform); biases become zero."""
    for layer in module.modules():
        if isinstance(layer, Dense):
            n_out, n_in = layer.weight.shape
            bound = (6.0 / (n_in + n_out)) ** 0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.zero_()


def dropped(x: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Set a share of the values to zero and enlarge the others so that the mean stays.

    Parameters
    ----------
    x : Tensor
    rate : float
        Share that becomes zero.
    generator : torch.Generator or None
        What decides which; None leaves ``x`` as it is, as in validation.
    """
    if generator is None or rate == 0:
        return x
    kept = torch.rand(x.shape, generator=generator, device=x.device) >= rate
    return x * kept / (1.0 - rate)
