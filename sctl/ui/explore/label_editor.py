"""The panel beside the map: what is selected, and the user's own labels. Every edit can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sctl import plots
from sctl.analysis.subcluster import subgroups
from sctl.errors import ParameterError
from sctl.project import Project
from sctl.ui.frame import errors, results, selection, shell, state
from sctl.ui.widgets import colors

PLACE = "labels"
_LONGEST = 60
_MOST_PARTS = 8
_PARTED = 0.15  # silhouette below which parts are hardly parts


# -- the selection -------------------------------------------------------------------------------------


def selected(project: Project) -> None:
    """Draw how many cells are selected, how the next lasso joins them, and what can be done with them."""
    n_obs = results.result(project).n_obs
    mask = selection.current(project, n_obs)
    st.metric("Selected cells", f"{int(mask.sum()):,} of {n_obs:,}")
    if not mask.any():
        st.caption("Drag on the map to draw around cells (lasso), or choose a whole group below.")
    state.SELECT_MODE.start_with("new")
    st.segmented_control(
        "The next lasso", list(selection.MODES), format_func=selection.MODES.__getitem__, key=state.SELECT_MODE.name,
        required=True, persist_state="session",
        help="New: replaces the selection. Add: joins it. Subtract: is taken out of it. Intersect: only cells in both.",
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        st.button("Invert", icon=":material/flip:", on_click=selection.keep, args=(project, ~mask), key="invert")
        none = np.zeros(n_obs, dtype=bool)
        st.button(
            "Clear", icon=":material/close:", on_click=selection.keep, args=(project, none), key="clear",
            disabled=not mask.any(),
        )  # fmt: skip
    _whole_group(project)
    if mask.any():
        _composition(project, mask)
        _keep_for_markers(project, mask)


def _whole_group(project: Project) -> None:
    groups = named_groups(project)
    chosen = st.selectbox(
        "Or a whole group", list(groups), index=None, key=state.SELECT_GROUP.name, placeholder="Choose a group",
        persist_state="session",
    )  # fmt: skip
    mask = groups.get(chosen) if chosen else None
    if mask is not None:
        st.button(
            f"Select these {int(mask.sum()):,} cells", key="select_group_button", on_click=selection.join,
            args=(project, mask), width="stretch",
        )  # fmt: skip


def named_groups(project: Project) -> dict[str, NDArray[np.bool_]]:
    """Return the cells of every group of every grouping, by what it is called."""
    found: dict[str, NDArray[np.bool_]] = {}
    for name, title in colors.GROUPINGS.items():
        if name == "final" and results.final_labels(project) is None:
            continue
        values = colors.groups(project, name)
        found |= {f"{title}: {group}": values == group for group in plots.natural_order(set(values))}
    return found


def _composition(project: Project, mask: NDArray[np.bool_]) -> None:
    labels = pd.Series(colors.groups(project, "final")[mask]).value_counts()
    shown = [f"{errors.plain(str(name))} {count:,}" for name, count in labels.head(4).items()]
    more = f" and {len(labels) - 4} more" if len(labels) > 4 else ""
    st.markdown(f":gray[Among them: {', '.join(shown)}{more}]")


def _keep_for_markers(project: Project, mask: NDArray[np.bool_]) -> None:
    with st.container(horizontal=True, gap="small"):
        for name in ("A", "B"):
            kept = selection.current(project, len(mask), name)
            st.button(
                f"Keep as {name}" + (f" ({int(kept.sum()):,} now)" if kept.any() else ""),
                key=f"keep:{name}",
                on_click=selection.keep,
                args=(project, mask, name),
                help="On the page of marker genes, selection A can be compared with selection B.",
            )


# -- labels ------------------------------------------------------------------------------------------


def editor(project: Project) -> None:
    """Draw what changes the user's own labels; the method's are never touched."""
    errors.show_notices(PLACE)
    labels = plots.natural_order(set(colors.groups(project, "final")))
    mask = selection.current(project, results.result(project).n_obs)
    with st.expander("Name the selected cells", icon=":material/edit:", expanded=bool(mask.any())):
        st.selectbox(
            "Their cell type", labels, index=None, key=state.NEW_LABEL.name, accept_new_options=True,
            placeholder="Choose one, or type a new name",
        )  # fmt: skip
        st.button(
            f"Name {int(mask.sum()):,} cells", key="relabel", on_click=_relabel, disabled=not mask.any(), width="stretch",
            help=None if mask.any() else "Select cells first.",
        )  # fmt: skip
    with st.expander("Split the selected cells", icon=":material/call_split:"):
        st.caption(
            "By their own differences, without the source, where one group is several islands on the map. First colour the map by "
            "your samples or donors: they can be islands, too."
        )
        st.number_input("into groups", 2, _MOST_PARTS, key=state.PARTS_OF_SELECTION.name)
        st.button(
            f"Split {int(mask.sum()):,} cells", key="split", on_click=_split, disabled=not mask.any(), width="stretch",
            help=None if mask.any() else "Select cells first.",
        )  # fmt: skip
    with st.expander("Rename or merge cell types", icon=":material/merge:"):
        st.multiselect("These cell types", labels, key=state.MERGED.name, placeholder="One to rename, several to merge")
        st.text_input("become", key=state.MERGED_NAME.name, max_chars=_LONGEST, placeholder="New name")
        st.button("Rename", key="merge", on_click=_merge, width="stretch")
    if results.final_labels(project) is not None:
        st.button(
            "Drop all my edits", icon=":material/restart_alt:", type="tertiary", key="drop_labels", on_click=_drop,
            help="Back to the names that the method gave. Undo brings your edits back.",
        )  # fmt: skip


def _relabel() -> None:
    project = shell.current()
    if project is None:
        return
    with errors.remembered("Your labels are as they were.", place=PLACE):
        view = results.shown(project)
        mask = selection.current(view, results.result(view).n_obs)
        name = _checked(state.NEW_LABEL.get())
        _write(project, view, mask, name, f"Name {int(mask.sum()):,} cells {name}")
        state.NEW_LABEL.set(None)


def _split() -> None:
    """Name parts of the selected cells after the name that most of them have: beta 1, beta 2."""
    project = shell.current()
    if project is None:
        return
    with errors.remembered("Your labels are as they were.", place=PLACE):
        view = results.shown(project)
        mask = selection.current(view, results.result(view).n_obs)
        cells = results.target(view).X[np.flatnonzero(mask)]
        with threadpool_limits(limits=1):  # as in sctl.ui.frame.results
            groups, silhouette = subgroups(cells, int(state.PARTS_OF_SELECTION.get()))
        labels = colors.groups(view, "final").astype(object)
        base = str(pd.Series(labels[mask]).mode().iloc[0])[: _LONGEST - 3]
        labels[mask] = [f"{base} {group + 1}" for group in groups]
        _keep(project, view, labels, f"Split {int(mask.sum()):,} cells into {groups.max() + 1} groups of {base}")
        if silhouette < _PARTED:
            errors.notify(
                f"They hardly part (silhouette {silhouette:.2f}; 1 is clear): look for marker genes before you use them."
            )


def _merge() -> None:
    project = shell.current()
    if project is None:
        return
    with errors.remembered("Your labels are as they were.", place=PLACE):
        merged: Sequence[str] = state.MERGED.get()
        if not merged:
            raise ParameterError("No cell type was chosen.", do="Choose the ones to rename or merge.")
        name, view = _checked(state.MERGED_NAME.get()), results.shown(project)
        mask = np.isin(colors.groups(view, "final"), merged)
        _write(project, view, mask, name, f"Rename {', '.join(merged)} to {name}")
        state.MERGED.set([])
        state.MERGED_NAME.set("")


def _drop() -> None:
    project = shell.current()
    if project is not None:
        project.set_labels(None, note="Drop all edits of labels")


def _write(project: Project, view: Project, mask: NDArray[Any], name: str, note: str) -> None:
    labels = colors.groups(view, "final").astype(object)
    labels[mask] = name
    _keep(project, view, labels, note)


def _keep(project: Project, view: Project, labels: NDArray[Any], note: str) -> None:
    project.set_labels(pd.Series(labels, index=results.result(view).obs_names), note=note)
    state.COLOUR.of("").set("final")  # of the first map
    errors.notify(f"{note}. Undo takes it back.")


def _checked(name: str | None) -> str:
    """Return a name for a cell type without blanks around it.

    Raises
    ------
    ParameterError
        If it is empty or too long.
    """
    text = " ".join((name or "").split())
    if not 0 < len(text) <= _LONGEST:
        raise ParameterError(
            "The cell type has no name." if not text else f"The name has {len(text)} characters.",
            expected=f"A name has 1 to {_LONGEST} characters.",
            do="Type a name, or choose one from the list.",
        )
    return text
