"""Cells that are kept and left out, one by one: whether the limits cut where cells of another kind begin."""

from __future__ import annotations

import streamlit as st

from sctl import plots
from sctl.project import Project
from sctl.ui.frame import caching
from sctl.ui.preprocess import filters
from sctl.ui.widgets import charts


def scatter(project: Project, role: str) -> None:
    """Draw genes against counts of one side's cells behind a drawer, where some are left out."""
    info = project.input_info(role)
    if info is None:
        return
    kept = filters.kept(project, role, info["fingerprint"], getattr(filters.params_of(project), role))
    if kept.all():
        return
    metrics = caching.measured(project, role, info["fingerprint"]).metrics
    with st.expander("Cells that are kept and left out, one by one", icon=":material/scatter_plot:"):
        charts.draw(
            plots.kept_figure(metrics["n_genes"].to_numpy(), metrics["total_counts"].to_numpy(), kept),
            key=f"kept:{role}",
            alt=plots.alt_text("kept", n_cells=len(kept), role=role, n_kept=int(kept.sum())),
        )
        st.caption(
            "A limit is well placed where it parts a group of cells from the others, not where it cuts through one."
        )
