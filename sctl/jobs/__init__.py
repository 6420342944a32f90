"""One operating-system process per computation; all that is known of it lies on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl.jobs.job import Job, JobError, JobState
from sctl.jobs.queue import jobs_of, running, submit

if TYPE_CHECKING:
    from sctl.project import Project

__all__ = ["Job", "JobError", "JobState", "compute", "jobs_of", "running", "submit"]


def compute(project: Project, step: str) -> None:
    """Compute one short step here and now; see :func:`sctl.jobs.tasks.compute`."""
    from sctl.jobs import tasks  # noqa: PLC0415 - numpy and more, which the pages' first paint does without

    tasks.compute(project, step)
