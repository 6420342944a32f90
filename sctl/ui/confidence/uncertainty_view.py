"""Two doubts about every cell: it lies between known types, or far from all; and groups that may be new types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from sctl import export
from sctl.analysis.markers import top_markers
from sctl.data import NoveltyModel, TransferResult
from sctl.plots.palette import ACCENT, GREY, ON_ANY, styled
from sctl.project import Project
from sctl.ui.confidence import unknown_cells_view
from sctl.ui.frame import errors, results, selection, shell, state, steps
from sctl.ui.reference import self_test_view
from sctl.ui.widgets import charts, embedding_view, numbers

NAMED, BETWEEN, FAR = "has a name", "between known types", "far from all types"
_COLOURS = {NAMED: ACCENT, BETWEEN: "#E69F00", FAR: "#D55E00"}
_LEAST = 1e-3  # below, the chance of a new type is drawn as this
N_GENES = 8
_ROWS = 300  # rows the table shows; the file to download has all


def has(found: TransferResult) -> bool:
    """Tell whether a result knows both doubts of its cells."""
    return "novelty" in found.obsm and found.diagnostics.novelty is not None


def panel(project: Project) -> None:
    """Draw both doubts, the limit beyond which a cell is of no known type, and the groups of such cells."""
    found = results.result(project)
    table = uncertainty_table(found)
    _meaning()
    _numbers(project, found, table)
    st.caption(expectation(found, self_test_view.of(project)))
    _unknown_groups(project, found)
    _pictures(project, found, table)
    _table(table)


def uncertainty_table(found: TransferResult) -> pd.DataFrame:
    """Return a row for each cell: its names, both doubts, and what follows from them."""
    columns = found.diagnostics.novelty_columns
    values = dict(zip(columns, np.asarray(found.obsm["novelty"], dtype=float).T, strict=True))
    limit, most = limits(found)
    verdict = np.where(values["ambiguity"] > most, BETWEEN, NAMED).astype(object)
    if found.params.get("find_new_types", True):
        verdict[values["unknown"] > limit] = FAR
    return pd.DataFrame(
        {
            "cell": np.asarray(found.obs_names, dtype=str),
            "cluster": np.asarray(found.cluster_names, dtype=object)[found.clusters],
            "label": found.labels,
            "far_from_all": values["unknown"],
            "between_types": values["ambiguity"],
            "neighbor_distance": values["neighbour distance"],
            "verdict": verdict,
        }
    )


def limits(found: TransferResult) -> tuple[float, float]:
    """Return the chance of a new type beyond which a cell is unknown, and the ambiguity that no name survives."""
    return _model(found).threshold, float(found.params["max_ambiguity"])


def _model(found: TransferResult) -> NoveltyModel:
    """Return what the doubts were learned by, of a result that knows them."""
    model = found.diagnostics.novelty
    if model is None:
        raise ValueError(f"{found.method} has no model of new types")
    return model


def expectation(found: TransferResult, tested: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how the limit was found, and what it did where types of the reference itself were hidden.

    Parameters
    ----------
    found : TransferResult
    tested : mapping
        Answers of the tests of the reference, see :func:`sctl.project.load_self_test`; may be empty.
    """
    seen = _model(found)
    said = (
        f"The limit ({seen.threshold:.0%} chance of a new type) was found with the reference's own cells: of those "
        f"of known types, {seen.kept:.0%} stay below it, and {seen.accuracy:.0%} of these get the right name."
    )
    flagged = seen.flagged
    if any(tested.get("types", {}).values()):
        mean = float(np.mean(tested["types"]["flagged"]))
        said += f" Where it was learned anew without a type, {mean:.0%} of that type's cells got no name, on average."
    elif not np.isnan(flagged):
        said += (
            f" Of the cells of a type that was hidden afterwards, {flagged:.0%} lie beyond it. That is too good: the network had "
            "seen the type while it learned. The test of the reference on the page Transfer tells what to expect."
        )
    return said


def _meaning() -> None:
    left, right = st.columns(2, gap="large")
    left.markdown(
        "**Between types:** the reference cells nearest to this cell have different names. It may be a transition, two cells "
        "in one droplet, or two types that are hard to tell apart."
    )
    right.markdown(
        "**Far from all:** the cell is farther from every known type than that type's own cells are. Its type may be missing "
        "in the reference. Damaged cells look so too: check the marker genes."
    )


def _numbers(project: Project, found: TransferResult, table: pd.DataFrame) -> None:
    counts = table["verdict"].value_counts()
    far = (table["verdict"] == FAR).to_numpy()
    shown = [(name.capitalize(), *_share(int(counts.get(name, 0)), len(table))) for name in (NAMED, BETWEEN, FAR)]
    accuracy = _model(found).accuracy
    shown += [("Expected right", f"{accuracy:.0%}", "if of known types")]
    shown += unknown_cells_view.against_truth(project, found, far)
    numbers.row(shown)


def _share(count: int, total: int) -> tuple[str, str]:
    return f"{count:,}", f"{100 * count / max(1, total):.0f}% of {total:,} cells"


# -- groups that may be new types ------------------------------------------------------------------------


def unknown_groups(found: TransferResult) -> list[str]:
    """Return the names of the groups of cells that resemble no known type, the largest first."""
    known = set(found.label_names)
    return [name for name in found.cluster_names if name not in known]


def _unknown_groups(project: Project, found: TransferResult) -> None:
    names = unknown_groups(found)
    st.markdown("### Possible new types")
    if not names:
        st.info("No cell is so far from all known types that it would be called unknown.", icon=":material/check:")
        return
    genes = _marker_genes(project)
    if genes is None:
        st.caption("Marker genes of these groups appear here once they have been looked for, cluster by cluster.")
    for name in names:
        _group(project, found, name, None if genes is None else genes.get(name, []))


