"""The stages of a running analysis, one line each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from sctl.jobs import Job, JobState
from sctl.project import Project, numbers_in
from sctl.ui.frame import jobs as job_views
from sctl.ui.frame import results, shell, steps
from sctl.ui.theta import theta_view
from sctl.ui.widgets import training_view

_SWEEP = {"transfer": "Try how much to trust the source", "theta": "Take the best answer"}
_LINES: Sequence[tuple[str, str]] = (
    ("preprocess", "Prepare both datasets"),
    ("transfer", "Learn from the source, then group and name your cells"),
    ("theta", "Take the answer"),
    ("markers", "Find marker genes"),
    ("explore", "Draw the maps"),
)
_SIGNS = {
    "done": ":green[:material/check_circle:]",
    "running": ":blue[:material/progress_activity:]",
    "failed": ":red[:material/error:]",
}
_WAITING = ":gray[:material/radio_button_unchecked:]"


def show_progress(project: Project) -> bool:
    """Draw a running job with its stages; tell whether there is one."""
    job = job_views.running(project)
    if job is None:
        return False
    job_views.watch(job, live=lambda now: _stages(project, job, now))
    return True


def _stages(project: Project, job: Job, now: JobState) -> None:
    sweeps = theta_view.sweeps(project)
    words = _SWEEP if sweeps else {}
    st.markdown(
        "  \n".join(f"{_SIGNS.get(project.state(step), _WAITING)} {words.get(step, text)}" for step, text in _LINES)
    )
    if now.step == "transfer":
        training_view.live(job)
    if project.state("theta") == "done":
        shell.link(steps.EXPLORE, "Your cells have their names: look at them", icon=":material/arrow_forward:")
    elif sweeps:
        shell.link(steps.THETA, "Watch the answer take shape", icon=":material/arrow_forward:")


def show_progress_quietly(project: Project, *watched: str) -> None:
    """Draw the page again when a step in ``watched`` changes its state while a job runs; draws nothing itself."""
    _redraw_when_changed(project, lambda: tuple(project.state(step) for step in watched))


def follow_maps(project: Project) -> None:
    """Draw the page again when another map is finished; draws nothing itself."""
    _redraw_when_changed(project, lambda: tuple(sorted({**results.maps(project), **results.latent_map(project)})))


def follow_numbers(project: Project) -> None:
    """Draw the page again when another number of clusters is finished; draws nothing itself."""
    _redraw_when_changed(
        project, lambda: (project.state("consensus"), *map(str, numbers_in(project.result_dir("consensus"))))
    )


def _redraw_when_changed(project: Project, marks: Callable[[], tuple[str, ...]]) -> None:
    job = job_views.running(project)
    if job is None:
        return
    before = marks()

    @st.fragment(run_every=job_views.pace(job.state()))
    def look() -> None:
        if marks() != before:
            st.rerun()

    look()
