"""Confidence: a limit, the map, the groups, a single cell."""

from __future__ import annotations

from sctl.ui import confidence_view, errors, jobs, results, shell, steps, timeline

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

with errors.caught():
    confidence_view.meaning()
    threshold = confidence_view.limit(view)
    confidence_view.pictures(view, threshold)
    confidence_view.groups(view)
    confidence_view.cell_card(view)
timeline.follow_maps(project)
