"""Choose a method, set it, run it."""

from __future__ import annotations

import streamlit as st

from sctl.ui.confidence import confidence_view
from sctl.ui.explore import finetuning_view, mapping_view, neighbors_view
from sctl.ui.frame import errors, jobs, shell, steps, timeline
from sctl.ui.reference import self_test_view
from sctl.ui.transfer import method_choice, search_view, source_view
from sctl.ui.widgets import training_view

action = shell.header(steps.TRANSFER)
project = shell.require(steps.TRANSFER, "preprocess")

errors.show_notices(method_choice.PLACE)
errors.show_notices(finetuning_view.PLACE)
jobs.failure(project, "transfer")
if not (source_view.is_running(project) or self_test_view.is_running(project) or search_view.is_running(project)):
    timeline.show_progress(project)

with errors.caught():
    if project.state("theta") == "done":
        confidence_view.result_warnings(project)
        finetuning_view.notice(project, key="transfer")
        mapping_view.report(project)
        training_view.report(project)
        self_test_view.panel(project)
        neighbors_view.panel(project)
    source_view.panel(project)
    method = method_choice.cards(project)
    with st.container(border=True):
        chosen = method_choice.form(project, method)
    search_view.panel(project, chosen)
    with action:
        method_choice.run_button(project, chosen)
