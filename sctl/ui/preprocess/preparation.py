"""What happens to both sides alike: normalisation and genes; and what came of the preparation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from sctl.preprocess import PAPER_FILTERS, PreprocessParams, RoleParams
from sctl.project import Project, load_report
from sctl.ui.frame import errors, shell, state
from sctl.ui.preprocess import filters
from sctl.ui.widgets import numbers

_LOGS = {"log1p": "log1p: natural logarithm of 1 + x", "log2": "log2 of 1 + x", "none": "no logarithm"}
_SIZES = {"shared": "genes that both datasets share", "all": "all genes of each dataset"}


@dataclass(frozen=True)
class Entry:
    """One setting on the page; ``low`` also says whether it is a whole number."""

    name: str
    label: str
    about: str = ""
    low: float = 0
    high: float | None = None
    empty: str = ""


_TOTAL = Entry(
    "normalize_to",
    "Counts per cell after normalisation",
    "Every cell is scaled to the same total, so that cells with more molecules do not look different.",
    low=1.0,
    empty="not normalised",
)
_VARIABLE = Entry(
    "n_top_genes",
    "Highly variable genes",
    "Cells are compared by the genes that differ most between them. Empty takes all.",
    low=10,
    empty="all genes",
)
_LOG = Entry("log", "Logarithm", "Keeps strongly expressed genes from deciding alone.")
_SIZE = Entry(
    "normalize_on",
    "Cell totals are taken over",
    "The shared genes make both sides comparable even where one was measured with a smaller panel of genes.",
)
_OF_A_SIDE = (
    Entry("min_genes", "Cells: expressed genes, at least"),
    Entry("expression_threshold", "A gene is expressed from this value on", "0 means any value above 0.", low=0.0),
    Entry("min_cells", "Genes: expressed in cells, at least"),
    Entry("min_cell_share", "Genes: expressed in this share of cells, at least", low=0.0, high=1.0),
    Entry("max_cell_share", "Genes: above 0 in this share of cells, at most", low=0.0, high=1.0),
)


def result(project: Project) -> None:
    """Show what the last preparation kept."""
    report = load_report(project)
    shown = _trained(report) if "trained" in report else _two_datasets(report)
    numbers.row(shown)
    for text in report.get("repairs", ()):
        st.caption(f":material/build: Repaired for the computation: {errors.plain(text)}")
    if report["losses"]:
        with st.expander("What was left out, and why", icon=":material/remove_circle:"):
            table = pd.DataFrame(report["losses"])[["role", "what", "n", "reason"]]
            table.columns = ["Dataset", "What", "Left out", "Reason"]
            st.dataframe(table, hide_index=True, alt="Cells and genes that were left out, with reasons")


def _two_datasets(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    kept = {f"Cells of the {role}": [f"{n:,}" for n in report["n_cells"][role]] for role in ("source", "target")}
    shown = [(title, after, f"of {before}") for title, (before, after) in kept.items()]
    shown.append(("Genes used", f"{report['n_used']:,}", f"of {report['n_shared']:,} shared"))
    shown.append(("Highly variable genes", f"{report['n_variable']:,}", "to compare cells by"))
    return shown


def _trained(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the figures where the source was trained before."""
    (before, after), trained = report["n_cells"]["target"], report["trained"]
    n_compared, missing = trained["n_compared"], trained["missing"]
    note = f"not found: {', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}" if missing else "all were found"
    return [
        ("Trained source", f"{trained['n_types']} types", f"learned from {report['n_cells']['source'][0]:,} cells"),
        ("Cells of the target", f"{after:,}", f"of {before:,}"),
        ("Genes it compares by", f"{n_compared - len(missing):,} of {n_compared:,}", note),
    ]


def settings(project: Project) -> None:
    """Draw the settings that hold for both sides, behind a drawer each: normalisation, and the paper's filters."""
    if project.has_trained:
        return
    params = filters.params_of(project)
    with st.expander("Normalisation and highly variable genes", icon=":material/straighten:"):
        _normalisation(params)
    with st.expander(
        "Advanced: filters of cells and genes as in the TransferCluster paper", icon=":material/settings:"
    ):
        _paper(params)


def reset_button() -> None:
    """Draw the button that brings all defaults back."""
    st.button(
        "Reset everything on this page",
        icon=":material/restart_alt:",
        type="tertiary",
        on_click=_reset,
        help="Back to the defaults: nothing is filtered but what cannot be used. Undo brings your settings back.",
    )


def _normalisation(params: PreprocessParams) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        number(_TOTAL, params.normalize_to)
        select(_LOG, params.log, _LOGS)
    with right:
        number(_VARIABLE, params.n_top_genes)
        select(_SIZE, params.normalize_on, _SIZES)


def _paper(params: PreprocessParams) -> None:
    st.caption(
        "The paper filters cells by the number of clearly expressed genes, and genes that are seen in hardly any or in "
        "nearly all cells. Its published values suit deep sequencing; droplet data lose most cells by them."
    )
    for column, role in zip(st.columns(2, gap="large"), ("source", "target"), strict=True):
        side: RoleParams = getattr(params, role)
        with column:
            st.markdown(f"**{role.capitalize()}**")
            for entry in _OF_A_SIDE:
                number(entry, getattr(side, entry.name), role)
            st.button("Use the paper's values", key=f"paper:{role}", on_click=_use_paper, args=(role,))


def number(entry: Entry, value: float | None, role: str = "") -> None:
    """Draw one setting that is a number, of one side or of both; what is typed is kept at once."""
    key, kind = state.SETTING.of(role, entry.name), type(entry.low)
    key.set(None if value is None else kind(value))
    shape: dict[str, Any] = {"step": 1} if kind is int else {"step": 0.01 if entry.high else 1.0, "format": "%g"}
    st.number_input(
        entry.label,
        min_value=entry.low,
        max_value=entry.high,
        value=None,
        placeholder=entry.empty or "default",
        key=key.name,
        help=entry.about or None,
        on_change=_keep,
        args=(entry, role),
        **shape,
    )


def select(entry: Entry, value: str, options: Mapping[str, str]) -> None:
    """Draw one setting that is a choice among named options; what is chosen is kept at once."""
    key = state.SETTING.of("", entry.name)
    key.set(value)
    st.selectbox(
        entry.label,
        list(options),
        format_func=options.__getitem__,
        key=key.name,
        help=entry.about,
        on_change=_keep,
        args=(entry, ""),
    )


def _keep(entry: Entry, role: str) -> None:
    """Write one setting; an empty field is None where that means something, else the default."""
    project = shell.current()
    if project is None:
        return
    value = state.SETTING.of(role, entry.name).get()
    if value is None and not entry.empty:
        value = getattr(RoleParams() if role else PreprocessParams(), entry.name)
    with errors.remembered("The settings are as they were.", place=filters.PLACE):
        params, changed = filters.params_of(project), {entry.name: value}
        if role:
            filters.write(project, role, replace(getattr(params, role), **changed), f"{entry.label} ({role})")
        else:
            project.set_params("preprocess", replace(params, **changed).to_dict(), note=entry.label)


def _use_paper(role: str) -> None:
    project = shell.current()
    if project is not None:
        side: RoleParams = getattr(filters.params_of(project), role)
        filters.write(
            project, role, replace(PAPER_FILTERS, thresholds=side.thresholds), f"The paper's filters for the {role}"
        )


def _reset() -> None:
    project = shell.current()
    if project is not None:
        project.set_params("preprocess", {}, note="Reset the preparation")
