"""Any θ tried by hand: the map at once, what changes, and a button to keep it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from threadpoolctl import threadpool_limits

from sctl import jobs
from sctl.project import Project
from sctl.ui.frame import errors, results, shell, state
from sctl.ui.theta import theta_view
from sctl.ui.widgets import embedding_view

PLACE = "theta"


def panel(project: Project) -> None:
    """Let the user try any θ: the map at once, what changes, and a button to keep it."""
    chosen = theta_view.chosen_theta(project, results.points(project))
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
            "Back to the value chosen from the curve",
            icon=":material/restart_alt:",
            key="auto_theta",
            on_click=_use,
            args=(None,),
        )


def _use(theta: float | None) -> None:
    """Keep a θ and take the result there; marker genes follow in the background."""
    project = shell.current()
    if project is None:
        return
    with errors.remembered("The earlier θ is still in use.", place=PLACE):
        had_markers = project.state("markers") == "done"
        project.set_params(
            "theta", {"theta": theta}, note="Choose θ from the curve" if theta is None else f"Set θ to {theta:g}"
        )
        with threadpool_limits(limits=1):  # as in sctl.ui.frame.results
            jobs.compute(project, "theta")
        if had_markers:
            jobs.submit(project, "markers")
        state.THETA.of(project.fingerprint("theta")).clear()
        errors.notify("θ is chosen from the curve again." if theta is None else f"θ = {theta:g} is now in use.")
