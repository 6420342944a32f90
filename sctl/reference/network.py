"""A reference's network: brought back from arrays, and compared before and after surgery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sctl.core.conditional import COUNTS, Architecture, ConditionalAutoencoder
from sctl.core.surgery import Floats, Ints
from sctl.errors import DataError

PROBES = 256


def rebuilt(arrays: Mapping[str, NDArray[Any]], architecture: Mapping[str, Any]) -> ConditionalAutoencoder:
    """Return the network whose weights are given.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Weights, under names that begin with ``network.``.
    architecture : mapping
        Arguments of :class:`~sctl.core.conditional.Architecture`.

    Raises
    ------
    DataError
        If the weights are not those of such a network.
    """
    network = ConditionalAutoencoder(Architecture(**{**architecture, "hidden": tuple(architecture["hidden"])}))
    prefix, single = "network.", {name for name, value in network.state_dict().items() if value.ndim == 0}
    weights = {
        name[len(prefix) :]: torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
    for name in single & set(weights):  # files keep a single number as a list of one
        weights[name] = weights[name].reshape(-1)[0]
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(
            "The model's weights do not fit its description.",
            expected="Each layer has as many weights as its widths say.",
            do="Save the model again.",
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
