"""Maps of cells on screen, and which cells a lasso holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from sctl.data import UNASSIGNED
from sctl.errors import DataError
from sctl.plots.palette import FAINT, GREY, INK, SEQUENTIAL, as_text, colors_of, is_numeric, natural_order, styled
from sctl.plots.raster import backdrop
from sctl.typing import Floats, Ints

MOST_POINTS = 30_000
"""More cells are drawn as a picture with this many of them as points on top; selections still use all."""

_BLOB = 0.1  # share of the map's longer side within which cells belong together
_FEWEST_PER_LABEL = 200  # points of every category in a thinned map, so that small types do not vanish
_MOST_MAP_LABELS = 30  # names written on the map itself
_MOST_WEIGHED = 10_000  # cells looked at for where a name hides the fewest
_HALO = ", ".join(["0 0 2px white"] * 4)  # light round the letters, so that they can be read on cells and hide none


def embedding_figure(  # noqa: PLR0913 - a drawing has many options, all keyword-only
    coords: Floats,
    *,
    color: Any = None,
    names: Sequence[str] | None = None,
    hover: Sequence[str] | None = None,
    selected: NDArray[np.bool_] | None = None,
    title: str = "",
    color_title: str = "",
    palette: Mapping[str, str] | None = None,
    height: int = 560,
) -> go.Figure:
    """Draw cells on their map, coloured by categories or by numbers.

    Parameters
    ----------
    coords : ndarray of shape (n_obs, 2)
    color : sequence of length n_obs, optional
        Names (one colour each, written at their cells, sorted in the legend) or numbers (a scale).
    names : sequence of str, length n_obs, optional
        Cells, for the hover text.
    hover : sequence of str, length n_obs, optional
        One more line of hover text.
    selected : ndarray of bool, shape (n_obs,), optional
        Cells to stand out; the others fade.
    title, color_title : str
    palette : mapping, optional
        Colour of each name; by default :func:`~sctl.plots.palette.colors_of` of the names here.
    height : int
        In pixels.

    Returns
    -------
    plotly Figure
        One trace per name and ``uirevision`` set, so that zoom and lasso survive a redraw. Above 30,000
        cells a backdrop picture shows all of them and points are a sample.

    Raises
    ------
    DataError
        If lengths do not fit.
    """
    coords = np.asarray(coords, dtype=np.float64)
    _check(coords, color=color, names=names, hover=hover, selected=selected)
    values = np.full(len(coords), "cells") if color is None else np.asarray(color)
    numeric = is_numeric(values)
    figure = go.Figure()
    strata = np.zeros(len(coords)) if numeric else as_text(values)
    shown = stratified_sample(strata, MOST_POINTS)
    if len(shown) < len(coords):
        figure.add_layout_image(backdrop(coords))
    text = _hover_text(names, hover)
    chosen = None if selected is None else np.asarray(selected, dtype=bool)
    if numeric:
        _add_scale(figure, coords, values.astype(np.float64), shown, (text, chosen, color_title))
    else:
        colors = {**colors_of(strata), **(palette or {})}
        _add_categories(figure, coords, strata, shown, (text, chosen, colors))
    styled(figure, title=title, height=height)
    figure.update_layout(
        uirevision="map",
        dragmode="lasso",
        showlegend=color is not None and not numeric,
        legend={
            "title": {"text": color_title},
            "x": 1.01,
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "bgcolor": "rgba(0,0,0,0)",
        },
        plot_bgcolor="white",
    )
    frame = {"visible": True, "showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False}
    figure.update_xaxes(**frame, showline=True, linecolor=FAINT, mirror=True)
    figure.update_yaxes(**frame, showline=True, linecolor=FAINT, mirror=True, scaleanchor="x", scaleratio=1)
    return figure


def points_in_polygon(coords: Floats, xs: Sequence[float], ys: Sequence[float]) -> NDArray[np.bool_]:
    """Tell which points lie in a polygon; it is closed by itself.

    Parameters
    ----------
    coords : ndarray of shape (n_obs, 2)
    xs, ys : sequence of float, length n_corners
        Corners in order, as a lasso gives them. Where it crosses itself, what it goes round an even
        number of times is outside, as the browser draws it.

    Returns
    -------
    ndarray of bool, shape (n_obs,)

    Examples
    --------
    >>> points_in_polygon(np.array([[0.5, 0.5], [2.0, 0.5]]), [0, 1, 1, 0], [0, 0, 1, 1]).tolist()
    [True, False]
    """
    coords = np.asarray(coords, dtype=np.float64)
    px, py = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    inside = np.zeros(len(coords), dtype=bool)
    if len(px) < 3:
        return inside
    box = (
        (coords[:, 0] >= px.min())
        & (coords[:, 0] <= px.max())
        & (coords[:, 1] >= py.min())
        & (coords[:, 1] <= py.max())
    )
    near = np.flatnonzero(box)
    order = near[np.argsort(coords[near, 1], kind="stable")]  # by height, so that an edge meets a slice of the points
    x, y = coords[order, 0], coords[order, 1]
    crossings = np.zeros(len(order), dtype=bool)
    for x0, y0, x1, y1 in zip(px, py, np.roll(px, -1), np.roll(py, -1), strict=True):
        low, high = np.searchsorted(y, sorted((y0, y1)), side="left")  # low <= y < high: each corner counts once
        if low < high:
            part = slice(low, high)
            crossings[part] ^= x[part] < x0 + (y[part] - y0) * (x1 - x0) / (y1 - y0)
    inside[order] = crossings
    return inside


def selection_mask(event: Mapping[str, Any] | None, coords: Floats) -> NDArray[np.bool_]:
    """Return the cells that the shapes of a chart's selection hold.

    Parameters
    ----------
    event : mapping or None
        What ``st.plotly_chart(on_select=...)`` gives: ``{"selection": {"lasso": [...], "box": [...]}}``. Only
        the shapes are read: they are exact for all cells, also for those not drawn as points.
    coords : ndarray of shape (n_obs, 2)
        The map the user drew on.

    Returns
    -------
    ndarray of bool, shape (n_obs,)
        The cells in any of the shapes; none where nothing is selected.
    """
    mask = np.zeros(len(coords), dtype=bool)
    selection = (event or {}).get("selection") or {}
    for shape in selection.get("lasso", ()):
        mask |= points_in_polygon(coords, shape["x"], shape["y"])
    for shape in selection.get("box", ()):
        corners = np.array([shape["x"], shape["y"]], dtype=np.float64)
        mask |= ((coords >= corners.min(axis=1)) & (coords <= corners.max(axis=1))).all(axis=1)
    return mask


def label_positions(
    coords: Floats, labels: NDArray[Any], *, character: float = 0.0145, line: float = 0.034
) -> dict[str, tuple[float, float]]:
    """Where to write each name on the map: beside its cells, off other names, over as few cells as can be.

    Parameters
    ----------
    coords : ndarray of shape (n_obs, 2)
    labels : ndarray of str, shape (n_obs,)
    character, line : float
        Width of a letter and height of a line, as a share of the map's longer side.

    Returns
    -------
    dict
        Centre of each name: above or below where most of its cells are, or among them. Large groups come
        first; a name for which there is no room is missing, as is "unassigned".
    """
    unit = float(np.ptp(coords, axis=0).max()) or 1.0
    weighed = coords[:: max(1, len(coords) // _MOST_WEIGHED)]
    taken: list[tuple[float, float, float]] = []  # x, y and half the width of names already placed
    places = {}
    for name in pd.Series(labels).value_counts(sort=True).index:
        if name == UNASSIGNED:
            continue
        x, heights = _beside(coords[labels == name], unit, line)
        half = unit * character * (len(name) + 1) / 2
        free = [y for y in heights if all(abs(x - a) >= half + b or abs(y - c) >= unit * line for a, c, b in taken)]
        if free:
            near = weighed[np.abs(weighed[:, 0] - x) < half, 1]
            height = min(free, key=lambda y: int((np.abs(near - y) < unit * line / 2).sum()))  # the first of equals
            taken.append((x, height, half))
            places[str(name)] = (x, height)
    return {name: places[name] for name in natural_order(places)}


def _beside(own: Floats, unit: float, line: float) -> tuple[float, list[float]]:
    """Return where across a name belongs, and the heights it could have, the best first."""
    x, y = own[((own - np.median(own, axis=0)) ** 2).sum(axis=1).argmin()]
    around = own[((own - (x, y)) ** 2).sum(axis=1) < (unit * _BLOB) ** 2]  # a type may lie in several places
    low, high = around[:, 1].min(), around[:, 1].max()
    gap = 0.75 * unit * line
    steps = [high + gap, low - gap, y, high + 2 * gap, low - 2 * gap]
    return float(x), [float(height) for height in steps]


def _check(coords: Floats, **columns: Any) -> None:
    for name, column in columns.items():
        if column is not None and len(column) != len(coords):
            raise DataError(
                f"{name} has {len(column)} entries for {len(coords)} cells.",
                expected="There must be one for every cell on the map.",
                do="Pass values of the same cells, in the same order.",
            )


def stratified_sample(strata: NDArray[Any], most: int) -> Ints:
    """Choose at most ``most`` cells, ascending, at least a few hundred of every category where it has them."""
    n_obs = len(strata)
    if n_obs <= most:
        return np.arange(n_obs)
    rng = np.random.default_rng(0)  # a drawing, no result: the same points every time
    order = rng.permutation(n_obs)
    shuffled = pd.Series(strata[order])
    position = shuffled.groupby(shuffled).cumcount().to_numpy()
    quota = min(_FEWEST_PER_LABEL, most // shuffled.nunique())
    # the first few of every category, then whatever chance brings
    return np.sort(order[np.argsort(position >= quota, kind="stable")[:most]])


def _hover_text(names: Sequence[str] | None, hover: Sequence[str] | None) -> NDArray[Any] | None:
    lines = [np.asarray(part, dtype=object).astype(str) for part in (names, hover) if part is not None]
    if not lines:
        return None
    return lines[0] if len(lines) == 1 else np.array([f"{a}<br>{b}" for a, b in zip(*lines, strict=True)], dtype=object)


def _marker_size(n_shown: int) -> float:
    return float(np.clip(14 - 2.6 * np.log10(max(n_shown, 10)), 2.5, 9))


def _add_scale(figure: go.Figure, coords: Floats, values: Floats, shown: Ints, look: tuple[Any, Any, str]) -> None:
    """Add one trace coloured by numbers, the highest drawn last; missing values are grey below."""
    text, chosen, title = look
    known = np.isfinite(values)
    missing = shown[~known[shown]]
    if len(missing):
        figure.add_trace(_points(coords, missing, text, chosen, marker={"color": GREY}, name="missing"))
    shown = shown[known[shown]]
    shown = shown[np.argsort(values[shown], kind="stable")]
    colour_bar = {"title": {"text": title, "side": "top"}, "thickness": 14, "len": 0.7, "outlinewidth": 0}
    marker = {"color": values[shown], "colorscale": SEQUENTIAL, "colorbar": colour_bar}
    trace = _points(coords, shown, text, chosen, marker=marker, name=title)
    trace.customdata = values[shown]
    trace.hovertemplate = f"%{{text}}<br>{title} %{{customdata:.3g}}<extra></extra>" if text is not None else None
    figure.add_trace(trace)


def _add_categories(
    figure: go.Figure, coords: Floats, labels: NDArray[Any], shown: Ints, look: tuple[Any, Any, dict[str, str]]
) -> None:
    """Add a trace for every name, and the names themselves at their cells."""
    text, chosen, colors = look
    order = natural_order(labels)
    sizes = pd.Series(labels).value_counts()
    for name in sorted(order, key=lambda name: (colors[name] != GREY, -sizes[name])):  # grey lowest, small types on top
        cells = shown[labels[shown] == name]
        trace = _points(coords, cells, text, chosen, marker={"color": colors[name]}, name=name)
        trace.legendrank = 1000 + order.index(name)
        trace.hovertemplate = f"%{{text}}<br>{name}<extra></extra>" if text is not None else f"{name}<extra></extra>"
        figure.add_trace(trace)
    if 1 < len(order) <= _MOST_MAP_LABELS:
        for name, (x, y) in label_positions(coords, labels).items():
            figure.add_annotation(
                x=x, y=y, text=f"<b>{name}</b>", showarrow=False, captureevents=False,
                font={"size": 12, "color": INK, "shadow": _HALO},
            )  # fmt: skip


def _points(
    coords: Floats, cells: Ints, text: Any, chosen: NDArray[np.bool_] | None, *, marker: dict[str, Any], name: str
) -> go.Scattergl:
    marker = {"size": _marker_size(len(coords)), "opacity": 0.85, **marker}
    if chosen is not None and chosen.any():
        marker["opacity"] = np.where(chosen[cells], 0.95, 0.08)
    return go.Scattergl(
        x=coords[cells, 0].astype(np.float32),
        y=coords[cells, 1].astype(np.float32),
        mode="markers",
        name=name,
        text=None if text is None else text[cells],
        marker=marker,
        selected={"marker": {"opacity": 0.95}},
        unselected={"marker": {"opacity": 0.12}},
    )
