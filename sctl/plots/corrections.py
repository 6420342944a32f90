"""What a correction of expression did: before on the left, after on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sctl.plots.palette import ACCENT, FAINT, SOURCE_COLOUR, TARGET_COLOUR, styled

_SIDES = ("Before", "After")


def mixing_figure(source: Sequence[Any], target: Sequence[Any], *, title: str = "") -> go.Figure:
    """Draw cells of both datasets on their first two principal components, before and after a correction.

    Parameters
    ----------
    source, target : sequence of two arrays of shape (n_shown, 2)
        Coordinates of the source's and of the target's cells before and after.
    title : str

    Returns
    -------
    plotly Figure
    """
    figure = _before_and_after()
    drawn = (("source", source, SOURCE_COLOUR), ("target", target, TARGET_COLOUR))
    for column in (0, 1):
        for name, coords, color in drawn:
            points = np.asarray(coords[column], dtype=np.float64)
            figure.add_trace(
                _points(points, name=name, color=color, legend=column == 0, hover=f"a cell of the {name}"),
                row=1,
                col=column + 1,
            )
    styled(figure, title=title, height=340)
    figure.update_layout(legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.14, "yanchor": "top"})
    figure.update_xaxes(showticklabels=False, ticks="", title_text="First component", linecolor=FAINT, mirror=True)
    figure.update_yaxes(showticklabels=False, ticks="", linecolor=FAINT, mirror=True)
    figure.update_yaxes(title_text="Second component", col=1)
    return figure


def gene_pair_figure(values: Sequence[Any], genes: tuple[str, str], *, title: str = "") -> go.Figure:
    """Draw two genes against each other in the same cells, before and after a correction.

    Parameters
    ----------
    values : sequence of two arrays of shape (n_shown, 2)
        Expression of both genes before and after.
    genes : tuple of str
    title : str

    Returns
    -------
    plotly Figure
        Both panels have the same axes.
    """
    figure = _before_and_after()
    for column in (0, 1):
        points = np.asarray(values[column], dtype=np.float64)
        trace = _points(points, name="cells", color=ACCENT, legend=False, hover="%{x:.2f}, %{y:.2f}")
        figure.add_trace(trace, row=1, col=column + 1)
    styled(figure, title=title, height=340)
    figure.update_xaxes(title_text=genes[0], matches="x")
    figure.update_yaxes(matches="y")
    figure.update_yaxes(title_text=genes[1], col=1)
    return figure


def _before_and_after() -> go.Figure:
    return make_subplots(rows=1, cols=2, subplot_titles=_SIDES, horizontal_spacing=0.08)


def _points(points: Any, *, name: str, color: str, legend: bool, hover: str) -> go.Scattergl:
    return go.Scattergl(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=legend,
        marker={"color": color, "size": 4, "opacity": 0.6},
        hovertemplate=f"{hover}<extra></extra>",
    )
