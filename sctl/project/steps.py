"""Where each step of a project stands, read from marks in the folder of its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from sctl.errors import Cancelled, SctlError
from sctl.project.files import is_alive, read_json, this_process, write_json

State = Literal["todo", "running", "done", "stale", "failed"]
DONE, FAILED, STARTED = "done.json", "failed.json", "started.json"
_LOOK_AGAIN = 0.3  # seconds between two questions whether to go on waiting


def state(directory: Path) -> State:
    """Tell where the result that belongs into a folder stands.

    Returns
    -------
    str
        ``"done"``; ``"running"`` while a living process works on it; ``"failed"``; ``"stale"`` if there
        is none, but one for other settings; else ``"todo"``.
    """
    if (directory / DONE).exists():
        return "done"
    started = directory / STARTED
    if started.exists() and is_alive(read_json(started)):
        return "running"
    if (directory / FAILED).exists():
        return "failed"
    return "stale" if latest(directory) else "todo"


def finished(directory: Path) -> bool:
    """Tell whether the result that belongs into a folder is there."""
    return (directory / DONE).exists()


def latest(directory: Path) -> Path | None:
    """Return the folder itself if its result is finished, else the newest finished one beside it."""
    if (directory / DONE).exists():
        return directory
    finished = list(directory.parent.glob(f"*/{DONE}"))
    return max(finished, key=lambda path: path.stat().st_mtime).parent if finished else None


def _always() -> None:
    """Never give up waiting."""


@contextmanager
def locked(path: Path, still_wanted: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that the system frees however the process ends; ask now and then while waiting for it."""
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=_LOOK_AGAIN)
            break
        except Timeout:
            still_wanted()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def working(directory: Path, still_wanted: Callable[[], None] = _always) -> Iterator[Path | None]:
    """Compute a result: yield its folder, or None where another job has finished it meanwhile.

    Two processes never compute the same result at once. What is in the folder when the block is left by
    a stop or an error stays there, for whoever resumes. While another process works on it,
    ``still_wanted`` is called, which raises when this one was stopped.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory.with_suffix(".lock"), still_wanted):
        if (directory / DONE).exists():
            yield None
            return
        (directory / FAILED).unlink(missing_ok=True)
        for left in directory.rglob(".part-*"):  # by a process that was killed
            left.unlink(missing_ok=True)
        write_json(directory / STARTED, this_process())
        start = time.monotonic()
        try:
            yield directory
            write_json(directory / DONE, {"seconds": round(time.monotonic() - start, 3), "finished": time.time()})
        except Cancelled:
            raise
        except Exception as error:
            write_json(directory / FAILED, described(error))
            raise
        finally:
            (directory / STARTED).unlink(missing_ok=True)


def described(error: Exception) -> dict[str, str]:
    """Return an error as a page shows it; anything but a ``SctlError`` is a bug of ours and says so."""
    if isinstance(error, SctlError):
        return {"type": type(error).__name__, "found": error.found, "expected": error.expected, "do": error.do}
    found = f"Something went wrong inside sctl ({type(error).__name__}: {error})."
    return {"type": type(error).__name__, "found": found, "expected": "", "do": "Please report it with the details."}
