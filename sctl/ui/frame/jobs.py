"""A running computation on screen: progress, time left, Stop, and why it failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from sctl import jobs
from sctl.errors import SctlError
from sctl.jobs import Job, JobState
from sctl.project import Project
from sctl.ui.frame import errors
from sctl.workflow.registry import job_kinds

_PACES = ((15.0, 0.7), (120.0, 1.5))
_LONG = 3.0
"""Seconds between two looks at a running job: it has run less than so long → so many; then the last."""
_QUEUED = 2.0
"""The same while it waits for its turn."""
_STOP_WAIT = 2.0
"""Seconds in which a job may stop by itself before its process is ended."""


def start(project: Project, kind: str, params: Mapping[str, Any] | None = None) -> None:
    """Start a computation; where it cannot start, the next run says why. For callbacks."""
    with errors.remembered("Nothing was changed."):
        jobs.submit(project, kind, params)


def run_button(project: Project, kind: str, label: str, *, why_not: str = "") -> None:
    """Draw a page's primary button, which starts a computation; while one runs it is not offered.

    Parameters
    ----------
    project : Project
    kind : str
        See :func:`sctl.jobs.submit`.
    label : str
    why_not : str
        Why it cannot be pressed yet; empty where it can.
    """
    job = running(project)
    st.button(
        label if job is None else "Running …",
        type="primary",
        icon=":material/play_arrow:" if job is None else "spinner",
        key=f"run:{kind}",
        width="stretch",
        disabled=job is not None or bool(why_not),
        help=why_not or None,
        on_click=start,
        args=(project, kind),
    )


def running(project: Project) -> Job | None:
    """Return the newest job of the project that waits or runs, or None."""
    return next(iter(jobs.running(project)), None)


def sidebar(project: Project) -> None:
    """Draw the running job, if there is one, with its Stop button."""
    job = running(project)
    if job is not None:
        watch(job, place="sidebar")


def watch(job: Job, *, place: str = "page", live: Callable[[JobState], None] | None = None) -> None:
    """Follow a job; when it comes to another step, or ends, draw the whole page again.

    Parameters
    ----------
    job : Job
    place : str
        Tells apart two views of the same job on one page.
    live : callable, optional
        Draws what the job has finished so far, below its bar; called at every look.
    """
    begun = job.state()
    every = pace(begun)

    @st.fragment(run_every=every)
    def look() -> None:
        now = job.state()
        if not now.active or now.step != begun.step or pace(now) != every:
            st.rerun()
        with st.container(border=True, gap="small"):
            _bar(job, now)
            st.button(
                "Stop",
                icon=":material/stop_circle:",
                key=f"stop:{place}:{job.id}",
                help="What is finished so far is kept.",
                on_click=_stop,
                args=(job,),
                width="stretch" if place == "sidebar" else "content",
            )
        if live is not None:
            live(now)

    look()


def pace(now: JobState) -> float:
    """Return the seconds until a job is looked at again: the longer it takes, the less there is to see at each look.

    Examples
    --------
    >>> [pace(JobState("running", seconds=seconds)) for seconds in (0.0, 30.0, 600.0)], pace(JobState("queued"))
    ([0.7, 1.5, 3.0], 2.0)
    """
    if now.status == "queued":
        return _QUEUED
    return next((every for until, every in _PACES if now.seconds < until), _LONG)


def failure(project: Project, step: str) -> None:
    """Show why a step failed, or that its job was lost; draw nothing where all is well."""
    problem = project.failure(step)
    if problem is not None:
        errors.card(SctlError(problem["found"], expected=problem["expected"], do=problem["do"]), _KEPT)
        return
    last = next(iter(jobs.jobs_of(project)), None)
    now = last.state() if last is not None else None
    if now is not None and now.status == "lost" and now.error is not None and now.step == step:
        errors.card(SctlError(now.error.found, expected=now.error.expected, do=now.error.do), _KEPT)


def failed(project: Project, kind: str, params: Mapping[str, Any]) -> None:
    """Show why the newest job failed, if it was of this kind with these parameters; for what is no step."""
    last = next(iter(jobs.jobs_of(project)), None)
    if last is None or last.kind != kind or dict(last.params) != dict(params):
        return
    error = last.state().error
    if error is not None:
        errors.card(SctlError(error.found, expected=error.expected, do=error.do), _KEPT)


_KEPT = "Your data, your settings and earlier results are still there."


def time_left(seconds: float | None) -> str:
    """Return a span of time in words, coarse on purpose.

    Examples
    --------
    >>> time_left(7.2), time_left(95), time_left(None)
    ('about 10 s left', 'about 2 min left', '')
    """
    if seconds is None:
        return ""
    if seconds < 60:
        return f"about {max(5, 5 * round(seconds / 5 + 0.5)):.0f} s left"
    return f"about {round(seconds / 60):.0f} min left"


def _bar(job: Job, now: JobState) -> None:
    st.markdown(f"**{_title(job.kind)}**")
    if now.status == "queued":
        st.progress(0.0, text="Starting …")
        return
    parts = [now.stage, f"{now.done} of {now.total}" if now.total > 1 else "", time_left(now.eta)]
    st.progress(min(now.progress, 1.0), text=" · ".join(part for part in parts if part) or "Working …")


def _title(kind: str) -> str:
    found = job_kinds().get(kind)
    return "Computing" if found is None else found.title


def _stop(job: Job) -> None:
    job.stop(wait=_STOP_WAIT)
    errors.notify("Stopped. What was finished is kept.")