def _group(project: Project, found: TransferResult, name: str, genes: list[str] | None) -> None:
    mask = found.clusters == found.cluster_names.index(name)
    with st.container(border=True):
        left, right = st.columns([3, 1.2], vertical_alignment="center", gap="medium")
        with left:
            st.markdown(
                f"**{name.capitalize()}: possible new type** · {int(mask.sum()):,} cells · nearest known type: "
                f"{errors.plain(nearest_type(found, mask))}"
            )
            if genes is not None:
                said = ", ".join(f"*{errors.plain(gene)}*" for gene in genes) or "none is clearly higher in this group"
                st.markdown(f"Marker genes: {said}")
        with right:
            _ways_on(project, name, mask, with_genes=genes is not None)


def _ways_on(project: Project, name: str, mask: NDArray[np.bool_], *, with_genes: bool) -> None:
    """Draw buttons that lead to the group's cells on the map, and to its marker genes."""
    if st.button("See them on the map", icon=":material/scatter_plot:", key=f"unknown:map:{name}", width="stretch"):
        selection.keep(project, mask)
        shell.go(steps.EXPLORE)
    if st.button("Marker genes", icon=":material/genetics:", key=f"unknown:genes:{name}", width="stretch"):
        if with_genes:
            state.MARKER_GROUP.set(name)
        shell.go(steps.MARKERS)


def nearest_type(found: TransferResult, mask: NDArray[np.bool_]) -> str:
    """Return the known type that most of some cells' neighbours have."""
    return found.label_names[int(found.label_proba[mask].mean(axis=0).argmax())]


def _marker_genes(project: Project) -> dict[str, list[str]] | None:
    """Return the best marker genes of every cluster; None where they have not been looked for."""
    if project.params("markers")["groups"] != "clusters" or project.state("markers") != "done":
        return None
    best = top_markers(results.markers(project), N_GENES)
    return {str(name): list(rows["gene"]) for name, rows in best.groupby("group")}


# -- pictures and table -------------------------------------------------------------------------------


def _pictures(project: Project, found: TransferResult, table: pd.DataFrame) -> None:
    left, right = st.columns([1.25, 1], gap="large")
    coords = results.maps(project).get("target_umap")
    with left:
        if coords is None:
            st.caption("The map has not been drawn yet: open the Explore page.")
        else:
            embedding_view.plain_map(
                coords, table["verdict"].to_numpy(), title="Doubt", key="doubts:map", height=380, palette=_COLOURS,
                names=list(table["cell"]),
            )  # fmt: skip
    with right:
        alt = f"Scatter plot of {len(table):,} cells: ambiguity between types across, chance of a new type upwards."
        charts.draw(figure(table, *limits(found)), key="doubts:scatter", config={"displayModeBar": False}, alt=alt)


def figure(table: pd.DataFrame, limit: float, most: float) -> go.Figure:
    """Draw both doubts of every cell against each other, with their limits."""
    drawn = go.Figure()
    for name, color in _COLOURS.items():
        rows = table[table["verdict"] == name]
        drawn.add_scattergl(
            x=rows["between_types"], y=rows["far_from_all"].clip(lower=_LEAST), mode="markers",
            name=f"{name} ({len(rows):,})", marker={"color": color, "size": 5, "opacity": 0.6},
            customdata=np.column_stack([rows["cell"], rows["cluster"]]),
            hovertemplate="%{customdata[0]}: %{customdata[1]}<br>between types %{x:.0%}<br>new type %{y:.1%}<extra></extra>",
        )  # fmt: skip
    drawn.add_hline(y=max(limit, _LEAST), line={"color": ON_ANY, "width": 1.5, "dash": "dash"})
    drawn.add_vline(x=most, line={"color": GREY, "width": 1.5, "dash": "dot"})
    styled(drawn, x_title="Between types (share of other names nearby)", y_title="Chance of a new type", height=380)
    drawn.update_xaxes(range=[-0.03, 1.03], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
    drawn.update_yaxes(
        type="log", range=[np.log10(_LEAST) - 0.1, 0.1], tickvals=[0.001, 0.01, 0.1, 1], tickformat=".1~%"
    )
    drawn.update_layout(
        uirevision="doubts", margin={"t": 60}, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    )
    return drawn


def _table(table: pd.DataFrame) -> None:
    far = table[table["verdict"] != NAMED].sort_values("far_from_all", ascending=False, kind="stable")
    st.markdown("### Cells without a name")
    if far.empty:
        st.info("Every cell has a name.")
    else:
        percent: dict[str, Any] = {"min_value": 0.0, "max_value": 1.0, "format": "percent"}
        st.dataframe(
            far.head(_ROWS), hide_index=True, height=320, alt="Cells without a name, those farthest from all types first.",
            column_order=["cell", "verdict", "far_from_all", "between_types", "cluster"],
            column_config={
                "cell": st.column_config.TextColumn("Cell", pinned=True), "cluster": "Cluster", "verdict": "Why",
                "far_from_all": st.column_config.ProgressColumn("Chance of a new type", **percent),
                "between_types": st.column_config.ProgressColumn("Between types", **percent),
            },
        )  # fmt: skip
    st.download_button(
        "All cells with both doubts (.csv)", data=lambda: export.to_csv(table), file_name="two_doubts.csv", mime="text/csv",
        icon=":material/download:", on_click="ignore", key="doubts:csv",
    )  # fmt: skip
