"""How long and how fast ItClust's networks learn: ours, and the paper's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sctl.methods.itclust.deep_embedding import Pretraining, SourceTraining
from sctl.numerics.networks import Activation
from sctl.numerics.training import TrainingConfig

ScheduleName = Literal["fast", "paper"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Both steps on the source.

    Parameters
    ----------
    pretraining : Pretraining
    source : SourceTraining
    held_out : float
        Share of the source cells whose loss says when to stop.
    """

    pretraining: Pretraining
    source: SourceTraining
    held_out: float


def fast(*, output: Activation, n_epochs: tuple[int, int], dropout: float, reconstruction: float) -> Schedule:
    """Return Adam with early stopping on held-out cells.

    Parameters
    ----------
    output : str
        Activation of the reconstruction.
    n_epochs : tuple of two int
        Most epochs of pretraining, for each layer and for all together, 0 leaves it out; and of learning types.
    dropout : float
        Share of the genes hidden while types are learned.
    reconstruction : float
        Weight of the reconstruction while types are learned.
    """
    brief = TrainingConfig(max_epochs=n_epochs[0])
    return Schedule(
        pretraining=Pretraining(output=output, layers=brief, whole=brief),
        source=SourceTraining(
            training=TrainingConfig(max_epochs=n_epochs[1]), dropout=dropout, reconstruction=reconstruction
        ),
        held_out=0.1,
    )


def paper(*, output: Activation, dropout: float, reconstruction: float) -> Schedule:
    """Return the published schedule: gradient descent at falling rates, no cells held out.

    Pretraining takes 50 epochs at each of three rates, for each layer and then for all together. The published
    last three rates, down to 1e-6, change nothing that can be measured and are left out.
    """
    descent = TrainingConfig(
        optimiser="sgd", learning_rate=0.1, max_epochs=50, stop_on="never", restore_best=False, max_gradient_norm=None
    )
    source = TrainingConfig(
        optimiser="sgd", learning_rate=0.01, max_epochs=2000, stop_on="train", patience=4, min_delta=1e-3
    )
    return Schedule(
        pretraining=Pretraining(output=output, layers=descent, whole=descent, decays=(2, 2)),
        source=SourceTraining(training=source, dropout=dropout, reconstruction=reconstruction),
        held_out=0.0,
    )
