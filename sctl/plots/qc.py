"""Histograms with thresholds, of quality and of confidence; counted before they are drawn, so of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from sctl.plots.palette import ACCENT, FAINT, GREY, ON_ANY, SECOND, SOURCE_COLOUR, TARGET_COLOUR, styled
from sctl.typing import Floats

_MOST_CELLS = 3000  # drawn as points
_SIDE_COLOURS = {"source": SOURCE_COLOUR, "target": TARGET_COLOUR}


def binned(values: Floats, *, edges: Floats) -> Floats:
    """Share of the values in each bin, in [0, 1]; those outside all bins are counted in the outermost.

    Examples
    --------
    >>> binned(np.array([0.5, 1.5, 1.6, 9.0]), edges=np.array([0.0, 1.0, 2.0])).tolist()
    [0.25, 0.75]
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    return counts / max(1, len(values))


def bin_edges(values: Mapping[str, Floats], n_bins: int = 80, *, log: bool = False) -> Floats:
    """Return edges that all sides share, evenly spaced (on a logarithmic scale if ``log``)."""
    pool = np.concatenate([np.asarray(part, dtype=np.float64) for part in values.values()])
    pool = pool[np.isfinite(pool) & ((pool > 0) | (not log))]
    low, high = (float(pool.min()), float(pool.max())) if len(pool) else (0.0, 1.0)
    if high <= low:
        high = low + max(1.0, abs(low))
    return np.geomspace(low, high, n_bins + 1) if log else np.linspace(low, high, n_bins + 1)


def histogram_figure(
    values: Mapping[str, Floats],
    *,
    metric: str = "",
    low: float | None = None,
    high: float | None = None,
    log: bool = False,
    title: str = "",
) -> go.Figure:
    """Draw how a metric is distributed, with what is kept shaded; source and target lie over each other.

    Parameters
    ----------
    values : mapping of str to ndarray of shape (n_obs,)
        The metric of the cells of each side; "source" and "target" have colours of their own.
    metric : str
        Its name with its unit, e.g. "Genes per cell".
    low, high : float, optional
        Thresholds; vertical lines that can be dragged where the chart allows it.
    log : bool
        Whether the axis is logarithmic; values of 0 are counted in the first bin.
    title : str

    Returns
    -------
    plotly Figure
        Bars of 80 bins whatever the number of cells; ``dragmode`` selects a range of the metric. Shapes
        are, in order, the kept region, then the lower and the upper threshold where given.
    """
    edges = bin_edges(values, log=log)
    figure = go.Figure()
    for number, (name, cells) in enumerate(values.items()):
        shares = binned(cells, edges=edges)
        figure.add_trace(
            go.Bar(
                x=np.sqrt(edges[:-1] * edges[1:]) if log else (edges[:-1] + edges[1:]) / 2,
                y=shares,
                width=np.diff(edges),
                name=f"{name} ({len(cells):,} cells)",
                marker={"color": _SIDE_COLOURS.get(name, (ACCENT, GREY)[number % 2]), "line": {"width": 0}},
                opacity=0.6 if len(values) > 1 else 0.85,
                customdata=np.column_stack([edges[:-1], edges[1:], shares * len(cells)]),
                hovertemplate="%{customdata[0]:.3~s} to %{customdata[1]:.3~s}<br>%{customdata[2]:,.0f} cells<extra></extra>",
            )
        )
    _shade_kept(figure, edges, (low, high))
    styled(figure, title=title, x_title=metric, y_title="Share of cells", height=320)
    margin = 0.02 * (np.log10(edges[-1] / edges[0]) if log else edges[-1] - edges[0])
    ends = np.log10(edges[[0, -1]]) if log else edges[[0, -1]]
    figure.update_layout(
        barmode="overlay", bargap=0, dragmode="select", selectdirection="h", uirevision=metric,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}, margin={"t": 84 if title else 40},
        title={"y": 0.97, "yanchor": "top"},
    )  # fmt: skip
    figure.update_xaxes(type="log" if log else "linear", range=[ends[0] - margin, ends[1] + margin])
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def kept_figure(n_genes: Floats, total_counts: Floats, kept: NDArray[np.bool_], *, title: str = "") -> go.Figure:
    """Draw genes against counts of cells, those that are kept over those that are left out.

    Parameters
    ----------
    n_genes, total_counts : ndarray of shape (n_obs,)
    kept : ndarray of bool, shape (n_obs,)
    title : str

    Returns
    -------
    plotly Figure
        Both axes are logarithmic. Of each group at most 3,000 evenly spaced cells are drawn; the legend counts all.
    """
    n_genes, total_counts = np.asarray(n_genes, dtype=np.float64), np.asarray(total_counts, dtype=np.float64)
    figure = go.Figure()
    for name, mask, color in (("left out", ~kept, SECOND), ("kept", kept, ACCENT)):
        cells = np.flatnonzero(mask)
        shown = cells[np.linspace(0, len(cells) - 1, min(len(cells), _MOST_CELLS)).astype(int)]
        figure.add_trace(
            go.Scattergl(
                x=np.maximum(total_counts[shown], 1),  # an empty cell has no logarithm
                y=np.maximum(n_genes[shown], 1),
                mode="markers",
                name=f"{name} ({len(cells):,})",
                marker={"color": color, "size": 4, "opacity": 0.6},
                hovertemplate="%{x:,.0f} counts, %{y:,.0f} genes<extra></extra>",
            )
        )
    styled(figure, title=title, x_title="Counts in the cell", y_title="Genes seen in the cell", height=340)
    ticks = [digit * 10**power for power in range(8) for digit in (1, 2, 5)]
    marks = {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,}" for tick in ticks]}
    figure.update_xaxes(**marks)
    figure.update_yaxes(**marks)
    return figure


