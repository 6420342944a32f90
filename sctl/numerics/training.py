"""The one training loop: minibatches, early stopping, best weights restored, progress, and a record of losses."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from sctl.errors import Cancelled, ParameterError
from sctl.numerics.resample import stratified_split
from sctl.run import Run
from sctl.typing import Floats, Ints

Objective = Callable[[Tensor, Tensor, "torch.Generator | None"], Tensor]
"""Rows (n_batch, n_vars), their numbers (n_batch,), and a generator for noise; returns the mean loss of the rows.

The generator is None in validation, where nothing may be random.
"""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a network is trained.

    Parameters
    ----------
    optimiser : {"adam", "sgd", "nesterov"}
    learning_rate, momentum, weight_decay : float
        Momentum is for both kinds of ``sgd``.
    batch_size, max_epochs : int
    stop_on : {"validation", "train", "never"}
        Which loss must go on falling; ``"validation"`` becomes ``"train"`` where no cells are held out.
    patience : int
        Stop after so many epochs without a loss smaller by ``min_delta`` than the smallest.
    min_delta : float
        As a share of the smallest loss.
    restore_best : bool
        Whether the weights become those after the epoch with the smallest loss.
    max_gradient_norm : float or None
        Longer gradients are shortened to it.
    device : str
        ``"cpu"``, or ``"cuda"`` where there is a GPU; see :func:`best_device`.
    """

    optimiser: Literal["adam", "sgd", "nesterov"] = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch_size: int = 256
    max_epochs: int = 100
    stop_on: Literal["validation", "train", "never"] = "validation"
    patience: int = 5
    min_delta: float = 0.0
    restore_best: bool = True
    max_gradient_norm: float | None = 5.0
    device: str = "cpu"


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells that a network sees.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_obs, n_vars)
    train, validation : ndarray of int
        Which rows to learn from, and which to hold out; no rows by default.
    weights : ndarray of shape (n_train,), optional
        With it, cells are drawn with replacement in proportion to it instead of each once an epoch.
    """

    X: Any
    train: Ints
    validation: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    weights: Floats | None = None

    @classmethod
    def all(cls, X: Any) -> Cells:
        """Return all rows, none held out."""
        return cls(X=X, train=np.arange(X.shape[0]))

    @classmethod
    def split(cls, X: Any, strata: Ints | None, share: float, rng: np.random.Generator) -> Cells:
        """Hold out a random share of the cells of each stratum; strata of one cell are never held out."""
        train, validation = stratified_split(np.zeros(X.shape[0], int) if strata is None else strata, share, rng)
        return cls(X=X, train=train, validation=validation)

    def rows(self, index: Ints, device: str = "cpu") -> Tensor:
        """Return some rows as float32: (n_index, n_vars)."""
        part = self.X[index]
        values = part.toarray() if sparse.issparse(part) else part
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)


@dataclass(frozen=True)
class Epoch:
    """Losses after one epoch; ``validation`` is NaN where no cells are held out."""

    train: float
    validation: float
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingLog:
    """What happened in one phase of training.

    Parameters
    ----------
    phase : str
    epochs : tuple of Epoch
    best_epoch : int
        The epoch, from 0, whose weights were kept.
    stopped_early : bool
        Whether the loss had stopped falling before the limit.
    """

    phase: str
    epochs: tuple[Epoch, ...]
    best_epoch: int
    stopped_early: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the record as columns, in a form that files take."""
        names = sorted({name for epoch in self.epochs for name in epoch.metrics})
        return {
            "phase": self.phase,
            "train": [epoch.train for epoch in self.epochs],
            "validation": [epoch.validation for epoch in self.epochs],
            **{name: [epoch.metrics.get(name, math.nan) for epoch in self.epochs] for name in names},
            "best_epoch": self.best_epoch,
            "stopped_early": self.stopped_early,
        }


def generator(run: Run, name: str, device: str = "cpu") -> torch.Generator:
    """Return torch's generator of the random stream ``name``, which nobody else draws from."""
    return torch.Generator(device=device).manual_seed(run.random_state(name))


def best_device() -> str:
    """Return ``"cuda"`` where torch finds a GPU, else ``"cpu"``; with ``CUDA_VISIBLE_DEVICES=`` empty it finds none."""
    return "cuda" if torch.cuda.is_available() else "cpu"


