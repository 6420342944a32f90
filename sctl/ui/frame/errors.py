"""How the app says that something went wrong, or went well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from sctl.errors import SctlError
from sctl.export.markdown import plain as plain  # noqa: PLC0414 - the pages know it by this place
from sctl.ui.frame import state


@dataclass(frozen=True)
class Notice:
    """A message that a callback leaves for the next run: an error in three sentences, or a short success."""

    found: str
    expected: str = ""
    do: str = ""
    kept: str = ""
    good: bool = False
    place: str = ""


def card(error: SctlError, kept: str = "") -> None:
    """Show an error: what was found, what was expected, what to do, and what is still there.

    Parameters
    ----------
    error : SctlError
    kept : str
        One sentence that says what was not lost, such as *Your earlier target is still in place.*
    """
    _card(Notice(error.found, error.expected, error.do, kept))


@contextmanager
def caught(kept: str = "") -> Iterator[None]:
    """Show an :class:`~sctl.errors.SctlError` as a card instead of ending the page."""
    try:
        yield
    except SctlError as error:
        card(error, kept)


@contextmanager
def remembered(kept: str = "", *, place: str = "") -> Iterator[None]:
    """Keep an :class:`~sctl.errors.SctlError` for the next run; for callbacks, which cannot draw.

    Parameters
    ----------
    kept : str
        One sentence that says what was not lost.
    place : str
        Where it is shown: the name given to :func:`show_notices`, or "" for the top of the page.
    """
    try:
        yield
    except SctlError as error:
        _leave(Notice(error.found, error.expected, error.do, kept, place=place))


def notify(text: str) -> None:
    """Leave a short success for the next run."""
    _leave(Notice(text, good=True))


def warn(text: str) -> None:
    """Say something that the user should know of, though nothing is to be done about it now."""
    st.warning(plain(text), icon=":material/build:")


def show_notices(place: str = "") -> None:
    """Show what was left for a place, once."""
    waiting = state.NOTICES.get()
    state.NOTICES.set(tuple(notice for notice in waiting if notice.place != place))
    for notice in waiting:
        if notice.place != place:
            continue
        if notice.good:
            st.toast(plain(notice.found), icon=":material/check_circle:")
        else:
            _card(notice)


def _leave(notice: Notice) -> None:
    state.NOTICES.set((*state.NOTICES.get(), notice))


def _card(notice: Notice) -> None:
    lines = [f"**{plain(notice.found)}**", plain(notice.expected), _advice(notice.do)]
    if notice.kept:
        lines.append(f"*{plain(notice.kept)}*")
    st.error("\n\n".join(line for line in lines if line), icon=":material/error:")


def _advice(text: str) -> str:
    """Return what to do, in the lines in which it was written."""
    lines = [plain(line.strip()) for line in text.splitlines()]
    return "**What you can do:** " + "  \n".join(lines) if lines else ""
