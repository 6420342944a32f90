"""How sure the names are: at any limit, on the map, in every group, and for a single cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from sctl import plots
from sctl.analysis import second_opinion, uncertainty
from sctl.data import UNASSIGNED, TransferResult
from sctl.plots.palette import ACCENT, GREY, styled
from sctl.project import Project
from sctl.ui.explain import explain_view, reasons_view
from sctl.ui.frame import errors, results, shell, state, steps
from sctl.ui.widgets import charts, colors, embedding_view, numbers
from sctl.workflow import ExplainParams

PLACE = "confidence"
LIGHTS = {uncertainty.GOOD: "✓ good", uncertainty.CHECK: "◐ check", uncertainty.DOUBTFUL: "✗ doubtful"}
"""A sign and a word: colour alone says nothing to some."""
_INKS = {
    LIGHTS[uncertainty.GOOD]: "#007A55",
    LIGHTS[uncertainty.CHECK]: "#9A6700",
    LIGHTS[uncertainty.DOUBTFUL]: "#C0392B",
}
_MOST_BARS = 6


def result_warnings(project: Project) -> None:
    """Warn where the names as a whole may be wrong, whatever their confidence."""
    for text in results.result_warnings(project):
        st.warning(errors.plain(text), icon=":material/warning:")


def meaning(project: Project) -> None:
    """Say what the number is, and what it is not."""
    left, right = st.columns(2, gap="large")
    if second_opinion.is_probability(results.result(project)):
        left.markdown(
            "**What it is:** the probability that the name is right, if the source has the cell's type. It counts how clearly the "
            "method prefers the name, and whether simple classifiers agree, which were tried on held-out cells of the source."
        )
        right.markdown(
            "**What it is not:** the probability that the source has the type. Cells that resemble no type are counted below, but a "
            "close relative of a type can pass. Check with marker genes."
        )
        return
    left.markdown(
        "**What it is:** how clearly the method preferred one cell type over all others for this cell, from 0 to 1. "
        "It falls where a cell lies between groups, or where its group resembles several source types."
    )
    right.markdown(
        "**What it is not:** the chance that the name is right. A cell type that the source does not have can be named "
        "wrongly and surely. Check with marker genes."
    )


# -- the limit ---------------------------------------------------------------------------------------


def limit(project: Project) -> float:
    """Draw the limit with what it does to the number of named cells; return it."""
    found = results.result(project)
    state.LIMIT.start_with(state.LIMIT.default)
    left, right = st.columns([3, 1.2], gap="medium", vertical_alignment="bottom")
    with left:
        threshold = st.slider(
            "Leave cells below this confidence unassigned", 0.0, 1.0, step=0.01, key=state.LIMIT.name,
            persist_state="session", help="Nothing changes before you press the button.",
        )  # fmt: skip
    with right:
        _apply_button(project, threshold)
    nameless, below = (int(cells.sum()) for cells in uncertainty.unnamed_at(found, threshold))
    named = found.n_obs - nameless - below
    why = f"{below:,} below the limit, {nameless:,} at any limit" if nameless else f"{below / found.n_obs:.0%}"
    shown = [
        ("Named cells", f"{named:,}", f"{100 * named / found.n_obs:.0f}% of {found.n_obs:,}"),
        ("Unassigned cells", f"{nameless + below:,}", why),
    ]
    share = _right(project, found, threshold)
    shown += [("Of the named, named rightly", share, "known for this dataset only")] if share else []
    if second_opinion.is_probability(found):
        shown += _expected(found, threshold)
    numbers.row(shown)
    if second_opinion.is_probability(found):
        st.caption(_recommendation(found))
    return threshold


def _expected(found: TransferResult, threshold: float) -> list[tuple[str, str, str]]:
    """Return what to expect of the named cells, and what simple classifiers say of them."""
    n_named, share = uncertainty.expected_right(found, threshold)
    expected = n_named > 0 and not second_opinion.is_foreign(found)
    shown = [("Right names to expect", f"{n_named * share:,.0f}", f"{share:.1%} of the named")] if expected else []
    report = found.diagnostics.calibration
    if report is not None and report.agreement is not None and not np.isnan(report.agreement):
        shown.append(("Same name by simple classifiers", f"{report.agreement:.1%}", "of all named cells"))
    unknown = int(second_opinion.seems_unknown(found).sum())
    return [*shown, ("Resemble no known type", f"{unknown:,}", f"{unknown / found.n_obs:.1%} of {found.n_obs:,} cells")]


def _recommendation(found: TransferResult) -> str:
    """Say which limit to choose, and why."""
    if second_opinion.is_foreign(found):
        return "The source seems to be of another tissue, so no limit can be recommended: sure names are wrong as well."
    best, wanted = uncertainty.recommended_threshold(found), f"{uncertainty.WANTED:.0%}"
    if best is None:
        return f"No limit leaves names of which {wanted} are expected to be right."
    if best == 0:
        return f"No limit is needed: {wanted} or more of all names are expected to be right."
    n_named, share = uncertainty.expected_right(found, best)
    return (
        f"Recommended limit: {best:.2f}. From there on {share:.0%} of the names are expected to be right, and {n_named:,} cells "
        f"keep one. It is the lowest limit with {wanted} or more."
    )


def _right(project: Project, found: TransferResult, threshold: float) -> str:
    """Return the share of right names among the named cells, where the truth is known."""
    truth = project.truth()
    if truth is None or not truth.index.isin(found.obs_names).any():  # the truth of a target that was replaced
        return ""
    curve = uncertainty.curve(found, truth.reindex(found.obs_names).to_numpy())
    share = float(curve["accuracy"].iloc[round(100 * threshold)])
    return "no cell is named" if np.isnan(share) else f"{share:.1%}"


def _apply_button(project: Project, threshold: float) -> None:
    """Draw the button that writes the limit into the user's own labels."""
    named = colors.groups(project, "final") != UNASSIGNED
    below = results.result(project).confidence < threshold
    unsure = int((below & named).sum())
    idle = "They are unassigned already" if below.any() else "No cell is below the limit"
    st.button(
        f"Call {unsure:,} {'cell' if unsure == 1 else 'cells'} unassigned" if unsure else idle,
        icon=":material/check:", key="apply_limit", on_click=_apply, disabled=unsure == 0, width="stretch", help="Changes your own labels only, not the method's. Undo takes it back.",
    )  # fmt: skip


