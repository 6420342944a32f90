"""The curve over θ, what it says in words, and any θ tried by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from threadpoolctl import threadpool_limits

from sctl import jobs, pipeline, plots
from sctl.methods import METHODS
from sctl.project import Project
from sctl.sweep import Criterion, ThetaPoint, choose_theta
from sctl.ui import embedding_view, errors, results, shell, state, steps
from sctl.ui import jobs as job_views

PLACE = "theta"
TOLERANCE = 0.01
"""Share of the best score by which a θ may fall behind and still count as just as good."""
FLAT = 0.02
"""If no θ is better than another by more than this, θ hardly matters."""

_VISIBLE = 0.001
"""By how much a line must lie higher to be seen."""

FITS: Mapping[Criterion, str] = {
    "balanced": "Fit to your own data (KTA) and steadiness",
    "target_kta": "Fit to your own data (KTA)",
    "kta": "Fit to the mixed data (KTA of the paper)",
    "null_kta": "Fit beyond chance (KTA)",
    "stability": "Steadiness of the groups",
    "silhouette": "Silhouette in the mixed data",
}
_DRAWN: Mapping[Criterion, str] = {
    "target_kta": "KTA, your data",
    "kta": "KTA, mixed data",
    "silhouette": "Silhouette, mixed data",
}
"""Scores that are drawn beside the one that θ is chosen by."""


def sweeps(project: Project) -> bool:
    """Tell whether the method of a project has a θ."""
    return pipeline.as_sweep(pipeline.method_of(project.params("transfer"))) is not None


def criterion_of(project: Project) -> Criterion:
    """Return what θ is chosen by."""
    asked = pipeline.method_of(project.params("transfer")).params.get("criterion")
    return next((known for known in FITS if known == asked), "balanced")


def chosen_theta(project: Project, points: Sequence[ThetaPoint]) -> float:
    """Return the θ in use: set by hand, or the best of those tried."""
    method = pipeline.method_of(project.params("transfer"))
    by_hand = pipeline.chosen_theta(method, project.params("theta")["theta"])
    return choose_theta(points, criterion_of(project)) if by_hand is None else by_hand


def baseline_scores(project: Project, criterion: Criterion) -> dict[str, float]:
    """Return what θ is chosen by for each finished baseline that has it, by title."""
    finished = results.baselines(project).items()
    return {METHODS[key].title: float(found.uns[criterion]) for key, found in finished if criterion in found.uns}


# -- the curve ---------------------------------------------------------------------------------------


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
    others = [name for name in _DRAWN if name != criterion]
    figure = plots.theta_figure(
        table,
        best=best,
        baselines=baseline_scores(project, criterion),
        criteria={_DRAWN[other]: [getattr(p, other) for p in drawn] for other in others},
    )
    figure.update_yaxes(title_text=FITS[criterion], selector={"side": None})
    alt = plots.alt_text("theta", n_points=len(drawn), best=best)
    st.plotly_chart(figure, key="theta:live" if live else "theta:curve", config={"displayModeBar": False}, alt=alt)


def start_button(project: Project) -> None:
    """Draw the primary button of an unfinished sweep: start, or resume."""
    job_views.run_button(project, "everything", "Resume" if results.points(project) else "Run")


def unfinished(project: Project) -> None:
    """Show a sweep that runs, was stopped, or was never started; the curve grows while it runs."""
    job = job_views.running(project)
    if job is not None:
        job_views.watch(job, live=lambda now: _grow(project))
        return
    points, tried = results.points(project), len(thetas(project))
    earlier = project.computed("theta")
    if not points and earlier is not None and sweeps(earlier):
        shell.stale_hint(project, "theta")
        curve(earlier, live=True)
        return
    if not points:
        shell.empty(
            steps.THETA.icon,
            "No value of θ has been tried yet.",
            step=steps.TRANSFER,
            label="Choose a method and run it",
            detail="The recommended settings are a good start.",
        )
        return
    st.info(
        f"Stopped after {len(points)} of {tried} values of θ. They are kept: *Resume* goes on from here.",
        icon=":material/pause_circle:",
    )
    curve(project, live=True)


def _grow(project: Project) -> None:
    """Draw the curve as far as it goes; once the result is there, draw the whole page."""
    if project.state("theta") == "done":
        st.rerun()
    curve(project, live=True)


def thetas(project: Project) -> tuple[float, ...]:
    """Return the values of θ that a sweep tries."""
    sweeping = pipeline.as_sweep(pipeline.method_of(project.params("transfer")))
    return () if sweeping is None else sweeping.thetas


def judgement(points: Sequence[ThetaPoint], criterion: Criterion) -> list[tuple[str, str]]:
    """Return what the curve says, as (``"info"`` or ``"warning"``, sentence).

    Parameters
    ----------
    points : sequence of ThetaPoint
    criterion : str
        What θ is chosen by.

    Returns
    -------
    list of tuple
        Empty with fewer than three values of θ below 1.
    """
    inner = sorted((point for point in points if point.theta < 1), key=lambda point: point.theta)
    if len(inner) < 3:
        return []
    scores = np.array([getattr(point, criterion) for point in inner])
    thetas = [point.theta for point in inner]
    best = choose_theta(inner, criterion)
    if np.ptp(scores) < FLAT:
        return [("warning", _FLAT_TEXT)]
    if best == thetas[0]:
        return [("warning", _FIRST_TEXT)]
    if best == thetas[-1]:
        return [("warning", _LAST_TEXT)]
    return [("info", _plateau(thetas, scores, best))]


_FLAT_TEXT = (
    "The curve is flat: how much the source is trusted hardly changes the groups. Any θ will do. "
    "Either your data are clear by themselves, or the source says little about them."
)
_FIRST_TEXT = (
    "The best score comes without any help (θ = 0). Source and target may not match: another tissue, other cell types, "
    "or too few shared genes. The names may be less certain than they look."
)
_LAST_TEXT = (
    "The best value is the largest that was tried. The source may be deciding alone: check on the map and with marker "
    "genes that the groups are really in your data."
)


def _plateau(thetas: Sequence[float], scores: np.ndarray[Any, Any], best: float) -> str:
    """Say which θ do as well as the best."""
    place, good = thetas.index(best), scores >= scores.max() - TOLERANCE * abs(scores.max())
    first = last = place
    while first > 0 and good[first - 1]:
        first -= 1
    while last < len(thetas) - 1 and good[last + 1]:
        last += 1
    gain = scores[place] - scores[0]
    text = f"θ = {best:g} scores best ({scores[place]:.2f}, against {scores[0]:.2f} without the source). "
    if gain < TOLERANCE:
        text = f"θ = {best:g} fits best, but hardly better than your data alone (θ = 0). "
    if first == last:
        return text + "Neighbouring values fit less well, so the choice matters: compare them below."
    return text + f"All values from {thetas[first]:g} to {thetas[last]:g} score about as well, so the choice is safe."


def say(project: Project) -> None:
    """Show what the curve says."""
    points = results.points(project)
    for level, text in judgement(points, criterion_of(project)):
        show = st.warning if level == "warning" else st.info
        show(text, icon=":material/warning:" if level == "warning" else ":material/lightbulb:")
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


# -- any θ by hand -----------------------------------------------------------------------------------


def by_hand(project: Project) -> None:
    """Let the user try any θ: the map at once, what changes, and a button to keep it."""
    chosen = chosen_theta(project, results.points(project))
    key = state.THETA.of(project.fingerprint("theta"))
    key.start_with(round(chosen, 2))
    st.markdown("### Try any value")
    theta = st.slider(
        "How much to trust the source (θ)", 0.0, 1.0, step=0.01, key=key.name, persist_state="session",
        help="0: your data alone. 1: pure label transfer, your data no longer count.",
    )  # fmt: skip
    with st.spinner("Grouping your cells anew …", show_time=True):
        point = results.point_at(project, theta)
    left, right = st.columns([1.7, 1], gap="large")
    clusters = results.aligned_clusters(project, point)
    with left:
        _map(project, clusters, theta)
    with right:
        _difference(project, clusters, theta, chosen)
        _keep_buttons(project, theta, chosen)


def _map(project: Project, clusters: Any, theta: float) -> None:
    maps = results.maps(project)
    names = [str(number + 1) for number in clusters]
    coords = maps.get("target_umap")
    if coords is None:
        coords = results.sweep(project).embedding(theta, 2)
        st.caption("The UMAP is not drawn yet; these are the first two principal components.")
    embedding_view.plain_map(
        coords,
        np.array(names),
        title="Cluster",
        key=f"theta:map:{'umap' if 'target_umap' in maps else 'pca'}",
        names=list(results.result(project).obs_names),
    )


def _difference(project: Project, clusters: Any, theta: float, chosen: float) -> None:
    now = results.result(project).clusters
    moved = int((clusters != now).sum())
    st.metric(
        f"Cells in another group than at θ = {chosen:g}", f"{moved:,}", f"{100 * moved / len(now):.1f}% of your cells",
        delta_color="off", delta_arrow="off",
    )  # fmt: skip
    numbers = sorted({*map(int, clusters), *map(int, now)} - {-1})
    table = pd.DataFrame(
        {
            "Cluster": [str(number + 1) for number in numbers],
            f"θ = {theta:g}": [int((clusters == number).sum()) for number in numbers],
        }
    )
    if theta != chosen:
        table[f"in use (θ = {chosen:g})"] = [int((now == number).sum()) for number in numbers]
    st.dataframe(table, hide_index=True, height=min(36 * (len(table) + 1) + 2, 330), alt="Cells in every cluster")
    if theta == 1:
        st.caption("θ = 1 is pure label transfer: every cell is replaced by the source type it resembles most.")


def _keep_buttons(project: Project, theta: float, chosen: float) -> None:
    st.button(
        f"Use θ = {theta:g}" if theta != chosen else f"θ = {theta:g} is in use",
        type="primary" if theta != chosen else "secondary",
        icon=":material/check:",
        key="use_theta",
        disabled=theta == chosen,
        on_click=_use,
        args=(theta,),
        width="stretch",
        help="Groups, names and confidence are taken at this value. Undo brings the earlier ones back.",
    )
    if project.params("theta")["theta"] is not None:
        st.button(
            "Back to the best value", icon=":material/restart_alt:", key="auto_theta", on_click=_use, args=(None,)
        )


def _use(theta: float | None) -> None:
    """Keep a θ and take the result there; marker genes follow in the background."""
    project = shell.current()
    if project is None:
        return
    with errors.remembered("The earlier θ is still in use.", place=PLACE):
        had_markers = project.state("markers") == "done"
        project.set_params("theta", {"theta": theta}, note="Best θ" if theta is None else f"Set θ to {theta:g}")
        with threadpool_limits(limits=1):  # as in sctl.ui.results
            jobs.compute(project, "theta")
        if had_markers:
            jobs.submit(project, "markers")
        state.THETA.of(project.fingerprint("theta")).clear()
        errors.say("The result was taken at the best θ." if theta is None else f"θ = {theta:g} is now in use.")
