"""How many cells of each type every dataset has: those of the source beside the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sctl import plots
from sctl.project import Project
from sctl.ui.frame import results, state
from sctl.ui.widgets import charts, colors

_WHOLE = ""
_NOT_DIVIDED = "All cells together"


def panel(project: Project) -> None:
    """Draw a bar for each dataset or condition of both sides, coloured by cell type."""
    key = state.DATASETS
    choices = _columns(project)
    key.start_with(_usual(project, choices))
    if key.get() not in choices:
        key.set(_usual(project, choices))
    column = st.selectbox(
        "One bar for each", list(choices), format_func=choices.__getitem__, key=key.name, persist_state="session",
        help="A column of your cells, such as donor or disease. The source is divided too, where it has that column.",
    )  # fmt: skip
    named = colors.of(project, "final" if results.final_labels(project) is not None else "label")
    bars, types = parts(project, column, named.values)
    figure = plots.composition_bars(bars, types, palette=named.palette, part_name="Cell type")
    alt = plots.alt_text("composition", n_groups=len(set(bars)))
    charts.draw(figure, key="composition:datasets", config={"displayModeBar": False}, alt=alt)
    st.caption(
        "The source's types are those it came with, yours those that were given. What differs between two conditions of "
        "yours is worth a test with several donors in each: one donor's mix says little about others."
    )


def parts(project: Project, column: str, labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the bar and the cell type of every cell of both sides.

    Parameters
    ----------
    project : Project
    column : str
        Of the target's table; empty for one bar of each side.
    labels : ndarray of shape (n_target,)
    """
    own = results.table(project)[column].astype(str).to_numpy() if column else np.full(len(labels), "all")
    datasets, types = results.source_datasets(project, column)
    bars = [*(f"Source: {name}" for name in datasets), *(f"Yours: {name}" for name in own)]
    return np.asarray(bars, dtype=object), np.concatenate([types, labels]).astype(object)


def _columns(project: Project) -> dict[str, str]:
    names = [
        name for name in colors.options(project) if name.startswith("column:") and colors.names_cells(project, name)
    ]
    own = [name.split(":", 1)[1] for name in names]
    return {_WHOLE: _NOT_DIVIDED, **{name: name for name in own}}


def _usual(project: Project, choices: dict[str, str]) -> str:
    """Return the column of samples where it is known and there, else the first."""
    chosen = project.params("data")["batch_key"]
    return chosen if chosen in choices else list(choices)[-1 if len(choices) == 2 else 0]
