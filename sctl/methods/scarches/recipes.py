"""How conditional networks are built and trained: the paper's settings, and ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # torch takes seconds to import, and menus read these numbers
    from sctl.methods.scarches.cvae import Likelihood, Norm

Preset = Literal["sctl", "paper-trvae", "paper-cvae"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Sizes, losses and schedule.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the encoder's layers.
    n_latent : int
    likelihood : {"mse", "sse", "nb", "zinb"}
    norm : {"layer", "batch", "none"}
    dropout : float
    reconstruction, kl, mmd : float
        Weights of the parts of the loss; see :class:`~sctl.methods.scarches.surgery.Losses`.
    mmd_on : {"latent", "decoder"}
    anneal_epochs : int
        Over so many rounds the weight of KL rises from 0.
    balanced : bool
        Whether every dataset is drawn as often as every other.
    learning_rate : float
        Of the reference.
    surgery_rate : float
        Of surgery. Few weights bear larger steps.
    batch_size : int
    epochs, surgery_epochs : int
        Most rounds.
    patience : int
        Training stops after so many rounds without a smaller loss.
    held_out : float
        Share of each type in each dataset that only says when to stop.
    max_gradient_norm : float or None
    """

    hidden: tuple[int, ...] = (128,)
    n_latent: int = 20
    likelihood: Likelihood = "mse"
    norm: Norm = "layer"
    dropout: float = 0.05
    reconstruction: float = 1.0
    kl: float = 1e-4
    mmd: float = 0.0
    mmd_on: Literal["latent", "decoder"] = "latent"
    anneal_epochs: int = 0
    balanced: bool = False
    learning_rate: float = 2e-3
    surgery_rate: float = 1e-2
    batch_size: int = 64
    epochs: int = 25
    surgery_epochs: int = 40
    patience: int = 8
    held_out: float = 0.1
    max_gradient_norm: float | None = 5.0


PRESETS: dict[Preset, Recipe] = {
    "sctl": Recipe(),
    "paper-trvae": Recipe(
        hidden=(128, 20),
        n_latent=10,
        norm="none",
        reconstruction=500.0,  # η/2 = 1000/2: the paper's mean squared error has a half
        kl=1e-4,  # α/K with α = 1e-3 and K = 10: the paper's KL is a mean over latent dimensions
        mmd=20.0,
        mmd_on="decoder",
        balanced=True,
        learning_rate=1e-3,
        surgery_rate=1e-3,
        batch_size=128,
        epochs=150,
        surgery_epochs=100,
        patience=20,
    ),
    "paper-cvae": Recipe(
        hidden=(128, 128),
        n_latent=10,
        likelihood="nb",
        norm="batch",
        dropout=0.1,
        kl=4e-5,  # 2α/K with α = 2e-4 and K = 10
        learning_rate=1e-3,
        surgery_rate=1e-3,
        batch_size=128,
        epochs=150,
        surgery_epochs=100,
        patience=20,
        max_gradient_norm=3.0,
    ),
}
"""Table 1 of the paper, its weights converted to the sums and means of :class:`~sctl.methods.scarches.surgery.Losses`."""

FEWEST_STEPS = 500
MOST_STEPS = 20_000


def rounds(epochs: int, n_cells: int, batch_size: int) -> int:
    """Return how often all cells are seen at most: more often where there are few, less often where there are many.

    Examples
    --------
    >>> rounds(25, 100, 50), rounds(25, 5_000, 50), rounds(25, 1_000_000, 50)
    (250, 25, 1)
    """
    steps = -(-n_cells // batch_size)
    fewest = -(-FEWEST_STEPS * epochs // (25 * steps))
    return max(1, min(max(epochs, fewest), MOST_STEPS // steps))
