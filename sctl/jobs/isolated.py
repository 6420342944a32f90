"""Files from outside are read in a process of their own, so that none can take the server's memory, time or life.

The process is started before it is needed and used once. It gets a line of JSON, and answers with files in a folder
that is made for it: a clean dataset, and ``answer.json``. Nothing is pickled.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from sctl import errors
from sctl.errors import DataError, SctlError
from sctl.genesets import GeneSets
from sctl.io.system import exhausted
from sctl.jobs.queue import python_path
from sctl.project import Project
from sctl.project.files import MAX_JSON, projects_root
from sctl.workflow import Genes

ANSWER, DATASET = "answer.json", "dataset.h5ad"
MEMORY_SHARE = 0.8
"""Share of the free memory that reading one file may take."""
LEAST_MEMORY = 1_000_000_000
SECONDS, SECONDS_PER_GB = 120, 1200
"""Processor time that reading may take, and more for large files."""
_READER = ("-P", "-m", "sctl.jobs.reading")  # -P: nothing in the working directory can stand in for a module
_PATIENCE = 4  # times that, by the clock: the machine may be busy
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

_Process = subprocess.Popen[bytes]
_waiting: list[_Process] = []
_lock = threading.Lock()


def put_datasets(  # noqa: PLR0913 - what is read, and what it becomes
    project: Project,
    role: str,
    paths: Sequence[Path],
    names: Sequence[str],
    origin: Mapping[str, Any],
    *,
    genes: Genes = "shared",
    note: str = "",
) -> None:
    """Read files as :func:`sctl.workflow.read_datasets` does, and make them the source or the target of a project.

    Raises
    ------
    DataError
        If they cannot be read, or not within the limits; the project is then as it was.
    """
    request = {"task": "datasets", "names": list(names), "genes": genes, "labeled": role == "source"}
    with _answered(request, paths, " + ".join(names[:4])) as (answer, folder):
        project.put_file(role, folder / DATASET, answer, origin, note=note)


def join_labels(project: Project, path: Path, name: str, origin: Mapping[str, Any], *, note: str) -> dict[str, Any]:
    """Join a table of labels to the source of a project; return ``columns``, the likeliest first, and ``text``.

    Raises
    ------
    DataError
        As :func:`sctl.io.read_labels` and :func:`sctl.io.join_labels`; the source is then as it was.
    """
    with _answered({"task": "labels", "name": name, "project": project.id}, [path], name) as (answer, folder):
        project.put_file("source", folder / DATASET, answer["described"], origin, note=note)
        return dict(answer["report"])


def check_model(path: Path, name: str, *, trained: bool = True) -> None:
    """Raise ``DataError`` where a model's file cannot be read; as a trained source, unless that is not wanted."""
    with _answered({"task": "model", "trained": trained}, [path], name):
        pass


def read_gene_sets(path: Path, name: str) -> GeneSets:
    """Read gene sets; see :func:`sctl.genesets.read_gmt`."""
    with _answered({"task": "gene_sets", "name": name}, [path], name) as (answer, _):
        return GeneSets.from_dict(answer)


def import_project(path: Path, name: str) -> Project:
    """Open a copy of a project; see :func:`sctl.project.import_project`."""
    with _answered({"task": "project"}, [path], name) as (answer, _):
        return Project.open(answer["id"])


def warm_up() -> None:
    """Start the process for the next file, unless one waits already."""
    with _lock:
        for process in [process for process in _waiting if process.poll() is not None]:
            _waiting.remove(process)
            _close(process)
        if not _waiting:
            _waiting.append(_started())


def _close(process: _Process) -> int:
    """End a process where it has not ended, and return how it ended."""
    if process.poll() is None:
        process.kill()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    return process.wait()


@atexit.register
def _end() -> None:
    with _lock:
        while _waiting:
            _close(_waiting.pop())


def _started() -> _Process:
    return subprocess.Popen(
        [sys.executable, *_READER],
        stdin=subprocess.PIPE,
        env={**os.environ, **_ONE_THREAD, "PYTHONPATH": python_path()},
        start_new_session=True,  # Ctrl-C in the terminal of the server is not for it; it ends with the server's pipe
    )


def _taken() -> _Process:
    with _lock:
        while _waiting:
            process = _waiting.pop()
            if process.poll() is None:
                return process
            _close(process)
    return _started()


@contextmanager
def _answered(request: Mapping[str, Any], paths: Sequence[Path], name: str) -> Iterator[tuple[dict[str, Any], Path]]:
    """Have a request answered within limits; yield the answer and the folder of its files, which vanishes."""
    size = sum(path.stat().st_size for path in paths)
    seconds = int(SECONDS + SECONDS_PER_GB * size / 1e9)
    limits = {"seconds": seconds, "memory": max(LEAST_MEMORY, int(MEMORY_SHARE * psutil.virtual_memory().available))}
    with tempfile.TemporaryDirectory(prefix="sctl-read-") as made:
        folder = Path(made)
        line = {
            **request,
            **limits,
            "projects": str(projects_root()),
            "paths": [str(path) for path in paths],
            "folder": made,
        }
        code = _ended(_taken(), json.dumps(line), seconds * _PATIENCE)
        warm_up()
        yield _answer(folder / ANSWER, code, name), folder


def _ended(process: _Process, line: str, seconds: float) -> int | None:
    """Hand over a request and return how the process ended; None where it had to be ended."""
    try:
        process.communicate(line.encode() + b"\n", timeout=seconds)
        return process.returncode
    except subprocess.TimeoutExpired:
        return None
    finally:
        _close(process)


def _answer(path: Path, code: int | None, name: str) -> dict[str, Any]:
    """Return what was answered, or raise what went wrong."""
    if code is None or -code == getattr(signal, "SIGXCPU", None):
        raise DataError(
            f"Reading {name} takes too long.",
            expected="A dataset of this size is usually read within a minute.",
            do="Save it as .h5ad, or take fewer cells or genes.",
        )
    if -code == getattr(signal, "SIGKILL", None):
        raise _exhausted(name)
    try:
        answer = json.loads(path.read_bytes()) if path.stat().st_size <= MAX_JSON else {}
    except (OSError, ValueError):
        answer = {}
    if isinstance(answer, dict) and "answer" in answer:
        return dict(answer["answer"])
    raise _error(answer.get("error", {}) if isinstance(answer, dict) else {}, name)


def _error(facts: Mapping[str, Any], name: str) -> SctlError:
    kind = getattr(errors, str(facts.get("type")), None)
    if facts.get("type") == "MemoryError":
        return _exhausted(name)
    if isinstance(kind, type) and issubclass(kind, SctlError):
        texts = {key: str(facts.get(key, "")) for key in ("expected", "do")}
        return kind(str(facts.get("found", "")), **texts)
    return DataError(
        f"{name} is so damaged that the program which reads it ended"
        + (f" ({facts['found']})." if facts.get("found") else "."),
        expected="It should open in the program that made it.",
        do="Download it or write it again. If other programs open it, please report this.",
    )


def _exhausted(name: str) -> DataError:
    return exhausted(name)
