"""Settings drawn from what a method declares, so that a new method needs no page of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from sctl.methods.base import Parameter, TransferMethod
from sctl.ui.frame import state

COLUMN = "batch_key"
"""The setting that is the name of a column of the cells' tables."""


@dataclass(frozen=True)
class Columns:
    """Columns of the cells' tables, and the one that is used where none is chosen; empty where that is none."""

    names: Sequence[str]
    usual: str = ""


_FINE = 0.01
"""Step of a number field where the range does not suggest a larger one."""


def method_form(
    method: type[TransferMethod],
    chosen: Mapping[str, Any],
    *,
    elsewhere: Collection[str] = (),
    columns: Columns | None = None,
) -> dict[str, Any]:
    """Draw the settings of a method and return them; advanced ones lie in a closed drawer.

    Parameters
    ----------
    method : type of TransferMethod
    chosen : mapping
        What the project holds; names that are missing start at their defaults.
    elsewhere : collection of str
        Parameters that another page sets; they keep the value they have.
    columns : Columns, optional
        What can be chosen where a setting is the name of a column; without it, names are typed.

    Returns
    -------
    dict
        A value for every declared parameter, checked only by the method itself.
    """
    parameters = method.parameters()
    values = {p.name: chosen.get(p.name, p.default) for p in parameters if p.name in elsewhere}
    shown = [p for p in parameters if p.name not in elsewhere]
    values |= {p.name: field(method.key, p, chosen, columns) for p in shown if not p.advanced}
    advanced = [p for p in shown if p.advanced]
    if advanced:
        with st.expander("Advanced settings", icon=":material/settings:"):
            for heading, members in _by_section(method, advanced):
                if heading:
                    st.markdown(f"**{heading}**")
                halves = st.columns(2, gap="large")
                for place, parameter in enumerate(members):
                    with halves[place % 2]:
                        values[parameter.name] = field(method.key, parameter, chosen, columns)
    return {p.name: values[p.name] for p in parameters}


def _by_section(method: type[TransferMethod], parameters: Sequence[Parameter]) -> Iterator[tuple[str, list[Parameter]]]:
    """Yield the parameters under their headings, those without one first."""
    headed = {name for names in method.sections.values() for name in names}
    for heading, names in {"": {p.name for p in parameters} - headed, **method.sections}.items():
        members = [parameter for parameter in parameters if parameter.name in names]
        if members:
            yield heading, members


def reset(method: type[TransferMethod]) -> None:
    """Put every field of a method back to its default; for a callback."""
    for parameter in method.parameters():
        state.PARAMETER.of(method.key, parameter.name).set(_seed(parameter, parameter.default))


def field(method: str, parameter: Parameter, chosen: Mapping[str, Any], columns: Columns | None = None) -> Any:
    """Draw the field of one parameter and return its value.

    Parameters
    ----------
    method : str
        Key of the method; the same setting of two methods has two values.
    parameter : Parameter
    chosen : mapping
        What the project holds; a name that is missing starts at its default.
    columns : Columns, optional
        As for :func:`method_form`.
    """
    key = state.PARAMETER.of(method, parameter.name)
    key.start_with(_seed(parameter, chosen.get(parameter.name, parameter.default)))
    label, doc = parameter.title, parameter.doc
    if parameter.choices:
        return st.selectbox(label, _options(parameter), key=key.name, help=doc, persist_state="session")
    if parameter.kind is bool:
        return st.toggle(label, key=key.name, help=doc, persist_state="session")
    if parameter.kind in (int, float):
        return _number(parameter, key.name)
    if columns is not None and parameter.name == COLUMN:
        return _column(parameter, key, columns)
    return st.text_input(label, key=key.name, help=doc, persist_state="session")


def _column(parameter: Parameter, key: state.Key[Any], columns: Columns) -> Any:
    """Draw the choice of a column; one that is gone stays to be seen, and is refused where it is used."""
    names = [*columns.names, *([] if key.get() in (None, *columns.names) else [key.get()])]
    return st.selectbox(
        parameter.title, names, index=None, key=key.name, help=parameter.doc, persist_state="session",
        placeholder=f"as on the Data page: {columns.usual}" if columns.usual else "none",
    )  # fmt: skip


def _options(parameter: Parameter) -> list[Any]:
    return [None, *parameter.choices] if parameter.optional else list(parameter.choices)


def _number(parameter: Parameter, key: str) -> Any:
    kind = parameter.kind
    shape: dict[str, Any] = {"step": 1} if kind is int else {"step": step_of(parameter), "format": "%g"}
    if parameter.optional:
        shape |= {"value": None, "placeholder": "automatic"}
    return st.number_input(
        parameter.title,
        min_value=None if parameter.low is None else kind(parameter.low),
        max_value=None if parameter.high is None else kind(parameter.high),
        key=key,
        help=parameter.doc,
        persist_state="session",
        **shape,
    )


def step_of(parameter: Parameter) -> float:
    """Return by how much the arrows of a number field change it: a tenth of a small default, else 0.01.

    Examples
    --------
    >>> step_of(Parameter("rate", 0.001, "Step size.", "Rate", float))
    0.0001
    """
    default = parameter.default
    if isinstance(default, (int, float)) and 0 < abs(default) < 10 * _FINE:
        return float(abs(default) / 10)
    return _FINE


def _seed(parameter: Parameter, value: Any) -> Any:
    """Return a value in the type that the field expects."""
    return float(value) if parameter.kind is float and value is not None else value
