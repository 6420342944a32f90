"""Of what use the source is, said before anything is clustered; and its groups where nobody labelled it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from sctl.methods.base import TransferMethod
from sctl.plots.source import chance_figure, groups_figure
from sctl.project import Project, analyses
from sctl.ui.frame import errors
from sctl.ui.frame import jobs as job_views
from sctl.ui.widgets import analysis_panel, charts, forms
from sctl.workflow import SourceCheck

N_GROUPS = "n_source_groups"
"""The setting of a method that says how many groups to find in a source without labels."""

_TEXTS: Mapping[str, tuple[str, str]] = {
    "good": (
        ":green[:material/check_circle:]",
        "**Yes.** What is known of the source explains your cells well, far better than chance.",
    ),
    "partial": (
        ":orange[:material/help:]",
        "**In part.** The source explains some of your cells. Sources of another tissue can reach such a score too, so "
        "look at the curve of θ and at marker genes before you trust the names.",
    ),
    "little": (
        ":orange[:material/warning:]",
        "**Hardly.** The source explains little of your cells, although more than chance. Is it the same tissue?",
    ),
    "none": (
        ":red[:material/cancel:]",
        "**No.** The source explains your cells no better than the same source with its genes shuffled. "
        "Choose another source.",
    ),
}


def is_running(project: Project) -> bool:
    """Tell whether the running job only finds out of what use the source is; nothing has to wait for it."""
    job = job_views.running(project)
    return job is not None and job.kind == "prepare" and project.state("preprocess") == "done"


def panel(project: Project) -> None:
    """Say of what use the source is for the target, with a small picture."""
    if project.state("preprocess") != "done":
        return
    check = analyses.load(project, "source")
    with st.container(border=True):
        st.markdown("#### Is this source of any use for your cells?")
        if check is None:
            _not_yet(project)
        elif check.why_not:
            st.markdown(f":gray[This could not be found out. {errors.plain(check.why_not)}]")
        else:
            _verdict(check)


def groups(project: Project, method: type[TransferMethod], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Let the user choose the number of groups in a source without labels.

    Parameters
    ----------
    project : Project
    method : type of TransferMethod
        One with the setting :data:`N_GROUPS`.
    chosen : mapping
        Values of the method's settings.

    Returns
    -------
    dict
        The setting with its value; empty means automatic.
    """
    parameter = next(item for item in method.parameters() if item.name == N_GROUPS)
    st.markdown("#### Groups in the source")
    left, right = st.columns([1.6, 1], gap="large", vertical_alignment="center")
    with right:
        value = forms.field(method.key, parameter, chosen)
        known = project.params("data")["label_key"] is not None
        why = "You chose not to use the source's cell types" if known else "The source's cell types are not known"
        st.caption(
            f"{why}, so groups of similar cells are found in it and called *group 1*, *group 2* and so on. Your cells "
            "get these names; marker genes tell what they are."
        )
    with left:
        check = analyses.load(project, "source")
        if check is not None and check.tried:
            _curve(check, value)
        else:
            st.caption("Empty: the number is chosen for you from 2 to 15, while the analysis runs.")
    return {N_GROUPS: value}


def _verdict(check: SourceCheck) -> None:
    icon, text = _TEXTS[check.grade]
    left, right = st.columns([1, 1.2], gap="large", vertical_alignment="center")
    with left:
        st.markdown(f"{icon} {text}")
        st.caption(
            f"Score {check.score:.2f}; p = {check.p_value:.2g}, from {len(check.null_scores)} shuffled sources. In our "
            "trials the score was 0.45 to 0.90 for the same tissue and 0.21 to 0.45 for another one."
        )
    with right:
        figure = chance_figure(check.score, check.null_scores)
        alt = f"The source scores {check.score:.2f}; with shuffled genes at most {max(check.null_scores):.2f}"
        charts.draw(figure, key="source:chance", config={"displayModeBar": False}, alt=alt)


def _curve(check: SourceCheck, chosen: int | None) -> None:
    figure = groups_figure(check.tried, check.errors, suggested=check.suggested, chosen=chosen or check.suggested)
    alt = (
        f"Share left unexplained with {check.tried[0]} to {check.tried[-1]} groups; "
        f"the curve bends at {check.suggested}, which is suggested"
    )
    charts.draw(figure, key="source:groups", config={"displayModeBar": False}, alt=alt)
    st.caption(
        f"More groups always explain more. The curve bends at {check.suggested}: beyond it, each further group adds little."
    )


def _not_yet(project: Project) -> None:
    if job_views.running(project) is not None:
        st.markdown(":gray[:material/hourglass_top: The answer appears here in a moment. You need not wait for it.]")
        return  # the sidebar's view of the job draws the page again when it is there
    left, right = st.columns([2.4, 1], vertical_alignment="center")
    left.markdown(":gray[It is compared with itself after its genes were shuffled. This takes seconds.]")
    right.button(
        "Find out",
        icon=":material/search:",
        key="source:check",
        on_click=analysis_panel.start,
        args=("source",),
        width="stretch",
    )
