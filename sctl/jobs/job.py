"""A job as seen from outside: read from its folder, whoever started it and whenever."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sctl.errors import ProjectError
from sctl.project.files import is_alive, read_json, write_json

if TYPE_CHECKING:
    from sctl.run import Measurement

Status = Literal["queued", "running", "done", "failed", "stopped", "lost"]

JOB, PID, PROGRESS, EXIT, STOP, LOG = "job.json", "pid.json", "progress.jsonl", "exit.json", "stop", "log.txt"
MEASURED = "measured.jsonl"
_BIRTH = 20.0  # seconds in which a job may exist before its process has a number
_TAIL = 4096  # bytes of the progress file that surely hold its last line

# A child that ended stays a zombie until its parent asks for it; jobs of other parents are not ours to ask.
children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class JobError:
    """Why a job failed; ``details`` is the traceback of a bug of ours, else empty."""

    type: str
    found: str
    expected: str = ""
    do: str = ""
    details: str = ""

    def __str__(self) -> str:
        """Return the sentences for the user."""
        return " ".join(part for part in (self.found, self.expected, self.do) if part)


@dataclass(frozen=True)
class JobState:
    """Where a job stands.

    Parameters
    ----------
    status : str
        ``"queued"``, ``"running"``, ``"done"``, ``"failed"``, ``"stopped"`` or ``"lost"`` (its process
        ended without a word: the machine was switched off, or memory ran out).
    progress : float
        Of the whole job, in [0, 1]; never falls.
    step : str
        The step of the project it works on, or "".
    stage : str
        What it does now, as a plain phrase.
    done, total : int
        Where it is in this stage; a total of 0 means unknown.
    note : str
    seconds : float
        How long it has run (or ran).
    eta : float or None
        Seconds it will probably still take, where that can be said.
    error : JobError or None
        For ``"failed"`` and ``"lost"``.
    """

    status: Status
    progress: float = 0.0
    step: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    seconds: float = 0.0
    eta: float | None = None
    error: JobError | None = None

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.status in {"queued", "running"}


@dataclass(frozen=True)
class Job:
    """A handle on a job's folder; costs nothing to make, holds nothing."""

    root: Path

    @property
    def id(self) -> str:
        """Identifier: the name of the folder."""
        return self.root.name

    @property
    def kind(self) -> str:
        """What it computes, see :func:`sctl.workflow.registry.job_kinds`."""
        return str(self.description.get("kind", ""))

    @property
    def params(self) -> dict[str, Any]:
        """What it was submitted with."""
        params = self.description.get("params")
        return params if isinstance(params, dict) else {}

    @property
    def created(self) -> float:
        """When it was submitted, in seconds since 1970."""
        return _number(self.description.get("created"))

    @property
    def description(self) -> dict[str, Any]:
        """All that the worker was told; empty where that cannot be read any more."""
        return _readable(self.root / JOB)

    @property
    def log(self) -> str:
        """Return what the process printed, for the details of an error."""
        path = self.root / LOG
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def measurements(self) -> list[Measurement]:
        """Points of curves that the computation has measured so far, see :meth:`sctl.run.Run.record`."""
        path = self.root / MEASURED
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [point for point in map(_measurement, lines) if point is not None]

    def state(self) -> JobState:
        """Return where the job stands now."""
        _reap()
        ended = self._ended()
        if ended is None and not self._alive():
            ended = self._ended() or _LOST  # it may have ended well between the two looks
        last = _last_line(self.root / PROGRESS)
        seconds = self._seconds(ended, last)
        known: dict[str, Any] = {name: str(last.get(name, "")) for name in ("step", "stage", "note")}
        known |= {name: int(_number(last.get(name))) for name in ("done", "total")}
        progress = min(_number(last.get("progress")), 1.0)
        if ended is None:
            status: Status = "running" if last else "queued"
            return JobState(status, progress=progress, seconds=seconds, eta=_eta(seconds, progress), **known)
        progress = 1.0 if ended["status"] == "done" else progress
        return JobState(ended["status"], progress=progress, seconds=seconds, error=_error(ended), **known)

    def stop(self, wait: float = 5.0) -> JobState:
        """Stop the job; what it has finished is kept.

        It is first asked to stop at its next step; after ``wait`` seconds it is told to, then forced.
        With ``wait=0`` it is told at once.
        """
        if not self.state().active:
            return self.state()
        (self.root / STOP).touch()
        if not _until(lambda: not self.state().active, wait):
            self._signal(signal.SIGTERM)
            if not _until(lambda: not self.state().active, 2.0):
                self._signal(signal.SIGKILL)
                _until(lambda: not self._alive(), 2.0)
        if self._ended() is None:
            write_json(self.root / EXIT, {"status": "stopped", "time": time.time()})
        return self.state()

    def wait(self, timeout: float = 600.0) -> JobState:
        """Return the state when the job has ended, or after ``timeout`` seconds."""
        _until(lambda: not self.state().active, timeout)
        return self.state()

    # -- private ---------------------------------------------------------------------------------

    def _ended(self) -> dict[str, Any] | None:
        """Return how it ended, or None where nothing says so; a note that cannot be read is no good end."""
        if not (self.root / EXIT).exists():
            return None
        ended = _readable(self.root / EXIT)
        return ended if ended.get("status") in _ENDS else _LOST

    def _alive(self) -> bool:
        if (self.root / PID).exists():
            return is_alive(_readable(self.root / PID))
        return time.time() - self.created < _BIRTH

    def _seconds(self, ended: Mapping[str, Any] | None, last: Mapping[str, Any]) -> float:
        """Return wall time since the job got its place; to its last word where it has ended."""
        began = _number(last.get("began"))
        if not began:
            return 0.0
        end = time.time() if ended is None else _number(ended.get("time")) or _number(last.get("time"))
        return max(end - began, 0.0)

    def _signal(self, number: signal.Signals) -> None:
        mark = _readable(self.root / PID)
        if is_alive(mark):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(mark["pid"]), number)


