"""A trained source on the pages: what it is, what it settles, and how one is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from sctl import workflow
from sctl.methods import METHODS
from sctl.preflight import Finding, Report
from sctl.project import Project, trained_file
from sctl.sharing import TrainedSource, model_card
from sctl.ui.frame import caching, errors

GOOD, FEW = 0.9, 0.5
"""Shares of the genes that a trained source compares cells by: fine from the first on, too few below the second."""

NO_CELLS = "Your source is a trained one: it has no cells that could be shown here."


def card(project: Project, info: Mapping[str, Any]) -> None:
    """Draw what a trained source is, in the place where a dataset is summed up."""
    source = caching.trained(project, info["fingerprint"])
    with st.container(border=True, gap="small"):
        st.markdown(f":material/description: **{errors.plain(str(info.get('filename', 'trained source')))}**")
        facts = [
            "trained source",
            METHODS[source.method.key].title,
            f"{source.n_source:,} cells",
            f"{len(source.label_names)} types",
            f"{len(source.genes):,} genes",
        ]
        st.markdown(" ".join(f":violet-badge[{fact}]" for fact in facts))
        cells = "but no cells" if source.manifest.get("keep", "weights") == "weights" else "and more; see its card"
        st.caption(
            f"{_from(source)}What was learned is used as it is; nothing is trained again. The file holds the mean "
            f"expression of every type, {cells}."
        )
    _types(source)
    with st.expander("Model card", icon=":material/badge:"):
        st.code(model_card(source.manifest), language=None, wrap_lines=True)  # a stranger's words: shown, not obeyed


def _from(source: TrainedSource) -> str:
    name, note = source.summary.name, str(source.manifest.get("note") or "")
    said = f"{note.strip().rstrip('.')}. " if note.strip() else ""
    return errors.plain(f"Learned from {name}. {said}") if name else ""


def _types(source: TrainedSource) -> None:
    table = pd.DataFrame({"Cell type": source.label_names, "Cells": source.summary.n_cells})
    table = table.sort_values("Cells", ascending=False)
    st.dataframe(
        table,
        hide_index=True,
        height=min(36 * (len(table) + 1), 216),
        column_config={
            "Cells": st.column_config.ProgressColumn(
                "Cells", format="%d", min_value=0, max_value=max(source.summary.n_cells)
            )
        },
        alt=f"Number of cells that each of {len(table)} cell types was learned from",
    )


# -- what is found about it and a target --------------------------------------------------------------


def report(project: Project, info: Mapping[str, Any]) -> Report:
    """Return what is to be said of a trained source alone: that it can be read."""
    source = caching.trained(project, info["fingerprint"])
    return Report((Finding("ok", "trained", f"The trained source of {METHODS[source.method.key].title} can be read."),))


def pair_report(project: Project, source: Mapping[str, Any], target: Mapping[str, Any]) -> Report:
    """Return what is to be said of a trained source and a target: whether their genes meet, and the repair if not."""
    trained = caching.trained(project, source["fingerprint"])
    names = caching.dataset(project, "target", target["fingerprint"]).var_names
    found = int(names.isin(trained.genes).sum())
    share = found / len(trained.genes)
    text = f"Your cells have {found:,} of the {len(trained.genes):,} genes by which the trained source compares cells."
    both = caching.pair_report(project, source["fingerprint"], target["fingerprint"])
    remedies = [finding for finding in both if finding.fix is not None]
    if share >= GOOD:
        return Report((Finding("ok", "trained_genes", text), *remedies))
    do = (
        "Repair the names of the genes as said here; more will then be found."
        if remedies
        else "Give your cells with all their genes, named as in the source, or train on genes that your cells have."
    )
    level: Any = "block" if share < FEW else "warn"
    said = text if share < FEW else f"{text} The others count as average."
    return Report((*remedies, Finding(level, "trained_genes", said, do)))


# -- what it settles --------------------------------------------------------------------------------------


def preparation(project: Project) -> None:
    """Say how the target is prepared, where that is settled by a trained source."""
    info = project.input_info("source")
    if info is None:
        return
    settled = caching.trained(project, info["fingerprint"]).summary.preparation
    total = settled["normalize_to"]
    scaled = "not scaled to a common total" if total is None else f"scaled to {total:,.0f} per cell"
    log = {"log1p": "log1p is taken", "log2": "log2 is taken", "none": "no logarithm is taken"}[settled["log"]]
    st.info(
        f"Your source is a trained one. Your cells are prepared as it was: {scaled}, then {log}. Only the filters of your "
        "own cells can be set here.",
        icon=":material/lock:",
    )


def method_card(project: Project) -> str:
    """Draw the one method that a trained source has, and return its key."""
    info = project.input_info("source") or {}
    source = caching.trained(project, str(info["fingerprint"]))
    kind = METHODS[source.method.key]
    with st.container(border=True):
        st.markdown(f"#### {kind.title} :violet-badge[:material/lock: Trained before]")
        st.markdown(
            f"{kind.summary}\n\nIt has learned **{len(source.label_names)} cell types** from "
            f"**{source.n_source:,} cells**{_of(source)}, and compares cells by {len(source.genes):,} genes. Nothing is "
            "trained again: *Run* uses it at once."
        )
        st.caption(f"Types: {errors.plain(', '.join(source.label_names))}")
        st.caption(
            "Method and training are settled by the file. Below are the settings that concern your own cells. For "
            "another method, choose a dataset as the source on the Data page."
        )
    return kind.key


def _of(source: TrainedSource) -> str:
    return f" of {errors.plain(source.summary.name)}" if source.summary.name else ""


def settled(project: Project) -> dict[str, Any]:
    """Return the settings that cannot be changed, with their values; none where the source is a dataset."""
    info = project.input_info("source")
    if info is None or "trained" not in info:
        return {}
    method = caching.trained(project, info["fingerprint"]).method
    return {name: value for name, value in method.params.items() if name not in method.target_settings}


# -- saving one -----------------------------------------------------------------------------------------


def to_save(project: Project) -> tuple[bytes | None, str]:
    """Return the file with what a run has learned; where there is none, why."""
    if project.has_trained:
        return None, "Your source is a trained one already: its file is the one you chose."
    path = trained_file(project)
    if path is not None:
        return path.read_bytes(), ""
    method = METHODS[project.params("transfer")["method"]]
    why_not = workflow.why_not_saved(method, project.params("preprocess"))
    return None, why_not or "Run the transfer again: what was learned was not kept at that time."
