"""Explain: which genes and pathways speak for the name of a group or a cell, and which against it."""

from __future__ import annotations

import streamlit as st

from sctl.ui.explain import explain_view, units_view
from sctl.ui.frame import errors, jobs, results, shell, steps, timeline

action = shell.header(steps.EXPLAIN)
project = shell.require(steps.EXPLAIN, "theta")
with action:
    if project.state("theta") == "stale":
        jobs.run_button(project, "everything", "Run again")
    else:
        shell.next_button(steps.EXPLAIN)

errors.show_notices(explain_view.PLACE)
shell.stale_hint(project, "theta")
view = results.shown(project)

with errors.caught():
    why_not = explain_view.why_not(view)
    if why_not:
        st.info(why_not, icon=":material/lightbulb:")
        st.stop()
    question = explain_view.choose(view)
    if question is not None:
        explain_view.answer(view, question)
    units_view.panel(view)
timeline.follow_maps(project)
