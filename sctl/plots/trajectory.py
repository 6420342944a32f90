"""Groups as they form: cells that move through snapshots of a training, played or pulled by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from sctl.errors import DataError
from sctl.plots.embedding import stratified_sample
from sctl.plots.palette import FAINT, colors_of, natural_order, styled
from sctl.typing import Floats

MOST_CELLS = 2000
"""More cells are shown by a sample, in which small groups keep some."""

_MOVE, _REST = 700, 250  # milliseconds of a move, and of the rest after it
_MARGIN = 0.05  # of the axes, beyond the outermost cell


def trajectory_animation(
    coords: Floats,
    groups: NDArray[Any],
    *,
    titles: Sequence[str],
    names: Sequence[str] | None = None,
    palette: Mapping[str, str] | None = None,
    height: int = 520,
) -> go.Figure:
    """Draw cells that move and change their colour from snapshot to snapshot.

    Parameters
    ----------
    coords : ndarray of shape (n_obs, n_snapshots, 2)
        Where each cell is; axes stay the same throughout.
    groups : ndarray of str, shape (n_obs, n_snapshots)
    titles : sequence of str, length n_snapshots
        What the slider calls the snapshots.
    names : sequence of str, length n_obs, optional
        Cells, shown under the pointer.
    palette : mapping, optional
        Colour of each group.
    height : int
        In pixels.

    Returns
    -------
    plotly Figure
        One frame for each snapshot; a play button and a slider.

    Raises
    ------
    DataError
        If shapes do not fit.
    """
    n_obs, n_snapshots = groups.shape
    if coords.shape != (n_obs, n_snapshots, 2) or len(titles) != n_snapshots:
        raise DataError(
            f"The film has places of shape {coords.shape} for {n_obs} cells, and {len(titles)} titles.",
            expected=f"Two coordinates for each cell at each of {n_snapshots} snapshots.",
        )
    colors = {**colors_of(groups.ravel()), **(palette or {})}
    cells = stratified_sample(groups[:, -1], MOST_CELLS)
    text = None if names is None else [str(names[cell]) for cell in cells]
    frames = [_cells(coords[cells, i], groups[cells, i], colors, text) for i in range(n_snapshots)]
    figure = go.Figure(
        data=[frames[0], *(_legend(name, colors[name]) for name in natural_order(np.unique(groups)))],
        frames=[go.Frame(name=str(i), data=[frame], traces=[0]) for i, frame in enumerate(frames)],
    )
    styled(figure, height=height)
    _fix_axes(figure, coords[cells].reshape(-1, 2))
    figure.update_layout(
        margin={"t": 10, "b": 10},
        legend={"orientation": "v", "x": 1.02, "y": 1, "bgcolor": "rgba(0,0,0,0)"},
        updatemenus=[_buttons()],
        sliders=[_slider(titles)],
    )
    return figure


def _cells(
    coords: Floats, groups: NDArray[Any], colors: Mapping[str, str], text: Sequence[str] | None
) -> go.Scatter:  # SVG, not WebGL: only that moves smoothly
    return go.Scatter(
        x=coords[:, 0].round(3), y=coords[:, 1].round(3), mode="markers", showlegend=False,
        ids=[str(number) for number in range(len(coords))], text=text, customdata=groups,
        marker={"size": 6, "color": [colors[name] for name in groups], "opacity": 0.8, "line": {"width": 0}},
        hovertemplate=("" if text is None else "%{text}<br>") + "%{customdata}<extra></extra>",
    )  # fmt: skip


def _legend(name: str, color: str) -> go.Scatter:
    return go.Scatter(
        x=[None], y=[None], mode="markers", name=name, marker={"size": 9, "color": color}, hoverinfo="skip"
    )


def _fix_axes(figure: go.Figure, points: Floats) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    room = _MARGIN * np.maximum(high - low, 1e-6)
    frame = {"showticklabels": False, "ticks": "", "zeroline": False, "linecolor": FAINT, "mirror": True}
    for update, i in ((figure.update_xaxes, 0), (figure.update_yaxes, 1)):
        update(range=[float(low[i] - room[i]), float(high[i] + room[i])], **frame)


def _buttons() -> dict[str, Any]:
    move = {
        "frame": {"duration": _MOVE + _REST, "redraw": False},
        "transition": {"duration": _MOVE, "easing": "cubic-in-out"},
        "fromcurrent": True,
    }
    halt = {"frame": {"duration": 0, "redraw": False}, "mode": "immediate", "transition": {"duration": 0}}
    return {
        "type": "buttons", "direction": "left", "showactive": False, "x": 0, "y": -0.03, "xanchor": "left",
        "yanchor": "top", "pad": {"t": 22, "r": 10}, "buttons": [
            {"label": "▶ Play", "method": "animate", "args": [None, move]},
            {"label": "❚❚ Pause", "method": "animate", "args": [[None], halt]},
        ],
    }  # fmt: skip


_BELOW_BUTTONS = 66
"""Pixels: beside the buttons, the slider would lie under them where the page is narrow."""


def _slider(titles: Sequence[str]) -> dict[str, Any]:
    to = {"mode": "immediate", "frame": {"duration": _MOVE, "redraw": False}, "transition": {"duration": _MOVE}}
    steps = [{"label": title, "method": "animate", "args": [[str(i)], to]} for i, title in enumerate(titles)]
    return {
        "active": 0, "x": 0, "len": 1, "y": -0.03, "yanchor": "top", "pad": {"t": _BELOW_BUTTONS}, "steps": steps,
        "currentvalue": {"visible": True, "prefix": "", "xanchor": "left"}, "transition": {"duration": _MOVE},
    }  # fmt: skip
