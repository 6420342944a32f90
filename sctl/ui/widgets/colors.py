"""What a map can be coloured by: groups, confidence, a gene, quality, the user's own columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from sctl import plots
from sctl.data import UNASSIGNED
from sctl.plots.palette import OKABE_ITO, TOL
from sctl.project import Project
from sctl.ui.frame import results, state
from sctl.ui.widgets import gene_picker
from sctl.ui.widgets.histogram import METRICS

GROUPINGS = {"label": "Cell type", "cluster": "Cluster", "final": "Your own labels"}
"""Groupings that every result has, and what they are called; ``final`` are the types as the user left them."""
_KINDS = {"label": "labels", "cluster": "clusters", "final": "final"}
_GENE, _DENOISED, _CONFIDENCE = "gene", "denoised", "confidence"
_SEVERAL, _TWO = "genes", "blend"
_BY_GENES = (_GENE, _DENOISED, _TWO, _SEVERAL)
WHEEL = OKABE_ITO + TOL
_MOST_NAMES = 60  # a column of text with more values (barcodes, say) is no colour


@dataclass(frozen=True)
class Color:
    """Values of all cells, (n_obs,), what they are, and a colour of each name where they are names."""

    values: NDArray[Any]
    title: str
    palette: dict[str, str] | None = None
    legend: dict[str, str] | None = None
    """Names and colours that a legend shows in place of the values."""


def picker(project: Project, pane: str = "") -> Color:
    """Draw the choice for one map, and return what was chosen."""
    choices = options(project)
    key = state.COLOUR.of(pane)
    key.start_with("label" if pane != "right" else "cluster")
    if key.get() not in choices:
        key.set("label")
    left, right = st.columns([1, 1])
    with left:
        chosen = st.selectbox(
            "Colour by", list(choices), format_func=choices.__getitem__, key=key.name, persist_state="session"
        )
    with right:
        found = _by_genes(project, str(chosen), pane) if chosen in _BY_GENES else of(project, str(chosen))
    return of(project, "label") if found is None else found


def _by_genes(project: Project, chosen: str, pane: str) -> Color | None:
    """Draw the choice of genes; return their colours, or None where too few are chosen."""
    if chosen == _SEVERAL:
        genes = gene_picker.several(project, pane)
        if not genes:
            st.caption("Choose genes. Until then the map shows cell types.")
            return None
        count = f"{len(genes):,} {'gene' if len(genes) == 1 else 'genes'}"
        st.caption(f"Mean log-normalised expression of {count} of your target.")
        return Color(results.mean_expression(project, genes), f"Mean of {count}")
    if chosen != _TWO:
        return gene(project, pane, clean=chosen == _DENOISED)
    name = gene_picker.pick(project, pane, label="First gene (blue)")
    if name is None:
        return None
    other = gene_picker.pick(project, f"{pane}second", label="Second gene (orange)", place=1)
    if other is None:
        return None
    both = (name, other)
    values, mixed = plots.blend(results.expression(project, name), results.expression(project, other), both)
    return Color(values, f"{name} and {other}", mixed, plots.corners(both))


def gene(project: Project, pane: str, *, clean: bool) -> Color | None:
    """Draw the choice of a gene, and return its expression, as measured or denoised; None where none was chosen."""
    if not clean:
        name = gene_picker.pick(project, pane)
        return None if name is None else Color(results.expression(project, name), name)
    names = results.denoised_genes(project)
    about = f"Any of the {len(names):,} genes that the network learned from the source."
    name = gene_picker.pick(project, pane, among=(names, about))
    return None if name is None else Color(results.denoised_expression(project, name), f"{name} (denoised)")


def of(project: Project, name: str) -> Color:
    """Return the values of one choice other than a gene."""
    if name in GROUPINGS:
        return Color(groups(project, name), GROUPINGS[name], palette(project, name))
    if name == _CONFIDENCE:
        return Color(results.result(project).confidence, "Confidence")
    column = name.split(":", 1)[1]
    if name.startswith("quality:"):
        title = next((metric.title for metric in METRICS if metric.name == column), column)
        return Color(results.quality(project)[column].to_numpy(dtype=float), title)
    series = results.table(project)[column]
    numeric = pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series)
    return Color(series.to_numpy(dtype=float) if numeric else series.astype(str).to_numpy(), column)


def groups(project: Project, name: str) -> NDArray[Any]:
    """Return one of :data:`GROUPINGS` as text.  (n_obs,)."""
    return results.groups(project, _KINDS[name], results.final_labels(project))


def palette(project: Project, name: str) -> dict[str, str]:
    """Return a colour for each name; a cell type has the same on every page, in the source and in the user's labels."""
    found = results.result(project)
    if name == "cluster":
        return plots.colors_of(found.cluster_names)
    base = plots.colors_of(found.label_names)
    free = [color for color in WHEEL if color not in base.values()] or list(WHEEL)
    own = plots.natural_order(label for label in set(groups(project, "final")) if label not in base)
    return {**dict(zip(own, cycle(free), strict=False)), **base, **plots.colors_of([UNASSIGNED])}


def names_cells(project: Project, name: str) -> bool:
    """Tell whether a choice gives names, by which cells can be grouped, and not numbers."""
    if name.startswith("column:"):
        return not pd.api.types.is_numeric_dtype(results.table(project)[name.split(":", 1)[1]])
    return name in GROUPINGS


def options(project: Project) -> dict[str, str]:
    """Return all choices and what they are called."""
    found = dict(GROUPINGS)
    if results.final_labels(project) is None:
        found.pop("final")
    found |= {
        _CONFIDENCE: "Confidence",
        _GENE: "A gene …",
        _TWO: "Two genes, blended …",
        _SEVERAL: "The mean of several genes …",
    }
    if results.denoised_genes(project):
        found[_DENOISED] = "A gene, denoised …"
    quality = results.quality(project)
    found |= {f"quality:{m.name}": m.title for m in METRICS if m.name in quality}
    table = results.table(project)
    return found | {f"column:{name}": f"{name} (your column)" for name in table.columns if _usable(table[name])}


def _usable(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column)) or 1 < column.nunique() <= _MOST_NAMES
