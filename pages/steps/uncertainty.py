"""Confidence: how sure the names are, which cells the source cannot explain, and whether groups last."""

from __future__ import annotations

import streamlit as st

from sctl.ui import confidence_view, errors, jobs, novelty_view, repeats_view, results, shell, state, steps, timeline

action = shell.header(steps.UNCERTAINTY)
project = shell.require(steps.UNCERTAINTY, "theta")
with action:
    if project.state("theta") == "stale":
        jobs.run_button(project, "everything", "Run again")
    else:
        shell.next_button(steps.UNCERTAINTY)

errors.show_notices(confidence_view.PLACE)
shell.stale_hint(project, "theta")
view = results.shown(project)

sure, strange, repeated = st.tabs(
    ["How sure the names are", "Cells beyond the source", "Two groups or one?"],
    key=state.CONFIDENCE_TAB.name,
    on_change="rerun",
)
with errors.caught():
    if sure.open:
        with sure:
            confidence_view.meaning()
            threshold = confidence_view.limit(view)
            confidence_view.pictures(view, threshold)
            confidence_view.groups(view)
            confidence_view.cell_card(view)
    if strange.open:
        with strange:
            novelty_view.panel(view)
    if repeated.open:
        with repeated:
            repeats_view.panel(view)
timeline.follow_maps(project)
