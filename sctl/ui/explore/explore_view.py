"""The maps of the Explore page: which cells, which layout, which colours; one or two side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from sctl import plots
from sctl.plots.palette import GREY, SOURCE_COLOUR, TARGET_COLOUR, is_numeric
from sctl.project import Project
from sctl.typing import Floats
from sctl.ui.data import datasets_view, pretrained
from sctl.ui.explore import flow_view
from sctl.ui.frame import jobs, results, selection, state
from sctl.ui.widgets import charts, colors, embedding_view
from sctl.ui.widgets.colors import Color

_SIDES = {"target": "Your cells", "joint": "Both datasets", "latent": "Both, as the method sees them"}
_KINDS = {"umap": "UMAP", "tsne": "t-SNE", "pca": "PCA"}
SOURCE_NAME = "source cell"


@dataclass(frozen=True)
class Layout:
    """Where cells lie: the source's first (none on a map of the target alone), then the target's."""

    side: str
    kind: str
    coords: Floats
    source_index: NDArray[Any]

    @property
    def n_source(self) -> int:
        """Number of source cells on the map."""
        return len(self.source_index)


def maps(project: Project) -> None:
    """Draw the choices and the map, or two; without a map the way to one is shown."""
    drawn = results.maps(project) | results.latent_map(project)
    layout = _layout(project, drawn)
    if layout is None:
        _no_map(project)
        return
    panes = st.columns(2, gap="medium") if two_maps() else [st.container()]
    for place, pane in zip(panes, ("", "right"), strict=False):
        with place:
            _pane(project, layout, pane)


def two_maps() -> bool:
    """Tell whether two maps are wanted, which take the whole width of the page."""
    return bool(state.PANES.get())


def _layout(project: Project, drawn: results.Maps) -> Layout | None:
    """Draw the choice of cells and layout among the maps that are finished."""
    kinds = {side: [kind for kind in _KINDS if _first(side, kind) in drawn] for side in _SIDES}
    sides = [side for side, found in kinds.items() if found]
    if not sides:
        return None
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        side = _segments("Cells", sides, _SIDES, state.MAP_CELLS)
        kind = _segments("Layout", kinds[side], _KINDS, state.MAP_KIND)
        st.toggle("Two maps", key=state.PANES.name, persist_state="session")
        if project.has_trained and "latent" not in sides:
            st.caption(pretrained.NO_CELLS)
    if side == "target":
        return Layout(side, kind, drawn[f"target_{kind}"], np.empty(0, dtype=np.int64))
    coords = np.concatenate([drawn[f"{side}_{kind}_source"], drawn[f"{side}_{kind}_target"]])
    return Layout(side, kind, coords, drawn[f"{side}_source_index"])


def _segments(label: str, choices: list[str], names: Mapping[str, str], key: state.Key[str]) -> str:
    """Draw a choice of one, which falls back to the first where the old one is not offered."""
    key.set(key.get() if key.get() in choices else choices[0])
    chosen = st.segmented_control(
        label, choices, format_func=names.__getitem__, key=key.name, required=True, label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    return chosen or choices[0]


def _first(side: str, kind: str) -> str:
    return f"target_{kind}" if side == "target" else f"{side}_{kind}_target"


def _no_map(project: Project) -> None:
    job = jobs.running(project)
    if job is not None:
        st.skeleton(height=420)
        st.caption("The first map appears here in a moment.")
        return
    st.info("The maps have not been drawn yet.", icon=":material/scatter_plot:")
    jobs.run_button(project, "explore", "Draw the maps")


def _pane(project: Project, layout: Layout, pane: str) -> None:
    color = _with_source(project, layout, colors.picker(project, pane))
    n_target = len(layout.coords) - layout.n_source
    chosen = selection.current(project, n_target)
    marked = np.concatenate([np.zeros(layout.n_source, dtype=bool), chosen])
    key = f"map:{pane}:{layout.side}:{layout.kind}:{state.SELECT_ROUND.get()}"
    embedding_view.selectable_map(
        layout.coords,
        color.values,
        title=color.title,
        key=key,
        on_select=lambda: _drawn(project, key, layout),
        names=_names(project, layout),
        palette=color.palette,
        selected=marked if marked.any() else None,
        legend=color.legend,
    )
    if layout.n_source:
        st.caption(_joint_words(layout, color))


def _drawn(project: Project, key: str, layout: Layout) -> None:
    selection.take_shapes(project, key, layout.coords, first=layout.n_source)


def _with_source(project: Project, layout: Layout, color: Color) -> Color:
    """Add values for the source cells on the map: their known types, else nothing."""
    if layout.side == "target":
        return color
    if is_numeric(color.values):
        return Color(np.concatenate([np.full(layout.n_source, np.nan), color.values]), color.title)
    if color.title in (colors.GROUPINGS["label"], colors.GROUPINGS["final"]):
        types = _source_types(project, layout)
        return Color(np.concatenate([types, color.values]), color.title, color.palette)
    grey = np.full(layout.n_source, SOURCE_NAME)
    named = {**(color.palette or plots.colors_of(color.values)), SOURCE_NAME: GREY}
    legend = None if color.legend is None else {**color.legend, SOURCE_NAME: GREY}
    return Color(np.concatenate([grey, color.values]), color.title, named, legend)


def _source_types(project: Project, layout: Layout) -> NDArray[Any]:
    """Return the known types of the source cells on a map; those of a trained source come with its own space."""
    if layout.side == "latent":
        return np.asarray(results.latent_map(project)["latent_source_types"], dtype=str)
    types: NDArray[Any] = results.source_types(project)[layout.source_index]
    return types


def _names(project: Project, layout: Layout) -> list[str]:
    own = list(results.result(project).obs_names)
    return [SOURCE_NAME] * layout.n_source + [f"your cell {name}" if layout.n_source else str(name) for name in own]


def _joint_words(layout: Layout, color: Color) -> str:
    shown = f"{layout.n_source:,} source cells and {len(layout.coords) - layout.n_source:,} of yours"
    if is_numeric(color.values) or SOURCE_NAME in color.values:
        return f"{shown}. Source cells are grey; a lasso selects yours only."
    return f"{shown}, each in the colour of its cell type. A lasso selects yours only."


# -- below the map -----------------------------------------------------------------------------------


def summaries(project: Project) -> None:
    """Draw what groups consist of, how source types flow into them, and a gene in every group."""
    made_of, datasets, flow, gene = st.tabs(
        ["What the groups consist of", "Types in each dataset", "From source type to group", "A gene in every group"]
    )
    with made_of:
        _composition(project)
    with datasets:
        datasets_view.panel(project)
    with flow:
        flow_view.panel(project)
    with gene:
        _violins(project)


def _composition(project: Project) -> None:
    choices = _groupings(project)
    left, right = st.columns(2)
    with left:
        bars = _choose("One bar for each", choices, state.GROUPED_BY.of("bars"), "cluster")
    with right:
        parts = _choose("Coloured by", choices, state.PARTS, "label")
    first, second = _values(project, bars), _values(project, parts)
    figure = plots.composition_bars(first.values, second.values, palette=second.palette, part_name=second.title)
    alt = plots.alt_text("composition", n_groups=len(set(first.values)))
    charts.draw(figure, key="composition", config={"displayModeBar": False}, alt=alt)


def _violins(project: Project) -> None:
    left, right = st.columns(2)
    with right:
        grouping = _choose("In each", _groupings(project), state.GROUPED_BY.of("violin"), "label")
        clean = bool(results.denoised_genes(project)) and st.toggle(
            "Denoised", key=state.DENOISED.name, persist_state="session",
            help="Show what the network makes of each cell from all its genes, not the measured values.",
        )  # fmt: skip
    with left:
        gene = colors.gene(project, "violin", clean=clean)
    if gene is None:
        st.caption("Choose a gene to see how strongly each group expresses it.")
        return
    _violin(gene, _values(project, grouping), key="violin")


def violin(project: Project, gene: str, groups: Color, *, key: str) -> None:
    """Draw the expression of one gene in every group."""
    _violin(Color(results.expression(project, gene), gene), groups, key=key)


def _violin(gene: Color, groups: Color, *, key: str) -> None:
    title = f"{gene.title} (log-normalised)"
    figure = plots.violin_figure(gene.values, groups.values, gene=title, palette=groups.palette)
    figure.update_xaxes(title_text=groups.title)
    alt = plots.alt_text("violin", gene=gene.title, n_groups=len(set(groups.values)))
    charts.draw(figure, key=key, config={"displayModeBar": False}, alt=alt)


_SELECTED = "selection"


def _groupings(project: Project) -> dict[str, str]:
    """Return the groupings by name: the result's, the user's columns, and what is selected."""
    found = {name: text for name, text in colors.options(project).items() if colors.names_cells(project, name)}
    n_obs = results.result(project).n_obs
    if selection.current(project, n_obs).any():
        found[_SELECTED] = "Selected or not"
    return found


def _values(project: Project, name: str) -> Color:
    if name != _SELECTED:
        return colors.of(project, name)
    mask = selection.current(project, results.result(project).n_obs)
    palette = {"selected": TARGET_COLOUR, "not selected": SOURCE_COLOUR}
    return Color(np.where(mask, "selected", "not selected"), "Selection", palette)


def _choose(label: str, choices: dict[str, str], key: state.Key[str], first: str) -> str:
    key.start_with(first)
    if key.get() not in choices:
        key.set(first)
    return st.selectbox(label, list(choices), format_func=choices.__getitem__, key=key.name, persist_state="session")