def _apply() -> None:
    project = shell.current()
    if project is None:
        return
    with errors.remembered("Your labels are as they were.", place=PLACE):
        view, threshold = results.shown(project), state.LIMIT.get()
        found = results.result(view)
        labels = np.where(found.confidence < threshold, UNASSIGNED, colors.groups(view, "final"))
        note = f"Cells below {threshold:.2f} unassigned"
        project.set_labels(pd.Series(labels, index=found.obs_names), note=note)
        errors.notify(f"{note}. Undo takes it back.")


# -- pictures ----------------------------------------------------------------------------------------


def pictures(project: Project, threshold: float) -> None:
    """Draw confidence on the map and as a histogram."""
    found = results.result(project)
    left, right = st.columns([1.25, 1], gap="large")
    coords = results.maps(project).get("target_umap")
    with left:
        if coords is None:
            st.caption("The map has not been drawn yet: open the Explore page.")
        else:
            embedding_view.plain_map(
                coords, found.confidence, title="Confidence", key="confidence:map", height=360,
                names=[f"{name}: {label}" for name, label in zip(found.obs_names, found.labels, strict=True)],
            )  # fmt: skip
    with right:
        nameless, below = uncertainty.unnamed_at(found, threshold)
        assigned = int((~nameless & ~below).sum())
        alt = plots.alt_text("confidence", n_cells=found.n_obs, assigned=assigned, threshold=threshold)
        figure = plots.confidence_histogram(found.confidence, threshold=threshold, nameless=nameless)
        figure.update_xaxes(tickformat=".2f", dtick=0.25)  # as the slider above counts
        charts.draw(figure, key="confidence:histogram", config={"displayModeBar": False}, alt=alt)


