"""Whether two groups are really two: every method clusters again with other seeds, and the answers are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from sctl import export, workflow
from sctl.analysis.stability_outcomes import Outcome, Separation
from sctl.methods import METHODS
from sctl.methods.base import TransferMethod
from sctl.plots.palette import ACCENT, FAINT, styled
from sctl.project import Project, analyses
from sctl.ui.frame import errors, jobs, results, state
from sctl.ui.transfer import estimates
from sctl.ui.widgets import analysis_panel, charts
from sctl.workflow import RepeatsParams
from sctl.workflow.analyses.repeats import GroupsOf

PLACE = "repeats"
_SEEDS = (5, 10, 20, 50, 100)
_FLAT: dict[str, Any] = {"displayModeBar": False}
_KINDS: dict[GroupsOf, str] = {
    "clusters": "Clusters that were found",
    "labels": "Cell types that were given",
    "truth": "True cell types",
}


def panel(project: Project) -> None:
    """Draw the question, the button, and what is known so far."""
    errors.show_notices(PLACE)
    left, right = st.columns(2, gap="large")
    left.markdown(
        "**What it is:** every clustering begins with chance. Here each method clusters your cells again and again, each "
        "time with another seed, and counts how often two groups of your choice stayed apart."
    )
    right.markdown(
        "**What it is not:** proof that the groups are two kinds of cells. A method can draw the same wrong line every "
        "time. Look for marker genes that tell the two apart."
    )
    question = _question(project)
    if question is None:
        return
    _button(project, question)
    analysis_panel.growing(project, PLACE, question, lambda: _answer(project, question))


# -- the question -------------------------------------------------------------------------------------


def _question(project: Project) -> RepeatsParams | None:
    """Draw the choice of two groups, and return it where there are two."""
    kinds = [kind for kind in _KINDS if kind != "truth" or _has_truth(project)]
    left, middle, right = st.columns(3)
    state.REPEATS_OF.start_with(
        "truth" if "truth" in kinds else kinds[0]
    )  # where the truth is known, it makes the fairest question
    if state.REPEATS_OF.get() not in kinds:
        state.REPEATS_OF.set(kinds[0])
    kind = left.selectbox(
        "Groups", kinds, key=state.REPEATS_OF.name, format_func=_KINDS.__getitem__, persist_state="session"
    )
    cells = workflow.cell_groups(results.result(project), kind, project.truth())
    names = sorted(
        map(str, cells.dropna().unique()), key=lambda name: (len(name), name) if name.isdigit() else (0, name)
    )
    if len(names) < 2:
        st.info("There is a single group, so there is nothing to tell apart.")
        return None
    one, other = (
        state.REPEATS_ONE.of(project.fingerprint("theta"), kind),
        state.REPEATS_OTHER.of(project.fingerprint("theta"), kind),
    )
    nearest = _nearest(results.result(project).label_proba, cells, names)
    for key, name in zip((one, other), nearest, strict=True):
        if key.get() not in names:
            key.set(name)
    first = middle.selectbox(
        "First group", names, key=one.name, persist_state="session", help="It starts with the two groups that the method itself found hardest to tell apart.",
    )  # fmt: skip
    second = right.selectbox("Second group", names, key=other.name, persist_state="session")
    if first == second:
        st.info("Choose two different groups.")
        return None
    return RepeatsParams(of=kind, one=str(first), other=str(second))


def _has_truth(project: Project) -> bool:
    truth = project.truth()
    return truth is not None and truth.reindex(results.result(project).obs_names).nunique() > 1


def _nearest(proba: Any, cells: pd.Series, names: Sequence[str]) -> tuple[str, str]:
    """Return the two groups whose cells are most alike in the cell types that they could be."""
    means = pd.DataFrame(np.asarray(proba)).groupby(cells.astype(str).to_numpy()).mean().loc[list(names)].to_numpy()
    norms = np.linalg.norm(means, axis=1)
    alike = means @ means.T / np.maximum(np.outer(norms, norms), 1e-300)
    np.fill_diagonal(alike, -1.0)
    one, other = np.unravel_index(alike.argmax(), alike.shape)
    return names[min(one, other)], names[max(one, other)]


def _button(project: Project, question: RepeatsParams) -> None:
    """Draw how often to repeat, and the button that starts it."""
    left, right = st.columns([3, 1.2], gap="medium", vertical_alignment="bottom")
    state.REPEATS_SEEDS.start_with(state.REPEATS_SEEDS.default)
    with left:
        n_seeds = st.select_slider(
            "How often each method clusters your cells", _SEEDS, key=state.REPEATS_SEEDS.name, persist_state="session",
            help="More repeats make the intervals narrower. Those that are there already are kept and counted.",
        )  # fmt: skip
    done = min(_counted(project, question).values(), default=0)
    enough, waits = done >= n_seeds, jobs.running(project) is not None
    button = analysis_panel.Button(
        label="Done" if enough else f"Repeat {n_seeds} times",
        icon=":material/repeat:",
        enough=enough,
        why_not=analysis_panel.why_not(project),
        width="stretch",
    )
    analysis_panel.start_button(project, PLACE, replace(question, n_seeds=int(n_seeds)), button, right)
    if not enough and not waits:
        st.caption(f"{_duration(project, n_seeds - done).capitalize()}. It runs in the background and can be stopped.")


def _duration(project: Project, n_seeds: int) -> str:
    source, n_target = project.input_info("source") or {}, results.result(project).n_obs
    costs = []
    for method in _methods(project).values():
        sweep = workflow.as_sweep(method)
        n_thetas = 1 if sweep is None or method.params.get("theta") is not None else len(sweep.thetas)
        costs.append(method.cost(n_source=int(source.get("n_obs", 0)), n_target=n_target, n_thetas=n_thetas))
    known = [cost for cost in costs if cost is not None]
    once = sum(known) if len(known) == len(costs) else None
    return estimates.in_words(estimates.with_start(once, times=n_seeds))


def _methods(project: Project) -> dict[str, TransferMethod]:
    method = workflow.method_of(project.params("transfer"))
    compared = workflow.compared_methods(method, workflow.chosen_theta(method, project.params("theta")["theta"]))
    return {key: kind for key, kind in compared.items() if not (project.has_trained and kind.needs_source_cells)}


def _counted(project: Project, question: RepeatsParams) -> dict[str, int]:
    """Return how many seeds of each method are finished."""
    found = [outcome.method for outcome in _outcomes(project, question)]
    return {key: found.count(key) for key in _methods(project)}


# -- the answer ---------------------------------------------------------------------------------------


def _outcomes(project: Project, question: RepeatsParams) -> tuple[Outcome, ...]:
    return tuple(analyses.load(project, "repeats", question))


def _answer(project: Project, question: RepeatsParams) -> None:
    """Draw how often each method kept the groups apart, with 95 % intervals."""
    found = Separation(_outcomes(project, question))
    if not found.outcomes:
        return
    counts, rows = found.counts(), found.rows()
    counts["title"] = [METHODS[key].title if key in METHODS else key for key in counts["method"]]
    said = "; ".join(f"{row.title} {row.separated} of {row.seeds}" for row in counts.itertuples())
    charts.draw(
        _figure(counts), key=f"repeats:figure:{len(rows)}", config=_FLAT,
        alt=f"How often the two groups were kept apart, with 95 % intervals: {said}.",
    )  # fmt: skip
    _table(counts, rows)
    st.caption(_fairness(project, question))
    name = f"repeats_{question.of}"
    with st.container(horizontal=True):
        _download("Counts (.csv)", counts.drop(columns="title"), f"{name}_counts", len(rows))
        _download("Every repeat (.csv)", rows, f"{name}_all", len(rows))


def all_outcomes(project: Project) -> pd.DataFrame:
    """Return a row for every repeat of every question about the answer shown, headed by the question's own fields."""
    tables = [
        Separation(_outcomes(project, question)).rows().assign(**question.identity())
        for question in analyses.stored_params(project, "repeats")
    ]
    columns = ["of", "one", "other", *Outcome.__annotations__]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _figure(counts: pd.DataFrame) -> go.Figure:
    """Return a dot for each method, with its interval."""
    share = counts["share"]
    figure = go.Figure(
        go.Scatter(
            x=share, y=counts["title"], mode="markers", marker={"size": 13, "color": ACCENT},
            error_x={
                "type": "data", "symmetric": False, "array": counts["high"] - share,
                "arrayminus": share - counts["low"], "color": ACCENT, "thickness": 2.5, "width": 8,
            },
            customdata=np.column_stack([counts["separated"], counts["seeds"], counts["low"], counts["high"]]),
            hovertemplate="%{y}<br>%{customdata[0]} of %{customdata[1]} times (%{customdata[2]:.0%} to "
            "%{customdata[3]:.0%})<extra></extra>",
        )
    )  # fmt: skip
    styled(figure, x_title="Kept apart (95 % interval)", height=110 + 50 * len(counts))
    figure.update_xaxes(range=[-0.03, 1.03], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1], gridcolor=FAINT)
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(margin={"t": 10, "r": 20}, showlegend=False, uirevision="repeats")
    return figure


