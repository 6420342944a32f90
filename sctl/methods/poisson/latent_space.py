"""The space in which cells are compared: the codes of several networks, scaled and side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sctl.typing import Floats

Scaling = Literal["none", "source", "each"]

FEW_CELLS = 10
"""Fewer cells than this are not scaled on their own."""


@dataclass(frozen=True)
class CodeScale:
    """What is taken from a code before cells are compared: its centre and spread, and perhaps its length.

    Parameters
    ----------
    center, spread : ndarray of shape (n_latent,)
    unit_length : bool
        Whether codes are then divided by their length, so that only their direction counts.
    """

    center: Floats
    spread: Floats
    unit_length: bool = False

    @classmethod
    def of(cls, code: Floats, *, scaling: Scaling, unit_length: bool) -> CodeScale:
        """Return the scale of some cells: nothing is taken for ``"none"``; units that never change are left out."""
        n_latent = code.shape[1]
        if scaling == "none":
            return cls(np.zeros(n_latent), np.ones(n_latent), unit_length)
        spread = code.std(axis=0, dtype=np.float64)
        return cls(code.mean(axis=0, dtype=np.float64), np.where(spread > 1e-6, spread, np.inf), unit_length)

    def apply(self, code: Floats) -> NDArray[np.float32]:  # (n_obs, n_latent)
        """Return the scaled codes: (n_obs, n_latent)."""
        out = (code - self.center) / self.spread
        if self.unit_length:
            out = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        return out.astype(np.float32)


def common_space(
    codes: Sequence[Floats],
    reference: Sequence[Floats],
    *,
    scaling: Scaling,
    unit_length: bool,
    weights: Sequence[float] | None = None,
) -> NDArray[np.float32]:
    """Put the codes of several networks side by side, so that squared distances are weighted means of theirs.

    Parameters
    ----------
    codes, reference : sequence of ndarrays of shape (n_obs, n_latent)
        Of the cells, and of the source's, one for each network.
    scaling : {"none", "source", "each"}
        What scales the cells: nothing, the source's cells, or they themselves if there are 10 or more.
    unit_length : bool
        Whether the direction alone counts.
    weights : sequence of float, optional
        By which the code of each network is multiplied; all alike by default.

    Returns
    -------
    ndarray of shape (n_obs, sum of n_latent)

    Examples
    --------
    >>> one, other = np.array([[2.0, 0.0]]), np.array([[0.0, 5.0]])
    >>> options = {"scaling": "none", "unit_length": True, "weights": (1.0, 0.75)}
    >>> common_space([one, other], [one, other], **options).round(2).tolist()
    [[0.800000011920929, 0.0, 0.0, 0.6000000238418579]]
    """
    counts = np.ones(len(codes)) if weights is None else np.asarray(weights, dtype=np.float64)
    parts = []
    for own, known, weight in zip(codes, reference, counts, strict=True):
        scale = CodeScale.of(
            own if scaling == "each" and len(own) >= FEW_CELLS else known, scaling=scaling, unit_length=unit_length
        )
        parts.append(scale.apply(own) * np.float32(weight))
    out: NDArray[np.float32] = np.asarray(np.hstack(parts) / np.linalg.norm(counts), dtype=np.float32)
    return out
