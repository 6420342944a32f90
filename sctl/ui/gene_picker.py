"""A search box over all genes of the target."""

from __future__ import annotations

import streamlit as st

from sctl.project import Project
from sctl.ui import results, state


def pick(
    project: Project, pane: str = "", *, label: str = "Gene", among: tuple[list[str], str] | None = None
) -> str | None:
    """Draw the box and return the gene chosen, or None; it starts at the best marker there is.

    Parameters
    ----------
    project : Project
    pane : str
        Tells apart two boxes on one page.
    label : str
    among : tuple of list of str and str, optional
        The genes to choose from, and what to say of them; all of the target by default.
    """
    names, about = among or (results.genes(project), "")
    key = state.GENE.of(pane)
    if key.get() not in names:
        key.set(_first(project, names))
    return st.selectbox(
        label,
        names,
        index=None,
        key=key.name,
        placeholder="Type a gene, e.g. INS",
        filter_mode="contains",
        persist_state="session",
        help=about or f"Any of the {len(names):,} genes of your target.",
    )


def _first(project: Project, names: list[str]) -> str | None:
    if project.state("markers") != "done":
        return None
    table = results.markers(project)
    best = str(table["gene"].iloc[0]) if len(table) else ""
    return best if best in names else None
