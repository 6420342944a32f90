"""Limits on the quality of cells: steps on the left, the histogram in the middle, what is lost on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from sctl import qc
from sctl.preprocess import PreprocessParams, RoleParams
from sctl.project import Project
from sctl.ui.frame import caching, errors, shell, state
from sctl.ui.frame.caching import Measured
from sctl.ui.widgets import charts, histogram
from sctl.ui.widgets.histogram import METRICS, Metric

PLACE = "preprocess"
_BINS = 80
_OTHER = {"source": "target", "target": "source"}
_PRESETS: tuple[tuple[qc.Preset, str, str], ...] = (
    ("auto", "Auto", "Leave out clear outliers: median ± 3 scaled median absolute deviations."),
    ("loose", "Loose", "Leave out only extreme outliers: median ± 5 deviations."),
    ("strict", "Strict", "Keep only the bulk of the cells: median ± 2 deviations."),
    ("none", "None", "Keep all cells."),
)


def panel(project: Project, role: str) -> None:
    """Draw the three columns of one side."""
    info = project.input_info(role)
    if info is None:
        return
    measured = caching.measured(project, role, info["fingerprint"])
    params: RoleParams = getattr(params_of(project), role)
    left, middle, right = st.columns([1, 2.1, 1.25], gap="medium")
    with left:
        metric = _steps(role, measured, params)
    with middle:
        _limits(project, role, metric, params)
    with right:
        _losses(project, role, info["fingerprint"], params)


def params_of(project: Project) -> PreprocessParams:
    """Return the project's settings of the preparation."""
    return PreprocessParams.from_dict(project.params("preprocess"))


def write(project: Project, role: str, params: RoleParams, note: str) -> None:
    """Keep new settings of one side in the project."""
    changed: dict[str, Any] = {role: params}
    project.set_params("preprocess", replace(params_of(project), **changed).to_dict(), note=note)


def kept(project: Project, role: str, fingerprint: str, params: RoleParams) -> NDArray[np.bool_]:
    """Return which cells of one side pass the limits: (n_obs,)."""
    return _all([passes for _, passes in _filters(project, role, fingerprint, params)])


