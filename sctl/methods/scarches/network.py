"""A reference's network: brought back from arrays, and compared before and after surgery."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sctl.errors import DataError
from sctl.methods.scarches.cvae import COUNTS, Architecture, ConditionalAutoencoder, adaptor, attached
from sctl.typing import Floats, Ints

PROBES = 256
MOST_WIDE = 1_000_000_000
"""Wider layers than this are none."""


def rebuilt(arrays: Mapping[str, NDArray[Any]], architecture: Mapping[str, Any]) -> ConditionalAutoencoder:
    """Return the network whose weights are given.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Weights, under names that begin with ``network.``.
    architecture : mapping
        Arguments of :class:`~sctl.methods.scarches.cvae.Architecture`.

    Raises
    ------
    DataError
        If the weights are not those of such a network.
    """
    prefix = "network."
    weights = {
        name[len(prefix) :]: torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
    network = _empty(architecture, len(weights))
    expected = network.state_dict()
    for name in {name for name, value in expected.items() if value.ndim == 0} & set(weights):
        weights[name] = weights[name].reshape(-1)[0]  # files keep a single number as a list of one
    if {name: value.shape for name, value in weights.items()} != {name: v.shape for name, v in expected.items()}:
        raise _unfit("As many weights in each layer as its widths say.")
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise _unfit("Every weight is a finite number.")
    network.load_state_dict({name: value.to(expected[name].dtype) for name, value in weights.items()}, assign=True)
    network.eval()
    return network


def _empty(architecture: Mapping[str, Any], n_tensors: int) -> ConditionalAutoencoder:
    """Return a network of that description that takes no memory: it may ask for more than there is."""
    shape = Architecture(**{**architecture, "hidden": tuple(architecture["hidden"])})
    sizes = (shape.n_vars, shape.n_conditions, shape.n_latent, *shape.hidden)
    whole = shape.hidden and all(isinstance(size, int) and 0 < size < MOST_WIDE for size in sizes)
    if not whole or max(shape.n_conditions, len(shape.hidden)) > n_tensors or not 0.0 <= shape.dropout < 1.0:
        raise _unfit("Widths that its weights bear out.")
    with torch.device("meta"):
        return ConditionalAutoencoder(shape)


def _unfit(expected: str) -> DataError:
    return DataError(
        "The model's weights do not fit its description.",
        expected=expected,
        do="Save the model again, or get it again from where it came from.",
    )


def adaptors_of(
    network: ConditionalAutoencoder, first: int, names: Sequence[str]
) -> dict[str, dict[str, NDArray[Any]]]:
    """Return the weights that belong to some datasets alone, by the dataset's name; they are numbered from ``first``."""
    return {
        name: {part: weight.numpy() for part, weight in adaptor(network, first + place).items()}
        for place, name in enumerate(names)
    }


def with_adaptors(
    network: ConditionalAutoencoder, adaptors: Mapping[str, Mapping[str, NDArray[Any]]]
) -> ConditionalAutoencoder:
    """Return a copy of the network with what surgery learned for further datasets.

    Raises
    ------
    DataError
        If the weights are not finite, or do not fit.
    """
    try:
        for weights in adaptors.values():
            found = {part: torch.from_numpy(np.array(weight, dtype=np.float32)) for part, weight in weights.items()}
            if not all(bool(torch.isfinite(weight).all()) for weight in found.values()):
                raise ValueError("a weight is no finite number")
            network = attached(network, found)
    except ValueError as error:
        raise DataError(
            "The adaptor does not fit this reference.",
            expected="It holds the weights of one dataset, for the reference onto which that dataset was mapped.",
            do="Use it with that reference.",
        ) from error
    network.eval()
    return network


@torch.no_grad()
def drift(before: ConditionalAutoencoder, after: ConditionalAutoencoder, latent: Floats, conditions: Ints) -> float:
    """Return how far surgery moved the reference, over the reference's spread: exactly 0 where it is left as it was.

    The cells that are embedded again by both networks are those that the first expects at places of the reference, so
    that no expression of its real cells is needed.

    Parameters
    ----------
    before, after : ConditionalAutoencoder
    latent : ndarray of shape (n_ref, n_latent)
    conditions : ndarray of shape (n_ref,)
    """
    chosen = np.unique(np.linspace(0, len(latent) - 1, PROBES).astype(int))
    z = torch.from_numpy(np.asarray(latent[chosen], dtype=np.float32))
    codes = torch.from_numpy(np.asarray(conditions[chosen], dtype=np.int64))
    before.eval()
    after.eval()
    expected = before.decode(z, codes).mean
    cells = torch.log1p(1e4 * expected.exp()) if before.architecture.likelihood in COUNTS else expected
    one, other = (network.encode(cells, codes).mean for network in (before, after))
    return float((one - other).abs().max() / one.std().clamp_min(1e-12))


def latent_margin(
    network: ConditionalAutoencoder, conditions: Ints, own: Floats, other: Floats
) -> Callable[[Tensor], Tensor]:
    """Return how much nearer cells lie to one place each in the latent space than to another.

    Parameters
    ----------
    network : ConditionalAutoencoder
    conditions : ndarray of shape (n_obs,)
        Dataset of each cell.
    own, other : ndarray of shape (n_obs, n_latent)
        The places.

    Returns
    -------
    callable
        Expression (n_obs, n_vars) to ``‖z − other‖² − ‖z − own‖²``, ``z`` the mean of each cell's distribution: (n_obs,).
    """
    network.eval()
    codes = torch.from_numpy(np.asarray(conditions, dtype=np.int64))
    near, far = (torch.from_numpy(np.asarray(places, dtype=np.float32)) for places in (own, other))

    def score(x: Tensor) -> Tensor:
        z = network.encode(x, codes).mean
        return (z - far).square().sum(dim=1) - (z - near).square().sum(dim=1)

    return score
