"""What a network learned: losses of every phase as they fall, and how many cells still change their group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from sctl.plots.palette import ACCENT, FAINT, FONT_SIZE, ON_ANY, SECOND, styled

PER_ROW = 4
"""Panels beside each other."""
_ROW = 210  # pixels
_MOST_POINTS = 400  # of one line; more cannot be told apart on so few pixels
LINES = {
    "train": ("cells it learns from", ACCENT, "solid"),
    "validation": ("cells held out", SECOND, "dot"),
    "changed": ("cells that change their group", SECOND, "solid"),
}
"""Each kind of line: what it is called, its colour, how it is drawn."""
_FINER = re.compile(r", finer \(\d+\)$")


@dataclass(frozen=True)
class Curves:
    """Lines over the rounds of one phase.

    Parameters
    ----------
    rounds : sequence of float, length n_rounds
    values : mapping of str to sequence of float, length n_rounds
        ``train`` and ``validation`` are losses, ``changed`` is a share of cells; NaN where unknown.
    best : float or None
        The round whose weights were kept, where that is known.
    """

    rounds: Sequence[float]
    values: Mapping[str, Sequence[float]]
    best: float | None = None


def training_figure(phases: Mapping[str, Curves]) -> go.Figure:
    """Draw one small panel for each phase; may be drawn again with every new round.

    Parameters
    ----------
    phases : mapping of str to Curves
        In order. A phase that goes on with finer steps (``", finer (1)"``) is drawn in the panel of its beginning.

    Returns
    -------
    plotly Figure
        Panels keep their places while others come.
    """
    panels = joined(phases)
    n_rows = max(1, -(-len(panels) // PER_ROW))
    figure = make_subplots(
        rows=n_rows, cols=PER_ROW, subplot_titles=list(panels), horizontal_spacing=0.07, vertical_spacing=0.3 / n_rows
    )
    named: set[str] = set()
    for number, curves in enumerate(panels.values()):
        place = {"row": number // PER_ROW + 1, "col": number % PER_ROW + 1}
        _panel(figure, curves, place, named)
    styled(figure, height=90 + _ROW * n_rows)
    figure.update_annotations(font={"size": FONT_SIZE, "color": ON_ANY})
    figure.update_layout(
        uirevision="training",
        legend={"orientation": "h", "x": 0, "y": -0.22 / n_rows, "yanchor": "top"},
        margin={"t": 30, "b": 10},
    )
    _hide_empty(figure, len(panels), n_rows)
    return figure


def _panel(figure: go.Figure, curves: Curves, place: dict[str, int], named: set[str]) -> None:
    """Draw the lines of a phase."""
    shown = shown_lines(curves)
    for name in shown:
        title, color, dash = LINES[name]
        x, y = thinned(curves.rounds, curves.values[name])
        number = "%{y:.1%}" if name == "changed" else "%{y:.3g}"
        figure.add_trace(
            go.Scatter(
                x=x, y=y, name=title, legendgroup=name, showlegend=name not in named, mode="lines+markers",
                line={"color": color, "width": 2, "dash": dash}, marker={"size": 4 if len(x) < 40 else 0.1},
                hovertemplate=f"round %{{x:.0f}}<br>{title}: {number}<extra></extra>",
            ),
            **place,
        )  # fmt: skip
        named.add(name)
    if curves.best is not None:
        figure.add_vline(x=curves.best, line={"color": FAINT, "width": 6}, layer="below", **place)
    figure.update_xaxes(title={"text": "Round", "standoff": 2, "font": {"size": 12}}, rangemode="tozero", **place)
    changed = "changed" in shown
    figure.update_yaxes(
        title={"text": "Share of cells" if changed else "Error", "standoff": 2, "font": {"size": 12}},
        tickformat=".1~%" if changed else None,
        rangemode="tozero" if changed else "normal",
        nticks=5,
        **place,
    )


def shown_lines(curves: Curves) -> list[str]:
    """Return the lines of a phase; a share of cells takes the place of the loss, which says less to most readers."""
    wanted = ("changed",) if "changed" in curves.values else ("train", "validation")
    return [name for name in wanted if name in curves.values]


def joined(phases: Mapping[str, Curves]) -> dict[str, Curves]:
    """Put phases that continue another into one."""
    out: dict[str, Curves] = {}
    for name, curves in phases.items():
        title = _FINER.sub("", name)
        earlier = out.get(title)
        if earlier is None:
            out[title] = curves
            continue
        start = max(earlier.rounds, default=0.0)
        out[title] = Curves(
            [*earlier.rounds, *(start + step for step in curves.rounds)],
            {key: [*values, *curves.values.get(key, [])] for key, values in earlier.values.items()},
            best=None if curves.best is None else start + curves.best,
        )
    return out


def thinned(x: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[float]]:
    """Leave out points of a long line, never the last."""
    step = -(-len(x) // _MOST_POINTS)
    kept = sorted({*range(0, len(x), step or 1), len(x) - 1} - {-1})
    return [x[i] for i in kept], [y[i] for i in kept]


def _hide_empty(figure: go.Figure, n_panels: int, n_rows: int) -> None:
    for number in range(n_panels, n_rows * PER_ROW):
        place = {"row": number // PER_ROW + 1, "col": number % PER_ROW + 1}
        figure.update_xaxes(visible=False, **place)
        figure.update_yaxes(visible=False, **place)
