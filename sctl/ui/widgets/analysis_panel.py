"""What all analyses on demand have in common on a page: the button, the running job, the failure, and the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from sctl.jobs import Job, JobState
from sctl.project import Project, analyses
from sctl.ui.frame import jobs, shell
from sctl.workflow import Params, get_analysis

OTHER_JOB = "Something else is being computed."
STALE = "Run the analysis again first."


@dataclass(frozen=True, kw_only=True)
class Button:
    """The button that starts an analysis.

    Parameters
    ----------
    label : str
    icon : str
    enough : bool
        Whether there is nothing left to compute.
    why_not : str
        Why it cannot be pressed; empty where it can.
    caption : str
        Drawn below while there is something to compute.
    width : str
    key : str
        ``"<name of the analysis>:start"`` by default.
    """

    label: str
    icon: str
    enough: bool = False
    why_not: str = ""
    caption: str = ""
    width: str = "content"
    key: str = ""


def job_of(project: Project, name: str, params: Params | None = None) -> Job | None:
    """Return the running job of an analysis, None where there is none.

    Parameters
    ----------
    project : Project
    name : str
        Of the analysis.
    params : Params, optional
        Where given, the job must compute the result for these parameters.
    """
    job = jobs.running(project)
    if job is None or job.kind != _kind(name):
        return None
    return job if params is None or params_of(job, name).identity() == params.identity() else None


def params_of(job: Job, name: str) -> Any:
    """Return the parameters with which a job computes an analysis."""
    return get_analysis(name).params.from_dict(job.params)


def why_not(project: Project) -> str:
    """Say why no analysis of a result can be started: another job runs, or the result is of earlier settings."""
    return OTHER_JOB if jobs.running(project) is not None else STALE if project.pinned is not None else ""


def panel(
    project: Project,
    name: str,
    params: Params | None,
    button: Button,
    show: Callable[[Any], None],
    *,
    any_job: bool = False,
) -> None:
    """Draw the result of an analysis, the job that computes it, or why that failed and the button that starts it.

    Parameters
    ----------
    project : Project
    name : str
        Of an analysis whose result is written at once.
    params : Params, optional
    button : Button
    show : callable
        Draws the result.
    any_job : bool
        Whether a job with other parameters is shown, too.
    """
    found = analyses.load(project, name, params)
    job = job_of(project, name, None if any_job else params)
    if found is not None:
        show(found)
    elif job is not None:
        jobs.watch(job, place=name)
    else:
        failure(project, name, params)
        start_button(project, name, params, button)


def growing(
    project: Project,
    name: str,
    params: Params | None,
    show: Callable[[], None],
    live: Callable[[JobState], None] | None = None,
) -> None:
    """Draw what an analysis has found so far, below its job while that runs.

    Parameters
    ----------
    project : Project
    name : str
        Of an analysis whose result comes in parts.
    params : Params, optional
        Of the result shown; the job counts as another where it has others.
    show : callable
        Draws what is there.
    live : callable, optional
        Draws it while the job runs; ``show`` by default.
    """
    job = job_of(project, name, params)
    if job is None:
        show()
    else:
        jobs.watch(job, place=name, live=live or (lambda now: show()))


def failure(project: Project, name: str, params: Params | None = None) -> None:
    """Show why the newest job failed, if it was of this analysis with these parameters."""
    jobs.failed(project, _kind(name), {} if params is None else params.to_dict())


def start_button(project: Project, name: str, params: Params | None, button: Button, place: Any = st) -> None:
    """Draw the button that starts an analysis; ``place`` is where: the page by default, or a column."""
    place.button(
        button.label, icon=button.icon, key=button.key or f"{name}:start", on_click=start, args=(name, params),
        disabled=button.enough or bool(button.why_not) or jobs.running(project) is not None, help=button.why_not or None,
        width=button.width,
    )  # fmt: skip
    if button.caption and not button.enough:
        st.caption(button.caption)


def start(name: str, params: Params | None = None) -> None:
    """Start the job of an analysis; for callbacks."""
    project = shell.current()
    if project is not None:
        jobs.start(project, _kind(name), {} if params is None else params.to_dict())


def _kind(name: str) -> str:
    """Return the kind of job that computes an analysis."""
    return get_analysis(name).follows or name
