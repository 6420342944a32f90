"""The consensus of many clusterings: which cells fall together, and how that changes with their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sctl.plots.palette import ACCENT, GREY, ON_ANY, SECOND, as_text, colors_of, styled
from sctl.typing import Floats

MOST_CELLS = 400
"""Cells a heat map shows; of more, evenly spaced ones along the tree."""

_STRIP, _SQUARE, _SILHOUETTE = 0.025, 0.7, 0.275


def shown_cells(order: Any, most: int = MOST_CELLS) -> np.ndarray[Any, Any]:
    """Return the cells that a heat map shows, in their order along the tree.

    Examples
    --------
    >>> shown_cells(np.array([4, 2, 0, 1, 3]), most=3).tolist()
    [4, 0, 3]
    """
    order = np.asarray(order)
    if len(order) <= most:
        return np.asarray(order)
    return np.asarray(order[np.linspace(0, len(order) - 1, most).round().astype(int)])


def consensus_figure(
    matrix: Floats,
    groups: Any,
    silhouettes: Floats,
    *,
    palette: Mapping[str, str] | None = None,
    title: str = "",
) -> go.Figure:
    """Draw how often cells fall together, cells along the tree, beside the silhouette of each.

    Parameters
    ----------
    matrix : ndarray of shape (n_shown, n_shown)
        Share of clusterings in which two cells fall together; rows and columns along the tree.
    groups : sequence of str, length n_shown
        Cluster of each, so that those of a cluster stand together.
    silhouettes : ndarray of shape (n_shown,)
    palette : mapping, optional
        Colour of each cluster.
    title : str

    Returns
    -------
    plotly Figure
    """
    names = as_text(groups)
    colors = {**colors_of(names), **(palette or {})}
    blocks = _blocks(names)
    figure = make_subplots(
        rows=1, cols=3, shared_yaxes=True, horizontal_spacing=0.012, column_widths=[_STRIP, _SQUARE, _SILHOUETTE]
    )
    for name, first, last in blocks:
        rows = np.arange(first, last)
        shared = {
            "y": rows,
            "orientation": "h",
            "width": 1.0,
            "showlegend": False,
            "marker": {"color": colors[name], "line": {"width": 0}},
        }
        figure.add_trace(go.Bar(x=np.ones(len(rows)), hoverinfo="skip", **shared), row=1, col=1)
        figure.add_trace(
            go.Bar(x=silhouettes[first:last], hovertemplate=f"cluster {name}<br>silhouette %{{x:.2f}}<extra></extra>", **shared),
            row=1, col=3,
        )  # fmt: skip
    figure.add_trace(
        go.Heatmap(
            z=np.round(100 * matrix).astype(np.uint8), zmin=0, zmax=100, colorscale="Cividis",
            colorbar={"title": "Together in", "ticksuffix": " %", "thickness": 12, "len": 0.6, "orientation": "h", "y": -0.12, "x": 0.36},
            hovertemplate="together in %{z} % of clusterings<extra></extra>",
        ),
        row=1, col=2,
    )  # fmt: skip
    styled(figure, title=title, height=560)
    _axes(figure, blocks, len(names))
    return figure


def _blocks(names: np.ndarray[Any, Any]) -> list[tuple[str, int, int]]:
    """Return runs of equal names with where they begin and end."""
    borders = np.flatnonzero(np.r_[True, names[1:] != names[:-1], True])
    return [(str(names[first]), int(first), int(last)) for first, last in pairwise(borders)]


def _axes(figure: go.Figure, blocks: Sequence[tuple[str, int, int]], n_cells: int) -> None:
    for _, _, last in blocks[:-1]:
        for axis in ("hline", "vline"):
            getattr(figure, f"add_{axis}")(last - 0.5, row=1, col=2, line={"color": "white", "width": 1.5})
    edges = [n_cells - 0.5, -0.5]  # the first cell on top
    figure.update_yaxes(range=edges, showline=False, ticks="", showticklabels=False)
    figure.update_yaxes(
        showticklabels=True, tickvals=[(first + last - 1) / 2 for _, first, last in blocks],
        ticktext=[name for name, _, _ in blocks], title_text="Cluster", row=1, col=1,
    )  # fmt: skip
    figure.update_xaxes(showline=False, ticks="", showticklabels=False, row=1, col=1)
    figure.update_xaxes(range=edges[::-1], showline=False, ticks="", showticklabels=False, row=1, col=2)
    figure.update_xaxes(range=[-0.4, 1.02], title_text="Silhouette", zeroline=True, row=1, col=3)
    figure.update_layout(bargap=0, barmode="overlay")


def stability_figure(
    stability: Mapping[int, Floats],
    *,
    highest: float,
    silhouettes: Mapping[int, float] | None = None,
    chosen: int | None = None,
    title: str = "",
) -> go.Figure:
    """Draw the stability of every cluster against the number of clusters, with their mean.

    Parameters
    ----------
    stability : mapping of int to ndarray of shape (n_clusters,)
    highest : float
        The largest value there can be, drawn as a dashed line.
    silhouettes : mapping of int to float, optional
        Mean silhouette at each number, drawn thinly.
    chosen : int, optional
        The number to stress.
    title : str

    Returns
    -------
    plotly Figure
    """
    numbers = sorted(stability)
    dots = [(k, cluster + 1, value) for k in numbers for cluster, value in enumerate(stability[k])]
    x, cluster, y = (np.array(column) for column in zip(*dots, strict=True)) if dots else (np.empty(0),) * 3
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=x, y=y, mode="markers", name="each cluster", customdata=cluster,
            marker={"size": 9, "color": np.where(x == chosen, SECOND, ACCENT), "opacity": 0.65},
            hovertemplate="%{x} clusters: number %{customdata}<br>stability %{y:.2f}<extra></extra>",
        )
    )  # fmt: skip
    means = [float(stability[k].mean()) for k in numbers]
    figure.add_trace(
        go.Scatter(x=numbers, y=means, mode="lines", name="their mean", line={"color": ON_ANY, "width": 2})
    )
    if silhouettes:
        figure.add_trace(
            go.Scatter(
                x=sorted(silhouettes), y=[silhouettes[k] for k in sorted(silhouettes)], mode="lines",
                name="mean silhouette", line={"color": "#882255", "width": 1.2, "dash": "dot"},
            )
        )  # fmt: skip
    figure.add_hline(
        highest,
        line={"color": GREY, "dash": "dash", "width": 1.5},
        annotation_text="most stable",
        annotation_position="top left",
    )
    styled(figure, title=title, x_title="Number of clusters", y_title="Stability", height=400)
    figure.update_xaxes(dtick=1)
    figure.update_yaxes(range=[min([0.0, *(silhouettes or {}).values()]) - 0.02, 1.05])
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    return figure


def eigenvalue_figure(eigenvalues: Sequence[float], threshold: float, *, title: str = "") -> go.Figure:
    """Draw eigenvalues, largest first, and what chance alone reaches; those above are counted.

    Parameters
    ----------
    eigenvalues : sequence of float
    threshold : float
    title : str

    Returns
    -------
    plotly Figure
    """
    values = np.asarray(eigenvalues, dtype=float)
    figure = go.Figure(
        go.Scatter(
            x=np.arange(1, len(values) + 1), y=values, mode="markers", showlegend=False,
            marker={"size": 8, "color": np.where(values > threshold, ACCENT, GREY)},
            hovertemplate="direction %{x}<br>%{y:,.0f}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_hline(
        threshold,
        line={"color": SECOND, "dash": "dash"},
        annotation_text="what chance reaches",
        annotation_position="top right",
    )
    styled(
        figure, title=title, x_title="Direction, strongest first", y_title="Spread of the cells along it", height=320
    )
    figure.update_yaxes(type="log")
    return figure
