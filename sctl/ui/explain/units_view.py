"""What the network's units look at: pathways unit by unit, beside what chance alone gives."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from sctl import export, plots, workflow
from sctl.analysis.enrichment import FDR, UnitPathways
from sctl.methods import METHODS
from sctl.project import Project, analyses
from sctl.ui.frame import errors, results, state
from sctl.ui.widgets import analysis_panel, charts
from sctl.workflow import UnitsParams

PLACE = "units"
_CASES = {
    "trained": "The network",
    "units not kept apart": "The same, its units not kept apart",
    "random network": "A network that learned nothing",
    "shuffled types": "The network, cell types shuffled",
}
_MOST_SETS = 5


def panel(project: Project) -> None:
    """Draw the choice, the button, the job or what it found; nothing where the method has no such units."""
    if not workflow.has_units(METHODS[results.result(project).method]):
        return
    seen = analysis_panel.job_of(project, PLACE) is not None or analyses.exists(project, PLACE)
    with st.expander("What the network's units look at", icon=":material/hub:", expanded=seen):
        st.markdown(
            "The network sums up each cell in a few dozen numbers, its units. For every unit and cell type, genes are ranked by "
            "how much more they move the unit in that type than in all cells, and pathways are looked for in the ranking. Units "
            "with hits mean something only where they are more than chance gives: hence three comparisons."
        )
        if project.has_trained:
            st.info("This takes the cells of the source, which a trained source does not hold.")
            return
        question = _question(project)
        analysis_panel.panel(project, PLACE, question, _button(project, question), _draw, any_job=True)


def _question(project: Project) -> UnitsParams:
    state.UNITS.start_with(state.UNITS.default)
    most = int(results.result(project).params.get("n_latent", 50))
    n_units = st.slider(
        "Units to look at", 2, max(most, 3), key=state.UNITS.name, persist_state="session",
        help="The first so many. The time grows with units and cell types. Pathways are those chosen above.",
    )  # fmt: skip
    return UnitsParams(n_units=int(n_units), sets=state.EXPLAIN_SETS.get())


def _button(project: Project, question: UnitsParams) -> analysis_panel.Button:
    seconds = 0.25 * 4 * question.n_units * len(results.result(project).label_names)
    return analysis_panel.Button(
        label="Look at the units",
        icon=":material/hub:",
        why_not=analysis_panel.why_not(project),
        caption=f"About {max(1, round(seconds / 60))} min of computing, in the background. It can be stopped.",
    )


def sharing(found: Mapping[str, UnitPathways]) -> pd.DataFrame:
    """Return a row for each case: units without a significant pathway, with 1, 2, … and with many."""
    rows = []
    for case, one in found.items():
        counts = one.sharing
        row: dict[str, object] = {"": _CASES.get(case, case), "Units with any": one.n_any}
        row |= {f"with {number}": int(counts.get(number, 0)) for number in range(1, _MOST_SETS)}
        row[f"with {_MOST_SETS} or more"] = int(counts[counts.index >= _MOST_SETS].sum())
        rows.append(row)
    return pd.DataFrame(rows)


def in_words(found: Mapping[str, UnitPathways]) -> str:
    """Say in a sentence or two what the comparison allows to claim."""
    own, chance = found["trained"].n_any, max(found[case].n_any for case in ("random network", "shuffled types"))
    n_units = found["trained"].n_units
    said = f"**{own} of {n_units} units** have a significant pathway (FDR below {FDR:g} over all rankings). "
    if own > chance:
        said += f"Where nothing was learned, or cell types mean nothing, it is {chance}: so some of this was learned."
    else:
        said += f"Where nothing was learned, or cell types mean nothing, it is {chance}, no fewer: do not read meaning into the units."
    one, free = found["trained"].n_single, found["units not kept apart"].n_single
    return f"{said} Exactly one pathway: {one} units, and {free} where units are not kept apart."


def _draw(found: Mapping[str, UnitPathways]) -> None:
    st.markdown(in_words(found))
    table = sharing(found)
    st.dataframe(
        table, hide_index=True, alt="How many units share how many pathways, in the network and three comparisons"
    )
    own = found["trained"]
    counts = own.heatmap
    if counts.empty:
        st.caption("No pathway is significant for any unit, so there is no map of them.")
    else:
        alt = plots.alt_text("units", n_sets=len(counts), n_units=counts.shape[1])
        figure = plots.unit_figure(counts, own.directions)
        charts.draw(figure, key="units:map", config={"displayModeBar": False}, alt=alt)
    whole = pd.concat([one.table.assign(case=errors.plain(case)) for case, one in found.items()], ignore_index=True)
    st.download_button(
        "All units and pathways (.csv)", data=lambda: export.to_csv(whole), file_name="units.csv", mime="text/csv",
        icon=":material/download:", on_click="ignore", key="units:csv",
    )  # fmt: skip
