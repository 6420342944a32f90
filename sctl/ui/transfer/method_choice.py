"""Choosing a method by its card, setting it, and starting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from sctl import jobs, workflow
from sctl.errors import ParameterError
from sctl.methods import METHODS
from sctl.methods.base import TransferMethod
from sctl.numerics.resample import ALL_CELLS_UP_TO, N_LANDMARKS
from sctl.project import Project, load_report
from sctl.ui.data import pretrained
from sctl.ui.frame import caching, errors, results, shell, state, steps
from sctl.ui.theta import theta_view
from sctl.ui.transfer import estimates, source_view
from sctl.ui.widgets import forms

PLACE = "transfer"
_ELSEWHERE = ("theta",)  # set on a page of its own
_WITH_A_PICTURE = (source_view.N_GROUPS,)  # set beside the curve that helps to choose it
_COLUMNS = 3


def cards(project: Project) -> str:
    """Draw a card for each method and return the key of the chosen one; a trained source has one method."""
    if project.has_trained:
        return pretrained.method_card(project)
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
    st.caption(f"Times: {estimates.BASIS[0].lower()}{estimates.BASIS[1:]}")
    return chosen if chosen in METHODS else workflow.DEFAULT_METHOD


def form(project: Project, method: str) -> dict[str, Any]:
    """Draw the settings of a method; return the parameters of the step."""
    kind, elsewhere = METHODS[method], _elsewhere(project, method)
    own = {**_own(project, method), **elsewhere}
    st.markdown(f"### Settings of {kind.title}")
    values = forms.method_form(
        kind, own, elsewhere={*_ELSEWHERE, *elsewhere, *_WITH_A_PICTURE}, columns=_columns(project)
    )
    if _finds_groups(kind, values):
        values |= source_view.groups(project, kind, own)
    _landmarks_note(project, values)
    st.button(
        "Back to the defaults", icon=":material/restart_alt:", type="tertiary", on_click=forms.reset, args=(METHODS[method],)
    )  # fmt: skip
    return {"method": method, "params": values, "seed": project.params("transfer")["seed"]}


def _columns(project: Project) -> forms.Columns:
    """Return the columns of both sides that could be batches; of a trained source there is only the target's side."""
    infos = {role: project.input_info(role) for role in ("source", "target")}
    keys = project.params("data")
    names = [
        name
        for role, info in infos.items()
        if info is not None and not (role == "source" and project.has_trained)
        for name in caching.groupings(project, role, info["fingerprint"])
        if name != keys["label_key"]
    ]
    usual = "" if project.has_trained else str(keys["batch_key"] or "")
    return forms.Columns(list(dict.fromkeys([*names, *([usual] if usual else [])])), usual)


def run_button(project: Project, chosen: Mapping[str, Any]) -> None:
    """Draw the page's primary button: run with the settings shown, or go on where their result is there."""
    job, same = jobs.running(project) and not source_view.is_running(project), _same(project, chosen)
    if not job and same and project.state("theta") == "done":
        if theta_view.sweeps(project):
            shell.next_button(steps.TRANSFER, called="Trust (θ)")
        else:
            shell.next_button(steps.TRANSFER, to=steps.EXPLORE)
        return
    label = "Resume" if same and results.points(project) else "Run"
    why_not = _why_not(project, METHODS[chosen["method"]], chosen["params"])
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
    settings = {**_own(project, method.key), **_elsewhere(project, method.key)}
    why_not = _why_not(project, method, settings)
    badge = " :green-badge[:material/thumb_up: Recommended]" if reason else ""
    st.markdown(f"#### {method.title}{badge}")
    st.markdown(f"{method.summary}\n\n**Choose it when:** {method.choose_when[0].lower()}{method.choose_when[1:]}")
    counts = load_report(project)["n_cells"]
    cost = method.cost(n_source=counts["source"][1], n_target=counts["target"][1], n_thetas=_n_thetas(method))
    duration = estimates.in_words(estimates.with_start(cost))
    facts = [f":material/schedule: {duration} for your {counts['target'][1]:,} cells"]
    facts.append(f":material/label: {_use_of_labels(project, method)}")
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
    usable = [key for key, kind in METHODS.items() if not _why_not(project, kind, _elsewhere(project, key))]
    n_source, n_target = counts["source"][1], counts["target"][1]
    size = "smaller than" if n_target < n_source else "not smaller than"
    reason = f"Your target ({n_target:,} cells) is {size} the source ({n_source:,})" + (
        ": this is what it was made for." if n_target < n_source else "; it still finds out how much help is good."
    )
    return (usable[0], reason) if usable else ("", "")


