"""How two ways of naming the same cells relate: flows, tables, stacked bars."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sctl.errors import ParameterError
from sctl.plots.palette import FONT_SIZE, as_text, colors_of, natural_order, styled

_ROW, _LEGEND_ROW = 30, 21  # pixels


def crossed(left: Any, right: Any) -> pd.DataFrame:
    """Count the cells of every pair of names, both in natural order.  (n_left, n_right).

    Examples
    --------
    >>> crossed(["a", "a", "b"], ["x", "y", "y"]).to_numpy().tolist()
    [[1, 1], [0, 1]]
    """
    left, right = as_text(left), as_text(right)
    table = pd.crosstab(pd.Series(left, name="left"), pd.Series(right, name="right"))
    return table.reindex(index=natural_order(left), columns=natural_order(right))


def sankey_figure(
    labels_a: Any,
    labels_b: Any,
    *,
    name_a: str = "before",
    name_b: str = "after",
    palette: Mapping[str, str] | None = None,
    title: str = "",
) -> go.Figure:
    """Draw how cells flow from one set of names to another.

    Parameters
    ----------
    labels_a, labels_b : sequence of str, length n_obs
        Names on the left and on the right of the same cells.
    name_a, name_b : str
        What the sides are.
    palette : mapping, optional
        Colour of each name.
    title : str

    Returns
    -------
    plotly Figure
        ``customdata`` of a band holds its two names.
    """
    return layered_sankey({name_a: labels_a, name_b: labels_b}, palette=palette, title=title)


def layered_sankey(
    layers: Mapping[str, Any], *, palette: Mapping[str, str] | None = None, title: str = ""
) -> go.Figure:
    """Draw how cells flow through several ways of naming them, from left to right.

    Parameters
    ----------
    layers : mapping of str to sequence of str, length n_obs
        What each layer is, and the names it gives to the same cells; two or more.
    palette : mapping, optional
        Colour of each name.
    title : str

    Returns
    -------
    plotly Figure
        ``customdata`` of a band holds its two names.

    Raises
    ------
    ParameterError
        If there are fewer than two layers.
    """
    if len(layers) < 2:
        raise ParameterError("A flow has two ends.", expected="Two or more layers of names.")
    tables = [crossed(left, right) for left, right in pairwise(layers.values())]
    names = [list(tables[0].index), *(list(table.columns) for table in tables)]
    starts = np.cumsum([0, *map(len, names)])
    flat = [name for layer in names for name in layer]
    colors = {**colors_of(flat), **(palette or {})}
    found = [np.nonzero(table.to_numpy()) for table in tables]
    ends = [
        (starts[i] + row, starts[i + 1] + column)
        for i, (rows, columns) in enumerate(found)
        for row, column in zip(rows, columns, strict=True)
    ]
    bands = {
        "source": [left for left, _ in ends],
        "target": [right for _, right in ends],
        "value": np.concatenate([table.to_numpy()[where] for table, where in zip(tables, found, strict=True)]),
        "color": [_faded(colors[flat[left]]) for left, _ in ends],
        "customdata": [[flat[left], flat[right]] for left, right in ends],
        "hovertemplate": "%{customdata[0]} → %{customdata[1]}<br>%{value:,} cells<extra></extra>",
    }
    nodes = {
        "label": flat,
        "color": [colors[name] for name in flat],
        "pad": 14,
        "thickness": 16,
        "line": {"width": 0},
        "hovertemplate": "%{label}: %{value:,} cells<extra></extra>",
    }
    figure = go.Figure(
        go.Sankey(node=nodes, link=bands, valueformat=",d", textfont={"size": FONT_SIZE, "color": "#222222"})
    )
    styled(figure, title=title, height=max(320, 90 + _ROW * max(map(len, names))))
    for number, name in enumerate(layers):
        anchor = "left" if number == 0 else "right" if number == len(layers) - 1 else "center"
        figure.add_annotation(
            x=number / (len(layers) - 1),
            y=1,
            xref="paper",
            yref="paper",
            xanchor=anchor,
            yanchor="bottom",
            text=f"<b>{name}</b>",
            showarrow=False,
        )
    figure.update_layout(margin={"t": 76 if title else 40, "l": 20, "r": 20, "b": 20})
    return figure


def confusion_figure(truth: Any, labels: Any, *, title: str = "") -> go.Figure:
    """Draw true types (down) against given labels (across): share of each row, with counts written in.

    Parameters
    ----------
    truth, labels : sequence of str, length n_obs
    title : str

    Returns
    -------
    plotly Figure
    """
    table = crossed(truth, labels)
    counts = table.to_numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    written = np.where(counts > 0, counts.astype(str), "")
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=list(table.columns),
            y=list(table.index),
            customdata=counts,
            text=written,
            texttemplate="%{text}",
            textfont={"size": 12},
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            xgap=1,
            ygap=1,
            colorbar={
                "title": {"text": "Share of row", "side": "right"},
                "tickformat": ".0%",
                "thickness": 14,
                "outlinewidth": 0,
            },
            hovertemplate="true: %{y}<br>given: %{x}<br>%{customdata:,} cells, %{z:.0%} of the type<extra></extra>",
        )
    )
    styled(figure, title=title, x_title="Given label", y_title="True type", height=max(300, 140 + _ROW * len(table)))
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(type="category", tickangle=-45, dtick=1)
    return figure


def composition_bars(
    groups: Any, parts: Any, *, palette: Mapping[str, str] | None = None, part_name: str = "", title: str = ""
) -> go.Figure:
    """Draw what every group of cells consists of, as bars of equal length.

    Parameters
    ----------
    groups : sequence of str, length n_obs
        One bar each.
    parts : sequence of str, length n_obs
        One colour each.
    palette : mapping, optional
    part_name : str
        What the colours stand for; title of the legend.
    title : str

    Returns
    -------
    plotly Figure
    """
    table = crossed(groups, parts)
    shares = table.div(table.sum(axis=1), axis=0)
    colors = {**colors_of(table.columns), **(palette or {})}
    names = [f"{name} ({count:,})" for name, count in table.sum(axis=1).items()]
    figure = go.Figure(
        [
            go.Bar(
                x=shares[part],
                y=names,
                name=part,
                orientation="h",
                marker={"color": colors[part], "line": {"color": "white", "width": 0.5}},
                customdata=table[part],
                hovertemplate=f"%{{y}}<br>{part}: %{{customdata:,}} cells, %{{x:.0%}}<extra></extra>",
            )
            for part in shares.columns
        ]
    )
    styled(
        figure,
        title=title,
        x_title="Share of cells",
        height=max(260, 120 + _ROW * len(table), 150 + _LEGEND_ROW * len(colors)),
    )
    figure.update_layout(barmode="stack", legend={"title": {"text": part_name}, "traceorder": "normal"})
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def _faded(color: str) -> str:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.38)"
