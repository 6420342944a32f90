"""The process that reads one file from outside: ``python -m sctl.jobs.reading``; see :mod:`sctl.jobs.isolated`.

It has no network, cannot get more rights than it has, and leaves no image of its memory behind, where the system
offers that. Everything heavy is imported before the request comes.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from sctl.errors import SctlError

_IDLE = 900.0  # seconds that it waits for a request
_GRACE = 10  # seconds between the signal that says why, and the end
_MOST_ON_DISK = 16_000_000_000
_NEW_NETWORK, _NEW_USER = 0x40000000, 0x10000000  # of unshare; only root may do with the first alone
_NO_NEW_PRIVILEGES, _DUMPABLE = 38, 4  # of prctl


def main() -> None:
    """Wait for one request and answer it."""
    _harden()
    from sctl.jobs import reading_tasks  # noqa: PLC0415 - heavy; numerical libraries start threads, which hardening forbids

    reading_tasks.warm_up()
    if sys.platform != "win32" and not select.select([sys.stdin], [], [], _IDLE)[0]:
        return
    line = sys.stdin.readline()
    if not line:  # the server has ended
        return
    request = json.loads(line)
    folder = Path(request["folder"])
    os.environ["SCTL_PROJECTS"] = request["projects"]
    tempfile.tempdir = str(folder)  # what a killed process leaves behind is deleted with it
    _limit(request)
    (folder / "answer.json").write_text(
        json.dumps(_attempt(reading_tasks.TASKS[request["task"]], request)), encoding="utf-8"
    )
    sys.stderr.flush()
    os._exit(0)  # all is written, and taking down what was imported takes as long as a small file


def _attempt(task: Callable[[Mapping[str, Any]], Mapping[str, Any]], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of a task, or its error as JSON."""
    try:
        return {"answer": task(request)}
    except SctlError as error:
        texts = {"found": error.found, "expected": error.expected, "do": error.do}
        return {"error": {"type": type(error).__name__, **texts}}
    except MemoryError:
        return {"error": {"type": "MemoryError"}}
    except Exception as error:  # noqa: BLE001 - whatever a file raises, the server goes on
        traceback.print_exc()
        first = str(error).splitlines() or [""]
        return {"error": {"type": "Unknown", "found": f"{type(error).__name__}: {first[0][:120]}"}}


def _harden() -> None:
    """Give up what reading a file does not need; what the system does not offer is left out."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        library.prctl(_DUMPABLE, 0, 0, 0, 0)
        library.unshare(_NEW_NETWORK | (_NEW_USER if os.geteuid() else 0))


def _limit(request: Mapping[str, Any]) -> None:
    """Bound memory, processor time and files; Windows knows no such limits."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    memory = psutil.Process().memory_info().vms + request["memory"]
    seconds = int(time.process_time()) + 1 + request["seconds"]  # what was imported before took some, too
    limits = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (seconds, seconds + _GRACE),
        resource.RLIMIT_FSIZE: (_MOST_ON_DISK, _MOST_ON_DISK),
        resource.RLIMIT_CORE: (0, 0),
    }
    for what, limit in limits.items():
        with suppress(OSError, ValueError):  # where there is a stricter one
            resource.setrlimit(what, limit)


if __name__ == "__main__":
    main()
