"""The shell command ``sctl``: the same steps as the app, for scripts and servers.

Nothing heavy is imported before a command needs it, so that ``sctl --help`` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sctl.cli.arguments import command_line
from sctl.cli.serve import serve_app
from sctl.cli.status import UNUSABLE
from sctl.cli.stopping import STOPPED, StopSwitch
from sctl.errors import SctlError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Returns
    -------
    int
        0; 2 where a file, a setting or a result cannot be used (said on standard error); 130 after Ctrl-C.
    """
    arguments = _parsed(argv)
    with StopSwitch() as stop:
        arguments.stop = stop
        return _status(arguments, stop)


def _status(arguments: argparse.Namespace, stop: StopSwitch) -> int:
    """Run a command and say how it ended."""
    try:
        return int(arguments.run_command(arguments))
    except SctlError as error:
        if stop.is_set():  # whatever failed while it was being stopped
            print(STOPPED, file=sys.stderr)
            return stop.status
        print(f"sctl: {error}", file=sys.stderr)
        return UNUSABLE
    except MemoryError:
        print("sctl: The memory of this computer does not suffice. Take fewer cells or genes.", file=sys.stderr)
        return UNUSABLE
    except BrokenPipeError:  # e.g. `sctl methods | head -1`
        sys.stderr.close()
        return 0


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what ``sctl app`` does not know is for streamlit."""
    parser = command_line()
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.run_command is not serve_app:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.options = rest
    return arguments
