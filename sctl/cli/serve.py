"""``sctl app``: serve the app, and open it in the browser."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import sctl
from sctl.errors import DataError, ParameterError


def serve_app(arguments: argparse.Namespace) -> NoReturn:
    """Serve the app until it is stopped."""
    page = Path(sctl.__file__).parents[1] / "app.py"
    if not page.exists():
        raise DataError(
            "The pages of the app are not installed with the package.",
            expected="They lie beside it in a copy of the repository.",
            do="Clone the repository and run `make app` there.",
        )
    _require_names(arguments.options)
    os.chdir(page.parent)
    opening = [] if arguments.no_browser or not _has_screen() else _OPENING
    # This process becomes the server, so that whoever stops it stops the server.
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", page.name, *opening, *arguments.options])


def _require_names(options: Sequence[str]) -> None:
    """Refuse to serve others under no name: their browsers would get the page and then no answer from it.

    Raises
    ------
    ParameterError
        If an address for others is asked for without the names by which they reach it.
    """
    given = {option.split("=", 1)[0] for option in options}
    address = _value(options, "--server.address") or os.environ.get("STREAMLIT_SERVER_ADDRESS", "")
    named = "--server.allowedHosts" in given or "STREAMLIT_SERVER_ALLOWED_HOSTS" in os.environ
    if address not in ("", *_THIS_COMPUTER) and not named:
        raise ParameterError(
            f"The app would listen on {address}, but nothing says by which name others reach this computer.",
            expected="Only requests to names that are listed are answered, so that no other page can pose as the app.",
            do="Add the name in their address bar: --server.allowedHosts NAME, once for each. "
            "Let nobody in whom you would not let use this computer: there is no password.",
        )


def _value(options: Sequence[str], name: str) -> str:
    """Return the value of an option, written with a space or an equals sign; empty where it is not given."""
    for place, option in enumerate(options):
        if option.startswith(f"{name}="):
            return option.split("=", 1)[1]
        if option == name and place + 1 < len(options):
            return options[place + 1]
    return ""


_THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")

# Streamlit opens the browser itself once it serves. Its question for an e-mail address would wait for an answer.
_OPENING = ["--server.headless=false", "--server.showEmailPrompt=false"]


def _has_screen() -> bool:
    """Tell whether a browser could be shown to somebody here."""
    if os.environ.get("CI"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
