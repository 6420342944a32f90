"""The curve over θ, and what it says in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from sctl import plots, workflow
from sctl.methods import METHODS
from sctl.project import Project
from sctl.ui.frame import errors, results
from sctl.ui.widgets import charts
from sctl.workflow import Criterion, ThetaPoint, choose_theta, sweep_notes

_VISIBLE = 0.001
"""By how much a line must lie higher to be seen."""

FITS: Mapping[Criterion, str] = {
    "balanced": "How well the groups fit (higher is better)",
    "target_kta": "Fit to your own data (KTA)",
    "kta": "Fit to the mixed data (KTA of the paper)",
    "null_kta": "Fit beyond chance (KTA)",
    "stability": "Steadiness of the groups",
    "silhouette": "Silhouette in the mixed data",
}
_DRAWN: Mapping[Criterion, str] = {
    "target_kta": "KTA, your data",
    "kta": "KTA, mixed data",
    "null_kta": "KTA beyond chance",
    "stability": "Steadiness",
    "silhouette": "Silhouette, mixed data",
}
"""Scores that are drawn thinly beside the one that θ is chosen by, where they were computed."""


def sweeps(project: Project) -> bool:
    """Tell whether the method of a project has a θ."""
    return workflow.as_sweep(workflow.method_of(project.params("transfer"))) is not None


def criterion_of(project: Project) -> Criterion:
    """Return what θ is chosen by."""
    asked = workflow.method_of(project.params("transfer")).params.get("criterion")
    return next((known for known in FITS if known == asked), "balanced")


def chosen_theta(project: Project, points: Sequence[ThetaPoint]) -> float:
    """Return the θ in use: set by hand, or the best of those tried."""
    method = workflow.method_of(project.params("transfer"))
    by_hand = workflow.chosen_theta(method, project.params("theta")["theta"])
    return choose_theta(points, criterion_of(project)) if by_hand is None else by_hand


def baseline_scores(project: Project, criterion: Criterion) -> dict[str, float]:
    """Return what θ is chosen by for each finished baseline that has it, by title."""
    finished = results.baselines(project).items()
    known = ((METHODS[key].title, found.diagnostics.scores) for key, found in finished)
    return {title: scores[criterion] for title, scores in known if criterion in scores}


def thetas(project: Project) -> tuple[float, ...]:
    """Return the values of θ that a sweep tries."""
    sweeping = workflow.as_sweep(workflow.method_of(project.params("transfer")))
    return () if sweeping is None else sweeping.thetas


def curve(project: Project, *, live: bool = False) -> None:
    """Draw the score of every θ that is finished; with ``live`` nothing is computed for the picture."""
    points = results.points(project)
    if not points:
        st.caption("The curve appears here as soon as the first value of θ is finished.")
        return
    criterion = criterion_of(project)
    best = chosen_theta(project, points)
    drawn = points if live or any(p.theta == 1 for p in points) else [*points, results.point_at(project, 1.0)]
    table = pd.DataFrame({"theta": [p.theta for p in drawn], "kta": [getattr(p, criterion) for p in drawn]})
    others = [name for name in _DRAWN if name != criterion and all(name in point.scores for point in drawn)]
    figure = plots.theta_figure(
        table,
        best=best,
        baselines=baseline_scores(project, criterion),
        criteria={_DRAWN[other]: [getattr(p, other) for p in drawn] for other in others},
    )
    figure.update_yaxes(title_text=FITS[criterion], selector={"side": None})
    alt = plots.alt_text("theta", n_points=len(drawn), best=best)
    charts.draw(figure, key="theta:live" if live else "theta:curve", config={"displayModeBar": False}, alt=alt)


def summary(project: Project) -> None:
    """Show what the curve says and what the chosen θ hides: doubts as warnings, all else as information."""
    points = results.points(project)
    for remark in sweep_notes(points, criterion_of(project)):
        show = st.warning if remark.is_warning else st.info
        show(remark.text, icon=":material/warning:" if remark.is_warning else ":material/lightbulb:")
    for text in results.merged_subpopulations(project):
        st.warning(errors.plain(text), icon=":material/visibility_off:")
    for text in (_better_baseline(project, points), results.landmarks_text(project)):
        if text:
            st.caption(text)


def _better_baseline(project: Project, points: Sequence[ThetaPoint]) -> str:
    """Say why a baseline whose line lies above the chosen θ was not chosen; empty where none does."""
    theta, criterion = chosen_theta(project, points), criterion_of(project)
    reached = getattr(min(points, key=lambda point: abs(point.theta - theta)), criterion)
    above = [title for title, score in baseline_scores(project, criterion).items() if score > reached + _VISIBLE]
    if not above:
        return ""
    lies, is_it = ("lies", "is another method") if len(above) == 1 else ("lie", "are other methods")
    return (
        f"{' and '.join(above)} {lies} higher, but {is_it}, not a value of θ, so θ is not chosen by it. "
        "To use another method, choose it on the Transfer page. A better fit alone does not make names right."
    )
