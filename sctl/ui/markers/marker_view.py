"""Marker genes: tables, the gene of the row that was clicked, dots, and selection A against B."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from sctl import export, plots
from sctl.analysis.markers import compare_selections, dot_table, marker_warnings, top_markers
from sctl.project import Project, load_sides, save_sides
from sctl.ui.explore import explore_view, label_editor
from sctl.ui.frame import caching, errors, results, selection, shell, state
from sctl.ui.widgets import charts, colors, embedding_view

PLACE = "markers"
_OF = {"clusters": "clusters", "labels": "cell types", "final": "your own labels"}
_GROUPING = {"clusters": "cluster", "labels": "label", "final": "final"}
_ROWS = 300  # genes a table shows; the file to download has all
_MOST_P, _LEAST_FOLD = 0.05, 0.5
_COLUMNS: dict[str, Any] = {
    "gene": st.column_config.TextColumn("Gene", pinned=True, width=95),
    "log2_fold_change": st.column_config.NumberColumn(
        "log2 fold", width=75, format="%.2f", help="1 means twice as much as in the other cells, 2 four times as much."
    ),
    "p_adjusted": st.column_config.NumberColumn(
        "Adjusted p", width=85, format="%.1e", help="Corrected for the number of genes tested (Benjamini and Hochberg)."
    ),
    "share_in": st.column_config.NumberColumn(
        "% in", width=60, format="%.0f%%", help="Share of the group's cells that express it."
    ),
    "share_out": st.column_config.NumberColumn(
        "% out", width=60, format="%.0f%%", help="Share of the other cells that express it."
    ),
    "auroc": st.column_config.NumberColumn(
        "AUROC",
        width=70,
        format="%.2f",
        help="Chance that a cell of the group has more of it than a cell outside: 1 perfect, 0.5 no difference.",
    ),
}


# -- each group against the rest -------------------------------------------------------------------------


def choose_groups(project: Project) -> None:
    """Draw what markers are looked for of; a change puts the earlier table out of date."""
    options = [name for name in _OF if name != "final" or results.final_labels(project) is not None]
    state.MARKERS_OF.set(project.params("markers")["groups"])
    st.segmented_control(
        "Marker genes of",
        options,
        format_func=lambda name: _OF[name].capitalize(),
        key=state.MARKERS_OF.name,
        required=True,
        on_change=_set_groups,
    )


def _set_groups() -> None:
    project = shell.current()
    if project is None:
        return
    with errors.remembered("The earlier choice still holds.", place=PLACE):
        chosen = state.MARKERS_OF.get()
        project.set_params("markers", {"groups": chosen}, note=f"Marker genes of {_OF[chosen]}")


def warnings(project: Project) -> None:
    """Say what a reader of the table must know."""
    groups = _groups(project)
    prefix = "cluster " if project.params("markers")["groups"] == "clusters" else ""
    *special, optimistic, donors = marker_warnings([f"{prefix}{name}" for name in groups.values])
    for text in special:
        st.warning(errors.plain(text), icon=":material/warning:")
    st.caption(f"{optimistic} {donors}")


def tables(project: Project) -> None:
    """Draw the table of one group, and beside it the gene of the row that was clicked."""
    found = results.markers(project)
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        group = _group_picker(project, found)
        own = found[found["group"] == group]
        gene = _table(own, key=f"markers:{project.fingerprint('markers')}:{group}")
        st.download_button(
            "All groups and genes (.csv)",
            data=lambda: export.to_csv(found),
            file_name="markers.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="markers_csv",
        )
    with right:
        _gene(project, gene, _groups(project), group)


def _group_picker(project: Project, found: pd.DataFrame) -> str:
    names = plots.natural_order(found["group"].unique())
    key = state.MARKER_GROUP
    if key.get() not in names:
        key.set(names[0])
    labels = _described(project, names)
    chosen = st.selectbox(
        "Group", names, format_func=lambda name: labels.get(name, name), key=key.name, persist_state="session"
    )
    return str(chosen)


def _described(project: Project, names: list[str]) -> dict[str, str]:
    """Return the names of clusters with the cell type that most of their cells were given."""
    if project.params("markers")["groups"] != "clusters":
        return {}
    table = pd.DataFrame({"cluster": colors.groups(project, "cluster"), "label": colors.groups(project, "label")})
    usual = table.groupby("cluster")["label"].agg(lambda labels: labels.mode().iloc[0])
    return {name: f"Cluster {name} (mostly {usual[name]})" for name in names if name in usual}


def _table(own: pd.DataFrame, *, key: str) -> str | None:
    """Draw one group's genes, and return the one whose row is chosen; the best where none is."""
    only = state.CLEAR_ONLY.of(key.split(":", maxsplit=1)[0])
    only.start_with(only.default)
    clear = st.toggle(
        "Only clear markers",
        key=only.name,
        persist_state="session",
        help=f"Adjusted p at most {_MOST_P:g} and at least {2**_LEAST_FOLD:.1f} times as much as in the other cells.",
    )
    shown = own
    if clear:
        shown = top_markers(own, _ROWS, max_p_adjusted=_MOST_P, min_log2_fold_change=_LEAST_FOLD)
    shown = shown.head(_ROWS).reset_index(drop=True)
    if shown.empty:
        st.info("No gene is clearly higher in this group. Switch off *Only clear markers* to see all.")
        return None if own.empty else str(own["gene"].iloc[0])
    event: Any = st.dataframe(
        shown[list(_COLUMNS)].assign(share_in=100 * shown["share_in"], share_out=100 * shown["share_out"]),
        hide_index=True,
        height=420,
        column_config=_COLUMNS,
        on_select="rerun",
        selection_mode="single-row",
        key=f"{key}:{clear}",
        alt="Marker genes of this group, best first. Choose a row to see the gene.",
    )
    st.caption(f"{len(shown):,} genes, the best first. Click at the left of a row to see the gene.")
    rows = event["selection"]["rows"]
    return str(shown["gene"].iloc[rows[0] if rows and rows[0] < len(shown) else 0])


