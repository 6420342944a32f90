"""Starting jobs, finding them again, and letting only a few run at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

import sctl
from sctl.errors import ParameterError
from sctl.jobs.job import JOB, LOG, PID, Job, children
from sctl.project.files import canonical, new_id, process_mark, write_json
from sctl.workflow.registry import job_kinds

if TYPE_CHECKING:  # a worker has numpy imported after it has set the number of threads
    from sctl.project import Project

_LOOK_AGAIN = 0.2  # seconds between two looks for a free place


def submit(project: Project, kind: str, params: Mapping[str, Any] | None = None) -> Job:
    """Start a computation in a process of its own and return at once.

    It works on the settings that hold now, whatever is changed meanwhile. If the same job waits or runs
    already, that one is returned.

    Parameters
    ----------
    project : Project
    kind : str
        Of :func:`sctl.workflow.registry.job_kinds`; ``"everything"`` runs all steps that are not done; each other kind also runs what it is based on.
    params : mapping, optional
        Of the analysis; JSON values.

    Returns
    -------
    Job

    Raises
    ------
    ParameterError
        If there is no such kind.
    """
    kinds = job_kinds()
    if kind not in kinds:
        raise ParameterError(
            f"There is no job {kind!r}.", expected=f"Jobs are {list(kinds)}.", do="Choose one of these."
        )
    asked = {"kind": kind, "params": dict(params or {}), "settings": project.settings.to_dict()}
    folder = project.root / "jobs"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock", timeout=30):
        for job in running(project):
            if canonical({name: job.description.get(name) for name in asked}) == canonical(asked):
                return job
        root = folder / new_id()
        root.mkdir()
        write_json(root / JOB, {**asked, "created": time.time()})
        return _start(root)


def _start(root: Path) -> Job:
    with (root / LOG).open("wb") as log:
        child = subprocess.Popen(  # -P: nothing in the working directory can stand in for a module
            [sys.executable, "-P", "-m", "sctl.jobs.worker", str(root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=root,
            env={**os.environ, "PYTHONPATH": python_path()},
            start_new_session=True,
        )
    children[child.pid] = child
    write_json(root / PID, process_mark(child.pid))
    return Job(root)


def python_path() -> str:
    """Return a search path on which the worker finds this very sctl, installed or not."""
    here = str(Path(sctl.__file__).parents[1])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


def jobs_of(project: Project) -> list[Job]:
    """Return all jobs of a project, the newest first."""
    jobs = [Job(path.parent) for path in (project.root / "jobs").glob(f"*/{JOB}")]
    known = [(job.created, job.id, job) for job in jobs if job.kind]  # without one it cannot be shown or resumed
    return [job for _, _, job in sorted(known, reverse=True, key=lambda item: item[:2])]


def running(project: Project) -> list[Job]:
    """Return the jobs of a project that wait or run, the newest first."""
    return [job for job in jobs_of(project) if job.state().active]


def places() -> int:
    """Return how many jobs may run at once: ``$SCTL_MAX_JOBS``, or one fewer than there are cores."""
    given = os.environ.get("SCTL_MAX_JOBS", "")
    return int(given) if given.isdigit() and int(given) > 0 else max(1, (os.cpu_count() or 2) - 1)


def acquire_slot(root: Path, check_cancelled: Callable[[], None]) -> ExitStack:
    """Wait until one of the places of a projects folder is free; it is given back when the stack closes.

    A place is a locked file: the system frees it however the process ends. ``check_cancelled`` raises when
    the job was stopped meanwhile.
    """
    folder = root / ".places"
    folder.mkdir(exist_ok=True)
    stack = ExitStack()
    while True:
        check_cancelled()
        for place in range(places()):
            try:
                stack.enter_context(FileLock(folder / f"{place}.lock", timeout=0))
            except Timeout:
                continue
            return stack
        time.sleep(_LOOK_AGAIN)
