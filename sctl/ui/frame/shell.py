"""The frame around every page: open project, sidebar, heading, and what a page shows before its turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from sctl._version import __version__
from sctl.errors import ProjectError
from sctl.methods import METHODS
from sctl.methods.base import SweepsTheta, has_capability
from sctl.project import Project
from sctl.ui.frame import errors, jobs, picture, state, steps
from sctl.ui.frame.steps import Step

_SIGNS = {
    "done": (":material/check_circle:", "done", ""),
    "running": ("spinner", "running", ""),
    "stale": (":material/warning:", "something before it changed; run it again", " · :orange[out of date]"),
    "failed": (":material/error:", "it ended with an error; open it to see why", " · :red[failed]"),
    "todo": (":material/radio_button_unchecked:", "not started", ""),
}
"""How a step's state is drawn, said, and added to its name."""

_MISSING = {
    "data": (steps.DATA, "Add a source and a target first.", "Add data"),
    "preprocess": (steps.PREPROCESS, "The data have to be prepared first.", "Prepare the data"),
    "transfer": (steps.TRANSFER, "There is no result yet. Choose a method and run it.", "Choose a method"),
    "theta": (steps.TRANSFER, "There is no result yet. Choose a method and run it.", "Choose a method"),
    "explore": (steps.EXPLORE, "The maps have not been drawn yet.", "Draw the maps"),
    "consensus": (steps.CONSENSUS, "Other numbers of groups have not been tried yet.", "Try them"),
    "markers": (steps.MARKERS, "The marker genes have not been looked for yet.", "Find marker genes"),
}
"""What a page says that needs a step which is not there yet."""


_STACKED = """<style>
[data-testid="stMain"] { container: page / inline-size; }
@container page (max-width: 640px) { [data-testid="stColumn"] { min-width: calc(100% - 1.5rem); } }
</style>"""
"""Columns lie one below another where the page beside the sidebar is narrow; Streamlit asks for the whole window."""


def frame() -> None:
    """Find the open project, then draw the sidebar and what callbacks left to say."""
    st.html(_STACKED)
    found = _adopt()
    with st.sidebar:
        _brand()
        if found is not None:
            _project(found)
            _timeline(found)
            _history(found)
            jobs.sidebar(found)
        _foot()
    errors.show_notices()
    if found is not None:
        _damage(found)


def _damage(project: Project) -> None:
    """Say which results are damaged, all in one message, and that running their steps again mends them."""
    computed = [step for step in steps.PIPELINE if step.computes and step is not steps.DATA]
    found = {step.short: name for step in computed if (name := project.damage(step.computes))}
    if not found:
        return
    named = [f"**{short}** ({errors.plain(name)})" for short, name in found.items()]
    if len(named) == 1:
        said = f"The result of the step {named[0]} is damaged. It counts as not computed: run the step again, and what"
    else:
        listed = f"{', '.join(named[:-1])} and {named[-1]}"
        said = f"The results of the steps {listed} are damaged. They count as not computed: run these steps again, and what"
    st.warning(f"{said} is damaged is computed anew. Everything else is still there.", icon=":material/build:")


def current() -> Project | None:
    """Return the open project, or None."""
    name = state.PROJECT.get()
    return Project.open(name) if name else None


def open_project(name: str) -> None:
    """Make a project the open one, here and in the address."""
    if name != state.PROJECT.get():
        state.forget_project_widgets()
    state.PROJECT.set(name)
    st.query_params["p"] = name


def go(step: Step) -> None:
    """Turn to a page and keep the project in the address."""
    name = state.PROJECT.get()
    st.switch_page(step.path, query_params={"p": name} if name else None)


def link(step: Step, label: str | None = None, *, icon: str | None = None, help_text: str | None = None) -> None:
    """Draw a link to a page that keeps the project in the address."""
    name = state.PROJECT.get()
    st.page_link(
        step.path,
        label=label or step.short,
        icon=icon or step.icon,
        help=help_text,
        width="stretch",
        query_params={"p": name} if name else None,
    )


def header(step: Step, *, acts: bool = True) -> DeltaGenerator:
    """Draw title, purpose and *What is this?*; return the place of the page's one primary button.

    With ``acts=False`` there is no such place, and the heading takes the whole width.
    """
    left, right = st.columns([4, 1.25] if acts else [1, 0.001], gap="large", vertical_alignment="center")
    with left:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.title(step.title, anchor=False, width="content")
            if step.about:
                with st.popover("What is this?", icon=":material/help:", type="tertiary"):
                    st.markdown(step.about)
        st.markdown(f":gray[{step.purpose}]")
    return right.container()


def next_button(step: Step, why_not: str = "", *, called: str = "", to: Step | None = None) -> None:
    """Draw the primary button that leads to the following step, or ``to`` another where that does not apply.

    ``why_not`` says why it cannot be used yet; ``called`` is a shorter name of that step, where its own needs two lines.
    """
    follows = to or steps.following(step)
    pressed = st.button(
        f"Go on to {called or follows.short}",
        type="primary",
        icon=":material/arrow_forward:",
        key=f"next:{step.key}",
        width="stretch",
        disabled=bool(why_not),
        help=why_not or None,
    )
    if pressed:
        go(follows)


def stale_hint(project: Project, name: str) -> None:
    """Say that the result shown is of earlier settings, where it is."""
    if project.state(name) == "stale" and has(project, name):
        st.warning(
            "Something changed since this was computed. The earlier result is shown until you run it again.",
            icon=":material/history:",
        )


