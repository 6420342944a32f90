"""Ranges in which good settings are looked for, and what a search found; :mod:`sctl.numerics.tuning` searches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from sctl.errors import ParameterError

Sampler = Literal["gp", "tpe", "random"]
Settings = Mapping[str, float]

MOST_TRIALS = 500


@dataclass(frozen=True)
class Range:
    """Where a setting is looked for.

    Parameters
    ----------
    low, high : float
        Inclusive.
    log : bool
        Whether factors count rather than differences.
    whole : bool
        Whether it is a whole number.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False


Ranges = Literal["wide", "paper", "paper_complex"]

_PAPER = {
    "learning_rate": Range(1e-5, 1e-3, log=True),
    "orthogonality": Range(1e-25, 1e-5, log=True),
    "n_hidden": Range(50, 140, whole=True),
    "n_latent": Range(35, 75, whole=True),
}
SPACES: Mapping[Ranges, Mapping[str, Range]] = {
    "paper": _PAPER,
    "paper_complex": {
        **_PAPER,
        "l1": Range(1e-25, 1e-5, log=True),
        "weight_decay": Range(1e-25, 1e-5, log=True),
    },
    "wide": {
        "learning_rate": Range(1e-4, 1e-2, log=True),
        "orthogonality": Range(1e-4, 1.0, log=True),
        "n_hidden": Range(32, 512, log=True, whole=True),
        "n_latent": Range(8, 128, log=True, whole=True),
        "weight_decay": Range(1e-6, 1e-3, log=True),
    },
}
"""Ranges of the paper's simple and complex model, whose penalties had no effect, and ranges in which they have."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A search as a user asks for it.

    Parameters
    ----------
    ranges : {"wide", "paper", "paper_complex"}
        Ranges in which every setting has an effect, or those of Walbech et al. (2022) for a simple and a complex model.
    n_trials : int
        The paper's is 40.
    sampler : {"gp", "tpe", "random"}
        See :func:`sctl.numerics.tuning.search`.
    """

    ranges: Ranges = "wide"
    n_trials: int = 40
    sampler: Sampler = "gp"

    def __post_init__(self) -> None:
        """Check it."""
        if self.ranges not in get_args(Ranges):
            raise ParameterError(
                f"There are no ranges {self.ranges!r}.",
                expected=f"There are {list(get_args(Ranges))}.",
                do="Choose one.",
            )
        if not 1 <= self.n_trials <= MOST_TRIALS:
            raise ParameterError(
                f"{self.n_trials} trials were asked for.",
                expected=f"From 1 to {MOST_TRIALS}.",
                do="Choose such a number.",
            )


@dataclass(frozen=True)
class Trial:
    """One try; ``value`` is NaN where it failed."""

    number: int
    settings: Settings
    value: float


@dataclass(frozen=True)
class Search:
    """What a search found.

    Parameters
    ----------
    trials : tuple of Trial
        In the order in which they were made.
    importance : mapping of str to float
        How much of the differences each setting accounts for (fANOVA), the largest first; empty for few trials.
    """

    trials: tuple[Trial, ...]
    importance: Mapping[str, float]

    @property
    def best(self) -> Trial:
        """The trial with the smallest value.

        Raises
        ------
        ParameterError
            If none worked.
        """
        worked = [trial for trial in self.trials if math.isfinite(trial.value)]
        if not worked:
            raise ParameterError(
                "None of the tried settings worked.",
                expected="At least one should give a number.",
                do="Choose smaller learning rates.",
            )
        return min(worked, key=lambda trial: trial.value)
