"""Search for good settings, by Bayesian optimisation: seeded, resumable, and stopped when the user says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from sctl.errors import Cancelled, DataError, ParameterError
from sctl.run import Run

Sampler = Literal["gp", "tpe", "random"]
Settings = Mapping[str, float]
Objective = Callable[[Settings, Run], float]
"""Settings, and a run, to what should be small."""

MOST_TRIALS = 500

_STUDY = "sctl"


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
        See :func:`search`.
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


def search(
    objective: Objective,
    space: Mapping[str, Range],
    *,
    n_trials: int = 40,
    sampler: Sampler = "gp",
    journal: Path | None = None,
    run: Run,
) -> Search:
    """Look for the settings that make an objective small.

    Parameters
    ----------
    objective : callable
        Settings that make it raise ``ParameterError``, or give no number, count as failed.
    space : mapping of str to Range
    n_trials : int
        Including those that ``journal`` holds already.
    sampler : {"gp", "tpe", "random"}
        A Gaussian process with expected improvement, as in the paper; tree-structured Parzen estimators, which are
        faster; or chance.
    journal : Path, optional
        A file to which every trial is written, a line of JSON each; with it a search is taken up where it was left.
    run : Run
        Reports after each trial, with the smallest value so far.

    Returns
    -------
    Search

    Raises
    ------
    Cancelled
        If the run was stopped; what was finished is in the journal.
    DataError
        If the journal is of another search, or damaged.
    """
    import optuna  # noqa: PLC0415 - takes a second, and the app's start must not wait for it

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what happens is reported by the run
    study = _study(journal, sampler, seed=run.random_state("search"))
    _check(study, space)
    while (done := len(study.trials)) < n_trials:
        _report(run, study, n_trials)
        study.sampler = _sampler(sampler, run.random_state(f"search {done}"))  # so that resuming changes nothing
        _try(study, objective, space, run)
    _report(run, study, n_trials)
    return Search(tuple(_trial(frozen) for frozen in study.trials), _importance(study))


def read_search(journal: Path) -> Search:
    """Return what a journal holds so far, also while the search runs.

    Raises
    ------
    DataError
        If it is damaged.
    """
    import optuna  # noqa: PLC0415
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _readable(journal):
        kept = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
        study = optuna.load_study(storage=kept, study_name=_STUDY)
        finished = [frozen for frozen in study.trials if frozen.state.is_finished()]
        return Search(tuple(map(_trial, finished)), _importance(study))


@contextmanager
def _readable(journal: Path | None) -> Iterator[None]:
    from optuna.exceptions import OptunaError  # noqa: PLC0415 - as optuna below

    try:
        yield
    except (
        ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
        OptunaError,
    ) as error:  # fmt: skip
        raise DataError(
            f"{journal.name if journal else 'The journal'} cannot be read.",
            expected="A journal that this search has written.",
            do="Remove the file, and search anew.",
        ) from error


def _study(journal: Path | None, sampler: Sampler, *, seed: int) -> Any:
    import optuna  # noqa: PLC0415
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415

    with _readable(journal):
        kept = None if journal is None else optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
        study = optuna.create_study(
            storage=kept, sampler=_sampler(sampler, seed), study_name=_STUDY, load_if_exists=True
        )
        for trial in study.trials:
            if not trial.state.is_finished():  # the process ended in the middle
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def _sampler(kind: Sampler, seed: int) -> Any:
    import optuna  # noqa: PLC0415

    if kind == "gp":
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=10)
    if kind == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=10)
    return optuna.samplers.RandomSampler(seed=seed)


def _check(study: Any, space: Mapping[str, Range]) -> None:
    for trial in study.trials:
        if trial.params and set(trial.params) != set(space):
            raise DataError(
                f"The journal holds a search of {sorted(trial.params)}.",
                expected=f"This one is of {sorted(space)}.",
                do="Choose another file for it.",
            )


def _try(study: Any, objective: Objective, space: Mapping[str, Range], run: Run) -> None:
    import optuna  # noqa: PLC0415

    trial = study.ask()
    settings = {name: _suggested(trial, name, where) for name, where in space.items()}
    try:
        value = objective(settings, run.within(f"Trial {trial.number + 1}"))
    except ParameterError:  # a learning rate at which the loss is no number: worth knowing, no reason to end
        value = math.nan
    except Cancelled:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise
    if math.isfinite(value):
        study.tell(trial, value)
    else:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)


def _suggested(trial: Any, name: str, where: Range) -> float:
    if where.whole:
        return int(trial.suggest_int(name, int(where.low), int(where.high), log=where.log))
    return float(trial.suggest_float(name, where.low, where.high, log=where.log))


def _report(run: Run, study: Any, n_trials: int) -> None:
    values = [trial.value for trial in study.trials if trial.value is not None]
    note = f"best {min(values):.4g}" if values else ""
    run.report("Try settings", min(len(study.trials), n_trials), n_trials, note)


def _trial(frozen: Any) -> Trial:
    return Trial(frozen.number, dict(frozen.params), math.nan if frozen.value is None else float(frozen.value))


def _importance(study: Any) -> dict[str, float]:
    import optuna  # noqa: PLC0415

    values = {trial.value for trial in study.trials if trial.value is not None}
    if len(values) < 4:
        return {}
    fanova = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return {
        name: float(value) for name, value in optuna.importance.get_param_importances(study, evaluator=fanova).items()
    }
