"""Settings of a conditional network, for methods that learn a reference with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from sctl.methods.base import TransferMethod, param
from sctl.methods.scarches.recipes import PRESETS, Preset, Recipe
from sctl.numerics import neighbors

Weighting = Literal["local", "scarches", "paper", "uniform"]
WEIGHTINGS: Mapping[Weighting, neighbors.Weighting] = MappingProxyType(
    {"local": "local", "scarches": "deviation", "paper": "paper", "uniform": "uniform"}
)
"""Names of the setting, to those of :func:`sctl.numerics.neighbors.neighbor_weights`."""


@dataclass(kw_only=True)
class ConditionalMethod(TransferMethod):
    """A method whose network is built and trained by a preset, of which every part can be set."""

    preset: Preset = param(
        "sctl", "Settings of the network: ours, or one of two from the paper.", title="Network", advanced=True
    )
    likelihood: Literal["mse", "sse", "nb", "zinb"] | None = param(
        None,
        "What the network rebuilds: normalised expression (mse, sse) or raw counts (nb, zinb). Empty: as the preset says.",
        title="What is rebuilt",
        advanced=True,
    )
    n_latent: int | None = param(
        None, "Dimensions of the common space. Empty: as the preset says.", low=2, high=256, advanced=True
    )
    norm: Literal["layer", "batch", "none"] | None = param(
        None,
        "How the values of a layer are brought to one scale: within each cell, over the cells of a batch, or not. Empty: as "
        "the preset says.",
        title="Normalisation of layers",
        advanced=True,
    )
    reconstruction_weight: float | None = param(
        None,
        "How much it counts that expression is rebuilt well. Empty: as the preset says.",
        title="Weight of the reconstruction (η)",
        low=0.0,
        high=1e6,
        advanced=True,
    )
    kl_weight: float | None = param(
        None,
        "How strongly the cells are drawn towards one round cloud. Empty: as the preset says.",
        title="Weight of the divergence (α)",
        low=0.0,
        high=1e3,
        advanced=True,
    )
    mmd_weight: float | None = param(
        None,
        "How strongly the reference's datasets are pulled over each other. Empty: as the preset says.",
        title="Weight of the discrepancy (β)",
        low=0.0,
        high=1e6,
        advanced=True,
    )
    mmd_on: Literal["latent", "decoder"] | None = param(
        None,
        "Where the reference's datasets are compared: in the common space, or in the decoder's first layer. Empty: as the "
        "preset says.",
        title="Where datasets are compared",
        advanced=True,
    )
    anneal_epochs: int | None = param(
        None,
        "Over so many rounds the weight of the divergence rises from 0. Empty: as the preset says.",
        title="Rounds until the divergence counts in full",
        low=0,
        high=10_000,
        advanced=True,
    )
    sampling: Literal["cells", "datasets"] | None = param(
        None,
        "Whether each cell of the reference is shown once in a round, or each dataset equally often. Empty: as the preset says.",
        title="What is shown equally often",
        advanced=True,
    )
    epochs: int | None = param(
        None, "Most rounds of training of the reference. Empty: as the preset says.", low=1, high=10_000, advanced=True
    )
    surgery_epochs: int | None = param(
        None,
        "Most rounds of adapting to your data; 0 maps it without. Empty: as the preset says.",
        title="Rounds of adapting",
        low=0,
        high=10_000,
        advanced=True,
    )

    @property
    def recipe(self) -> Recipe:
        """Settings of the network, the preset's where nothing else is said."""
        chosen = {
            "likelihood": self.likelihood,
            "norm": self.norm,
            "n_latent": self.n_latent,
            "reconstruction": self.reconstruction_weight,
            "kl": self.kl_weight,
            "anneal_epochs": self.anneal_epochs,
            "mmd": self.mmd_weight,
            "mmd_on": self.mmd_on,
            "balanced": None if self.sampling is None else self.sampling == "datasets",
            "epochs": self.epochs,
            "surgery_epochs": self.surgery_epochs,
        }
        given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
        return replace(PRESETS[self.preset], **given)
