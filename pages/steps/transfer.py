"""Choose a method, set it, run it."""

from __future__ import annotations

import streamlit as st

from sctl.ui import (
    confidence_view,
    errors,
    jobs,
    mapping_view,
    method_choice,
    neighbours_view,
    search_view,
    self_test_view,
    sharpening_view,
    shell,
    source_view,
    steps,
    timeline,
    training_view,
)

action = shell.header(steps.TRANSFER)
project = shell.require(steps.TRANSFER, "preprocess")

errors.show_notices(method_choice.PLACE)
errors.show_notices(sharpening_view.PLACE)
jobs.failure(project, "transfer")
if not (source_view.busy(project) or self_test_view.busy(project) or search_view.busy(project)):
    timeline.follow(project)

with errors.caught():
    if project.state("theta") == "done":
        confidence_view.cautions(project)
        sharpening_view.say(project, key="transfer")
        mapping_view.report(project)
        training_view.report(project)
        self_test_view.panel(project)
        neighbours_view.panel(project)
    source_view.panel(project)
    method = method_choice.cards(project)
    with st.container(border=True):
        chosen = method_choice.form(project, method)
    search_view.panel(project, chosen)
    with action:
        method_choice.run_button(project, chosen)
