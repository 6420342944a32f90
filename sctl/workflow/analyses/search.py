"""A search for settings of a method, by its own measure and without looking at any target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

import pandas as pd

from sctl.data import Pair, canonical
from sctl.errors import DataError, ParameterError
from sctl.methods import METHODS
from sctl.methods.base import SearchesSettings, TransferMethod, has_capability
from sctl.numerics.hyperparameters import SPACES, Ranges, Search, Wanted
from sctl.run import Run
from sctl.workflow.analyses.base import Analysis, Inputs, OwnJournal, Params, Setting
from sctl.workflow.settings import method_of

VALUE = "held-out loss"
"""Column of :func:`trials_table`: what the search makes small."""


def searches(method: TransferMethod | type[TransferMethod]) -> bool:
    """Return whether good settings of a method can be searched.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> searches(get_method("poissonautoencoder")), searches(get_method("transfercluster"))
    (True, False)
    """
    return has_capability(method, SearchesSettings)


def first_searchable() -> type[TransferMethod]:
    """Return the first method of the menu whose settings can be searched.

    Examples
    --------
    >>> first_searchable().key
    'poissonautoencoder'
    """
    return next(kind for kind in METHODS.values() if searches(kind))


def search_settings(
    pair: Pair, method: TransferMethod, wanted: Wanted, *, run: Run, journal: Path | None = None
) -> Search:
    """Look for good settings of a method on a pair's source.

    Parameters
    ----------
    pair : Pair
    method : TransferMethod
        Settings that are not searched stay as they are here.
    wanted : Wanted
    run : Run
    journal : Path, optional
        Where every trial is written; what it holds already is not repeated.

    Raises
    ------
    Cancelled
        If the run was stopped; the journal has what was finished.
    DataError
        If the journal is of another search, or damaged.
    ParameterError
        If the method's settings cannot be searched.
    """
    if not isinstance(method, SearchesSettings) or method.is_pretrained_:
        raise ParameterError(
            f"Settings of {method.title} cannot be searched here.",
            expected=f"A method that learns a network from the cells of a source, such as {first_searchable().key}, can be.",
            do="Choose such a method, and a source with cells.",
        )
    return method.search_settings(canonical(pair.source), pair.label_key, wanted, run=run, journal=journal)


def trials_table(found: Search) -> pd.DataFrame:
    """Return a row for each trial, the smallest loss first: ``trial`` (from 1), :data:`VALUE`, and the settings."""
    rows = [{"trial": trial.number + 1, VALUE: trial.value, **trial.settings} for trial in found.trials]
    table = pd.DataFrame(rows, columns=None if rows else ["trial", VALUE])
    return table.sort_values(VALUE, kind="stable", na_position="last").reset_index(drop=True)


def best_settings(found: Search) -> Mapping[str, Any]:
    """Return the settings of the best trial, as the method takes them; numbers have three digits.

    Raises
    ------
    ParameterError
        If no trial worked.
    """
    settings = found.best.settings
    return {name: value if isinstance(value, int) else float(f"{value:.3g}") for name, value in settings.items()}


# -- on demand -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SearchParams(Params):
    """What is searched.

    Parameters
    ----------
    method : str
    params : mapping
        Settings of the method; those that are searched do not count.
    ranges : str
        See :class:`~sctl.numerics.hyperparameters.Wanted`.
    n_trials : int
        A larger number goes on with the same search.
    """

    method: str
    params: Mapping[str, Any]
    ranges: Ranges = "wide"
    n_trials: int = 40

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned."""
        return cls(**value)

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as JSON values."""
        return {
            "method": self.method,
            "params": dict(self.params),
            "ranges": self.ranges,
            "n_trials": self.n_trials,
        }

    def identity(self) -> dict[str, Any]:
        """Return all but the number of trials and the settings that are searched."""
        searched = SPACES.get(self.ranges, {})
        fixed = {name: value for name, value in self.params.items() if name not in searched}
        return {"method": self.method, "params": fixed, "ranges": self.ranges}

    def settings(self) -> tuple[Setting, ...]:
        """Return the setting with the seed, which belongs to a later step than the prepared data."""
        return ("seed",)

    @property
    def wanted(self) -> Wanted:
        """What the search itself takes.

        Raises
        ------
        ParameterError
            If there are no such ranges, or the number of trials is out of bounds.
        """
        return Wanted(ranges=self.ranges, n_trials=self.n_trials)


def read_journal(path: Path) -> Search | None:
    """Return what a search has found so far, also while it runs; None where nothing is finished.

    Raises
    ------
    DataError
        If the journal is damaged.
    """
    found = _read(path) if path.exists() and path.stat().st_size else None
    return found if found is not None and found.trials else None


def mend_journal(path: Path) -> None:
    """Cut a journal after its last readable line, so that a search goes on from there; one that cannot be read goes."""
    if not path.exists():
        return
    content = path.read_bytes()
    kept = b"".join(takewhile(_is_entry, content.splitlines(keepends=True)))
    if kept != content:
        path.write_bytes(kept)
    try:
        if kept:
            _read(path)
    except DataError:
        path.unlink()


def _read(path: Path) -> Search:
    from sctl.numerics.tuning import read_search  # noqa: PLC0415 - optuna takes a second to import

    return read_search(path)


def _is_entry(line: Any) -> bool:
    try:
        return bool(line.endswith(b"\n")) and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _run(inputs: Inputs, params: SearchParams, run: Run) -> Search:
    method = method_of({"method": params.method, "params": params.params})
    return search_settings(inputs["pair"], method, params.wanted, run=run, journal=inputs["journal"])


ANALYSIS = Analysis(
    name="search",
    title="Searching for settings",
    after="preprocess",
    inputs=("pair", "journal"),
    params=SearchParams,
    run=_run,
    form=OwnJournal(read=read_journal, mend=mend_journal),
    weight=40.0,
)
