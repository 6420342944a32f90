"""Choosing a method by its card, setting it, and starting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from sctl import jobs, pipeline
from sctl.base import TransferMethod
from sctl.core.landmarks import ALL_CELLS_UP_TO, N_LANDMARKS
from sctl.methods import METHODS
from sctl.project import Project, load_report
from sctl.ui import errors, estimates, forms, results, shell, state, steps

PLACE = "transfer"
_ELSEWHERE = ("theta",)  # set on a page of its own
_COLUMNS = 3


def cards(project: Project) -> str:
    """Draw a card for each method and return the key of the chosen one."""
    params = project.params("transfer")
    state.METHOD.start_with(params["method"])
    chosen = state.METHOD.get()
    counts = load_report(project)["n_cells"]
    best, reason = _recommended(project, counts)
    keys = list(METHODS)
    for start in range(0, len(keys), _COLUMNS):
        for column, key in zip(st.columns(_COLUMNS), keys[start : start + _COLUMNS], strict=False):
            with column, st.container(border=True, height="stretch"):
                _card(project, METHODS[key], reason if key == best else "", chosen=key == chosen)
    if counts["target"][1] > ALL_CELLS_UP_TO:
        st.caption(results.landmarks_sentence(counts["target"][1], f"about {N_LANDMARKS:,}"))
    st.caption(f"Times: {estimates.BASIS[0].lower()}{estimates.BASIS[1:]}")
    return chosen if chosen in METHODS else pipeline.DEFAULT_METHOD


def form(project: Project, method: str) -> dict[str, Any]:
    """Draw the settings of a method; return the parameters of the step."""
    params = project.params("transfer")
    own = params["params"] if params["method"] == method else {}
    st.markdown(f"### Settings of {METHODS[method].title}")
    values = forms.method_form(METHODS[method], own, elsewhere=_ELSEWHERE)
    st.button(
        "Back to the defaults", icon=":material/restart_alt:", type="tertiary", on_click=forms.reset, args=(METHODS[method],)
    )  # fmt: skip
    return {"method": method, "params": values, "seed": params["seed"]}


def run_button(project: Project, chosen: Mapping[str, Any]) -> None:
    """Draw the page's primary button: run with the settings shown, or go on where their result is there."""
    job, same = jobs.running(project), _same(project, chosen)
    if not job and same and project.state("theta") == "done":
        shell.next_button(steps.TRANSFER)
        return
    label = "Resume" if same and results.points(project) else "Run"
    why_not = _why_not(project, METHODS[chosen["method"]])
    st.button(
        "Running …" if job else label,
        type="primary",
        icon="spinner" if job else ":material/play_arrow:",
        key="run:transfer",
        width="stretch",
        disabled=bool(job) or bool(why_not),
        help=why_not or None,
        on_click=_run,
        args=(chosen["method"],),
    )


def _card(project: Project, method: type[TransferMethod], reason: str, *, chosen: bool) -> None:
    why_not = _why_not(project, method)
    badge = " :green-badge[:material/thumb_up: Recommended]" if reason else ""
    st.markdown(f"#### {method.title}{badge}")
    st.markdown(f"{method.summary}\n\n**Choose it when:** {method.choose_when[0].lower()}{method.choose_when[1:]}")
    counts = load_report(project)["n_cells"]
    duration = estimates.seconds(
        method.key, n_target=counts["target"][1], n_source=counts["source"][1], n_thetas=_n_thetas(method)
    )
    facts = [f":material/schedule: {estimates.in_words(duration)} for your {counts['target'][1]:,} cells"]
    facts.append(f":material/label: {'needs' if method.needs_labels else 'does not need'} cell types of the source")
    facts += [f":green[{reason}]"] if reason else []
    facts += [f":red[{why_not}]"] if why_not else []
    st.markdown("  \n".join(facts))
    st.caption(errors.plain(method.reference).replace("https\\://", "https://"))
    st.button(
        "Chosen" if chosen else "Choose",
        icon=":material/check:" if chosen else None,
        key=f"choose:{method.key}",
        disabled=chosen or bool(why_not),
        on_click=state.METHOD.set,
        args=(method.key,),
        width="stretch",
    )


def _recommended(project: Project, counts: Mapping[str, list[int]]) -> tuple[str, str]:
    """Return the first method of the menu that can be used, and why it is a good start."""
    usable = [key for key, method in METHODS.items() if not _why_not(project, method)]
    n_source, n_target = counts["source"][1], counts["target"][1]
    size = "smaller than" if n_target < n_source else "not smaller than"
    reason = f"Your target ({n_target:,} cells) is {size} the source ({n_source:,})" + (
        ": this is what it was made for." if n_target < n_source else "; it still finds out how much help is good."
    )
    return (usable[0], reason) if usable else ("", "")


def _why_not(project: Project, method: type[TransferMethod]) -> str:
    if method.needs_labels and project.params("data")["label_key"] is None:
        return "Choose the column of cell types on the Data page first."
    return ""


def _n_thetas(method: type[TransferMethod]) -> int:
    return len(getattr(method(), "thetas", (0.0,)))


def _same(project: Project, chosen: Mapping[str, Any]) -> bool:
    """Tell whether the project's settings are those on the page; invalid ones are not."""
    try:
        return pipeline.reduce("transfer", chosen) == dict(project.settings.params.get("transfer", {}))
    except ValueError:
        return False


def _run(method: str) -> None:
    """Keep the settings, then start the transfer and all that follows."""
    project = shell.current()
    if project is None:
        return
    with errors.remembered("Your settings are as they were.", place=PLACE):
        params = project.params("transfer")
        own = params["params"] if params["method"] == method else {}
        declared = METHODS[method].parameters()
        values = {p.name: state.PARAMETER.of(method, p.name).get() for p in declared if p.name not in _ELSEWHERE}
        values |= {name: own[name] for name in _ELSEWHERE if name in own}
        chosen = {"method": method, "params": values, "seed": params["seed"]}
        project.set_params("transfer", chosen, note=f"Settings of {METHODS[method].title}")
        jobs.submit(project, "everything")