def _table(counts: pd.DataFrame, rows: pd.DataFrame) -> None:
    groups = rows.groupby("method", sort=False)["n_clusters"]
    table = pd.DataFrame(
        {
            "Method": counts["title"],
            "Kept apart": [f"{row.separated} of {row.seeds}" for row in counts.itertuples()],
            "95 % interval": [f"{row.low:.0%} to {row.high:.0%}" for row in counts.itertuples()],
            "How far": counts["total_variation"],
            "Groups found": [_range(groups.get_group(key)) for key in counts["method"]],
        }
    )
    st.dataframe(
        table, hide_index=True, alt="How often each method kept the two groups apart.",
        column_config={
            "How far": st.column_config.NumberColumn(
                format="%.2f", help="How much the two groups differ in their clusters: 1 nothing shared, 0 all alike."
            ),
            "Groups found": st.column_config.TextColumn(help="Number of groups over all repeats."),
        },
    )  # fmt: skip


def _range(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def _fairness(project: Project, question: RepeatsParams) -> str:
    """Say when groups count as apart, and whom the question favours."""
    rule = (
        "Two groups count as kept apart when most cells of each are in different clusters, and those clusters are at "
        "least half different."
    )
    if question.of == "truth":
        return f"{rule} The true types were kept aside, so the comparison is fair to all methods."
    own = METHODS[results.result(project).method].title
    return f"{rule} These groups come from an answer of {own}, which favours it over the others."


def _download(label: str, table: pd.DataFrame, name: str, n_rows: int) -> None:
    st.download_button(
        label, data=lambda: export.to_csv(table), file_name=f"{name}.csv", mime="text/csv", icon=":material/download:",
        on_click="ignore", key=f"repeats:csv:{name}:{n_rows}",
    )  # fmt: skip