def require(step: Step, *needed: str) -> Project:
    """Return the open project once the steps in ``needed`` are there; else show what is missing and end the page.

    What comes before them is looked at first, so that a visitor is led to the first thing to do.

    A step that is out of date counts as there: its old result is still shown, with a hint.
    """
    project = current()
    if project is None:
        empty(
            step.icon,
            "No project is open.",
            step=steps.HOME,
            label="Go to Home",
            detail="Start with the demo, or with your own two files.",
        )
        st.stop()
    for name in _in_order(needed):
        if not has(project, name):
            _not_yet(project, step, name)
            st.stop()
    return project


def _in_order(needed: tuple[str, ...]) -> list[str]:
    """Return the steps to look at, from the first, so that what is missing first is said first."""
    chain = ["data", "preprocess"] if any(name != "data" for name in needed) else list(needed)
    return list(dict.fromkeys([*chain, *needed]))


def _not_yet(project: Project, step: Step, name: str) -> None:
    """Say that a step this page needs is being computed, or lead to where it is started."""
    if jobs.running(project) is not None and name != "data":
        with st.container(border=True, horizontal_alignment="center", gap="small"):
            st.space("small")
            st.markdown("## :gray[:material/hourglass_top:]", width="content")
            st.markdown("#### Being computed", width="content")
            st.markdown(
                ":gray[This page fills itself as soon as it is ready. The sidebar shows the progress.]", width="content"
            )
            st.space("small")
        return
    target, text, label = _MISSING[name]
    empty(step.icon, text, step=target, label=label)


def has(project: Project, name: str) -> bool:
    """Tell whether a step has a result, be it of earlier settings."""
    if name == "data":
        return project.state(name) == "done"
    return project.latest_result_dir(name) is not None


def empty(icon: str, text: str, *, step: Step, label: str, detail: str = "") -> None:
    """Draw the state of a page that has nothing to show yet, with the way on."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown(f"## :gray[{icon}]", width="content")
        st.markdown(f"#### {text}", width="content")
        if detail:
            st.markdown(f":gray[{detail}]", width="content")
        if st.button(label, type="primary", key=f"empty:{step.key}", icon=":material/arrow_forward:"):
            go(step)
        st.space("small")


def _adopt() -> Project | None:
    """Take the project from the address, else from the session; say so where it is gone."""
    name = st.query_params.get("p") or state.PROJECT.get()
    if not name:
        return None
    try:
        project = Project.open(name)
        restored = project.restore()
    except ProjectError as error:
        state.PROJECT.clear()
        st.query_params.pop("p", None)
        errors.card(error)
        return None
    open_project(name)
    for sentence in restored:
        errors.warn(sentence)
    return project


def _brand() -> None:
    st.logo(picture.logo(), size="large")
    link(steps.HOME)


def _project(project: Project) -> None:
    infos = [(role, _info(project, role)) for role in ("source", "target")]
    chips = [f":gray-badge[{role.capitalize()} · {_size(info)}]" for role, info in infos if info is not None]
    with st.popover(f"**{errors.plain(project.name)}**", type="tertiary", help="Rename or share this project"):
        state.RENAME.set(project.name)
        st.text_input("Name of the project", key=state.RENAME.name, max_chars=80, on_change=_rename)
        st.caption("To come back later, or to show it to a colleague on the same server, keep this page's address.")
    if chips:
        st.markdown("  \n".join(chips))


def _info(project: Project, role: str) -> Mapping[str, Any] | None:
    """Return what is known of an input; None where that is damaged, which the pages that need it say."""
    try:
        return project.input_info(role)
    except ProjectError:
        return None


def _size(info: Mapping[str, Any]) -> str:
    """Say how large an input is; of a trained source, what it was learned from."""
    if "trained" in info:
        return f"trained on {info['trained']['n_cells']:,} cells"
    return f"{info['n_obs']:,} cells × {info['n_vars']:,} genes"


def _rename() -> None:
    project = current()
    if project is not None:
        with errors.remembered():
            project.rename(state.RENAME.get())


def _timeline(project: Project) -> None:
    with st.container(gap="xsmall"):
        for step in steps.PIPELINE:
            icon, said, added = _sign(project, step)
            link(step, step.short + added, icon=icon, help_text=f"{step.title}: {said}")


def _sign(project: Project, step: Step) -> tuple[str, str, str]:
    """Return icon, words and addition of a step; pages that compute nothing show whether they can be used."""
    if step is steps.THETA and not _has_theta(project):
        return ":material/remove:", "the chosen method has none", ""
    if step.computes:
        return _SIGNS[project.state(step.computes)]
    where = project.state("theta")
    return (step.icon, "ready", "") if where == "done" else _SIGNS[where]


def _has_theta(project: Project) -> bool:
    """Tell whether the chosen method has a θ; of settings that nobody can read it is assumed."""
    method = METHODS.get(project.params("transfer")["method"])
    return method is None or has_capability(method, SweepsTheta)


def _history(project: Project) -> None:
    with st.container(horizontal=True, gap="medium"):
        for name, note, callback, keys in (
            ("Undo", project.can_undo, _undo, "Alt+Z"),
            ("Redo", project.can_redo, _redo, "Alt+Y"),
        ):
            st.button(
                name,
                icon=f":material/{name.lower()}:",
                key=name.lower(),
                help=errors.plain(note) if note else f"There is nothing to {name.lower()}.",
                shortcut=keys,
                type="tertiary",
                on_click=callback,
                disabled=note is None,
            )


def _undo() -> None:
    project = current()
    _notify_and_refresh("Undone", project.undo() if project else None)


def _redo() -> None:
    project = current()
    _notify_and_refresh("Done again", project.redo() if project else None)


def _notify_and_refresh(what: str, note: str | None) -> None:
    if note:
        errors.notify(f"{what}: {note}")
        state.forget_settings()


def _foot() -> None:
    link(steps.REFERENCE)
    link(steps.LIBRARY)
    link(steps.HELP)
    st.caption(f"sctl {__version__}")
