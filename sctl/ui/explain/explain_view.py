"""Why cells have their name: what is asked, the job that finds out, and the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from sctl import plots, workflow
from sctl.data import UNASSIGNED
from sctl.jobs import isolated
from sctl.methods import METHODS
from sctl.project import Project, analyses, keep_gene_sets, load_gene_sets
from sctl.typing import Bools
from sctl.ui.explain import reasons_view
from sctl.ui.frame import errors, results, selection, shell, state
from sctl.ui.widgets import analysis_panel, uploads
from sctl.workflow import ExplainParams
from sctl.workflow.analyses.explain import GroupKind

PLACE = "explain"
_KINDS: dict[GroupKind, str] = {
    "clusters": "A group",
    "labels": "A cell type",
    "cell": "One cell",
    "selection": "Selected cells",
}
_RUNNER_UP = ""
"""The choice of whichever type comes next, which no type is called."""
_HALLMARK = "Hallmark (50 sets, bundled)"


def why_not(project: Project) -> str:
    """Say why the result cannot be explained; empty where it can."""
    found = results.result(project)
    kind = METHODS[found.method]
    if not workflow.explains(kind):
        return (
            f"{kind.title} does not say which genes its names rest on. The page *Marker genes* shows what sets the groups "
            "apart, whatever the method."
        )
    return "" if len(found.label_names) > 1 else "The source has one cell type only, so there is nothing to compare."


# -- the question -------------------------------------------------------------------------------------


def choose(project: Project) -> ExplainParams | None:
    """Draw the choice of cells, of what to compare with, and of gene sets; return the question."""
    kind = _kind(project)
    left, middle, right = st.columns(3)
    with left:
        name = _name(project, kind)
    if name is None:
        return None
    with middle:
        against = _against(project)
    with right:
        sets = _gene_sets(project)
    cells = np.flatnonzero(_selected(project)).tolist() if kind == "selection" else ()
    return ExplainParams(of=kind, name=name, against=against, sets=sets, cells=tuple(cells))


def _kind(project: Project) -> GroupKind:
    kinds = [kind for kind in _KINDS if kind != "selection" or _selected(project).any()]
    asked = state.EXPLAIN_OF.get()
    state.EXPLAIN_OF.set(asked if asked in kinds else kinds[0])  # written each time: a default alone is not drawn
    chosen = st.segmented_control(
        "Explain", kinds, format_func=_KINDS.__getitem__, key=state.EXPLAIN_OF.name, required=True,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    if "selection" not in kinds:
        st.caption("Cells that you select on the Explore page can be explained here, too.")
    return chosen or kinds[0]


def _selected(project: Project) -> Bools:
    return selection.current(project, results.result(project).n_obs)


def _name(project: Project, kind: GroupKind) -> str | None:
    """Draw the choice of a group or a cell."""
    found = results.result(project)
    if kind == "selection":
        n_cells = int(_selected(project).sum())
        st.metric("Selected cells", f"{n_cells:,}")
        return f"{n_cells} selected cells"
    if kind == "cell":
        names, key = [str(name) for name in found.obs_names], state.CELL
        first = names[int(np.argmin(found.confidence))]
    else:
        values = results.groups(project, kind, None)
        names = plots.natural_order(set(values) - {UNASSIGNED})
        key, first = state.EXPLAIN_NAME.of(kind), names[0] if names else ""
    if not names:
        st.info("No cell has a name.")
        return None
    if key.get() not in names:
        key.set(first)
    usual = _usual(project) if kind == "clusters" else {}
    return str(
        st.selectbox(
            _KINDS[kind], names, key=key.name, format_func=lambda name: usual.get(name, name), persist_state="session",
            filter_mode="contains",
        )
    )  # fmt: skip


def _usual(project: Project) -> dict[str, str]:
    """Return what each group is called, with the cell type that most of its cells have."""
    table = pd.DataFrame(
        {"group": results.groups(project, "clusters", None), "label": results.groups(project, "labels", None)}
    )
    usual = table.groupby("group")["label"].agg(lambda labels: labels.mode().iloc[0])
    return {str(name): str(name) if name == label else f"{name} (mostly {label})" for name, label in usual.items()}


def _against(project: Project) -> str | None:
    choices = {_RUNNER_UP: "The runner-up"} | {name: name for name in results.result(project).label_names}
    if state.EXPLAIN_AGAINST.get() not in choices:
        state.EXPLAIN_AGAINST.set(_RUNNER_UP)
    chosen = st.selectbox(
        "Rather than", list(choices), format_func=choices.__getitem__, key=state.EXPLAIN_AGAINST.name, persist_state="session",
        help="The runner-up is the cell type that comes next for these cells.",
    )  # fmt: skip
    return str(chosen) if chosen else None


def _gene_sets(project: Project) -> str:
    """Draw the choice of gene sets and the way to add some; return their reference."""
    known = {
        "": _HALLMARK,
        **{q.sets: load_gene_sets(project, q.sets).name for q in analyses.stored_params(project, "explain") if q.sets},
    }
    own = state.EXPLAIN_SETS.get()
    if own and own not in known:
        known[own] = load_gene_sets(project, own).name
    chosen = st.selectbox(
        "Pathways", list(known), format_func=known.__getitem__, key=state.EXPLAIN_SETS.name, persist_state="session"
    )
    key = f"gmt:{state.GMT_ROUND.get()}"
    with st.popover("Add your own (.gmt)", icon=":material/upload_file:", type="tertiary"):
        st.caption("One set in each line: name, description, genes; with tabs between. MSigDB offers such files.")
        st.file_uploader("Gene sets", type=["gmt", "gz"], key=key, on_change=_take, args=(key,))
    return str(chosen or "")


def _take(key: str) -> None:
    project, upload = shell.current(), st.session_state.get(key)
    if project is None or upload is None:
        return
    with errors.remembered("The gene sets are as they were.", place=PLACE):
        with uploads.on_disk([upload]) as (paths, _):
            sets = isolated.read_gene_sets(paths[0], upload.name)
        state.EXPLAIN_SETS.set(keep_gene_sets(results.shown(project), sets))
        state.GMT_ROUND.set(state.GMT_ROUND.get() + 1)
        errors.notify(f"{upload.name} holds {len(sets):,} gene {'set' if len(sets) == 1 else 'sets'}.")


# -- the answer ---------------------------------------------------------------------------------------


def answer(project: Project, question: ExplainParams) -> None:
    """Draw the answer, the job that looks for it, or the button that starts it."""
    button = analysis_panel.Button(
        label="Explain",
        icon=":material/lightbulb:",
        why_not=analysis_panel.why_not(project),
        caption="It takes a few seconds, runs in the background and can be stopped. Answers are kept in the project.",
    )
    analysis_panel.panel(project, PLACE, question, button, lambda found: reasons_view.draw(project, question, found))
