"""How right labels by neighbours are, over the number of neighbours, where the true types are known."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from sctl import export, plots, workflow
from sctl.project import Project, analyses
from sctl.ui.frame import jobs, results
from sctl.ui.widgets import analysis_panel, charts

PLACE = "neighbours"
_MEASURES = {"accuracy": "Cells named rightly", "macro_f1": "Mean F1 over the types"}


def panel(project: Project) -> None:
    """Draw the button, the job, or the curves; nothing without true types, or where neighbours do not name cells."""
    found, truth = results.result(project), project.truth()
    if truth is None or not workflow.has_neighbors(found) or not truth.isin(found.label_names).any():
        return
    seen = analysis_panel.job_of(project, PLACE) is not None or analyses.load(project, PLACE) is not None
    with st.expander(
        "How many neighbours, and is the network worth it?",
        icon=":material/show_chart:",
        expanded=seen,
    ):
        st.markdown(
            "The true types of this target are known. So it can be told how many cells are named rightly for every number of "
            "neighbours, and how many would be without the network: by the genes themselves, by principal components of the "
            "source, and by a network that has learned nothing."
        )
        why_not = analysis_panel.OTHER_JOB if jobs.running(project) is not None else ""
        button = analysis_panel.Button(label="Compare", icon=":material/show_chart:", why_not=why_not)
        analysis_panel.panel(project, PLACE, None, button, lambda curves: _draw(project, curves))


def _draw(project: Project, curves: pd.DataFrame) -> None:
    measure = st.segmented_control(
        "Measure", list(_MEASURES), format_func=_MEASURES.__getitem__, default="accuracy", key="neighbours:measure",
        label_visibility="collapsed",
    )  # fmt: skip
    measure = measure or "accuracy"
    mean = curves.groupby("space", sort=False)[measure].mean()
    said = ", ".join(f"{name} {value:.1%}" for name, value in mean.items())
    st.markdown(f"{_MEASURES[measure]}, mean over all numbers of neighbours: {said}.")
    used = int(results.result(project).params.get("n_neighbors", 15))
    figure = plots.neighbors_figure(curves, measure=measure, used=used)
    alt = plots.alt_text("neighbours", n_spaces=len(mean))
    charts.draw(figure, key="neighbours:curves", config={"displayModeBar": False}, alt=alt)
    st.download_button(
        "The curves (.csv)", data=lambda: export.to_csv(curves), file_name="neighbours.csv", mime="text/csv",
        icon=":material/download:", on_click="ignore", key="neighbours:csv",
    )  # fmt: skip
