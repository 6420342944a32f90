"""Maps of cells on a page: a plain one, and one on which cells are selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sctl import plots
from sctl.typing import Floats
from sctl.ui.widgets import charts

_BAR: dict[str, Any] = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["toImage", "autoScale2d", "zoomIn2d", "zoomOut2d"],
}
_LEGEND = 60
"""Pixels under the map for a title and one row of names; without them the title lies on the map."""
_MOST_NAMED = 30_000  # cells whose names are sent along


def plain_map(  # noqa: PLR0913 - a drawing has many options, all keyword-only
    coords: Floats,
    values: Any,
    *,
    title: str,
    key: str,
    names: Sequence[str] | None = None,
    palette: Mapping[str, str] | None = None,
    height: int = 520,
) -> None:
    """Draw a map to look at.

    Parameters
    ----------
    coords : ndarray of shape (n_obs, 2)
    values : ndarray of shape (n_obs,)
        Names or numbers that give the colours.
    title : str
        What the colours stand for.
    key : str
    names : sequence of str, length n_obs, optional
        Cells, shown under the pointer.
    palette : mapping, optional
        Colour of each name.
    height : int
        In pixels.
    """
    figure = plots.embedding_figure(
        coords, color=values, names=_few(names), color_title=title, palette=palette, height=height
    )
    figure.update_layout(dragmode="pan")
    _legend_below(figure)
    charts.draw(figure, key=key, config=_BAR, alt=_alt(len(coords), title))


def _legend_below(figure: Any) -> None:
    """Put the legend under the map, which has the whole width then."""
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.02, "yanchor": "top"},
        margin={"t": 10, "b": _LEGEND},
    )


def _few(names: Sequence[str] | None) -> Sequence[str] | None:
    return names if names is not None and len(names) <= _MOST_NAMED else None


def _alt(n_cells: int, title: str) -> str:
    return plots.alt_text("embedding", n_cells=n_cells, color=title.lower())


def selectable_map(  # noqa: PLR0913 - as above
    coords: Floats,
    values: Any,
    *,
    title: str,
    key: str,
    on_select: Any,
    names: Sequence[str] | None = None,
    palette: Mapping[str, str] | None = None,
    selected: NDArray[np.bool_] | None = None,
    legend: Mapping[str, str] | None = None,
    height: int = 560,
) -> None:
    """Draw a map on which a lasso or a box calls ``on_select``; the parameters are those of :func:`plain_map`.

    Parameters
    ----------
    coords, values, title, key, names, palette, height
        As for :func:`plain_map`.
    on_select : callable
        Called without arguments; the shapes lie in the session under ``key``.
    selected : ndarray of bool, shape (n_obs,), optional
        Cells that stand out.
    legend : mapping, optional
        Names and their colours that the legend shows in place of the values, which are not written on the map then.
    """
    figure = plots.embedding_figure(
        coords, color=values, names=_few(names), color_title=title, palette=palette, selected=selected, height=height
    )
    if legend is not None:
        plots.with_legend(figure, legend)
    _legend_below(figure)
    charts.draw(
        figure,
        key=key,
        on_select=on_select,
        selection_mode=("lasso", "box"),
        config=_BAR,
        alt=f"{_alt(len(coords), title)} Draw around cells to select them.",
    )