def confidence_histogram(
    confidence: Floats, *, threshold: float | None = None, nameless: NDArray[np.bool_] | None = None, title: str = ""
) -> go.Figure:
    """Draw how sure the labels are; cells that are left without one are grey.

    Parameters
    ----------
    confidence : ndarray of shape (n_obs,)
        In [0, 1].
    threshold : float, optional
    nameless : ndarray of bool, shape (n_obs,), optional
        Cells without a name at any threshold, which are counted apart.
    title : str

    Returns
    -------
    plotly Figure
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    without = np.zeros(len(confidence), dtype=bool) if nameless is None else nameless
    edges = np.linspace(0, 1, 41)
    parts: dict[str, Any] = {"cells": confidence}
    if threshold is not None:
        below = confidence < threshold
        parts = {
            "named at this limit": confidence[~below & ~without],
            "below the limit": confidence[below & ~without],
            **({"unassigned at any limit": confidence[without]} if without.any() else {}),
        }
    figure = go.Figure(
        [
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=np.histogram(values, bins=edges)[0],
                width=np.diff(edges),
                name=f"{name} ({len(values):,})",
                marker={"color": {"below the limit": GREY, "unassigned at any limit": FAINT}.get(name, ACCENT)},
                hovertemplate="confidence %{x:.2f}<br>%{y:,} cells<extra></extra>",
            )
            for name, values in parts.items()
        ]
    )
    if threshold is not None:
        figure.add_vline(x=threshold, line={"color": ON_ANY, "width": 2, "dash": "dash"})
    styled(figure, title=title, x_title="Confidence", y_title="Cells", height=320)
    figure.update_layout(
        barmode="stack", bargap=0, uirevision="confidence", margin={"t": 84 if title else 40},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}, title={"y": 0.97, "yanchor": "top"},
    )  # fmt: skip
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    return figure


def _shade_kept(figure: go.Figure, edges: Floats, thresholds: tuple[float | None, float | None]) -> None:
    """Shade what lies between the thresholds, and draw each as a line that can be dragged."""
    if thresholds == (None, None):
        return
    low, high = thresholds
    ends = (
        edges[0] if low is None else max(low, edges[0] if edges[0] > 0 else low),
        edges[-1] if high is None else high,
    )
    figure.add_shape(
        type="rect", x0=ends[0], x1=ends[1], yref="paper", y0=0, y1=1, layer="below",
        fillcolor="rgba(0,114,178,0.10)", line={"width": 0},
    )  # fmt: skip
    for threshold in thresholds:
        if threshold is not None:
            figure.add_shape(
                type="line", x0=threshold, x1=threshold, yref="paper", y0=0, y1=1, editable=True,
                line={"color": ON_ANY, "width": 2, "dash": "dash"},
            )  # fmt: skip
