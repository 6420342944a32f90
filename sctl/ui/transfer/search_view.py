"""Searching good settings of a method: started by hand, followed, and taken over."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, get_args

import streamlit as st

from sctl import export, plots, workflow
from sctl.jobs import JobState
from sctl.methods import METHODS
from sctl.numerics.hyperparameters import MOST_TRIALS, Ranges, Search
from sctl.project import Project, analyses
from sctl.ui.frame import errors, jobs, state
from sctl.ui.widgets import analysis_panel, charts
from sctl.workflow import SearchParams

PLACE = "search"
_RANGES: dict[Ranges, str] = {
    "wide": "Wide: every setting has an effect",
    "paper": "The paper's, for its simple model",
    "paper_complex": "The paper's, for its complex model",
}


def is_running(project: Project) -> bool:
    """Tell whether the running job is a search, which is shown here."""
    return analysis_panel.job_of(project, PLACE) is not None


def panel(project: Project, chosen: Mapping[str, Any]) -> None:
    """Draw the choice, the running search, and what was found; nothing where settings of the method are not searched."""
    kind = METHODS[chosen["method"]]
    if project.has_trained or not workflow.searches(kind):
        return
    with st.expander(
        "Search for good settings",
        icon=":material/tune:",
        expanded=analyses.exists(project, "search") or is_running(project),
    ):
        errors.show_notices(PLACE)
        st.markdown(
            "Nobody must: the settings above are good ones. A search tries others, and keeps those with which the network "
            "rebuilds cells best that it has not seen. It does not know cell types, so that the best here need not name cells "
            "best."
        )
        question = _question(chosen)
        _button(project, question)
        job = analysis_panel.job_of(project, PLACE)
        if job is not None:
            searched = analysis_panel.params_of(job, PLACE)
            jobs.watch(job, place=PLACE, live=lambda now: _live(project, searched, now))
            return
        analysis_panel.failure(project, PLACE, question)
        found = analyses.load(project, PLACE, question)
        if found is not None:
            _found(question, found)


def _question(chosen: Mapping[str, Any]) -> SearchParams:
    left, right = st.columns([2, 1])
    with left:
        ranges = st.selectbox(
            "Among which settings", list(get_args(Ranges)), format_func=_RANGES.__getitem__, key=state.SEARCH_RANGES.name,
            persist_state="session",
        )  # fmt: skip
    with right:
        state.SEARCH_TRIALS.start_with(state.SEARCH_TRIALS.default)
        trials = st.number_input(
            "How many to try", 2, MOST_TRIALS, key=state.SEARCH_TRIALS.name, persist_state="session",
            help="The paper tried 40. A larger number later goes on with the same search.",
        )  # fmt: skip
    return SearchParams(
        method=str(chosen["method"]), params=chosen["params"], ranges=ranges or "wide", n_trials=int(trials)
    )


def _button(project: Project, question: SearchParams) -> None:
    found = None if is_running(project) else analyses.load(project, "search", question)
    n_done = 0 if found is None else len(found.trials)
    enough = n_done >= question.n_trials
    button = analysis_panel.Button(
        label="Searched" if enough else "Go on" if n_done else "Search",
        icon=":material/search:",
        enough=enough,
        caption="Each trial trains a network on the source. It runs in the background; what is finished is kept.",
    )
    analysis_panel.start_button(project, PLACE, question, button)


def _live(project: Project, question: SearchParams, now: JobState) -> None:
    found = analyses.load(project, "search", question) if now.active else None
    if found is not None:
        st.caption(f"{len(found.trials)} trials are finished.")


def _found(question: SearchParams, found: Search) -> None:
    if not any(isfinite(trial.value) for trial in found.trials):  # one that was stopped, or whose loss is no number
        st.info("No trial has come to its end with a network yet. *Go on* tries more.", icon=":material/search:")
        return
    titles = {parameter.name: parameter.title for parameter in METHODS[question.method].parameters()}
    titles[workflow.TUNED_VALUE] = "Held-out loss"
    table = workflow.trials_table(found)
    figure = plots.trials_figure(table, value=workflow.TUNED_VALUE, titles=titles)
    alt = plots.alt_text("trials", n_trials=len(table))
    charts.draw(figure, key="search:trials", config={"displayModeBar": False}, alt=alt)
    if found.importance:
        parts = [f"{titles.get(name, name)} {share:.0%}" for name, share in found.importance.items()]
        st.caption(f"What the differences go back to: {', '.join(parts)}. Drag along an axis to see some lines only.")
    st.dataframe(
        table.rename(columns={"trial": "Trial", **titles}), hide_index=True, height=240,
        alt=f"{len(table)} trials with their settings, the smallest loss first",
    )  # fmt: skip
    left, right = st.columns(2)
    left.button(
        "Take over the best settings", icon=":material/check:", key="search:take", on_click=_take, args=(question, found),
        help="They appear in the form above. Nothing is computed until you press Run.",
    )  # fmt: skip
    right.download_button(
        "All trials (.csv)", data=lambda: export.to_csv(table), file_name="search.csv", mime="text/csv",
        icon=":material/download:", on_click="ignore", key="search:csv",
    )  # fmt: skip


def _take(question: SearchParams, found: Search) -> None:
    with errors.remembered("Your settings are as they were.", place=PLACE):
        for name, value in workflow.best_settings(found).items():
            state.PARAMETER.of(question.method, name).set(value)
        errors.notify("The best settings are in the form. Press Run to use them.")
