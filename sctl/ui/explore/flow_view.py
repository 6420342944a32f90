"""How the cells flow from source types to groups and, where it is known, to the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from sctl import plots
from sctl.data import UNASSIGNED
from sctl.project import Project
from sctl.ui.frame import results
from sctl.ui.widgets import charts, colors


def panel(project: Project) -> None:
    """Draw the flow of the cells; a broad band holds many cells."""
    layers = layers_of(project)
    types = colors.palette(project, "label")
    palette = {**_as_their_type(project, types), **types}
    first, last = next(iter(layers)), list(layers)[-1]
    alt = plots.alt_text("layers", first=first.lower(), last=last.lower())
    charts.draw(plots.layered_sankey(layers, palette=palette), key="flow", config={"displayModeBar": False}, alt=alt)
    st.caption("Each band is a set of cells. Bands that split or join show where names and groups disagree.")


def _as_their_type(project: Project, types: Mapping[str, str]) -> dict[str, str]:
    """Return for each group the colour of the type that most of its cells have, so that a colour means one thing."""
    table = pd.DataFrame(
        {"group": results.groups(project, "clusters", None), "type": results.result(project).labels.astype(str)}
    )
    usual = table.groupby("group")["type"].agg(lambda values: values.mode().iloc[0])
    return {str(group): types[name] for group, name in usual.items()}


def layers_of(project: Project) -> dict[str, Any]:
    """Return the names of the cells from left to right: the source's type, the group, the true type if known."""
    found = results.result(project)
    kept = found.diagnostics.kept
    if kept is not None and "before_proba" in found.obsm:
        types = np.asarray(kept.types.before, dtype=str)
        first = {"Source type at first": types[np.asarray(found.obsm["before_proba"]).argmax(axis=1)]}
    else:
        first = {"Source type given": found.labels.astype(str)}
    layers = {**first, "Group": results.groups(project, "clusters", None)}
    truth = project.truth()
    if truth is not None:
        known = truth.reindex(found.obs_names)
        layers["True cell type"] = known.astype(object).where(known.notna(), UNASSIGNED).to_numpy()
    return layers
