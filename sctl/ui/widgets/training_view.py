"""How a network learned: curves while it does, and a report of them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from sctl import plots
from sctl.data import TransferResult
from sctl.jobs import Job
from sctl.plots import Curves
from sctl.project import Project
from sctl.ui.frame import results
from sctl.ui.widgets import charts

_ABOUT = (
    "Error: how wrong the network is, lower is better. Cells held out are never learned from: where their error rises "
    "again, the network learns by heart. A grey bar marks the round that was kept."
)
_SHARPENING = "Sharpen the clusters"


def live(job: Job) -> None:
    """Draw the curves of a running job as far as they go; nothing where it measures none."""
    measured: dict[str, list[Any]] = {}
    for point in job.measurements:
        measured.setdefault(point.series, []).append(point)
    if measured:  # a picture: a chart is made anew, and flickers, whenever a point is added
        picture = plots.training_svg({name: _curves(points) for name, points in measured.items()})
        st.image(picture, width="stretch", alt=plots.alt_text("training", n_phases=len(measured)))


def report(project: Project) -> None:
    """Draw a drawer with the curves of a finished training, and what ended each phase."""
    found = results.result(project)
    if "training" in found.uns:
        _drawer(phases_of(found), endings(found))


def drawer(log: Mapping[str, Any]) -> None:
    """Draw the same for the one phase in which a reference was learned."""
    name = str(log["phase"])
    _drawer({name: _phase(log)}, [_ending(name, log)])


def _drawer(phases: dict[str, Curves], shown_text: list[str]) -> None:
    with st.expander("How the network learned", icon=":material/show_chart:"):
        alt = plots.alt_text("training", n_phases=len(phases))
        figure = plots.training_figure(phases)
        charts.draw(figure, key="training:report", config={"displayModeBar": False}, alt=alt)
        st.markdown("\n".join(f"- {line}" for line in shown_text))
        st.caption(_ABOUT)


def phases_of(found: TransferResult) -> dict[str, Curves]:
    """Return the curves that a result keeps, by phase, in order."""
    logs = found.uns["training"]
    out = {name: _phase(logs[name]) for name in _in_order(found) if len(logs[name]["train"])}
    refreshes = found.uns.get("refreshes")
    if refreshes is not None:
        changed = [float(share) for share in refreshes["changed"]][1:]  # at the start, all cells are new
        out[_SHARPENING] = Curves(list(range(1, len(changed) + 1)), {"changed": changed})
    return out


def _phase(log: Mapping[str, Any]) -> Curves:
    values = {key: [_number(value) for value in log[key]] for key in ("train", "validation")}
    if not np.isfinite(values["validation"]).any():
        values.pop("validation")
    return Curves(list(range(1, len(values["train"]) + 1)), values, best=int(log["best_epoch"]) + 1)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def endings(found: TransferResult) -> list[str]:
    """Say of each phase in a sentence how long it took and what ended it."""
    logs = found.uns["training"]
    out = [_ending(name, logs[name]) for name in _in_order(found) if len(logs[name]["train"])]
    refreshes = found.uns.get("refreshes")
    if refreshes is not None:
        share = float(np.asarray(refreshes["changed"])[-1])
        n_rounds = len(refreshes["changed"]) - 1
        why = "It stopped because hardly any cell changed its group any more" if refreshes["settled"] else (
            "It stopped at its limit, with cells still changing their group"
        )  # fmt: skip
        out.append(f"**{_SHARPENING}:** {_rounds(n_rounds)}. {why} ({share:.1%} at last).")
    return out


def _ending(name: str, log: Mapping[str, Any]) -> str:
    n_rounds, best = len(log["train"]), int(log["best_epoch"]) + 1
    why = "It stopped because it no longer got better" if log["stopped_early"] else "It went on to the last round"
    return f"**{name}:** {_rounds(n_rounds)}. {why}; round {best} was kept."


def _in_order(found: TransferResult) -> list[str]:
    """Return the names of the phases as they followed each other; files keep them by the alphabet."""
    return [str(name) for name in found.uns.get("phases", found.uns["training"])]


def _rounds(number: int) -> str:
    return f"{number:,} {'round' if number == 1 else 'rounds'}"


def _curves(points: list[Any]) -> Curves:
    names = dict.fromkeys(name for point in points for name in point.values)
    values: Mapping[str, list[float]] = {
        name: [point.values.get(name, float("nan")) for point in points] for name in names
    }
    return Curves([point.x for point in points], values)
