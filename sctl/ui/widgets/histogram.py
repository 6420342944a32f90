"""A histogram in which limits are drawn with the mouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from sctl.qc import Histogram, Limits
from sctl.typing import Floats

_KEPT, _DROPPED, _LINE, _OTHER = "#0072B2", "rgba(127, 140, 155, 0.45)", "#D55E00", "#E69F00"
_TICKS = np.array([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6])


@dataclass(frozen=True)
class Metric:
    """What a histogram shows.

    Parameters
    ----------
    name : str
        Column of the quality metrics, or ``"expression"``.
    title : str
        Of the metric, as the page calls it.
    axis : str
        Under the axis, with the unit.
    log : bool
        Whether the axis is log(1 + x).
    whole : bool
        Whether limits are whole numbers.
    about : str
        What low and high values mean.
    """

    name: str
    title: str
    axis: str
    log: bool
    whole: bool
    about: str


METRICS = (
    Metric(
        "n_genes",
        "Genes per cell",
        "genes seen in the cell",
        log=False,
        whole=True,
        about="Very few genes: an empty droplet or a damaged cell. Very many: perhaps two cells in one droplet.",
    ),
    Metric(
        "total_counts",
        "Counts per cell",
        "counts in the cell (log scale)",
        log=True,
        whole=True,
        about="Very few counts: an empty droplet or a damaged cell. Very many: perhaps two cells in one droplet.",
    ),
    Metric(
        "pct_mt",
        "Mitochondrial %",
        "% of the counts in mitochondrial genes",
        log=False,
        whole=False,
        about="A high share is typical of cells that were dying. What is high depends on the tissue.",
    ),
    Metric(
        "expression",
        "Expression values",
        "value of one gene in one cell (log scale)",
        log=True,
        whole=False,
        about="All values above 0. A dip shows from which value on a gene can be called expressed.",
    ),
)


def figure(
    bars: Histogram, metric: Metric, limits: Limits = (None, None), *, other: Histogram | None = None
) -> go.Figure:
    """Draw a histogram with kept values in blue, dropped ones in grey, and the limits as lines.

    Parameters
    ----------
    bars : Histogram
    metric : Metric
    limits : tuple
        Low and high, in the unit of the values; None is no limit.
    other : Histogram, optional
        The same metric of the other dataset: an outline with the area of the bars, whatever the number of its cells.

    Returns
    -------
    Figure
        Its x axis is ``log10(1 + x)`` where the metric's is logarithmic; see :func:`limits_of`.
    """
    edges = _axis(bars.edges, metric)
    centres = (bars.edges[:-1] + bars.edges[1:]) / 2
    kept = np.ones(len(centres), dtype=bool)
    if limits[0] is not None:
        kept &= centres >= limits[0]
    if limits[1] is not None:
        kept &= centres <= limits[1]
    fig = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=bars.counts,
            width=np.diff(edges),
            marker={"color": np.where(kept, _KEPT, _DROPPED), "line": {"width": 0}},
            customdata=centres,
            hovertemplate="%{customdata:.4g}: %{y:,}<extra></extra>",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 0.55}},
        )
    )
    ends = edges[[0, -1]]
    if other is not None:
        outline = _outline(bars, other, metric)
        fig.add_trace(outline)
        ends = np.array([min(ends[0], outline.x[0]), max(ends[1], outline.x[-1])])
    for limit in limits:
        if limit is not None:
            fig.add_vline(x=float(_axis(np.array([limit]), metric)[0]), line={"color": _LINE, "width": 2})
    fig.update_layout(
        height=300,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        bargap=0,
        showlegend=False,
        dragmode="select",
        selectdirection="h",
        xaxis={"title": metric.axis, **_ticks(bars.edges, metric), "range": ends.tolist()},
        yaxis={"title": "values" if metric.name == "expression" else "cells", "fixedrange": True},
    )
    return fig


def _outline(bars: Histogram, other: Histogram, metric: Metric) -> go.Scatter:
    """Return the outline of another histogram, with the area that the bars have on the axis."""
    density = other.counts / np.diff(_axis(other.edges, metric)) / max(1, other.counts.sum())
    area = float((bars.counts * np.diff(_axis(bars.edges, metric))).sum())
    return go.Scatter(
        x=_axis(other.edges, metric),
        y=np.append(density * area, 0.0),
        mode="lines",
        line={"color": _OTHER, "width": 2, "shape": "hv"},
        hoverinfo="skip",
    )


def limits_of(selection: Mapping[str, Any], bars: Histogram, metric: Metric) -> Limits | None:
    """Return the limits that a box drawn in the figure stands for, or None where no box was drawn.

    A side of the box that lies beyond all values is no limit.
    """
    boxes = selection.get("selection", {}).get("box", [])
    if not boxes:
        return None
    low, high = sorted(float(x) for x in boxes[0]["x"][:2])
    if metric.log:
        low, high = 10**low - 1, 10**high - 1
    return tidy((low, high), bars, metric)


def tidy(limits: tuple[float, float], bars: Histogram, metric: Metric) -> Limits:
    """Return limits in the metric's precision; one that lies beyond all values becomes None.

    Examples
    --------
    >>> bars = Histogram(np.array([0.5, 10.5]), np.array([3]))
    >>> tidy((-2.0, 7.4), bars, METRICS[0])
    (None, 7)
    """
    low = None if limits[0] <= bars.edges[0] else _rounded(limits[0], metric, up=True)
    high = None if limits[1] >= bars.edges[-1] else _rounded(limits[1], metric, up=False)
    return low, high


def _rounded(value: float, metric: Metric, *, up: bool) -> float:
    if metric.whole:
        return int(np.ceil(value) if up else np.floor(value))
    return round(value, 1)


def _axis(values: Floats, metric: Metric) -> Floats:
    """Return places on the x axis: log10(1 + x) for a logarithmic one."""
    return np.log10(1 + np.maximum(values, -0.5)) if metric.log else values


def _ticks(edges: Floats, metric: Metric) -> dict[str, Any]:
    if not metric.log:
        return {}
    inside = _TICKS[(edges[0] - 1 <= _TICKS) & (edges[-1] >= _TICKS)]
    shown = inside if len(inside) <= 8 else inside[np.isin(np.log10(np.maximum(inside, 1)) % 1, (0.0,))]
    return {"tickvals": _axis(shown, metric), "ticktext": [f"{tick:,.0f}" for tick in shown]}