_ENDS = frozenset({"done", "failed", "stopped", "lost"})
_LOST: dict[str, Any] = {
    "status": "lost",
    "error": {
        "type": "Lost",
        "found": "The computation ended without a word.",
        "expected": "Most often memory ran out, or the computer was restarted.",
        "do": "Start it again: it goes on from what was finished. If it is lost again, use fewer cells.",
    },
}


def _readable(path: Path) -> dict[str, Any]:
    """Return what a file of a job holds; nothing where it is missing or damaged: the pages must go on without it."""
    try:
        return read_json(path)
    except ProjectError:
        return {}


def _number(value: object) -> float:
    """Return a value that should be a number; 0 where it is none."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if usable else 0.0  # type: ignore[arg-type]


def _error(ended: Mapping[str, Any]) -> JobError | None:
    """Return why a job failed, as far as that can be read."""
    error = ended.get("error")
    if isinstance(error, dict):
        known = {name: str(error.get(name, "")) for name in ("type", "found", "expected", "do", "details")}
        return JobError(**{**known, "found": known["found"] or _UNKNOWN})
    return JobError("Unknown", _UNKNOWN) if ended["status"] in ("failed", "lost") else None


_UNKNOWN = "The computation ended with an error; what it was cannot be read any more."


def _measurement(line: bytes) -> Measurement | None:
    from sctl.run import Measurement  # noqa: PLC0415 - numpy, which must find a worker's number of threads set

    try:
        value = json.loads(line)
        values = {str(name): float(one) for name, one in value["values"].items()}
        return Measurement(series=str(value["series"]), x=float(value["x"]), values=values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _reap() -> None:
    """Collect children that have ended."""
    for pid, child in list(children.items()):
        if child.poll() is not None:
            children.pop(pid, None)


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, and tell whether it does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(0.03)
    return True


def _eta(seconds: float, progress: float) -> float | None:
    """Guess the seconds that are left; nothing is said in the first second and twentieth."""
    if seconds < 1.0 or progress < 0.05:
        return None
    return seconds * (1.0 - progress) / progress


def _last_line(path: Path) -> dict[str, Any]:
    """Return the last complete line of a progress file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _TAIL, 0))
            lines = file.read().split(b"\n")[:-1]
        value = json.loads(lines[-1]) if lines else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
