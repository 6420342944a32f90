"""Marker genes of each group, and of one set of cells against another."""

from __future__ import annotations

import streamlit as st

from sctl.ui.frame import errors, jobs, results, shell, steps
from sctl.ui.markers import marker_view

action = shell.header(steps.MARKERS)
project = shell.require(steps.MARKERS, "theta")
where = project.state("markers")

with action:
    if where == "done":
        shell.next_button(steps.MARKERS)
    else:
        jobs.run_button(project, "markers", "Find marker genes" if where != "stale" else "Find them again")

errors.show_notices(marker_view.PLACE)
jobs.failure(project, "markers")
marker_view.choose_groups(project)
shell.stale_hint(project, "markers")

if not shell.has(project, "markers"):
    st.info("The marker genes have not been looked for yet. It takes a few seconds.", icon=":material/genetics:")
    st.stop()

view = results.shown(project, "markers")
rest, pair = st.tabs(["Each against the rest", "A against B"])
with rest, errors.caught():
    marker_view.tables(view)
    marker_view.warnings(view)
    marker_view.dots(view)
with pair, errors.caught():
    marker_view.a_against_b(view)