def groups(project: Project) -> None:
    """Draw a table of the clusters with a traffic light each."""
    found = results.result(project)
    table = uncertainty.cluster_table(found)
    st.markdown("### Every group at a glance")
    shown = pd.DataFrame(
        {
            "Cluster": table["cluster"],
            "Verdict": table["light"].map(LIGHTS),
            "Cells": table["n_cells"],
            "Cell type": table["label"],
            "Confidence": table["mean_confidence"],
            "Unsure": 100 * table["share_unsure"],
            "Next most likely": [
                f"{name} ({share:.2f})" if name else ""
                for name, share in zip(table["second_label"], table["second_probability"], strict=True)
            ],
        }
    )
    judged = bool((table["light"] != "").any())
    if not judged:
        shown = shown.drop(columns="Verdict")
    st.dataframe(
        shown.style.map(lambda verdict: f"color: {_INKS[verdict]}; font-weight: 600", subset=["Verdict"])
        if judged
        else shown,
        hide_index=True,
        column_config={
            "Confidence": st.column_config.ProgressColumn("Mean confidence", min_value=0, max_value=1, format="%.2f"),
            "Unsure": st.column_config.NumberColumn("Cells below 0.5", format="%.0f%%"),
        },
        alt="Confidence of every cluster" + (", with a verdict: good, check or doubtful" if judged else ""),
    )
    rule = uncertainty.EXPECTED_RULE if second_opinion.is_probability(found) else uncertainty.TRAFFIC_LIGHT_RULE
    st.caption(
        rule
        if judged
        else f"Here even the surest cells reach only {uncertainty.surest(found):.2f}: the method spreads its confidence over "
        "the types, so no verdict is given on single groups. Compare the groups with one another, and see whether other "
        "methods agree (last tab)."
    )


def _reasons(project: Project, name: str) -> None:
    """Say which genes speak for and against a cell's name, or offer to find out; lead to the page that explains."""
    if explain_view.why_not(project):
        return
    question = ExplainParams(of="cell", name=name)
    if not reasons_view.card(project, question):
        explain_view.answer(project, question)
    if st.button("All reasons, and pathways", icon=steps.EXPLAIN.icon, key="confidence:why"):
        state.EXPLAIN_OF.set("cell")
        shell.go(steps.EXPLAIN)


def cell_card(project: Project) -> None:
    """Draw one cell: the probability of every cell type, and the genes for and against its name."""
    found = results.result(project)
    st.markdown("### One cell in detail")
    names = [str(name) for name in found.obs_names]
    if state.CELL.get() not in names:
        state.CELL.set(names[int(np.argmin(found.confidence))])
    name = st.selectbox(
        "Cell", names, key=state.CELL.name, persist_state="session", help="It starts at the least sure cell.",
        filter_mode="contains",
    )  # fmt: skip
    place = names.index(str(name))
    left, right = st.columns([1, 1.6], gap="large")
    row = uncertainty.cell_table(found).iloc[place]
    left.metric("Cell type", errors.plain(str(row["label"])))
    left.metric(
        "Confidence",
        f"{row['confidence']:.2f}",
        f"cluster {errors.plain(str(row['cluster']))}",
        delta_color="off",
        delta_arrow="off",
    )
    with right:
        figure = _bars(found, place)
        alt = f"Bar chart: probability of each cell type for cell {name}."
        charts.draw(figure, key="confidence:cell", config={"displayModeBar": False}, alt=alt)
    _reasons(project, str(name))


def _bars(found: TransferResult, place: int) -> go.Figure:
    """Return a bar for each type, the likeliest first, as the confidence is written; what none explains is grey."""
    proba: Any = second_opinion.probabilities(found)[place]
    order = np.argsort(-proba)[:_MOST_BARS]
    types, values = [found.label_names[i] for i in order], [float(proba[i]) for i in order]
    rest = max(0.0, 1.0 - float(proba.sum()))
    shades = [ACCENT] * len(types)
    if rest > 0.005:
        types, values, shades = [*types, "none of them"], [*values, rest], [*shades, GREY]
    figure = go.Figure(
        go.Bar(
            x=values, y=types, orientation="h", text=[f"{value:.2f}" for value in values], textposition="outside",
            marker={"color": shades}, hoverinfo="skip",
            cliponaxis=False,
        )
    )  # fmt: skip
    styled(figure, x_title="Probability", height=90 + 24 * len(types))
    figure.update_xaxes(range=[0, 1.08], tickformat=".2f", tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(margin={"t": 10, "r": 40})
    return figure
