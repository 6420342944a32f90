"""Bayesian optimization of settings: seeded, resumable, and stopped when the user says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.storages.journal import JournalFileBackend

from sctl.errors import Cancelled, DataError, ParameterError
from sctl.numerics.hyperparameters import Range, Sampler, Search, Settings, Trial
from sctl.run import Run

Objective = Callable[[Settings, Run], float]
"""Settings, and a run, to what should be small."""

_STUDY = "sctl"


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
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _readable(journal):
        kept = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
        study = optuna.load_study(storage=kept, study_name=_STUDY)
        finished = [frozen for frozen in study.trials if frozen.state.is_finished()]
        return Search(tuple(map(_trial, finished)), _importance(study))


@contextmanager
def _readable(journal: Path | None) -> Iterator[None]:
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
    values = {trial.value for trial in study.trials if trial.value is not None}
    if len(values) < 4:
        return {}
    fanova = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return {
        name: float(value) for name, value in optuna.importance.get_param_importances(study, evaluator=fanova).items()
    }
