"""Other numbers of groups: the consensus of one, how all compare, and what sets the groups apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from sctl import export, plots, workflow
from sctl.project import Project, load_estimate
from sctl.ui.frame import errors, jobs, shell, state
from sctl.ui.n_clusters import consensus_files, consensus_results, gene_heatmap
from sctl.ui.n_clusters.consensus_results import OverK
from sctl.ui.widgets import charts
from sctl.workflow import ConsensusPoint

PLACE = "consensus"
_ROWS = 300  # rows a table shows; the file to download has all
_LEVELS = (0.01, 0.05, 0.1)
_FLAT: dict[str, Any] = {"displayModeBar": False}


# -- what is tried ------------------------------------------------------------------------------------


def choose_range(project: Project) -> None:
    """Draw which numbers of groups are tried; a change puts what was tried out of date."""
    params = project.params("consensus")
    state.TRIED.set((params["k_min"], params["k_max"]))
    st.slider(
        "Numbers of groups to try", 2, workflow.MOST_CLUSTERS, key=state.TRIED.name, on_change=_set_range,
        help="The number in your answer is tried in any case. Each takes a second or two for 1,000 cells.",
    )  # fmt: skip


def _set_range() -> None:
    project = shell.current()
    if project is None:
        return
    low, high = state.TRIED.get()
    with errors.remembered("The earlier range still holds.", place=PLACE):
        project.set_params("consensus", {"k_min": low, "k_max": high}, note=f"Try {low} to {high} groups")


def estimate(project: Project) -> None:
    """Say how many groups chance alone would not make, and how that was found."""
    found = load_estimate(project)
    if found is None:
        return
    left, right = st.columns([3, 1], vertical_alignment="center")
    with left:
        st.info(
            f"Your data alone suggest up to **{found['n_clusters']} groups**. Your answer has "
            f"**{consensus_results.own_number(project)}**.",
            icon=":material/lightbulb:",
        )
    with right, st.popover("How is that known?", icon=":material/help:", type="tertiary"):
        st.markdown(
            "Cells differ along many directions at once. Along a few of them they differ more than cells of a single "
            "kind would by chance (Tracy and Widom's law). As many directions as lie above the dashed line, as many "
            "groups are worth a look. With thousands of cells even faint differences count, so read it as an upper limit."
        )
        values = found["eigenvalues"]
        charts.draw(
            plots.eigenvalue_figure(values, found["threshold"]), key="consensus:eigenvalues", config=_FLAT,
            alt=plots.alt_text("eigenvalues", n_above=int(np.sum(np.array(values) > found["threshold"]))),
        )  # fmt: skip


def pick(project: Project) -> ConsensusPoint:
    """Draw the slider over the numbers that are finished, and return what is known of the chosen one."""
    numbers = consensus_results.finished(project)
    key = state.N_GROUPS.of(project.fingerprint("theta"))
    if key.get() not in numbers:
        own = consensus_results.own_number(project)
        key.set(own if own in numbers else numbers[0])
    chosen = key.get()
    if len(numbers) > 1:
        chosen = st.select_slider("Number of groups", numbers, key=key.name, persist_state="session")
    return consensus_results.point(project, int(chosen or numbers[0]))


# -- one number of groups ---------------------------------------------------------------------------------


def picture(project: Project, found: ConsensusPoint) -> None:
    """Draw the consensus matrix with silhouettes, beside a table of the groups."""
    called = consensus_results.names(project, found)
    shown = plots.shown_cells(found.order)
    groups = [called[int(number)] for number in found.clusters[found.compared[shown]]]
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        figure = plots.consensus_figure(
            found.consensus_matrix(shown), groups, found.silhouettes[shown],
            palette=plots.colors_of(called.values()),
        )  # fmt: skip
        alt = plots.alt_text(
            "consensus",
            n_cells=len(shown),
            n_clusters=len(called),
            silhouette=round(float(found.silhouettes.mean()), 2),
        )
        charts.draw(figure, key="consensus:heatmap", config=_FLAT, alt=alt)
        _caption(found, len(shown))
    with right:
        _groups(project, found)
        _adopt(project, found)


def _caption(found: ConsensusPoint, n_shown: int) -> None:
    n_obs, n_compared = len(found.clusters), len(found.compared)
    if n_compared < n_obs:
        st.caption(
            f"With {n_obs:,} cells, {n_compared:,} of them stand for all; every other cell joined the group of its "
            "nearest ones. Silhouettes and unusual cells are those of these."
        )
    if n_shown < n_compared:
        st.caption(f"{n_shown:,} of {n_compared:,} cells are drawn, evenly from all groups.")


def _groups(project: Project, found: ConsensusPoint) -> None:
    """Draw a table of the groups: size, usual cell type, silhouette, stability."""
    over = consensus_results.over_k(project)
    known = consensus_files.groups(project, found.n_clusters)
    table = known.assign(stability=100 * known["stability"]).rename(
        columns={
            "cluster": "Cluster",
            "n_cells": "Cells",
            "label": "Mostly",
            "silhouette": "Silhouette",
            "stability": "Stability",
        }
    )
    st.dataframe(
        table, hide_index=True, alt="The groups with their size, usual cell type, silhouette and stability.",
        column_config={
            "Silhouette": st.column_config.NumberColumn(format="%.2f", help="Mean over its cells; 1 is clearest."),
            "Stability": st.column_config.NumberColumn(
                format="%.0f%%",
                help="How unchanged it stays over all numbers tried, as a share of the most that is possible.",
            ),
        },
    )  # fmt: skip
    if len(over.stability) < 3:
        st.caption("Stability means more when several numbers of groups were tried.")


def _adopt(project: Project, found: ConsensusPoint) -> None:
    """Offer to make this the number of groups of the answer."""
    kind = type(workflow.method_of(project.params("transfer")))
    settable = any(parameter.name == "n_clusters" for parameter in kind.parameters())
    if not settable or found.n_clusters == consensus_results.own_number(project):
        st.caption("These are the groups of your answer, named as on the other pages.")
        return
    st.button(
        f"Make it {found.n_clusters} groups in the answer", icon=":material/check:", key="consensus:adopt",
        help="Sets the number of clusters on the page Transfer and runs it again. Undo brings back the earlier answer.",
        on_click=_set_number, args=(found.n_clusters,), disabled=jobs.running(project) is not None,
    )  # fmt: skip


def _set_number(n_clusters: int) -> None:
    project = shell.current()
    if project is None:
        return
    with errors.remembered("Nothing was changed.", place=PLACE):
        chosen = project.params("transfer")
        params = {**chosen, "params": {**chosen["params"], "n_clusters": n_clusters}}
        project.set_params("transfer", params, note=f"Look for {n_clusters} groups")
        state.forget_settings()
        jobs.start(project, "consensus")


# -- all of them ------------------------------------------------------------------------------------------


def stability(project: Project, chosen: int) -> None:
    """Draw how stable every group is at every number that was tried."""
    over: OverK = consensus_results.over_k(project)
    if len(over.stability) < 2:
        st.caption("Try more numbers of groups to see which groups stay the same.")
        return
    means = {number: float(values.mean()) for number, values in over.stability.items()}
    figure = plots.stability_figure(over.stability, highest=over.highest, silhouettes=over.silhouettes, chosen=chosen)
    alt = plots.alt_text("stability", n_numbers=len(means), best=max(means, key=means.__getitem__))
    charts.draw(figure, key="consensus:stability", config=_FLAT, alt=alt)
    st.caption(
        "Each dot is a group. High dots stay the same whatever the number; a number of groups at which many dots fall "
        "has cut through real groups. The largest value depends on how many numbers were tried."
    )
    _download("Every cell's group at every number (.csv)", consensus_results.partitions(project), "numbers_of_groups")


# -- genes and cells ----------------------------------------------------------------------------------------


def markers(project: Project, found: ConsensusPoint) -> None:
    """Draw the marker genes of each group: every gene belongs to the group in which it is highest."""
    left, middle, right = st.columns([2, 1, 1], gap="medium")
    least, highest, only = state.LEAST_AUROC, state.MOST_P, state.MARKERS_OF_GROUP.of(str(found.n_clusters))
    for key in (least, highest):
        key.start_with(key.default)
    limit = left.slider(
        "Least AUROC", 0.5, 1.0, step=0.05, key=least.name, persist_state="session",
        help="Chance that a cell of the group has more of the gene than a cell outside: 1 perfect, 0.5 no difference.",
    )  # fmt: skip
    most_p = middle.selectbox("Largest adjusted p", _LEVELS, key=highest.name, persist_state="session")
    whole = _named(project, found, found.marker_genes(min_auroc=float(limit), max_p_adjusted=float(most_p)))
    groups = list(dict.fromkeys(whole["cluster"]))
    if only.get() not in groups:
        only.clear()
    group = right.selectbox("Group", groups, index=None, placeholder="All", key=only.name)
    table = whole if group is None else whole[whole["cluster"] == group]
    if table.empty:
        st.info("No gene tells a single group apart this clearly. Lower the least AUROC, or try fewer groups.")
    else:
        gene_heatmap.draw(project, found, table)
        _genes(table, ["cluster", "gene", "auroc", "p_adjusted"], "Marker genes, group by group.")
    st.caption(f"{len(table):,} genes. Wilcoxon rank-sum test, adjusted by Holm: at most {most_p:g}. {_OPTIMISTIC}")
    _download("All marker genes (.csv)", table, f"markers_{found.n_clusters}_groups")


def differing(project: Project, found: ConsensusPoint) -> None:
    """Draw the genes that differ between the groups at all."""
    table = _named(project, found, found.differing_genes())
    if table.empty:
        st.info("No gene differs clearly between these groups.")
    else:
        _genes(table, ["gene", "kruskal", "kruskal_p_adjusted", "cluster"], "Genes that differ between groups.")
    st.caption(
        f"{len(table):,} genes. Kruskal-Wallis test, adjusted by Holm: at most {workflow.MAX_P:g}. {_OPTIMISTIC}"
    )
    _download("All differing genes (.csv)", table, f"differing_genes_{found.n_clusters}_groups")


def outliers(project: Project, found: ConsensusPoint) -> None:
    """Draw the cells that lie far outside their group."""
    table = consensus_results.cells(project, found)
    far = table[table["outlier_score"] > 0].sort_values("outlier_score", ascending=False, kind="stable")
    if far.empty:
        st.info("Every cell lies within what is usual in its group.")
    else:
        st.dataframe(
            far.head(_ROWS), hide_index=True, height=420, alt="Unusual cells, farthest first.",
            column_config={
                "cell": st.column_config.TextColumn("Cell", pinned=True), "cluster": "Cluster", "label": "Cell type",
                "silhouette": st.column_config.NumberColumn("Silhouette", format="%.2f"),
                "outlier_score": st.column_config.NumberColumn("Distance beyond the usual", format="%.1f"),
            },
        )  # fmt: skip
    st.caption(
        f"{len(far):,} of {len(table):,} cells. How far a cell lies beyond where 99.99 % of the cells of an even group "
        "would lie. They can be damaged cells, doublets, or a rare type; where many cells of one group are here, the "
        "group is several."
    )
    _download("All cells (.csv)", table, f"cells_{found.n_clusters}_groups")


_OPTIMISTIC = "The groups were found in the same data, so p-values are optimistic: read them as a ranking."


def _named(project: Project, found: ConsensusPoint, table: pd.DataFrame) -> pd.DataFrame:
    called = {**consensus_results.names(project, found), -1: ""}
    return table.assign(cluster=table["cluster"].map(called))


def _genes(table: pd.DataFrame, columns: list[str], alt: str) -> None:
    small = st.column_config.NumberColumn("Adjusted p", format="%.1e", help="Corrected for the number of genes (Holm).")
    st.dataframe(
        table[columns].head(_ROWS), hide_index=True, height=420, alt=alt,
        column_config={
            "gene": st.column_config.TextColumn("Gene", pinned=True), "cluster": "Cluster",
            "auroc": st.column_config.NumberColumn("AUROC", format="%.2f"),
            "kruskal": st.column_config.NumberColumn("Kruskal-Wallis H", format="%.1f"),
            "p_adjusted": small, "kruskal_p_adjusted": small,
        },
    )  # fmt: skip


def _download(label: str, table: pd.DataFrame, name: str) -> None:
    st.download_button(
        label, data=lambda: export.to_csv(table), file_name=f"{name}.csv", mime="text/csv", icon=":material/download:",
        on_click="ignore", key=f"consensus:csv:{name}",
    )  # fmt: skip
