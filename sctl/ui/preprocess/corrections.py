"""Optional corrections of expression: two choices, both off at first, and what they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from sctl import plots
from sctl.project import Project, load_report
from sctl.ui.preprocess import filters
from sctl.ui.preprocess.preparation import Entry, number, select
from sctl.ui.widgets import charts, numbers

_NAMES = ("imputation", "batch")  # as a report calls what was done
_IMPUTATION = Entry(
    "imputation",
    "Fill in what was missed",
    "MAGIC replaces every value by a weighted mean over cells that are alike, each dataset by itself. This smooths noise "
    "where few molecules were caught. It also makes genes look more alike than was measured, and small groups of cells "
    "can melt into large ones.",
)
_STEPS = Entry(
    "imputation_t",
    "Steps of smoothing (t)",
    "How far values are passed on from cell to cell. More steps smooth more.",
    low=1,
    high=20,
)
_NEIGHBOURS = Entry(
    "imputation_knn",
    "Neighbours (knn)",
    "How many of the nearest cells decide how wide a cell's neighbourhood is.",
    low=1,
    high=100,
)
_BATCH = Entry(
    "batch_correction",
    "Remove differences between the datasets",
    "ComBat shifts and stretches every gene until its mean and spread agree in both datasets. It does not know which cells "
    "are of the same type. If one dataset has types that the other has not, or in other shares, it removes true "
    "differences too.",
)
_IMPUTATIONS = {"none": "Off", "magic": "MAGIC: means over like cells"}
_BATCHES = {"none": "Off", "combat": "ComBat: same mean and spread"}


def settings(project: Project) -> None:
    """Draw both choices."""
    params = filters.params_of(project)
    with st.expander(
        "Optional corrections: missed molecules, differences between the datasets", icon=":material/tune:"
    ):
        st.caption(
            "Both are off at first. On the pairs they were tried on, MAGIC helped about as often as it harmed, and ComBat "
            "mostly harmed, because the datasets held the types in different shares. They change only the genes that cells are "
            "compared by; markers and downloads always use the measured values."
        )
        left, right = st.columns(2, gap="large")
        with left:
            select(_IMPUTATION, params.imputation, _IMPUTATIONS)
            if params.imputation != "none":
                number(_STEPS, params.imputation_t)
                number(_NEIGHBOURS, params.imputation_knn)
        with right:
            select(_BATCH, params.batch_correction, _BATCHES)


def effects(project: Project) -> None:
    """Show what the corrections of the last preparation did, where there were any."""
    report = load_report(project)
    done = [name for name in _NAMES if name in report]
    for name in done:
        with st.container(border=True):
            _VIEWS[name](report[name])


def _imputation(effect: Mapping[str, Any]) -> None:
    st.markdown("**What filling in did**")
    shown = [
        (f"Zeros in the {role}", f"{after:.0%}", f"{before:.0%} before")
        for role, (before, after) in effect["zeros"].items()
    ]
    before, after = effect["correlation"]
    shown.append(("Median correlation of two genes", f"{after:.2f}", f"{before:.2f} before"))
    numbers.row(shown, border=False)
    genes = (str(effect["genes"][0]), str(effect["genes"][1]))
    alt = plots.alt_text("gene_pair", first=genes[0], second=genes[1], n_cells=len(effect["values"][0]))
    charts.draw(plots.gene_pair_figure(effect["values"], genes), key="effect:imputation", alt=alt)
    st.caption(
        "Two genes in the cells of the target: those that go together most among genes with many zeros. Ties between genes "
        "that appear only after filling in come from the smoothing, not from the data."
    )


def _batch(effect: Mapping[str, Any]) -> None:
    st.markdown("**What removing differences did**")
    before, after = effect["mixing"]
    numbers.row(
        [
            ("Neighbours from the other dataset", f"{after:.0%}", f"{before:.0%} before; 50% is fully mixed"),
            ("Values set to 0", f"{effect['clipped']:.1%}", "they came out negative"),
            ("Genes corrected", f"{effect['n_genes']:,}", "the highly variable ones"),
        ],
        border=False,
    )
    n_cells = len(effect["source"][0]) + len(effect["target"][0])
    alt = plots.alt_text("mixing", n_cells=n_cells, before=f"{before:.0%}", after=f"{after:.0%}")
    charts.draw(plots.mixing_figure(effect["source"], effect["target"]), key="effect:batch", alt=alt)
    st.caption(
        "As many cells of the source as of the target. Groups should come together only where both datasets hold the same "
        "type; a group that belongs to one dataset should stay apart."
    )


_VIEWS = {"imputation": _imputation, "batch": _batch}
