"""Other numbers of groups, and which of the groups hold together."""

from __future__ import annotations

import streamlit as st

from sctl.ui.frame import errors, jobs, shell, steps, timeline
from sctl.ui.n_clusters import consensus_results, consensus_view

action = shell.header(steps.CONSENSUS)
project = shell.require(steps.CONSENSUS, "theta")

with action:
    if project.state("consensus") == "done":
        shell.next_button(steps.CONSENSUS)
    else:
        tried = bool(consensus_results.finished(project))
        jobs.run_button(project, "consensus", "Try the others" if tried else "Try numbers of groups")

errors.show_notices(consensus_view.PLACE)
jobs.failure(project, "consensus")
consensus_view.choose_range(project)
timeline.follow_numbers(project)
view = consensus_results.seen(project)

if not consensus_results.finished(view):
    st.info("No number of groups has been tried yet. It takes a few seconds.", icon=":material/grid_view:")
    st.stop()
if view is not project:
    shell.stale_hint(project, "consensus")

with errors.caught():
    consensus_view.estimate(view)
    found = consensus_view.pick(view)
    consensus_view.picture(view, found)
    over, markers, differing, outliers = st.tabs(
        ["Over all numbers", "Marker genes", "Differing genes", "Unusual cells"]
    )
    with over:
        consensus_view.stability(view, found.n_clusters)
    with markers:
        consensus_view.markers(view, found)
    with differing:
        consensus_view.differing(view, found)
    with outliers:
        consensus_view.outliers(view, found)
