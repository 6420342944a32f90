"""Whether the methods agree: what each answered about the same cells, and which cells they name differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from sctl import plots
from sctl.analysis import evaluate
from sctl.data import TransferResult
from sctl.methods import METHODS
from sctl.project import Project
from sctl.ui.frame import errors, results, selection, shell, state, steps
from sctl.ui.widgets import charts, colors, embedding_view


def panel(project: Project) -> None:
    """Draw the answers of all methods that were run on the data as prepared now, side by side."""
    answers = results.answers(project)
    own = answers[0]
    _meaning([found.method for found in answers])
    if len(answers) < 2:
        st.info(
            f"Only {_title(own)} was run on these data. Answers are kept: run another method, and both are compared here.",
            icon=":material/compare_arrows:",
        )
        shell.link(steps.TRANSFER, "Choose another method", icon=":material/arrow_forward:")
        return
    _table(project, answers)
    share = evaluate.agreement(answers)
    _where(project, answers, share)
    _types(own, answers, share)
    _flow(project, answers)


def _meaning(methods: Sequence[str]) -> None:
    left, right = st.columns(2, gap="large")
    left.markdown(f"**What it is:** {what_agreement_is(methods)} Where they differ, look at marker genes.")
    right.markdown(
        "**What it is not:** a vote. All learn from the same source: a type that it lacks, or a wrong name in it, misleads "
        "them alike. The method that fits your data best may stand alone."
    )


def what_agreement_is(methods: Sequence[str]) -> str:
    """Say what it means that methods agree: relatives agree easily.

    Examples
    --------
    >>> what_agreement_is(["transfercluster", "itclust"])
    'the methods work in different ways, so a name that all of them give hangs less on how one of them works.'
    """
    relatives: dict[str, list[str]] = {}
    for method in methods:
        relatives.setdefault(METHODS[method].family or method, []).append(METHODS[method].title)
    related = [(family, titles) for family, titles in relatives.items() if len(titles) > 1]
    if len(relatives) == 1 and related:
        family, titles = related[0]
        return (
            f"{_listed(titles)} are relatives: all {family}, and differ in what they make of the source. So a name that all "
            "of them give says less than one on which a method of another kind agrees: run one of those, too."
        )
    said = "the methods work in different ways, so a name that all of them give hangs less on how one of them works."
    for family, titles in related:
        said += f" {_listed(titles)} are relatives, which {family}: that these agree counts as one answer."
    return said


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def truth_of(project: Project, found: TransferResult) -> Any:
    """Return the true type of each cell as far as it is known; None where no truth came with these cells."""
    truth = project.truth()
    if truth is None or not truth.index.isin(found.obs_names).any():
        return None
    return truth.reindex(found.obs_names).to_numpy()


def names(answers: Sequence[TransferResult]) -> pd.DataFrame:
    """Return the name that each method gives to each cell: ``cell`` and a column for each method."""
    given = {found.method: found.labels.astype(str) for found in answers}
    return pd.DataFrame({"cell": answers[0].obs_names.astype(str), **given})


def _title(found: TransferResult) -> str:
    return METHODS[found.method].title


def _table(project: Project, answers: Sequence[TransferResult]) -> None:
    table = evaluate.compare(answers, truth_of(project, answers[0]))
    shown = pd.DataFrame(
        {
            "Method": [f"{_title(found)}{' (shown)' if place == 0 else ''}" for place, found in enumerate(answers)],
            "Cells with a name": 100 * table["named"],
            "Types": table["types"],
            "Groups": table["clusters"],
            "Same name": 100 * table["same_name"],
            "Same groups": table["same_groups"],
        }
    )
    if "right" in table:
        shown["Named rightly"] = 100 * table["right"]
    percent: Any = st.column_config.NumberColumn(format="%.1f%%")
    st.dataframe(
        shown, hide_index=True, alt=f"Answers of {len(answers)} methods and how far they agree with the one shown",
        column_config={
            "Cells with a name": percent,
            "Same name": st.column_config.NumberColumn(
                format="%.1f%%", help="Share of your cells that have the name which the method shown gives."
            ),
            "Same groups": st.column_config.NumberColumn(
                format="%.2f", help="Adjusted Rand index against the groups shown: 1 for the same groups, about 0 by chance."
            ),
            "Named rightly": st.column_config.NumberColumn(
                format="%.1f%%", help="Known for this dataset only; cells without a name count as wrong."
            ),
        },
    )  # fmt: skip


def _where(project: Project, answers: Sequence[TransferResult], share: NDArray[np.float64]) -> None:
    differing = share < 1
    left, right = st.columns([1.6, 1], gap="large")
    coords = results.maps(project).get("target_umap")
    with left:
        if coords is None:
            st.caption("The map has not been drawn yet: open the Explore page.")
        else:
            embedding_view.plain_map(
                coords, share, title="Agreeing", key="methods:map", height=360,
                names=[f"{name}: {label}" for name, label in zip(answers[0].obs_names, answers[0].labels, strict=True)],
            )  # fmt: skip
            st.caption("Share of the other methods that give a cell the name shown on the other pages.")
    with right:
        st.metric(
            "Cells that all name alike", f"{int((~differing).sum()):,}", f"{100 * (~differing).mean():.1f}% of {len(share):,}",
            delta_color="off", delta_arrow="off", border=True,
        )  # fmt: skip
        n_differing = int(differing.sum())
        if st.button(
            f"See the other {n_differing:,} on the map" if n_differing else "There are no others",
            icon=steps.EXPLORE.icon, key="methods:select", width="stretch", disabled=not n_differing,
            help="Selects them on the page Explore, where they can be named or compared.",
        ):  # fmt: skip
            selection.keep(project, differing)
            shell.go(steps.EXPLORE)


def by_type(answers: Sequence[TransferResult], share: NDArray[np.float64]) -> pd.DataFrame:
    """Return a row for each name of the first answer, the least agreed upon first.

    Returns
    -------
    DataFrame
        ``label``, ``cells`` (how many have it), ``all_agree`` (share of them that all methods name so) and ``instead`` (the
        name that the others give most often otherwise).
    """
    own, *others = (found.labels.astype(str) for found in answers)
    rows = []
    for name in plots.natural_order(set(own)):
        cells = own == name
        instead = pd.Series(np.concatenate([labels[cells & (labels != name)] for labels in others])).value_counts()
        rows.append(
            {
                "label": name,
                "cells": int(cells.sum()),
                "all_agree": float((share[cells] == 1).mean()),
                "instead": str(instead.index[0]) if len(instead) else "",
            }
        )
    return pd.DataFrame(rows).sort_values("all_agree", kind="stable").reset_index(drop=True)


def _types(own: TransferResult, answers: Sequence[TransferResult], share: NDArray[np.float64]) -> None:
    st.markdown(f"### Which names of {_title(own)} hold?")
    table = by_type(answers, share)
    st.dataframe(
        pd.DataFrame(
            {
                "Cell type": table["label"],
                "Cells": table["cells"],
                "Named so by all": 100 * table["all_agree"],
                "Otherwise mostly": table["instead"],
            }
        ),
        hide_index=True, alt="Share of each cell type's cells that all methods name alike, the least first",
        column_config={
            "Named so by all": st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.0f%%"),
        },
    )  # fmt: skip


def _flow(project: Project, answers: Sequence[TransferResult]) -> None:
    titles = {found.method: _title(found) for found in answers[1:]}
    key = state.OTHER_METHOD
    key.set(key.get() if key.get() in titles else next(iter(titles)))
    st.markdown("### From one answer to the other")
    chosen = st.selectbox(
        "The other method", list(titles), format_func=titles.__getitem__, key=key.name, persist_state="session"
    )
    own, other = answers[0], next(found for found in answers if found.method == chosen)
    layers = {_title(own): own.labels.astype(str), _title(other): other.labels.astype(str)}
    figure = plots.layered_sankey(layers, palette=colors.palette(project, "label"))
    alt = plots.alt_text("layers", first=_title(own), last=_title(other))
    charts.draw(figure, key="methods:flow", config={"displayModeBar": False}, alt=alt)
    st.caption(f"Each band is a set of cells. {errors.plain(_title(other))}'s names stand on the right.")
