"""A search box over all genes of the target."""

from __future__ import annotations

import streamlit as st

from sctl import workflow
from sctl.project import Project, load_gene_sets
from sctl.ui.frame import results, state


def pick(
    project: Project,
    pane: str = "",
    *,
    label: str = "Gene",
    among: tuple[list[str], str] | None = None,
    place: int = 0,
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
    place : int
        It starts at the best marker of the group at this place.
    """
    names, about = among or (results.genes(project), "")
    key = state.GENE.of(pane)
    if key.get() not in names:
        key.set(_first(project, names, place))
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


def several(project: Project, pane: str = "") -> list[str]:
    """Draw the choice of a gene set or of genes one by one; return those that the target has."""
    known = _sets(project)
    key = state.GENE_SET.of(pane)
    key.set(key.get() if key.get() in known else "")
    chosen = st.selectbox(
        "Gene set", ["", *known], key=key.name, persist_state="session", filter_mode="contains",
        format_func=lambda name: called(name) if name else "Genes of my choice",
        help="The Hallmark sets; those of a file that you add on the page Explain can be chosen, too.",
    )  # fmt: skip
    names = results.genes(project)
    if chosen:
        return sorted(known[str(chosen)] & set(names))
    own = state.GENES.of(pane)
    own.set([name for name in own.get() if name in names])
    found = st.multiselect(
        "Genes",
        names,
        key=own.name,
        persist_state="session",
        placeholder="Type genes, e.g. INS",
        filter_mode="contains",
    )
    return list(found)


def called(name: str) -> str:
    """Return the name of a gene set as it is read.

    >>> called("HALLMARK_TGF_BETA_SIGNALING"), called("My set")
    ('TGF BETA SIGNALING', 'My set')
    """
    return name.removeprefix("HALLMARK_").replace("_", " ")


def _sets(project: Project) -> dict[str, frozenset[str]]:
    """Return the gene sets of which the target has a gene, those of the user first."""
    names = results.genes(project)
    own = state.EXPLAIN_SETS.get()
    found = dict(load_gene_sets(project, own).sets) if own else {}
    return {name: genes for name, genes in {**found, **workflow.hallmark_of(names).sets}.items() if genes & set(names)}


def _first(project: Project, names: list[str], place: int) -> str | None:
    if project.state("markers") != "done":
        return None
    best = results.markers(project).drop_duplicates("group")["gene"].astype(str).tolist()
    return best[place] if place < len(best) and best[place] in names else None