def _gene(project: Project, gene: str | None, groups: colors.Color, group: str) -> None:
    """Draw one gene on the map and in every group."""
    if gene is None:
        return
    st.markdown(f"#### *{errors.plain(gene)}*")
    coords = results.maps(project).get("target_umap")
    if coords is not None:
        embedding_view.plain_map(
            coords, results.expression(project, gene), title=gene, key=f"markers:map:{group}", height=300
        )
    explore_view.violin(project, gene, groups, key="markers:violin")


def _groups(project: Project) -> colors.Color:
    return colors.of(project, _GROUPING[project.params("markers")["groups"]])


def dots(project: Project) -> None:
    """Draw the best genes of every group as dots."""
    found = results.markers(project)
    st.markdown("### The best genes of every group")
    state.TOP.start_with(state.TOP.default)
    n_top = st.slider("Genes for each group", 1, 10, key=state.TOP.name, persist_state="session")
    best = top_markers(found, n_top)
    if best.empty:
        st.caption("No group has clear markers.")
        return
    target, groups = results.target(project), _groups(project)
    names = plots.natural_order(set(groups.values))
    genes = [gene for name in names for gene in best.loc[best["group"] == name, "gene"]]
    table = dot_table(
        target.X, pd.Categorical(groups.values, categories=names), genes, var_names=list(target.var_names)
    )
    alt = plots.alt_text("dot_plot", n_genes=table["gene"].nunique(), n_groups=len(names))
    charts.draw(plots.dot_plot(table), key="markers:dots", config={"displayModeBar": False}, alt=alt)


# -- A against B -------------------------------------------------------------------------------------


def a_against_b(project: Project) -> None:
    """Let the user compare two sets of cells: groups, or selections from the Explore page."""
    choices = _sides(project)
    for key, side in zip((state.SIDE_A, state.SIDE_B), load_sides(project), strict=True):
        key.start_with(side if side in choices else None)  # a new visit: as the project has it
    st.caption("Choose two groups, or select cells on the Explore page and keep them as A and B.")
    left, right = st.columns(2)
    with left:
        a = st.selectbox(
            "A", list(choices), index=None, key=state.SIDE_A.name, placeholder="Cells", persist_state="session",
            on_change=_keep_sides,
        )  # fmt: skip
    with right:
        b = st.selectbox(
            "against B", list(choices), index=None, key=state.SIDE_B.name, placeholder="All other cells",
            persist_state="session", on_change=_keep_sides,
        )  # fmt: skip
    if a is None:
        return
    table = _compared(project, choices[a], choices[b] if b else None)
    marked = table.rename(columns={"group": "side"}).assign(group="A")
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        gene = _table(marked, key=f"ab:{a}:{b}")
        st.download_button(
            "All genes (.csv)", data=lambda: export.to_csv(table), file_name="markers_a_against_b.csv", mime="text/csv",
            icon=":material/download:", on_click="ignore", key="ab_csv",
        )  # fmt: skip
    with right:
        figure = plots.volcano(table)
        figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
        charts.draw(figure, key="ab:volcano", config={"displayModeBar": False}, alt=_volcano_alt(table))
        if gene is not None:
            sides = np.where(choices[a], "A", np.where(choices[b], "B", "others") if b else "others")
            explore_view.violin(project, gene, colors.Color(sides, "Side"), key="ab:violin")


def _keep_sides() -> None:
    project = shell.current()
    if project is not None:
        save_sides(results.shown(project), (state.SIDE_A.get(), state.SIDE_B.get()))


def _compared(project: Project, a: NDArray[np.bool_], b: NDArray[np.bool_] | None) -> pd.DataFrame:
    with st.spinner("Comparing …", show_time=True):
        packed = (selection.Selection.of(a), None if b is None else selection.Selection.of(b))
        return _compare(project, *packed)


@caching.data("preprocess", max_entries=16, hash_funcs={selection.Selection: lambda item: item.bits})
def _compare(project: Project, a: selection.Selection, b: selection.Selection | None) -> pd.DataFrame:
    target = results.target(project)
    return compare_selections(target.X, a.mask, None if b is None else b.mask, target.var_names)


def _volcano_alt(table: pd.DataFrame) -> str:
    clear = (table["p_adjusted"] <= _MOST_P) & (table["log2_fold_change"].abs() >= 1)
    return plots.alt_text("volcano", n_genes=len(table), n_clear=int(clear.sum()))


def _sides(project: Project) -> dict[str, NDArray[np.bool_]]:
    n_obs = results.result(project).n_obs
    kept = {f"Selection {name}": selection.current(project, n_obs, name) for name in ("A", "B")}
    kept["What is selected now"] = selection.current(project, n_obs)
    return {name: mask for name, mask in kept.items() if mask.any()} | label_editor.named_groups(project)
