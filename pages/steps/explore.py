"""Maps of the target: look, select, name."""

from __future__ import annotations

import streamlit as st

from sctl.ui.explore import explore_view, label_editor
from sctl.ui.frame import errors, jobs, results, shell, steps, timeline

action = shell.header(steps.EXPLORE)
project = shell.require(steps.EXPLORE, "theta")
with action:
    if project.state("theta") == "stale":
        jobs.run_button(project, "everything", "Run again")
    else:
        shell.next_button(steps.EXPLORE)

jobs.failure(project, "explore")
shell.stale_hint(project, "theta")
view = results.shown(project)

with errors.caught():
    if explore_view.two_maps():
        explore_view.maps(view)
        picked, named = st.columns(2, gap="medium")
    else:
        wide, narrow = st.columns([1.8, 1], gap="medium")
        with wide:
            explore_view.maps(view)
        picked = named = narrow
    with picked, st.container(border=True):
        label_editor.selected(view)
    with named:
        label_editor.editor(view)
    explore_view.summaries(view)
timeline.follow_maps(project)
