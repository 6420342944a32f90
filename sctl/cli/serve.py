"""``sctl app``: serve the app, and open it in the browser."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

import sctl
from sctl.errors import DataError


def serve_app(arguments: argparse.Namespace) -> NoReturn:
    """Serve the app until it is stopped."""
    page = Path(sctl.__file__).parents[1] / "app.py"
    if not page.exists():
        raise DataError(
            "The pages of the app are not installed with the package.",
            expected="They lie beside it in a copy of the repository.",
            do="Clone the repository and run `make app` there.",
        )
    os.chdir(page.parent)
    opening = [] if arguments.no_browser or not _has_screen() else _OPENING
    # This process becomes the server, so that whoever stops it stops the server.
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", page.name, *opening, *arguments.options])


# Streamlit opens the browser itself once it serves. Its question for an e-mail address would wait for an answer.
_OPENING = ["--server.headless=false", "--server.showEmailPrompt=false"]


def _has_screen() -> bool:
    """Tell whether a browser could be shown to somebody here."""
    if os.environ.get("CI"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
