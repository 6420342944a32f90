"""One ``Run`` carries seed, progress, measurements and the stop switch through every computation."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar
from zlib import crc32

import numpy as np

from sctl.errors import Cancelled, ParameterError

T = TypeVar("T")

LARGEST_SEED = 2**63 - 1
"""Larger numbers do not fit into a result's file."""


@dataclass(frozen=True)
class Progress:
    """Where a computation stands: ``done`` of ``total`` steps of ``stage``, with an optional note.

    The stage takes the whole from the share ``start`` to the share ``end``, see :meth:`Run.part`.
    """

    stage: str
    done: int
    total: int
    note: str = ""
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class Measurement:
    """A point of one or more curves that grow while something is computed.

    Parameters
    ----------
    series : str
        What is computed, as a plain phrase; points of one series share their axis.
    x : float
        Where on this axis: an epoch, a refresh.
    values : mapping of str to float
        Height of each curve there; all finite.
    """

    series: str
    x: float
    values: Mapping[str, float]


def _ignore(progress: Progress) -> None:
    """Take a report and drop it."""


def _forget(measurement: Measurement) -> None:
    """Take a measurement and drop it."""


def _never() -> bool:
    """Say that nobody has asked to stop."""
    return False


@dataclass(frozen=True)
class Run:
    """Seed, listener and stop switch of one computation.

    Parameters
    ----------
    seed : int
        Everything random is drawn from streams derived from it.
    listener : callable
        Called with a :class:`Progress` at each step.
    cancelled : callable
        Asked at each step; when it answers True, :class:`~sctl.errors.Cancelled` is raised.
    recorder : callable
        Called with a :class:`Measurement` for each point of a curve.

    Examples
    --------
    >>> run = Run(seed=1)
    >>> [step for step in run.track("count", [10, 20])]
    [10, 20]
    >>> bool(run.rng("a").random() == Run(seed=1).rng("a").random())
    True
    """

    seed: int = 0
    listener: Callable[[Progress], None] = _ignore
    cancelled: Callable[[], bool] = _never
    recorder: Callable[[Measurement], None] = _forget

    def __post_init__(self) -> None:
        """Check the seed once."""
        whole = isinstance(self.seed, int | np.integer) and not isinstance(self.seed, bool)
        if not whole or not 0 <= self.seed <= LARGEST_SEED:
            raise ParameterError(
                f"The seed is {self.seed}.",
                expected=f"It must be a whole number, 0 or larger, and at most {LARGEST_SEED}.",
                do="Choose another number.",
            )

    def rng(self, name: str) -> np.random.Generator:
        """Return the random stream called ``name``; adding a stream never changes another."""
        return np.random.default_rng(np.random.SeedSequence([self.seed, crc32(name.encode())]))

    def random_state(self, name: str) -> int:
        """Return a seed in [0, 2**31) of the stream ``name``, for libraries that take an int."""
        return int(self.rng(name).integers(2**31))

    def report(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Tell the listener where we are.

        Raises
        ------
        Cancelled
            If the user has asked to stop.
        """
        if self.cancelled():
            raise Cancelled
        self.listener(Progress(stage, done, total, note))

    def record(self, series: str, x: float, **values: float) -> None:
        """Pass on a point of one or more curves; values that are not finite are left out.

        Examples
        --------
        >>> seen = []
        >>> Run(recorder=seen.append).record("learn", 3, train=0.5, held_out=float("nan"))
        >>> seen
        [Measurement(series='learn', x=3, values={'train': 0.5})]
        """
        known = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        if known:
            self.recorder(Measurement(series, x, known))

    def track(self, stage: str, steps: Collection[T]) -> Iterator[T]:
        """Yield the steps, reporting before each and once at the end; raise ``Cancelled`` on Stop."""
        total = len(steps)
        for done, step in enumerate(steps):
            self.report(stage, done, total)
            yield step
        self.report(stage, total, total)

    def within(self, prefix: str) -> Run:
        """Return a run whose stages are announced as ``prefix: stage``; seeds are unchanged."""

        def announce(progress: Progress) -> None:
            self.listener(replace(progress, stage=f"{prefix}: {progress.stage}"))

        return replace(self, listener=announce)

    def part(self, start: float, end: float) -> Run:
        """Return a run for a part of the computation, which takes the whole from one share to another; both in [0, 1].

        Examples
        --------
        >>> seen = []
        >>> Run(listener=seen.append).part(0.5, 1.0).part(0.0, 0.5).report("learn", 1, 2)
        >>> seen
        [Progress(stage='learn', done=1, total=2, note='', start=0.5, end=0.75)]
        """

        def announce(progress: Progress) -> None:
            low, high = (start + (end - start) * share for share in (progress.start, progress.end))
            self.listener(replace(progress, start=low, end=high))

        return replace(self, listener=announce)
