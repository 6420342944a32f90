"""The sweep over θ: live while it runs, then any θ by hand."""

from __future__ import annotations

import streamlit as st

from sctl.ui.frame import errors, jobs, shell, steps, timeline
from sctl.ui.theta import theta_by_hand, theta_live, theta_view
from sctl.ui.widgets import truth

action = shell.header(steps.THETA)
project = shell.require(steps.THETA, "preprocess")

if not theta_view.sweeps(project):
    done = project.state("theta") == "done"
    shell.empty(
        steps.THETA.icon,
        "The chosen method has no θ.",
        step=steps.EXPLORE if done else steps.TRANSFER,
        label="Go on to Explore" if done else "To the methods",
        detail="There is nothing to set here. TransferCluster is the method that finds out how much to trust the source.",
    )
    st.stop()

errors.show_notices(theta_by_hand.PLACE)
jobs.failure(project, "transfer")
jobs.failure(project, "theta")

if project.state("theta") == "done":
    with action:
        shell.next_button(steps.THETA)
    with errors.caught():
        theta_view.curve(project)
        theta_view.summary(project)
        theta_by_hand.panel(project)
        truth.panel(project)
    timeline.show_progress_quietly(project, "explore")
else:
    with action:
        theta_live.start_button(project)
    theta_live.unfinished(project)
