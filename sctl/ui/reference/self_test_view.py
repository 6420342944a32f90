"""What a reference says of types, datasets and genes that were hidden from it: started by hand, shown as small charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from sctl import workflow
from sctl.methods import METHODS
from sctl.plots.palette import ACCENT, SECOND, styled
from sctl.project import Project, load_report, load_self_test, trained_file
from sctl.ui.frame import caching, errors, results
from sctl.ui.transfer import estimates
from sctl.ui.widgets import analysis_panel
from sctl.ui.widgets.charts import draw

PLACE = "self_test"
_FLAT: dict[str, Any] = {"displayModeBar": False}
_BAR = 22  # pixels of a bar
_MOST_BARS = 25


def is_running(project: Project) -> bool:
    """Tell whether the running job only tests the reference, which is shown here."""
    return analysis_panel.job_of(project, PLACE) is not None


def panel(project: Project) -> None:
    """Draw the button, the running test, and what is known so far; nothing where the method learns no reference."""
    if not workflow.tests_itself(METHODS[results.result(project).method]):
        return
    with st.expander(
        "How well does the reference know itself?", icon=":material/fact_check:", expanded=is_running(project)
    ):
        st.markdown(
            "Each cell type is hidden in turn, the reference is learned anew without it, and is asked about the hidden cells: "
            "does it notice that it does not know them? Then each dataset is hidden, and more and more genes."
        )
        if project.has_trained:
            _of_a_file(project)
            return
        _button(project)
        analysis_panel.growing(project, PLACE, None, lambda: charts(load_self_test(project)))


def of(project: Project) -> Mapping[str, Mapping[str, Any]]:
    """Return what tests of the reference found, here or before it was saved; a table for each kind of test."""
    if not project.has_trained:
        return load_self_test(project)
    info = project.input_info("source") or {}
    method: Any = caching.trained(project, str(info["fingerprint"])).method
    found: Mapping[str, Mapping[str, Any]] = getattr(method, "self_test_", {})
    return found


def _of_a_file(project: Project) -> None:
    found = of(project)
    if any(found.values()):
        st.caption("Tested by those who saved the reference. Your own cells play no part in it.")
        charts(found)
    else:
        st.info(
            "This reference was saved without a test. It needs the cells of the source, so it cannot be made up for here."
        )


def _button(project: Project) -> None:
    found, n_tests = load_self_test(project), _number(project)
    done = bool(found["genes"])  # the last of all tests
    begun = any(found.values())
    stale = project.state("transfer") != "done"
    button = analysis_panel.Button(
        label="Tested" if done else "Go on testing" if begun else "Test the reference",
        icon=":material/fact_check:",
        enough=done,
        why_not="Run the transfer first." if stale else "",
        caption=f"About {n_tests} tests, {_duration(project, n_tests)}. They run in the background and can be stopped; what "
        "is finished is kept.",
    )
    analysis_panel.start_button(project, PLACE, None, button)
    if done and trained_file(project) is not None:
        st.caption("The answer is part of the trained source that you can save on the page Export.")


def _number(project: Project) -> int:
    """Return about how many tests there are: a type each, and one of genes; datasets come on top, small types do not."""
    return len(results.result(project).label_names) + 1


def _duration(project: Project, n_tests: int) -> str:
    n_source = load_report(project)["n_cells"]["source"][1]
    kind = METHODS[results.result(project).method]
    once = kind.cost(n_source=n_source, n_target=n_source // 4)  # a quarter is asked about
    return estimates.in_words(estimates.with_start(once, times=n_tests))


# -- charts --------------------------------------------------------------------------------------------


def charts(found: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
    """Draw the three tests, as far as they are done."""
    if not any(found.values()):
        return
    st.markdown("\n".join(f"- {line}" for line in in_words(found)))
    left, middle, right = st.columns(3, gap="medium")
    if found["types"]:
        table = found["types"]
        with left:
            st.markdown("**A hidden type: how many of its cells are noticed?**")
            figure = _bars(table["type"], table["flagged"])
            _draw(figure, "types", "Bars: share of the cells of each hidden cell type that were left unassigned.")
    if found["datasets"]:
        table = found["datasets"]
        with middle:
            st.markdown("**A hidden dataset: how many cells are named rightly?**")
            figure = _bars(table["dataset"], table["accuracy"])
            _draw(figure, "datasets", "Bars: share of the cells of each hidden dataset whose likeliest type is right.")
    if found["genes"]:
        with right:
            st.markdown("**Missing genes: how many cells are named rightly?**")
            _draw(
                _lines(found["genes"]), "genes", "Lines: share of cells named rightly, and of cells that get a name, over the "
                "share of genes that is missing.",
            )  # fmt: skip


def in_words(found: Mapping[str, Mapping[str, Sequence[Any]]]) -> list[str]:
    """Say what the tests found, a sentence each."""
    out = []
    types, datasets, genes = (found.get(kind, {}) for kind in ("types", "datasets", "genes"))
    if types:
        worst = int(np.argmin(types["flagged"]))
        taken = f", and took them for {errors.plain(types['taken_for'][worst])}" if types["taken_for"][worst] else ""
        out.append(
            f"Of a type it had never seen, it noticed **{_mean(types['flagged'])}** of the cells on average, while "
            f"{_mean(types['known_kept'])} of the known cells kept a name. It noticed fewest of {errors.plain(types['type'][worst])}: "
            f"{types['flagged'][worst]:.0%}{taken}."
        )
    if datasets:
        out.append(
            f"In a dataset it had never seen, **{_mean(datasets['accuracy'])}** of the cells were named rightly."
        )
    if genes:
        last = int(np.argmax(genes["missing"]))
        out.append(
            f"With all genes it named **{genes['accuracy'][0]:.0%}** of held-out cells rightly; with {genes['missing'][last]:.0%} "
            f"of the genes missing, {genes['accuracy'][last]:.0%}."
        )
    return out


def _mean(values: Sequence[float]) -> str:
    known = [float(value) for value in values if np.isfinite(value)]
    return f"{np.mean(known):.0%}" if known else "none"


def _bars(names: Sequence[str], shares: Sequence[float]) -> go.Figure:
    """Return a bar for each name, the worst first."""
    order = np.argsort(np.asarray(shares, dtype=float), kind="stable")[:_MOST_BARS]
    values = [float(shares[i]) for i in order]
    figure = go.Figure(
        go.Bar(
            x=values, y=[str(names[i]) for i in order], orientation="h", marker={"color": ACCENT},
            text=[f"{value:.0%}" for value in values], textposition="auto", hoverinfo="skip",
        )
    )  # fmt: skip
    styled(figure, height=60 + _BAR * len(values))
    figure.update_xaxes(range=[0, 1.08], tickformat=".0%", tickvals=[0, 0.5, 1])
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(margin={"t": 5})
    return figure


def _lines(table: Mapping[str, Sequence[float]]) -> go.Figure:
    figure = go.Figure()
    for column, name, color, dash in (
        ("accuracy", "named rightly", ACCENT, "solid"),
        ("called", "get a name", SECOND, "dot"),
    ):
        figure.add_scatter(
            x=list(table["missing"]), y=list(table[column]), mode="lines+markers", name=name,
            line={"color": color, "dash": dash}, hovertemplate="%{x:.0%} missing: %{y:.1%}<extra></extra>",
        )  # fmt: skip
    styled(figure, x_title="Genes that are missing", height=260)
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(tickformat=".0%", range=[0, 1.03])
    figure.update_layout(margin={"t": 5}, legend={"orientation": "h", "x": 0, "y": -0.35, "yanchor": "top"})
    return figure


def _draw(figure: go.Figure, name: str, alt: str) -> None:
    draw(figure, key=f"self_test:{name}", config=_FLAT, alt=alt)
