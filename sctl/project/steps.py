"""Where each step of a project stands, read from marks in the folder of its result."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from sctl.errors import Cancelled, ProjectError, SctlError
from sctl.io.system import is_disk_full, refused
from sctl.project import checksums
from sctl.project.checksums import Stamp, Sum
from sctl.project.files import is_alive, read_json, this_process, write_json

State = Literal["todo", "running", "done", "stale", "failed"]
DONE, FAILED, STARTED, DAMAGED = "done.json", "failed.json", "started.json", "damaged.json"
BESIDE = re.compile(r"[a-z_]+/[0-9a-f]{16}/.*|selections\.json")
"""What is kept in the folder of a result without being part of it: it is computed on demand, see :mod:`sctl.project.analyses`."""

_LOOK_AGAIN = 0.3  # seconds between two questions whether to go on waiting


def state(directory: Path) -> State:
    """Tell where the result that belongs into a folder stands.

    Returns
    -------
    str
        ``"done"``; ``"running"`` while a living process works on it; ``"failed"``; ``"stale"`` if there
        is none, but one for other settings; else ``"todo"``. A damaged result counts as none.
    """
    if finished(directory):
        return "done"
    if _is_running(directory):
        return "running"
    if (directory / FAILED).exists():
        return "failed"
    return "stale" if latest(directory) else "todo"


def finished(directory: Path) -> bool:
    """Tell whether the result that belongs into a folder is there, whole as far as a quick look can see.

    Sizes are compared at each look, digests where a file was written after the result was finished, and when a file is
    loaded.
    """
    return (directory / DONE).exists() and not damage(directory)


def damage(directory: Path) -> str:
    """Return the name of a damaged or missing file of a finished result; empty where none is known."""
    written = checksums.stamp(directory / DONE)
    if written is None:
        return ""
    if (directory / DAMAGED).exists():
        return str(_readable(directory / DAMAGED).get("file") or DAMAGED)
    done = _done(directory / DONE, written)
    if done is None:
        return DONE
    return next((name for name, found in done.items() if not _is_there(directory / name, found, written)), "")


def _is_there(path: Path, known: Sum, finished: Stamp) -> bool:
    found = checksums.stamp(path)
    if found is None or found[-1] != known.size:
        return False
    return found[1] <= finished[1] or known.fits(path)


@lru_cache(maxsize=512)
def _done(path: Path, _: Stamp) -> Mapping[str, Sum] | None:
    """Return what a mark lists, None where it is damaged."""
    return checksums.from_json(_readable(path).get("files"))


def _readable(path: Path) -> dict[str, Any]:
    """Return what a mark holds; nothing where it cannot be read."""
    try:
        return read_json(path)
    except ProjectError:
        return {}


def _is_running(directory: Path) -> bool:
    return is_alive(_readable(directory / STARTED))


def failure(directory: Path) -> dict[str, str] | None:
    """Return what went wrong (``type``, ``found``, ``expected``, ``do``) where a result failed, or None."""
    if not (directory / FAILED).exists():
        return None
    known = _readable(directory / FAILED)
    if not isinstance(known.get("found"), str):
        known = {"found": "This step ended with an error; what it was cannot be read any more.", "do": "Run it again."}
    return {name: str(known.get(name, "")) for name in ("type", "found", "expected", "do")}


def note_damage(path: Path) -> None:
    """Note that a file of a result cannot be read, so that the result counts as not there and is computed again."""
    folder = checksums.result_folder(path)
    if folder is None or not folder.is_dir():
        return
    name = path.relative_to(folder).as_posix()
    checksums.forgotten(path)
    if not BESIDE.fullmatch(name) and (folder / DONE).exists():
        write_json(folder / DAMAGED, {"file": name})


def unreadable(path: Path) -> ProjectError:
    """Note that a file of a result cannot be read, and return the error for it."""
    note_damage(path)
    return damaged_result(path)


def damaged_result(path: Path) -> ProjectError:
    """Return the error for a file of a result that is missing or damaged."""
    return ProjectError(
        f"The file {path.name} of this project is missing or damaged.",
        expected="It holds a result, which can be computed again.",
        do="Run this step again: what is damaged is computed anew, and everything else stays.",
    )


def require_intact(path: Path) -> Path:
    """Return the path of a file of a result if it is as it was written.

    Raises
    ------
    ProjectError
        If not; its result then counts as not there.
    """
    if not checksums.is_intact(path):
        raise unreadable(path)
    return path


def latest(directory: Path) -> Path | None:
    """Return the folder itself if its result is finished, else the newest finished one beside it."""
    if finished(directory):
        return directory
    others = [path.parent for path in directory.parent.glob(f"*/{DONE}")]
    return max(filter(finished, others), key=lambda folder: (folder / DONE).stat().st_mtime, default=None)


def _always() -> None:
    """Never give up waiting."""


@contextmanager
def locked(path: Path, check_cancelled: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that the system frees however the process ends; ask now and then while waiting for it."""
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=_LOOK_AGAIN)
            break
        except Timeout:
            check_cancelled()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def working(directory: Path, check_cancelled: Callable[[], None] = _always) -> Iterator[Path | None]:
    """Compute a result: yield its folder, or None where another job has finished it meanwhile.

    Two processes never compute the same result at once. What is in the folder when the block is left by
    a stop or an error stays there, for whoever resumes; what is damaged does not. While another process works on it,
    ``check_cancelled`` is called, which raises when this one was stopped.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory.with_suffix(".lock"), check_cancelled):
        if finished(directory):
            yield None
            return
        for mark in (DONE, DAMAGED, FAILED):
            (directory / mark).unlink(missing_ok=True)
        for left in directory.rglob(".part-*"):  # by a process that was killed
            left.unlink(missing_ok=True)
        checksums.cleared(directory)
        write_json(directory / STARTED, this_process())
        start = time.monotonic()
        try:
            yield directory
            seconds = round(time.monotonic() - start, 3)
            write_json(directory / DONE, {"seconds": seconds, "finished": time.time(), "files": _own_sums(directory)})
        except Cancelled:
            raise
        except Exception as error:
            with suppress(OSError):  # the disk may be full
                write_json(directory / FAILED, described(error))
            raise
        finally:
            (directory / STARTED).unlink(missing_ok=True)


def _own_sums(directory: Path) -> dict[str, dict[str, Any]]:
    """Return size and digest of all files that make up a result."""
    known = checksums.listing(directory)
    return checksums.as_json({name: found for name, found in known.items() if not BESIDE.fullmatch(name)})


def described(error: Exception) -> dict[str, str]:
    """Return an error as a page shows it; anything but a ``SctlError`` and a full disk is a bug of ours and says so."""
    if isinstance(error, OSError) and is_disk_full(error):
        error = refused("What was computed cannot be written", error)
    if isinstance(error, SctlError):
        return {"type": type(error).__name__, "found": error.found, "expected": error.expected, "do": error.do}
    found = f"Something went wrong inside sctl ({type(error).__name__}: {error})."
    return {"type": type(error).__name__, "found": found, "expected": "", "do": "Please report it with the details."}
