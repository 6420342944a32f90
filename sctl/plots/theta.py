"""The curve by which the strength of transfer is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sctl.plots.palette import ACCENT, OKABE_ITO, SECOND, styled

X_TITLE = "How much to trust the source (θ)"
Y_TITLE = "Fit to the target's own data (KTA)"
PURE = "pure label transfer"

_LEAST_SPAN = 0.02  # of the scores; below it a curve counts as flat

_BASELINE_COLOURS = (OKABE_ITO[2], OKABE_ITO[3], OKABE_ITO[4])
_THIN = ("#B8487F", "#999933", "#7B6CD9", "#44AA99", "#808080")
"""Thin lines have to be seen on white and in the dark theme alike."""


def theta_figure(
    points: pd.DataFrame,
    *,
    best: float | None = None,
    baselines: Mapping[str, float] | None = None,
    truth: Sequence[float] | None = None,
    criteria: Mapping[str, Sequence[float]] | None = None,
    title: str = "",
) -> go.Figure:
    """Draw the kernel-target alignment against θ; may be drawn again with every new point.

    Parameters
    ----------
    points : DataFrame
        Columns ``theta`` in [0, 1] and ``kta``; any order, may be empty. θ = 1 is not joined to the others:
        there the source's labels are passed on whatever the target looks like.
    best : float, optional
        The θ to mark.
    baselines : mapping of str to float, optional
        Alignment of methods without θ, drawn as dashed lines, named in the legend.
    truth : sequence of float, length n_points, optional
        Agreement with known labels at every point, drawn thinly on an axis of its own.
    criteria : mapping of str to sequence of float, optional
        Other measures, like ``truth``.
    title : str

    Returns
    -------
    plotly Figure
    """
    extra = dict(criteria or {})
    if truth is not None:
        extra["True labels (ARI)"] = truth
    order = np.argsort(points["theta"].to_numpy(dtype=float), kind="stable")
    theta, kta = (points[name].to_numpy(dtype=float)[order] for name in ("theta", "kta"))
    figure = go.Figure()
    figure.add_trace(_line(theta[theta < 1], kta[theta < 1], "TransferCluster"))
    figure.add_trace(_pure(theta[theta >= 1], kta[theta >= 1]))
    _mark_best(figure, theta, kta, best)
    for number, (name, values) in enumerate(extra.items()):
        figure.add_trace(_thin_line(theta, np.asarray(values, dtype=float)[order], name, number))
    for number, (name, height) in enumerate((baselines or {}).items()):
        figure.add_trace(_baseline(name, height, number))
    styled(figure, title=title, x_title=X_TITLE, y_title=Y_TITLE, height=420)
    figure.update_xaxes(range=[-0.04, 1.08], tickvals=np.linspace(0, 1, 11), tickformat=".1f")
    figure.update_layout(uirevision="theta", legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    figure.update_layout(margin={"t": 84 if title else 48}, title={"y": 0.98, "yanchor": "top"})
    heights = [*kta[np.isfinite(kta)], *(baselines or {}).values()]
    if heights and np.ptp(heights) < _LEAST_SPAN:  # else a flat curve gets an axis from 0 to 2
        middle = (max(heights) + min(heights)) / 2
        figure.update_yaxes(range=[middle - _LEAST_SPAN, middle + _LEAST_SPAN])
    if extra:
        figure.update_layout(yaxis2=_right_axis(extra))
    return figure


def _right_axis(extra: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return an axis from 0 (lower where a measure is negative) to 1, with round ticks of its own."""
    known = [value for values in extra.values() for value in values if np.isfinite(value)]
    low = min([0.0, *(np.floor(5 * value) / 5 for value in known)])
    return {
        "overlaying": "y", "side": "right", "title": "Other scores", "showgrid": False, "range": [low - 0.02, 1.05],
        "tickmode": "linear", "tick0": 0, "dtick": 0.2, "tickformat": ".1f",
    }  # fmt: skip


def _line(x: np.ndarray, y: np.ndarray, name: str) -> go.Scatter:
    return go.Scatter(
        x=x, y=y, name=name, mode="lines+markers", line={"color": ACCENT, "width": 3}, marker={"size": 9},
        hovertemplate="θ = %{x:.2f}<br>score = %{y:.3f}<extra></extra>",
    )  # fmt: skip


def _pure(x: np.ndarray, y: np.ndarray) -> go.Scatter:
    return go.Scatter(
        x=x, y=y, name=f"θ = 1: {PURE}", mode="markers", showlegend=len(x) > 0,
        marker={"symbol": "diamond-open", "size": 12, "color": ACCENT, "line": {"width": 2}},
        hovertemplate=f"θ = 1, {PURE}<br>score = %{{y:.3f}}<extra></extra>",
    )  # fmt: skip


def _thin_line(x: np.ndarray, y: np.ndarray, name: str, number: int) -> go.Scatter:
    return go.Scatter(
        x=x, y=y, name=name, yaxis="y2", mode="lines", line={"color": _THIN[number % len(_THIN)], "width": 1.2},
        hovertemplate=f"θ = %{{x:.2f}}<br>{name} = %{{y:.3f}}<extra></extra>",
    )  # fmt: skip


def _mark_best(figure: go.Figure, theta: np.ndarray, kta: np.ndarray, best: float | None) -> None:
    """Ring the best point; between the points it lies on the line."""
    if best is None or not len(theta):
        return
    height = float(np.interp(best, theta, kta))
    figure.add_trace(
        go.Scatter(
            x=[best], y=[height], name=f"chosen: θ = {best:.2f}", mode="markers", hoverinfo="skip",
            marker={"symbol": "circle-open", "size": 19, "color": SECOND, "line": {"width": 3}},
        )
    )  # fmt: skip


def _baseline(name: str, height: float, number: int) -> go.Scatter:
    """Return a dashed line from edge to edge; its name and height stand in the legend, where nothing crosses them."""
    return go.Scatter(
        x=[-0.04, 1.08], y=[height, height], name=f"{name}: {height:.3f}", mode="lines", hoverinfo="skip",
        line={"color": _BASELINE_COLOURS[number % len(_BASELINE_COLOURS)], "width": 2, "dash": ("dash", "dot")[number % 2]},
    )  # fmt: skip
