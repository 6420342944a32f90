"""Made-up data with known truth: to see when help from a source works, and when it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from sctl.errors import SctlError
from sctl.project import Project
from sctl.simulate import Simulation
from sctl.ui.frame import errors, state

PLACE = "simulation"

_OVERLAPS = {
    "complete": ("All of them", "The source can name every cell."),
    "incomplete": ("Some of them", "Some types of the target are new to the source, and the other way round."),
    "none": ("None of them", "Help can only mislead. A good method leaves the source aside."),
}
_EFFECTS = {
    "gene": "Each gene by its own amount, as in the paper",
    "node": "All genes of a type by one amount, as in the paper's code",
}
_SIZES = (
    ("n_source", "Cells of the source", 50, 5000),
    ("n_target", "Cells of the target", 10, 5000),
    ("n_vars", "Genes", 200, 20_000),
)


def offer(project: Project) -> None:
    """Draw the choice of simulated data, closed."""
    errors.show_notices(PLACE)
    with st.expander("Simulate a source and a target", icon=":material/casino:"):
        st.markdown(
            "Made-up cells of eight types whose truth is known: **to see when help from a source works**, and what the "
            "app's numbers look like when it does not. They say nothing about your own cells."
        )
        with st.form("simulation", border=False):
            wanted = _fields()
            left, right = st.columns([1, 2.4], vertical_alignment="center")
            pressed = left.form_submit_button("Simulate", icon=":material/casino:", width="stretch")
            if project.settings.inputs:
                right.caption("Takes the place of the data above. Undo brings those back, step by step.")
        if pressed:
            _take(project, wanted)


def _fields() -> dict[str, Any]:
    """Draw the settings and return them; they start at those of the paper."""
    plain = Simulation()
    overlap = st.radio(
        "Which of the target's types does the source have?", list(_OVERLAPS),
        key=_key("overlap", plain.overlap), format_func=lambda name: _OVERLAPS[name][0],
        captions=[caption for _, caption in _OVERLAPS.values()], persist_state="session",
    )  # fmt: skip
    sizes = {
        name: int(
            column.number_input(
                title, low, high, step=50, key=_key(name, getattr(plain, name)), persist_state="session"
            )
        )
        for column, (name, title, low, high) in zip(st.columns(3), _SIZES, strict=True)
    }
    left, right = st.columns([2, 1])
    effect = left.selectbox(
        "How types differ", list(_EFFECTS), key=_key("effect", plain.effect),
        format_func=lambda name: _EFFECTS[name], persist_state="session",
        help="A tenth to four tenths of the genes change from type to type, most of them about twofold.",
    )  # fmt: skip
    seed = right.number_input(
        "Seed", 0, 2**31 - 1, step=1, key=_key("seed", plain.seed), persist_state="session",
        help="The same seed makes the same cells again.",
    )  # fmt: skip
    return {"overlap": overlap, **sizes, "effect": effect, "seed": int(seed)}


def _key(name: str, first: Any) -> str:
    key = state.SIMULATION.of(name)
    key.start_with(first)
    return key.name


def _take(project: Project, wanted: Mapping[str, Any]) -> None:
    with st.spinner("Drawing the cells …"), errors.remembered("Your data are as they were.", place=PLACE):
        put(project, Simulation(**wanted))
        errors.notify("The simulated source and target are in place, and the truth is kept aside.")
    st.rerun()


def put(project: Project, simulation: Simulation) -> None:
    """Make simulated data the source and the target of a project; the truth is kept where no method sees it.

    Raises
    ------
    SctlError
        If the data cannot be made or stored.
    """
    made = simulation.make()
    with project.one_act():
        for role, adata in (("source", made.source), ("target", made.target)):
            origin = {"filename": f"Simulated {role}", "simulated": simulation.to_dict()}
            project.put_input(role, adata, origin, note="Simulate a source and a target")
        project.put_truth(made.truth)
        project.set_params("data", {"label_key": made.label_key}, note="Choose the simulated cell types")
    state.forget_settings()


def of(info: Mapping[str, Any]) -> Simulation | None:
    """Return how an input was simulated, or None where it was not."""
    try:
        return Simulation.from_dict(info["simulated"])
    except (KeyError, TypeError, SctlError):  # a file, or made by another version
        return None


def in_words(simulation: Simulation) -> str:
    """Say what simulated data are.

    Examples
    --------
    >>> in_words(Simulation(overlap="none", seed=3))
    "Made up, with known truth: the source has none of the target's types. Seed 3."
    """
    share = {"complete": "all", "incomplete": "some", "none": "none"}[simulation.overlap]
    return f"Made up, with known truth: the source has {share} of the target's types. Seed {simulation.seed}."
