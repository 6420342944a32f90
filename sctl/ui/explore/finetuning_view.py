"""Groups before and after the user's own cells sharpened them: which are kept, how sure they are, how they formed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from threadpoolctl import threadpool_limits

from sctl import jobs, plots, workflow
from sctl.data import UNASSIGNED, Answer, FineTuning, FineTuningComparison, KeptStage, TransferResult
from sctl.plots.palette import colors_of
from sctl.project import Project
from sctl.ui.frame import errors, results, shell, state
from sctl.ui.widgets import charts, colors

PLACE = "sharpening"
_CHOICES: Mapping[Answer, str] = {"before": "Groups from before", "after": "Groups from after"}
_ABOUT = (
    "First every cell of yours got the name that the network, trained on the source, finds most likely. Then the groups "
    "were sharpened: the network went on learning from your cells alone, which drew each of them to its likeliest group."
)
HIGH, LOW = 0.8, 0.5
"""Confidence of a cluster from which its name can be taken, and below which its markers must say what it is."""

NEARLY = 0.01
"""Silhouettes that differ less do not tell which groups are the better ones."""

_READINGS = {
    "name": "✓ take its name",
    "check": "◐ check its marker genes",
    "markers": "✗ look at its marker genes: it may be a type that the source lacks",
    "empty": "no cell is left in it",
}
_RULE = (
    f"Confidence of a group: the share of its cells that were in it from the start, before your cells sharpened the "
    f"groups. From {HIGH:.0%} on the name can be taken; below {LOW:.0%} most of the group came together only in your "
    "own data, and marker genes must say what it is. The confidence of single cells, on the first tab, is another thing: how "
    "clearly a cell lies in its group."
)


def has(found: TransferResult) -> bool:
    """Tell whether a result knows its groups before and after."""
    return found.diagnostics.fine_tuning is not None and found.diagnostics.kept is not None


def _tuned(found: TransferResult) -> FineTuning:
    """Return what fine-tuning changed, of a result that knows it."""
    tuned = found.diagnostics.fine_tuning
    if tuned is None:
        raise ValueError(f"{found.method} was not fine-tuned")
    return tuned


def notice(project: Project, *, key: str) -> None:
    """Say in plain words what sharpening did and which groups are kept, with a switch between them."""
    found = results.result(project)
    tuned, kept = found.diagnostics.fine_tuning, found.diagnostics.kept
    if tuned is None or kept is None:
        return
    with st.container(border=True):
        st.markdown("#### Did sharpening help?")
        st.markdown(in_words(tuned.comparison, kept.answer))
        if told := unexplained_in_words(tuned, kept):
            st.warning(told, icon=":material/help:")
        st.caption(_ABOUT)
        if project.pinned is None and project.state("theta") == "done":  # else what is shown is of earlier settings
            _switch(kept.answer, key)


def in_words(seen: FineTuningComparison, kept: Answer) -> str:
    """Return the diagnosis: how much changed, what divides the user's data better, and what is kept."""
    changed, before, after = seen.flipped, seen.silhouette_before, seen.silhouette_after
    first = "Sharpening gave no cell another name." if changed == 0 else (
        f"Sharpening gave {_percent(changed)} of the cells another name."
    )  # fmt: skip
    near = abs(before - after) < NEARLY
    better, other = ("after", "before") if seen.recommended == "after" else ("before", "after")
    if near:
        judged = "The groups before and after it divide your data about equally well, so either will do"
    else:
        judged = f"The groups {better} it divide your data better than those {other} it"
    verdict = f". Still, you keep those from {kept}."
    if kept == better or near:
        verdict = f": those from {kept} are kept." if near else ": those are kept."
    return f"{first} {judged} (silhouette {before:.2f} before, {after:.2f} after){verdict}"


