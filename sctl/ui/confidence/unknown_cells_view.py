"""Cells that the source cannot explain: which they are, where they lie, and what a limit would do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from sctl import export
from sctl.analysis import unknown_cells
from sctl.data import UNASSIGNED, TransferResult
from sctl.plots.palette import ACCENT, ON_ANY, styled
from sctl.project import Project
from sctl.typing import Floats
from sctl.ui.frame import errors, results, shell, state
from sctl.ui.widgets import charts, colors, embedding_view, numbers

_ROWS = 300  # rows the table shows; the file to download has all
_MOST = 6.0  # end of the slider, and of the map's colours: beyond, all are strange alike
_STRANGE = "#D55E00"  # vermilion, which stays apart from the blue for those who see few colours
_FLAT: dict[str, Any] = {"displayModeBar": False}

SCORES = {
    "margin": "Lead of the best type (margin)",
    "entropy": "Spread over many types (entropy)",
    "kurtosis": "Lack of a peak in the mix (kurtosis)",
    "reconstruction": "Mismatch with the best type (reconstruction error)",
    "l2_hard": "Distance to the best type (L2)",
    "l2_soft": "Distance to the best mix of types (L2)",
    "l1_hard": "Distance to the best type (L1)",
    "l1_soft": "Distance to the best mix of types (L1)",
}
"""What each score of :mod:`sctl.analysis.unknown_cells` is called."""


def panel(project: Project) -> None:
    """Draw everything about cells beyond the source."""
    found = results.result(project)
    if not unknown_cells.has_scores(found):
        st.info(
            "This method does not rebuild your cells from the source's types, so it cannot say which it fails to "
            "explain. TransferCluster, scArches and the Poisson autoencoder can: choose one of them on the page Transfer.",
            icon=":material/travel_explore:",
        )
        return
    _meaning(found)
    for text in results.merged_subpopulations(project):
        st.warning(errors.plain(text), icon=":material/visibility_off:")
    values = unknown_cells.outlier_score(found, _scores(found))
    limit = _limit(found, values)
    _numbers(project, found, values > limit)
    _pictures(project, values, limit)
    _table(found, values, limit)


def _meaning(found: TransferResult) -> None:
    left, right = st.columns(2, gap="large")
    how = (
        "the source's cell types are mixed to come as close as possible to each of your cells. Where no type leads clearly"
        if _rebuilds_from_types(found)
        else "each of your cells takes the names of the source cells nearest to it in the network's code. Where they "
        "have many names"
    )
    left.markdown(f"**What it is:** {how}, the source does not explain the cell: its type may be missing there.")
    right.markdown(
        "**What it is not:** proof of a new type. Two cells in one droplet, or a damaged cell, look strange too. Look at "
        "the marker genes of these cells."
    )


def _rebuilds_from_types(found: TransferResult) -> bool:
    """Tell whether cells were compared with mixtures of the source's types, and not with its cells."""
    return "l2_soft" in unknown_cells.score_table(found)


def _scores(found: TransferResult) -> list[str]:
    """Draw what cells are judged by, tucked away, and return it."""
    offered: list[str] = list(unknown_cells.score_table(found).columns)
    names = (
        SCORES if _rebuilds_from_types(found) else {**SCORES, "reconstruction": "Error of the network that rebuilds it"}
    )
    state.STRANGE_BY.start_with(list(unknown_cells.DEFAULT_SCORES))
    state.STRANGE_BY.set([name for name in state.STRANGE_BY.get() if name in offered])
    with st.popover("How cells are judged", icon=":material/tune:", type="tertiary"):
        chosen = st.multiselect(
            "Judge a cell by", offered, key=state.STRANGE_BY.name, format_func=names.__getitem__,
            persist_state="session", placeholder="Margin and entropy",
        )  # fmt: skip
        st.markdown(
            "Strangeness is the mean of these. Each counts in spreads: 0 is the typical cell of your target, 2 is two "
            "standard deviations worse.\n\n"
            "With cell types left out of a source on purpose, margin and entropy together found the cells best. "
            "Distances did worse: they also grow with how much was measured in a cell."
        )
    return list(chosen) or list(unknown_cells.DEFAULT_SCORES)


def _limit(found: TransferResult, values: Floats) -> float:
    """Draw the limit and the button that applies it; return the limit."""
    state.STRANGE_LIMIT.start_with(unknown_cells.DEFAULT_LIMIT)
    left, right = st.columns([3, 1.2], gap="medium", vertical_alignment="bottom")
    with left:
        limit = st.slider(
            "Cells the source cannot explain: set the limit", 0.0, _MOST, step=0.1,
            key=state.STRANGE_LIMIT.name, persist_state="session",
            help="0 is the typical cell of your target; a cell at 2 is explained two standard deviations worse.",
        )  # fmt: skip
    strange = int((values > limit).sum())
    right.button(
        f"Call {strange:,} {'cell' if strange == 1 else 'cells'} unassigned" if strange else "No cell is beyond the limit",
        icon=":material/check:", key="apply_strange", on_click=_apply, args=(limit,), disabled=strange == 0,
        width="stretch", help="Changes your own labels only, not the method's. Undo takes it back.",
    )  # fmt: skip
    return limit