def _all(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Return what passes every mask: (n_obs,)."""
    return np.asarray(np.logical_and.reduce(masks), dtype=bool)


def _filters(project: Project, role: str, fingerprint: str, params: RoleParams) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return each filter's name, and which cells pass it."""
    metrics = caching.measured(project, role, fingerprint).metrics
    found = [("", np.ones(len(metrics), dtype=bool))]
    for metric in METRICS:
        limits = params.thresholds.limits.get(metric.name, (None, None))
        if limits != (None, None) and metric.name in metrics:
            found.append((metric.title, qc.keep(metrics, qc.Thresholds(**{metric.name: limits}))))
    if params.min_genes:
        seen = caching.measured(project, role, fingerprint, params.expression_threshold).metrics["n_genes"].to_numpy()
        found.append(("Minimum of expressed genes", seen >= params.min_genes))
    return found


# -- left: the steps ---------------------------------------------------------------------------------


def _steps(role: str, measured: Measured, params: RoleParams) -> Metric:
    st.markdown("**Limits for all at once**")
    with st.container(horizontal=True, gap="small"):
        for preset, name, about in _PRESETS:
            st.button(name, key=f"preset:{role}:{preset}", help=about, on_click=_apply_preset, args=(role, preset))
    shown = [m for m in METRICS if m.name == "expression" or m.name in measured.metrics]
    key = state.METRIC.of(role)
    chosen = st.radio(
        "**Or one by one**",
        [m.name for m in shown],
        format_func=lambda name: next(m.title for m in METRICS if m.name == name),
        captions=[_in_words(params, m) for m in shown],
        key=key.name,
        persist_state="session",
    )
    return next(m for m in METRICS if m.name == chosen)


def _in_words(params: RoleParams, metric: Metric) -> str:
    if metric.name == "expression":
        return "to look at"
    low, high = params.thresholds.limits[metric.name]
    if low is None and high is None:
        return "no limit"
    if low is None:
        return f"at most {high:,g}"
    return f"at least {low:,g}" if high is None else f"{low:,g} to {high:,g}"


# -- middle: histogram, handles, numbers ---------------------------------------------------------------


def bars_of(measured: Measured, metric: Metric) -> qc.Histogram:
    """Return the histogram of one metric."""
    if metric.name == "expression":
        return measured.expression
    return qc.histogram(measured.metrics[metric.name].to_numpy(), _BINS, log=metric.log)


def _limits(project: Project, role: str, metric: Metric, params: RoleParams) -> None:
    info: Mapping[str, Any] = project.input_info(role) or {}
    measured = caching.measured(project, role, info["fingerprint"])
    bars = bars_of(measured, metric)
    limits = params.thresholds.limits.get(metric.name, (None, None))
    other = _other(project, role, metric)
    fig = histogram.figure(bars, metric, limits, other=other)
    alt = f"Histogram: {metric.title.lower()} of {len(measured.metrics):,} cells of the {role}"
    if other is not None:
        alt += f", with the outline of the {_OTHER[role]}"
    if metric.name == "expression":
        charts.draw(fig, key=f"expression:{role}", config={"displayModeBar": False}, alt=alt)
        st.caption(metric.about)
        return
    drawn = state.HISTOGRAM.of(role, metric.name)
    charts.draw(
        fig,
        key=f"{drawn.name}:{drawn.get()}",
        on_select=lambda: _box(role, metric),
        selection_mode="box",
        config={"displayModeBar": False},
        alt=f"{alt}. Draw a box to set the limits, or type them below.",
    )
    _handles(role, metric, bars, limits)
    _numbers(role, metric, limits)
    st.caption(f"{metric.about} Drag across the histogram, move the handles, or type the limits.")


def _other(project: Project, role: str, metric: Metric) -> qc.Histogram | None:
    """Return the histogram of the other dataset, if the user wants it in the picture; it may be large to read."""
    info, other = project.input_info(_OTHER[role]), _OTHER[role]
    if info is None or "trained" in info:  # a trained source has no cells
        return None
    if not st.toggle(
        f"Show the {other} as an orange line",
        key="outline",
        persist_state="session",
        help=f"Lay the {other} over this histogram, scaled to the same area. Limits of the {role} stay its own.",
    ):
        return None
    measured = caching.measured(project, other, info["fingerprint"])
    return bars_of(measured, metric) if metric.name == "expression" or metric.name in measured.metrics else None


def _handles(role: str, metric: Metric, bars: qc.Histogram, limits: qc.Limits) -> None:
    options = _stops(bars, metric)
    key = state.RANGE.of(role, metric.name)
    key.set(_ends(options, limits))
    st.select_slider(
        f"Limits of {metric.title.lower()}",
        options,
        value=(options[0], options[-1]),  # two values make two handles; where they stand, the entry above says
        key=key.name,
        format_func=lambda value: f"{value:,g}",
        label_visibility="collapsed",
        on_change=_slide,
        args=(role, metric),
    )


def _ends(options: list[float], limits: qc.Limits) -> tuple[float, float]:
    """Return where the handles rest: as near to the limits as they can."""
    low, high = options[0] if limits[0] is None else limits[0], options[-1] if limits[1] is None else limits[1]
    return _nearest(options, low), _nearest(options, high)


def _stops(bars: qc.Histogram, metric: Metric) -> list[float]:
    """Return where the handles can rest: the borders of the bars, so that they move as the picture does."""
    places = np.unique(np.round(bars.edges, 0 if metric.whole else 1))
    return [float(place) for place in np.maximum(places, 0)] if len(places) > 1 else [0.0, 1.0]


def _nearest(options: list[float], value: float) -> float:
    return min(options, key=lambda option: abs(option - value))


def _numbers(role: str, metric: Metric, limits: qc.Limits) -> None:
    columns = st.columns(2)
    for column, entry, label, limit in zip(columns, (state.LOW, state.HIGH), ("Keep from", "to"), limits, strict=True):
        key = entry.of(role, metric.name)
        key.set(None if limit is None else (int(limit) if metric.whole else float(limit)))
        column.number_input(
            label,
            min_value=0 if metric.whole else 0.0,
            value=None,
            step=1 if metric.whole else 0.1,
            placeholder="no limit",
            key=key.name,
            on_change=_typed,
            args=(role, metric),
        )


# -- right: what is lost ---------------------------------------------------------------------------------


def _losses(project: Project, role: str, fingerprint: str, params: RoleParams) -> None:
    filters = _filters(project, role, fingerprint, params)
    mask = _all([passes for _, passes in filters])
    share = 100 * mask.mean() if mask.size else 0.0
    st.metric(
        f"Cells kept ({role})",
        f"{int(mask.sum()):,} of {mask.size:,}",
        f"{share:.0f}%",
        delta_color="off",
        delta_arrow="off",
    )
    lines = [f"- {name}: −{int((~passes).sum()):,}" for name, passes in filters if not passes.all()]
    if lines:
        st.markdown("\n".join(lines))
    groups = _grouping(project, role, fingerprint)
    if groups is not None:
        _kept_table(mask, groups)
    label_key = project.params("data")["label_key"] if role == "source" else None
    labels = caching.column(project, role, fingerprint, label_key) if label_key else None
    for warning in qc.warnings_for(mask, labels):
        st.warning(errors.plain(warning), icon=":material/warning:")


def _grouping(project: Project, role: str, fingerprint: str) -> pd.Series | None:
    columns = caching.groupings(project, role, fingerprint)
    if not columns:
        return None
    label_key = project.params("data")["label_key"]
    key = state.SPLIT.of(role)
    key.start_with(label_key if role == "source" and label_key in columns else columns[0])
    chosen = st.selectbox("Kept cells by", columns, key=key.name, persist_state="session")
    return caching.column(project, role, fingerprint, chosen)


def _kept_table(mask: NDArray[np.bool_], groups: pd.Series) -> None:
    table = qc.kept_by(mask, groups)
    numbers = [f"{kept:,} of {n:,}" for kept, n in zip(table["kept"], table["n"], strict=True)]
    st.dataframe(
        pd.DataFrame({"Group": table["group"], "Kept": numbers}),
        hide_index=True,
        height=min(36 * (len(table) + 1), 220),
        alt=f"Cells kept in each of {len(table)} groups",
    )


# -- callbacks ---------------------------------------------------------------------------------------------


def _apply_preset(role: str, preset: qc.Preset) -> None:
    project = shell.current()
    info = project.input_info(role) if project else None
    if project is None or info is None:
        return
    with errors.remembered("The limits are as they were.", place=PLACE):
        metrics = caching.measured(project, role, info["fingerprint"]).metrics
        params: RoleParams = getattr(params_of(project), role)
        name = next(title for key, title, _ in _PRESETS if key == preset)
        suggested = replace(params, thresholds=qc.suggest(metrics, preset))
        write(project, role, suggested, f"{name} limits for the {role}")


def _typed(role: str, metric: Metric) -> None:
    _keep(role, metric, (state.LOW.of(role, metric.name).get(), state.HIGH.of(role, metric.name).get()))


def _slide(role: str, metric: Metric) -> None:
    chosen, bars = state.RANGE.of(role, metric.name).get(), _bars_now(role, metric)
    if chosen is not None and bars is not None and chosen != _resting(role, metric, bars):
        stops = _stops(bars, metric)
        low, high = chosen
        number: Any = int if metric.whole else float
        limits = (None if low <= stops[0] else number(low), None if high >= stops[-1] else number(high))
        _keep(role, metric, limits)


def _resting(role: str, metric: Metric, bars: qc.Histogram) -> tuple[float, float] | None:
    """Return where the handles rest without being moved; the browser tells of them with other buttons, too."""
    project = shell.current()
    if project is None:
        return None
    params: RoleParams = getattr(params_of(project), role)
    return _ends(_stops(bars, metric), params.thresholds.limits.get(metric.name, (None, None)))


def _box(role: str, metric: Metric) -> None:
    drawn, bars = state.HISTOGRAM.of(role, metric.name), _bars_now(role, metric)
    selection = st.session_state.get(f"{drawn.name}:{drawn.get()}")
    limits = histogram.limits_of(selection, bars, metric) if selection and bars is not None else None
    if limits is not None:
        drawn.set(drawn.get() + 1)
        _keep(role, metric, limits)


def _bars_now(role: str, metric: Metric) -> qc.Histogram | None:
    project = shell.current()
    info = project.input_info(role) if project else None
    if project is None or info is None:
        return None
    return bars_of(caching.measured(project, role, info["fingerprint"]), metric)


def _keep(role: str, metric: Metric, limits: qc.Limits) -> None:
    project = shell.current()
    if project is None:
        return
    with errors.remembered("The limits are as they were.", place=PLACE):
        params: RoleParams = getattr(params_of(project), role)
        changed = replace(params, thresholds=replace(params.thresholds, **{metric.name: limits}))
        write(project, role, changed, f"{metric.title} of the {role}: {_in_words(changed, metric)}")