def unexplained_in_words(tuned: FineTuning, kept: KeptStage) -> str:
    """Return what it means that the source does not explain the user's data; empty where it does."""
    if tuned.explained:
        return ""
    n_new = sum(kind == UNASSIGNED for kind in kept.cluster_types)
    first = "The source does not explain your data: they divide much better by their own genes than by its types."
    if n_new:
        made = "1 new group was made" if n_new == 1 else f"{n_new} new groups were made"
        return (
            f"{first} So {made} of cells that no type fits. Look at their marker genes, and for a source that has "
            "these types."
        )
    return (
        f"{first} Do not rely on the names before you have seen marker genes, and look for a source that fits better."
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"


def _switch(kept: Answer, key: str) -> None:
    name = state.ANSWER.of(key)
    name.set(kept)
    st.segmented_control(
        "Groups to keep", list(_CHOICES), format_func=lambda side: f"{_CHOICES[side]} sharpening", key=name.name,
        required=True, on_change=_keep, args=(key,),
        help="Takes a second: both were computed. Names, groups and confidence follow; Undo takes it back.",
    )  # fmt: skip


def _keep(key: str) -> None:
    """Keep the answer that was picked; marker genes follow in the background.

    The browser also tells of a switch that nobody touched, with the button that was pressed: when another method is
    started, for one. Then the result of the settings is not there, or has no such answers.
    """
    project = shell.current()
    if project is None or project.state("theta") != "done":
        return
    with errors.remembered("The groups are as they were.", place=PLACE):
        picked, found = state.ANSWER.of(key).get(), results.result(project).diagnostics
        if found.fine_tuning is None or found.kept is None or picked == found.kept.answer:
            return
        had_markers = project.state("markers") == "done"
        own = _own_answer(project, found.fine_tuning.comparison)
        note = f"Keep the groups from {picked} sharpening"
        project.set_params("theta", {"answer": None if picked == own else picked}, note=note)
        with threadpool_limits(limits=1):  # as in sctl.ui.frame.results
            jobs.compute(project, "theta")
        if had_markers and project.state("markers") != "done":
            jobs.submit(project, "markers")
        errors.notify(f"The groups from {picked} sharpening are now in use. Undo takes it back.")


def _own_answer(project: Project, found: FineTuningComparison) -> str:
    """Return what the method keeps when nobody says otherwise."""
    asked = workflow.method_of(project.params("transfer")).params.get("answer", "auto")
    return found.recommended if asked == "auto" else str(asked)


# -- groups ------------------------------------------------------------------------------------------


def warn_merged_clusters(project: Project) -> None:
    """Warn of groups that lost most of their cells to another one while groups were sharpened."""
    found = results.result(project).diagnostics
    if found.fine_tuning is None or found.kept is None or found.kept.answer == "before":
        return
    lost = found.fine_tuning.merged
    rows = zip(lost.cluster, lost.by, lost.cells_before, lost.cells_moved, strict=True)
    said = [
        f"**{errors.plain(by)}** took {moved:,} of the {cells:,} cells of **{errors.plain(cluster)}**"
        for cluster, by, cells, moved in rows
    ]
    if said:
        st.warning(
            f"A group was swallowed: {'; '.join(said)}. If marker genes tell them apart, keep the groups from before "
            "sharpening.",
            icon=":material/merge:",
        )


def table(project: Project) -> None:
    """Draw the confidence of every group with how to read it."""
    found = results.result(project)
    st.markdown("### Which groups can keep their name?")
    shown = table_of(found)
    st.dataframe(
        shown,
        hide_index=True,
        column_config={
            "Confidence": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.0f%%"),
            "Cells at first": st.column_config.NumberColumn(format="localized"),
            "Cells now": st.column_config.NumberColumn(format="localized"),
        },
        alt="Confidence of every group, and whether its name can be taken",
    )
    st.caption(_RULE)


def table_of(found: TransferResult) -> pd.DataFrame:
    """Return the table of :func:`table`, the least sure group first."""
    rows = _tuned(found).cluster_table
    confidence, cells = np.array(rows.confidence, dtype=float), np.array(rows.cells_after, dtype=int)
    out = pd.DataFrame(
        {
            "Group": np.array(rows.cluster, dtype=str),
            "Cells at first": np.array(rows.cells_before, dtype=int),
            "Cells now": cells,
            "Confidence": 100 * confidence,
            "What to do": [reading(value, count) for value, count in zip(confidence, cells, strict=True)],
        }
    )
    return out.sort_values("Confidence", kind="stable").reset_index(drop=True)


def reading(confidence: float, n_cells: int) -> str:
    """Return how to read the confidence of a group.

    Examples
    --------
    >>> reading(0.96, 100), reading(0.6, 100), reading(0.0, 0)
    ('✓ take its name', '◐ check its marker genes', 'no cell is left in it')
    """
    if not n_cells:
        return _READINGS["empty"]
    return _READINGS["name" if confidence >= HIGH else "check" if confidence >= LOW else "markers"]


# -- the film ----------------------------------------------------------------------------------------


def trajectory_animation(project: Project) -> None:
    """Draw the cells on their way through sharpening, with a play button and a slider."""
    found = results.result(project)
    if "trajectory" not in found.obsm:
        return
    st.markdown("### Watch the groups form")
    groups = names_on_the_way(found)
    refreshes = _tuned(found).trajectory_refreshes
    figure = plots.trajectory_animation(
        np.asarray(found.obsm["trajectory"], dtype=float).reshape(found.n_obs, groups.shape[1], 2),
        groups,
        titles=["Before" if number == 0 else f"Round {number}" for number in refreshes],
        names=[str(name) for name in found.obs_names],
        palette={**colors_of(groups.ravel()), **colors.palette(project, "label")},
    )
    shown = min(found.n_obs, plots.trajectory.MOST_CELLS)
    alt = plots.alt_text("film", n_cells=shown, n_snapshots=len(refreshes))
    charts.draw(figure, key="film", config={"displayModeBar": False}, alt=alt)
    sample = "" if shown == found.n_obs else f" {shown:,} of {found.n_obs:,} cells are shown."
    st.caption(
        "Each point is a cell as the network sees it, in the colour of its group at that moment. Cells that jump to "
        f"another group change their colour.{sample}"
    )


def names_on_the_way(found: TransferResult) -> Any:
    """Return the group of every cell at each snapshot: (n_obs, n_snapshots)."""
    names = np.array(_tuned(found).cluster_table.cluster, dtype=str)
    return names[np.asarray(found.obsm["trajectory_clusters"]).astype(int)]
