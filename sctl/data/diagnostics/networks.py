"""What all methods with a network report: how it learned, which genes the target lacks, what its decoder is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from sctl.data.diagnostics.kept import Key, Rest
from sctl.data.diagnostics.uns import from_uns


@dataclass(frozen=True, kw_only=True)
class TrainingPhase:
    """Losses of one phase of training.

    Parameters
    ----------
    phase : str
    train, validation : tuple of float, length n_epochs
        NaN where no cells were held out.
    best_epoch : int
        From 0; its weights were kept.
    stopped_early : bool
        Whether the loss had stopped falling before the limit.
    metrics : mapping of str to tuple of float, length n_epochs
        Whatever else was measured.
    """

    phase: str
    train: tuple[float, ...]
    validation: tuple[float, ...]
    best_epoch: int
    stopped_early: bool
    metrics: Annotated[Mapping[str, tuple[float, ...]], Rest()] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingLog:
    """How networks learned.

    Parameters
    ----------
    logs : mapping of str to TrainingPhase
    phases : tuple of str
        Their names as they followed one another, which files do not keep; empty where that does not matter.
    """

    logs: Annotated[Mapping[str, TrainingPhase], Key("training")]
    phases: tuple[str, ...] = ()

    @classmethod
    def of(cls, logs: Mapping[str, Mapping[str, Any]], *, phases: tuple[str, ...] = ()) -> Self:
        """Return the logs that a trained network holds as columns by phase.

        Raises
        ------
        TypeError, ValueError
            If they are no such logs.
        """
        return cls(logs={name: from_uns(TrainingPhase, log) for name, log in logs.items()}, phases=phases)

    @property
    def in_order(self) -> dict[str, TrainingPhase]:
        """The phases as they followed one another."""
        return {name: self.logs[name] for name in self.phases or self.logs}


@dataclass(frozen=True, kw_only=True)
class GenesFound:
    """Which of a network's genes the target lacks.

    Parameters
    ----------
    missing : int
        Their number.
    lacking : tuple of str, optional
        Their names.
    found_share : float, optional
        Share of the genes that the target has.
    """

    missing: Annotated[int, Key("genes_missing")]
    lacking: Annotated[tuple[str, ...] | None, Key("genes_lacking")] = None
    found_share: Annotated[float | None, Key("genes_found_share")] = None


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """What leads from the last layer but one of a network to expression.

    Parameters
    ----------
    beta : float
        Sharpness of the softplus.
    loss : {"rate", "log-rate"}
    """

    beta: float
    loss: Literal["rate", "log-rate"]
