"""How right the answer was, where the true types of the cells are known."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from sctl.analysis import evaluate
from sctl.data import TransferResult
from sctl.methods import METHODS
from sctl.project import Project
from sctl.ui.frame import results

_COLUMNS = {
    "method": "Method",
    "accuracy": "Cells named rightly",
    "ari": "Groups as in truth (ARI)",
    "n_groups": "Groups",
}
_HONEST = (
    "The true cell types of this target were kept aside: no method has seen them, and θ was not chosen by them. "
    "The numbers hold for this dataset alone. Yours can come out better or worse, and real data have no such check."
)


def panel(project: Project) -> None:
    """Compare the answer, and the baselines, with the known truth; draw nothing where there is none."""
    own, truth = results.result(project), project.truth()
    if truth is None or not truth.index.isin(own.obs_names).any():  # the truth of a target that was replaced
        return
    found = evaluate.report(own, truth)
    st.markdown("### How right was it?")
    shown = [
        ("Cells named rightly", f"{found['accuracy']:.1%}", "the name is the true cell type"),
        ("Groups as in truth (ARI)", f"{found['ari']:.3f}", "1 = the same groups, 0 = chance"),
        ("Cells with a known type", f"{found['n_cells']:,}", f"of {own.n_obs:,}"),
    ]
    for column, (title, value, note) in zip(st.columns(3), shown, strict=True):
        column.metric(title, value, note, delta_color="off", delta_arrow="off", border=True)
    others = {key: item for key, item in results.baselines(project).items() if key != own.method}
    if others:
        _compare({own.method: own, **others}, truth)
    st.caption(_HONEST)


def _compare(found: dict[str, TransferResult], truth: pd.Series) -> None:
    rows = []
    for key, item in found.items():
        report = evaluate.report(item, truth)
        title = METHODS[key].title
        curve = item.diagnostics.theta
        theta = "" if curve is None else f" (θ = {curve.theta:g})"
        rows.append({**report, "method": title + theta, "n_groups": len(item.cluster_names)})
    table = pd.DataFrame(rows)[list(_COLUMNS)].rename(columns=_COLUMNS)
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            _COLUMNS["accuracy"]: st.column_config.NumberColumn(format="percent"),
            _COLUMNS["ari"]: st.column_config.NumberColumn(format="%.3f"),
        },
        alt="Agreement of each method with the known truth",
    )
