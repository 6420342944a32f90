"""Preprocess: limits with live counts, then one button."""

from __future__ import annotations

import streamlit as st

from sctl.ui.data import pretrained
from sctl.ui.frame import errors, jobs, shell, state, steps
from sctl.ui.preprocess import corrections, filters, kept_view, preparation

action = shell.header(steps.PREPROCESS)
project = shell.require(steps.PREPROCESS, "data")
where = project.state("preprocess")

with action:
    if where == "done":
        shell.next_button(steps.PREPROCESS)
    else:
        jobs.run_button(project, "prepare", "Prepare the data" if where != "stale" else "Prepare again")

errors.show_notices(filters.PLACE)
jobs.failure(project, "preprocess")
shell.stale_hint(project, "preprocess")
if shell.has(project, "preprocess"):
    with errors.caught():
        preparation.result(project)
        corrections.effects(project)

if project.has_trained:
    with errors.caught():
        pretrained.preparation(project)
    side = "target"
else:
    names = {"source": "Source", "target": "Target"}
    state.SIDE.start_with("target")
    chosen = st.segmented_control(
        "Dataset",
        list(names),
        format_func=names.__getitem__,
        key=state.SIDE.name,
        required=True,
        label_visibility="collapsed",
        persist_state="session",
    )
    side = chosen or "target"  # the types of streamlit do not know that it is required
with st.container(border=True), errors.caught():
    filters.panel(project, side)
    kept_view.scatter(project, side)
preparation.settings(project)
if not project.has_trained:
    corrections.settings(project)
preparation.reset_button()
