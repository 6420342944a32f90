"""Two numbers of a cell as one colour: blue for the first, orange for the second, dark for both."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from sctl.errors import DataError
from sctl.typing import Floats

_NEITHER, _FIRST, _SECOND, _BOTH = (221, 221, 221), (0, 114, 178), (230, 120, 0), (45, 20, 45)
_STEPS = 4  # between nothing and the most; 25 colours are more than an eye tells apart
_MOST = 99.0  # percentile of the cells above 0 that counts as the most, so that one cell does not set the scale


def blend(first: Floats, second: Floats, names: tuple[str, str]) -> tuple[NDArray[np.str_], dict[str, str]]:
    """Return a name for how high both values of each cell are, and a colour for each name.

    Parameters
    ----------
    first, second : ndarray of shape (n_obs,)
        At least 0, such as the expression of two genes. Each is taken as a share of its own 99th percentile among the
        cells above 0, in quarters.
    names : tuple of str
        What they are called.

    Returns
    -------
    ndarray of str, shape (n_obs,)
        ``"INS 100 %, GCG 25 %"``, for example.
    dict
        A hexadecimal colour for every such name: grey, blue, orange and dark in the corners, mixed between.

    Raises
    ------
    DataError
        If the lengths differ.
    """
    if len(first) != len(second):
        raise DataError(
            f"{names[0]} has {len(first)} values, {names[1]} has {len(second)}.",
            expected="There must be one of each for every cell.",
            do="Pass values of the same cells, in the same order.",
        )
    levels = range(_STEPS + 1)
    called = np.array([[_name(names, i, j) for j in levels] for i in levels])
    palette = {str(called[i, j]): _mixed(i / _STEPS, j / _STEPS) for i in levels for j in levels}
    return called[_quarters(first), _quarters(second)], palette


def corners(names: tuple[str, str]) -> dict[str, str]:
    """Return what a legend says of :func:`blend`: a colour for each of its four ends."""
    said = ("neither", f"{names[0]} high", f"{names[1]} high", "both high")
    places = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
    return {text: _mixed(*place) for text, place in zip(said, places, strict=True)}


def with_legend(figure: go.Figure, legend: Mapping[str, str]) -> go.Figure:
    """Give a map another legend, and take the names off the map; returns the same figure."""
    figure.update_traces(showlegend=False)
    figure.layout.annotations = ()
    for name, color in legend.items():
        figure.add_scattergl(x=[None], y=[None], mode="markers", name=name, marker={"color": color, "size": 9})
    figure.update_layout(showlegend=True)
    return figure


def _name(names: tuple[str, str], i: int, j: int) -> str:
    return ", ".join(f"{name} {100 * level // _STEPS} %" for name, level in zip(names, (i, j), strict=True))


def _quarters(values: Floats) -> NDArray[np.intp]:
    """Return how many quarters of the most each value has.  (n_obs,), 0 to 4."""
    values = np.nan_to_num(np.asarray(values, dtype=np.float64))
    above = values[values > 0]
    most = float(np.percentile(above, _MOST)) if above.size else 1.0
    quarters: NDArray[np.intp] = np.rint(np.clip(values / most, 0.0, 1.0) * _STEPS).astype(np.intp)
    return quarters


def _mixed(first: float, second: float) -> str:
    """Mix the four corners in proportion."""
    weights = ((1 - first) * (1 - second), first * (1 - second), (1 - first) * second, first * second)
    mixed = np.array(weights) @ np.array([_NEITHER, _FIRST, _SECOND, _BOTH])
    return "#" + "".join(f"{round(float(part)):02X}" for part in mixed)