def _own(project: Project, method: str) -> dict[str, Any]:
    """Return the project's settings of a method; none where it uses another."""
    params = project.params("transfer")
    return dict(params["params"]) if params["method"] == method else {}


def _elsewhere(project: Project, method: str) -> dict[str, Any]:
    """Return the settings that this page does not ask for: those of another page, and those without a choice."""
    own = _own(project, method)
    kept = {name: own[name] for name in _ELSEWHERE if name in own}
    if project.has_trained:
        return kept | pretrained.settled(project)
    return kept | workflow.without_labels(METHODS[method], project.params("data")["label_key"])


def _why_not(project: Project, method: type[TransferMethod], settings: Mapping[str, Any]) -> str:
    """Say why a method, set up like this, cannot be used with this source; empty where it can."""
    if project.params("data")["label_key"] is not None or not _requires_labels(method, settings):
        return ""
    return "Choose the column of cell types on the Data page first."


def _requires_labels(method: type[TransferMethod], settings: Mapping[str, Any]) -> bool:
    try:
        return method(**settings).requires_labels
    except ParameterError:  # said where the method is started
        return method.needs_labels


def _use_of_labels(project: Project, method: type[TransferMethod]) -> str:
    if _elsewhere(project, method.key).keys() & method.without_labels.keys():
        return "finds groups in the source, whose cell types are not known"
    return f"{'needs' if method.needs_labels else 'does not need'} cell types of the source"


def _finds_groups(method: type[TransferMethod], settings: Mapping[str, Any]) -> bool:
    """Tell whether the number of groups in the source is to be chosen."""
    return source_view.N_GROUPS in settings and not _requires_labels(method, settings)


def _landmarks_note(project: Project, settings: Mapping[str, Any]) -> None:
    """Say on the page that a large target is clustered through some of its cells, before it is."""
    n_obs, asked = load_report(project)["n_cells"]["target"][1], settings.get("n_landmarks")
    if n_obs > (asked or ALL_CELLS_UP_TO):
        sentence = results.landmarks_sentence(n_obs, f"about {asked or N_LANDMARKS:,}")
        st.caption(f"{sentence} The number can be changed among the advanced settings.")


def _n_thetas(method: type[TransferMethod]) -> int:
    sweep = workflow.as_sweep(method())
    return 1 if sweep is None else len(sweep.thetas)


def _same(project: Project, chosen: Mapping[str, Any]) -> bool:
    """Tell whether the project's settings are those on the page; invalid ones are not."""
    try:
        return workflow.reduce("transfer", chosen) == dict(project.settings.params.get("transfer", {}))
    except ValueError:
        return False


def _run(method: str) -> None:
    """Keep the settings, then start the transfer and all that follows."""
    project = shell.current()
    if project is None:
        return
    with errors.remembered("Your settings are as they were.", place=PLACE):
        elsewhere, own = _elsewhere(project, method), _own(project, method)
        values = dict(elsewhere)
        for parameter in METHODS[method].parameters():
            if parameter.name not in (*_ELSEWHERE, *elsewhere):
                key = state.PARAMETER.of(method, parameter.name)
                kept = own.get(parameter.name, parameter.default)  # what is not on the page just now
                values[parameter.name] = key.get() if key.name in st.session_state else kept
        chosen = {"method": method, "params": values, "seed": project.params("transfer")["seed"]}
        project.set_params("transfer", chosen, note=f"Settings of {METHODS[method].title}")
        jobs.submit(project, "everything")
