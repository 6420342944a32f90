"""How much a model's file tells of single cells of its source: what is kept, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast, get_args

from sctl.errors import DataError, ParameterError
from sctl.methods.base import Saveable, TransferMethod

Level = Literal["weights", "latents", "counts"]
"""No value of a single cell · cells as points of the model's space, with their labels · their counts as well."""
LEVELS: tuple[Level, ...] = get_args(Level)


def level_of(method: TransferMethod, names: Iterable[str]) -> Level:
    """Return the level of a file that holds the arrays called ``names``.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> level_of(get_method("itclust")(), ["encoder.0.weight"])
    'weights'
    """
    return LEVELS[max((_rank(method, name) for name in names), default=0)]


def kept(method: TransferMethod, arrays: Mapping[str, Any], facts: Mapping[str, Any], keep: Level) -> dict[str, Any]:
    """Return the arrays up to a level.

    Raises
    ------
    ParameterError
        If there is no such level, or the method could not answer from what would be left.
    """
    if keep not in LEVELS:
        raise ParameterError(f"There is no level {keep!r}.", expected=f"One of {', '.join(LEVELS)}.")
    left = {name: value for name, value in arrays.items() if _rank(method, name) <= LEVELS.index(keep)}
    if len(left) == len(arrays):
        return left
    try:
        cast("Saveable", replace(method)).restore(left, facts)
    except (DataError, KeyError) as error:
        raise ParameterError(
            f"{method.title} names cells by the source's own, so that a file without them would be of no use.",
            expected=f"At least the level {level_of(method, arrays)!r} was expected.",
            do="Save it with the cells as points, or use a method that learns without keeping cells.",
        ) from error
    return left


def _rank(method: TransferMethod, name: str) -> int:
    return LEVELS.index(cast("Level", method.array_levels.get(name, "weights")))
