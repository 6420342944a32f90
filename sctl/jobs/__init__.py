"""One operating-system process per computation; all that is known of it lies on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy

if TYPE_CHECKING:
    from sctl.jobs.job import Job, JobError, JobState
    from sctl.jobs.queue import jobs_of, running, submit
    from sctl.jobs.tasks import compute
else:
    __getattr__, __dir__ = lazy(__name__)

__all__ = ["Job", "JobError", "JobState", "compute", "jobs_of", "running", "submit"]
