"""A sweep over θ that is not finished: how it grows, and how it is started or resumed."""

from __future__ import annotations

import streamlit as st

from sctl import workflow
from sctl.project import Project
from sctl.ui.frame import jobs as job_views
from sctl.ui.frame import results, shell, steps
from sctl.ui.theta import theta_view


def start_button(project: Project) -> None:
    """Draw the primary button of an unfinished sweep: start, or resume."""
    method = workflow.method_of(project.params("transfer"))
    unknown = method.requires_labels and project.params("data")["label_key"] is None
    why_not = "The source has no cell types: choose what to do on the Transfer page." if unknown else ""
    label = "Resume" if results.points(project) else "Run"
    job_views.run_button(project, "everything", label, why_not=why_not)


def unfinished(project: Project) -> None:
    """Show a sweep that runs, was stopped, or was never started; the curve grows while it runs."""
    job = job_views.running(project)
    if job is not None:
        job_views.watch(job, live=lambda now: _grow(project))
        return
    points, tried = results.points(project), len(theta_view.thetas(project))
    earlier = project.at_last_result("theta")
    if not points and earlier is not None and theta_view.sweeps(earlier):
        shell.stale_hint(project, "theta")
        theta_view.curve(earlier, live=True)
        return
    if not points:
        shell.empty(
            steps.THETA.icon,
            "No value of θ has been tried yet.",
            step=steps.TRANSFER,
            label="Choose a method and run it",
            detail="The recommended settings are a good start.",
        )
        return
    st.info(
        f"Stopped after {len(points)} of {tried} values of θ. They are kept: *Resume* goes on from here.",
        icon=":material/pause_circle:",
    )
    theta_view.curve(project, live=True)


def _grow(project: Project) -> None:
    """Draw the curve as far as it goes; once the result is there, draw the whole page."""
    if project.state("theta") == "done":
        st.rerun()
    theta_view.curve(project, live=True)
