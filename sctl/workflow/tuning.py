"""A search for settings of a method, by its own measure and without looking at any target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from sctl.data import Pair
    from sctl.methods.base import TransferMethod
    from sctl.numerics.hyperparameters import Search, Wanted
    from sctl.run import Run

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
    from sctl.methods.base import SearchesSettings, has_capability  # noqa: PLC0415

    return has_capability(method, SearchesSettings)


def first_searchable() -> type[TransferMethod]:
    """Return the first method of the menu whose settings can be searched.

    Examples
    --------
    >>> first_searchable().key
    'poissonautoencoder'
    """
    from sctl.methods import METHODS  # noqa: PLC0415

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
    from sctl.errors import ParameterError  # noqa: PLC0415
    from sctl.methods.base import SearchesSettings  # noqa: PLC0415

    if not isinstance(method, SearchesSettings) or method.is_pretrained_:
        raise ParameterError(
            f"Settings of {method.title} cannot be searched here.",
            expected=f"A method that learns a network from the cells of a source, such as {first_searchable().key}, can be.",
            do="Choose such a method, and a source with cells.",
        )
    return method.search_settings(pair.source, pair.label_key, wanted, run=run, journal=journal)


def trials_table(found: Search) -> pd.DataFrame:
    """Return a row for each trial, the smallest loss first: ``trial`` (from 1), :data:`VALUE`, and the settings."""
    import pandas as pd  # noqa: PLC0415

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
