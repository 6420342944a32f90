"""The declaration of a hyper-parameter, and the check of a value against it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from math import inf
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sctl.errors import ParameterError


@dataclass(frozen=True)
class Parameter:
    """What is known of one hyper-parameter; the form, the checks and the docs read it."""

    name: str
    default: Any
    doc: str
    title: str
    kind: type
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    optional: bool = False
    advanced: bool = False


def param(
    default: Any,
    doc: str,
    *,
    title: str = "",
    low: float | None = None,
    high: float | None = None,
    advanced: bool = False,
) -> Any:
    """Declare a hyper-parameter once: default, help text, range.

    Parameters
    ----------
    default : object
        Its default.
    doc : str
        One plain sentence, shown as help.
    title : str
        What the form calls it; by default the field's name in words.
    low, high : float, optional
        Inclusive bounds.
    advanced : bool
        Whether the form hides it among the advanced settings.
    """
    notes = {"doc": doc, "title": title, "low": low, "high": high, "advanced": advanced}
    return field(default=default, metadata=notes)


def declared(kind: type) -> tuple[Parameter, ...]:
    """Return the hyper-parameters that a dataclass declares by :func:`param`, in order."""
    hints = get_type_hints(kind)
    return tuple(_parameter(item, hints[item.name]) for item in fields(kind) if item.metadata.get("doc"))


def check(parameter: Parameter, value: Any) -> None:
    """Raise ``ParameterError`` if a value is not what its declaration allows."""
    if value is None and parameter.optional:
        return
    if parameter.choices:
        if value not in parameter.choices:
            raise ParameterError(
                f"{parameter.name} is {value!r}.",
                expected=f"It must be one of {list(parameter.choices)}.",
                do="Choose one of these.",
            )
        return
    number = parameter.kind in (int, float)
    accepted: tuple[type, ...] = (int, float) if parameter.kind is float else (parameter.kind,)
    if not isinstance(value, accepted) or (number and isinstance(value, bool)):
        raise ParameterError(
            f"{parameter.name} is {value!r}.",
            expected=f"It must be of type {parameter.kind.__name__}.",
            do=_default(parameter),
        )
    size: Any = value  # checked just now to be a number
    low = -inf if parameter.low is None else parameter.low
    high = inf if parameter.high is None else parameter.high
    if number and not low <= size <= high:
        raise ParameterError(
            f"{parameter.name} is {value!r}.",
            expected=f"It must lie between {low} and {high}.",
            do=_default(parameter),
        )


def _parameter(item: Any, hint: Any) -> Parameter:
    arguments = get_args(hint)
    optional = type(None) in arguments
    if optional:
        hint = next(argument for argument in arguments if argument is not type(None))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    kind = type(choices[0]) if choices else (get_origin(hint) or hint)
    notes = item.metadata
    return Parameter(
        name=item.name,
        default=item.default,
        doc=notes["doc"],
        title=notes["title"] or item.name.replace("_", " ").capitalize(),
        kind=kind,
        choices=choices,
        low=notes["low"],
        high=notes["high"],
        optional=optional,
        advanced=notes["advanced"],
    )


def _default(parameter: Parameter) -> str:
    if parameter.default is None:
        return "Leave it out to have it chosen for you."
    return f"The default is {parameter.default!r}."


def min_confidence_param() -> Any:
    """Declare the limit below which a method itself gives no name, as all methods that have one do."""
    return param(
        0.0,
        "Cells that the method itself names less surely than this are called 'unassigned'. The page Confidence has a limit by how "
        "probable a name is.",
        title="Leave cells unassigned that the method names less surely",
        low=0.0,
        high=1.0,
    )
