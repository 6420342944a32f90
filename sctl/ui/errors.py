"""How the app says that something went wrong, or went well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from sctl.errors import SctlError
from sctl.ui import state


@dataclass(frozen=True)
class Notice:
    """A message that a callback leaves for the next run: an error in three sentences, or a short success."""

    found: str
    expected: str = ""
    do: str = ""
    kept: str = ""
    good: bool = False


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
def remembered(kept: str = "") -> Iterator[None]:
    """Keep an :class:`~sctl.errors.SctlError` for the next run; for callbacks, which cannot draw."""
    try:
        yield
    except SctlError as error:
        _leave(Notice(error.found, error.expected, error.do, kept))


def say(text: str) -> None:
    """Leave a short success for the next run."""
    _leave(Notice(text, good=True))


def show_notices() -> None:
    """Show what callbacks left, once."""
    for notice in state.NOTICES.get():
        if notice.good:
            st.toast(notice.found, icon=":material/check_circle:")
        else:
            _card(notice)
    state.NOTICES.clear()


def _leave(notice: Notice) -> None:
    state.NOTICES.set((*state.NOTICES.get(), notice))


def _card(notice: Notice) -> None:
    lines = [f"**{plain(notice.found)}**"]
    if notice.expected:
        lines.append(plain(notice.expected))
    if notice.do:
        lines.append(f"**What you can do:** {plain(notice.do)}")
    if notice.kept:
        lines.append(f"*{plain(notice.kept)}*")
    st.error("\n\n".join(lines), icon=":material/error:")


def plain(text: str) -> str:
    """Return text that Markdown shows as it is: file and column names may hold its signs."""
    for sign in "\\`*_[]$<>#|~:":
        text = text.replace(sign, f"\\{sign}")
    return text
