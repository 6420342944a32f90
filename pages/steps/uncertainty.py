"""Confidence: how sure the names are, how groups formed, which cells the source cannot explain, whether groups last."""

from __future__ import annotations

import streamlit as st

from sctl.ui.confidence import confidence_view, stability_view, uncertainty_view, unknown_cells_view
from sctl.ui.explore import finetuning_view, methods_view
from sctl.ui.frame import errors, jobs, results, shell, state, steps, timeline
from sctl.ui.widgets import training_view

action = shell.header(steps.UNCERTAINTY)
project = shell.require(steps.UNCERTAINTY, "theta")
with action:
    if project.state("theta") == "stale":
        jobs.run_button(project, "everything", "Run again")
    else:
        shell.next_button(steps.UNCERTAINTY)

errors.show_notices(confidence_view.PLACE)
errors.show_notices(finetuning_view.PLACE)
shell.stale_hint(project, "theta")
view = results.shown(project)

names = ["How sure the names are", "Cells beyond the source", "Two groups or one?", "Do the methods agree?"]
with errors.caught():
    confidence_view.result_warnings(view)
    if finetuning_view.has(results.result(view)):
        names.insert(1, "How the groups formed")
        finetuning_view.warn_merged_clusters(view)
    if state.CONFIDENCE_TAB.get() not in names:
        state.CONFIDENCE_TAB.clear()
    tabs = dict(zip(names, st.tabs(names, key=state.CONFIDENCE_TAB.name, on_change="rerun"), strict=True))
    for name, tab in tabs.items():
        if not tab.open:
            continue
        with tab:
            if name == "How sure the names are":
                confidence_view.meaning(project)
                threshold = confidence_view.limit(view)
                confidence_view.pictures(view, threshold)
                confidence_view.groups(view)
                confidence_view.cell_card(view)
            elif name == "How the groups formed":
                finetuning_view.notice(view, key="confidence")
                finetuning_view.table(view)
                finetuning_view.trajectory_animation(view)
                training_view.report(view)
            elif name == "Cells beyond the source":
                (uncertainty_view if uncertainty_view.has(results.result(view)) else unknown_cells_view).panel(view)
            elif name == "Two groups or one?":
                stability_view.panel(view)
            else:
                methods_view.panel(view)
timeline.follow_maps(project)