def _apply(limit: float) -> None:
    project = shell.current()
    if project is None:
        return
    with errors.remembered("Your labels are as they were.", place="confidence"):
        view = results.shown(project)
        found = results.result(view)
        values = unknown_cells.outlier_score(found, state.STRANGE_BY.get() or unknown_cells.DEFAULT_SCORES)
        labels = np.where(values > limit, UNASSIGNED, colors.groups(view, "final"))
        note = f"Cells stranger than {limit:.1f} unassigned"
        project.set_labels(pd.Series(labels, index=found.obs_names), note=note)
        errors.notify(f"{note}. Undo takes it back.")


def _numbers(project: Project, found: TransferResult, beyond: NDArray[np.bool_]) -> None:
    n_beyond = int(beyond.sum())
    shown = [
        ("Beyond the limit", f"{n_beyond:,}", f"{100 * n_beyond / found.n_obs:.0f}% of {found.n_obs:,} cells"),
        ("Keep their names", f"{found.n_obs - n_beyond:,}", f"{100 * (1 - n_beyond / found.n_obs):.0f}%"),
    ]
    shown += against_truth(project, found, beyond)
    numbers.row(shown)


def against_truth(project: Project, found: TransferResult, beyond: NDArray[np.bool_]) -> list[tuple[str, str, str]]:
    """Return a number for the page: how many cells are truly of types that the source lacks, where the truth is known."""
    truth = project.truth()
    known = None if truth is None else truth.reindex(found.obs_names)
    if known is None or known.isna().all():
        return []
    new = (known.notna() & ~known.isin(set(map(str, found.label_names)))).to_numpy(dtype=bool)
    if not new.any():
        return [("Truly of a missing type", "0", "the source has every type here")]
    return [("Truly of a missing type", f"{int((new & beyond).sum()):,}", f"of all {int(new.sum()):,} such cells")]


def _pictures(project: Project, values: Floats, limit: float) -> None:
    left, right = st.columns([1.25, 1], gap="large")
    coords = results.maps(project).get("target_umap")
    with left:
        if coords is None:
            st.caption("The map has not been drawn yet: open the Explore page.")
        else:
            embedding_view.plain_map(
                coords, np.clip(values, 0.0, _MOST), title="Strangeness", key="novelty:map", height=360,
                names=[str(name) for name in results.result(project).obs_names],
            )  # fmt: skip
    with right:
        alt = (
            f"Histogram of the strangeness of {len(values):,} cells; {int((values > limit).sum()):,} lie beyond the "
            f"limit of {limit:.1f}."
        )
        charts.draw(_histogram(values, limit), key="novelty:histogram", config=_FLAT, alt=alt)


def _histogram(values: Floats, limit: float) -> go.Figure:
    """Return how strange cells are; those beyond the limit stand out."""
    drawn = np.clip(values, -_MOST, 2 * _MOST)  # a few cells far out would press all others into one bar
    edges = np.linspace(min(-1.0, drawn.min()), max(limit + 1.0, drawn.max()), 41)
    parts = (("explained", drawn[values <= limit], ACCENT), ("beyond the limit", drawn[values > limit], _STRANGE))
    figure = go.Figure(
        [
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2, y=np.histogram(part, bins=edges)[0], width=np.diff(edges),
                name=f"{name} ({len(part):,})", marker={"color": color},
                hovertemplate="strangeness %{x:.1f}<br>%{y:,} cells<extra></extra>",
            )
            for name, part, color in parts
        ]
    )  # fmt: skip
    figure.add_vline(x=limit, line={"color": ON_ANY, "width": 2, "dash": "dash"})
    styled(figure, x_title="Strangeness", y_title="Cells", height=320)
    figure.update_layout(
        barmode="stack", bargap=0, uirevision="novelty", margin={"t": 40},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )  # fmt: skip
    return figure


def _table(found: TransferResult, values: Floats, limit: float) -> None:
    whole = unknown_cells.outlier_table(found).assign(outlier_score=values)
    far = whole[values > limit].sort_values("outlier_score", ascending=False, kind="stable")
    st.markdown("### Cells that the source cannot explain")
    if far.empty:
        st.info("No cell is beyond the limit.")
    else:
        st.caption(_where(far, whole))
        st.dataframe(
            far[["cell", "outlier_score", "cluster", "label", "confidence"]].head(_ROWS), hide_index=True, height=320,
            alt="Cells beyond the limit, the strangest first.",
            column_config={
                "cell": st.column_config.TextColumn("Cell", pinned=True), "cluster": "Cluster", "label": "Cell type",
                "outlier_score": st.column_config.NumberColumn("Strangeness", format="%.1f"),
                "confidence": st.column_config.NumberColumn("Confidence", format="%.2f"),
            },
        )  # fmt: skip
    st.download_button(
        "All cells with all scores (.csv)", data=lambda: export.to_csv(whole.assign(beyond_limit=values > limit)),
        file_name="cells_beyond_the_source.csv", mime="text/csv", icon=":material/download:", on_click="ignore",
        key="novelty:csv",
    )  # fmt: skip


def _where(far: pd.DataFrame, whole: pd.DataFrame) -> str:
    """Say in which clusters the strange cells are: a cluster that is strange as a whole is likely a missing type."""
    sizes: Any = whole["cluster"].value_counts()
    own = far["cluster"].value_counts()
    parts = [f"{number:,} of the {sizes[name]:,} cells of cluster {name}" for name, number in own.head(3).items()]
    more = " and others" if len(own) > len(parts) else ""
    return f"{', '.join(parts)}{more}. A cluster that is strange as a whole is more likely a missing type."