class Trainer:
    """A network with its optimiser, one epoch at a time; :func:`train` is the loop around it.

    Parameters
    ----------
    model : Module
    objective : callable
        See :data:`Objective`.
    cells : Cells
    config : TrainingConfig
    run : Run
        Asked for a stop before every batch.
    phase : str
        Names the random streams, and the stage in messages.
    """

    def __init__(
        self, model: nn.Module, objective: Objective, cells: Cells, *, config: TrainingConfig, run: Run, phase: str
    ) -> None:
        self.model = model.to(config.device)
        self.objective, self.cells, self.config, self.run, self.phase = objective, cells, config, run, phase
        self.rng = run.rng(f"{phase}: batches")
        self.noise = generator(run, f"{phase}: noise", config.device)
        self.optimiser = _optimiser(model, config)

    def epoch(self) -> float:
        """Show the network every cell once, and return the mean loss.

        Raises
        ------
        ParameterError
            If the loss is no longer a number.
        Cancelled
            If the run was stopped.
        """
        self.model.train()
        total = 0.0
        order = self._order()
        for start in range(0, len(order), self.config.batch_size):
            total += self._step(order[start : start + self.config.batch_size])
        return total / len(order)

    def loss(self, index: Ints) -> float:
        """Return the mean loss of some cells without learning from them; NaN of none."""
        if not len(index):
            return math.nan
        self.model.eval()
        size = self.config.batch_size
        with torch.no_grad():
            parts = [
                float(self._objective(part, None)) * len(part)
                for part in (index[start : start + size] for start in range(0, len(index), size))
            ]
        return sum(parts) / len(index)

    def _objective(self, index: Ints, noise: torch.Generator | None) -> Tensor:
        device = self.config.device
        return self.objective(self.cells.rows(index, device), torch.from_numpy(index).to(device), noise)

    def _step(self, index: Ints) -> float:
        if self.run.cancelled():
            raise Cancelled
        self.optimiser.zero_grad()
        loss = self._objective(index, self.noise)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ParameterError(
                f"The network's loss became {value} ({self.phase}).",
                expected="It should fall, or stay a number at least.",
                do="Lower the learning rate, and check that values are scaled.",
            )
        loss.backward()  # type: ignore[no-untyped-call]
        if self.config.max_gradient_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_gradient_norm)
        self.optimiser.step()
        return value * len(index)

    def _order(self) -> Ints:
        train, weights = self.cells.train, self.cells.weights
        if weights is None:
            return self.rng.permutation(train)
        return self.rng.choice(train, size=len(train), p=weights / weights.sum())


def train(
    model: nn.Module, objective: Objective, cells: Cells, *, config: TrainingConfig, run: Run, phase: str
) -> TrainingLog:
    """Train a network in place until its loss stops falling.

    Parameters
    ----------
    model : Module
    objective : callable
        See :data:`Objective`; it closes over the model.
    cells : Cells
    config : TrainingConfig
    run : Run
    phase : str
        What is being learned, shown as progress; also names the random streams.

    Returns
    -------
    TrainingLog

    Raises
    ------
    ParameterError
        If the loss is no longer a number.
    Cancelled
        If the run was stopped.
    """
    trainer = Trainer(model, objective, cells, config=config, run=run, phase=phase)
    on_validation = config.stop_on == "validation" and len(cells.validation) > 0
    best, smallest, waited = -1, math.inf, 0
    kept: dict[str, Tensor] = {}
    epochs: list[Epoch] = []
    with one_thread():
        while len(epochs) < config.max_epochs and (config.stop_on == "never" or waited < config.patience):
            note = f"loss {epochs[-1].train:.4g}" if epochs else ""
            run.report(phase, len(epochs), config.max_epochs, note)
            epochs.append(Epoch(trainer.epoch(), trainer.loss(cells.validation)))
            run.record(phase, len(epochs), train=epochs[-1].train, validation=epochs[-1].validation)
            watched = epochs[-1].validation if on_validation else epochs[-1].train
            waited = 0 if watched < smallest - config.min_delta * abs(smallest if best >= 0 else 0.0) else waited + 1
            if watched < smallest:
                best, smallest = len(epochs) - 1, watched
                kept = _copied(model) if config.restore_best else kept
    if kept:
        model.load_state_dict(kept)
    run.report(phase, config.max_epochs, config.max_epochs)
    best = best if config.restore_best else len(epochs) - 1
    return TrainingLog(phase, tuple(epochs), best, stopped_early=len(epochs) < config.max_epochs)


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _optimiser(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if config.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    return torch.optim.SGD(
        parameters,
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.optimiser == "nesterov",
    )


_lock = threading.Lock()
_users: dict[str, int] = {"now": 0, "threads": 1}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: for networks this small, threads that wait for each other cost sevenfold.

    The setting is the process's; it is put back when the last user leaves.
    """
    with _lock:
        if _users["now"] == 0:
            _users["threads"] = torch.get_num_threads()
            torch.set_num_threads(1)
        _users["now"] += 1
    try:
        yield
    finally:
        with _lock:
            _users["now"] -= 1
            if _users["now"] == 0:
                torch.set_num_threads(_users["threads"])
