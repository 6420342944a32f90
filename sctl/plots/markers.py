"""Genes in groups of cells: dots, heat maps, violins, volcano."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sctl.plots.palette import ACCENT, GREY, SECOND, SEQUENTIAL, as_text, colors_of, natural_order, styled
from sctl.typing import Floats

_LARGEST_DOT = 20.0  # pixels
_ROW = 26  # pixels a group's row needs


def dot_plot(table: pd.DataFrame, *, title: str = "") -> go.Figure:
    """Draw genes across and groups down: size for the share of expressing cells, colour for the mean.

    Parameters
    ----------
    table : DataFrame
        ``group``, ``gene``, ``mean``, ``share``, from :func:`sctl.analysis.markers.dot_table`; drawn in its order.
    title : str

    Returns
    -------
    plotly Figure
    """
    groups, genes = list(dict.fromkeys(table["group"])), list(dict.fromkeys(table["gene"]))
    figure = go.Figure(
        go.Scatter(
            x=table["gene"],
            y=table["group"],
            mode="markers",
            showlegend=False,
            marker={
                "size": np.sqrt(table["share"].to_numpy(dtype=float)) * _LARGEST_DOT,  # area, not width, says the share
                "color": table["mean"],
                "colorscale": SEQUENTIAL,
                "line": {"color": "#888888", "width": 0.5},
                "colorbar": _bar("Mean expression"),
            },
            customdata=table[["mean", "share"]].to_numpy(),
            hovertemplate="%{x} in %{y}<br>mean %{customdata[0]:.2f}<br>in %{customdata[1]:.0%} of cells<extra></extra>",
        )
    )
    for share in (0.25, 0.5, 1.0):
        figure.add_trace(
            go.Scatter(
                x=[None], y=[None], mode="markers", name=f"{share:.0%} of cells",
                marker={"size": np.sqrt(share) * _LARGEST_DOT, "color": "#888888"},
            )
        )  # fmt: skip
    styled(figure, title=title, height=_height(len(groups)) + 60)
    figure.update_xaxes(
        categoryorder="array", categoryarray=genes, tickangle=-60, tickfont={"style": "italic"}, dtick=1
    )
    figure.update_yaxes(categoryorder="array", categoryarray=groups[::-1])
    figure.update_layout(legend={"itemsizing": "trace", "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    figure.update_layout(margin={"t": 90 if title else 50}, title={"y": 0.98, "yanchor": "top"})
    return figure


def heatmap(table: pd.DataFrame, *, value: str = "mean", scale: bool = True, title: str = "") -> go.Figure:
    """Draw the mean expression of genes (across) in groups (down).

    Parameters
    ----------
    table : DataFrame
        ``group``, ``gene`` and the value, from :func:`sctl.analysis.markers.dot_table`.
    value : str
        Column to colour by.
    scale : bool
        Whether each gene goes from 0, its lowest mean, to 1, its highest.
    title : str

    Returns
    -------
    plotly Figure
    """
    wide = scaled_table(table, value=value, scale=scale)
    figure = go.Figure(
        go.Heatmap(
            z=wide.to_numpy(),
            x=list(wide.columns),
            y=list(wide.index),
            colorscale=SEQUENTIAL,
            colorbar=_bar("Relative to the gene's range" if scale else "Mean expression"),
            hovertemplate="%{x} in %{y}<br>%{z:.2f}<extra></extra>",
            xgap=1,
            ygap=1,
        )
    )
    styled(figure, title=title, height=_height(len(wide)))
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(tickangle=-60, tickfont={"style": "italic"}, dtick=1)
    return figure


def scaled_table(table: pd.DataFrame, *, value: str = "mean", scale: bool = True) -> pd.DataFrame:
    """Lay a long table out as groups × genes, in its order, each gene brought to [0, 1] if ``scale``."""
    order = {name: list(dict.fromkeys(table[name])) for name in ("group", "gene")}
    wide = table.pivot(index="group", columns="gene", values=value).loc[order["group"], order["gene"]]
    if not scale:
        return wide
    extent = (wide.max() - wide.min()).replace(0, 1)
    return (wide - wide.min()) / extent


def violin_figure(
    values: Floats,
    groups: Any,
    *,
    gene: str = "",
    palette: Mapping[str, str] | None = None,
    title: str = "",
    most_cells: int = 2_000,
) -> go.Figure:
    """Draw how a value is distributed in every group.

    Parameters
    ----------
    values : ndarray of shape (n_obs,)
        A gene's expression, or any number per cell.
    groups : sequence of str, length n_obs
    gene : str
        Name of the value.
    palette : mapping, optional
        Colour of each group.
    title : str
    most_cells : int
        Of a larger group, evenly spaced quantiles are drawn instead of all its cells: the same shape.

    Returns
    -------
    plotly Figure
    """
    labels = as_text(groups)
    colors = {**colors_of(labels), **(palette or {})}
    figure = go.Figure()
    for name in natural_order(labels):
        own = np.sort(np.asarray(values, dtype=float)[labels == name])
        drawn = own if len(own) <= most_cells else np.quantile(own, np.linspace(0, 1, most_cells))
        figure.add_trace(
            go.Violin(
                y=drawn, x0=name, name=name, line={"color": colors[name], "width": 1.5}, spanmode="hard",
                points="all" if len(own) < 10 else False, pointpos=0, jitter=0.3, box={"visible": True, "width": 0.12}, scalemode="width",
                hoveron="violins", hoverinfo="name+y", showlegend=False,
            )
        )  # fmt: skip
    styled(figure, title=title, y_title=gene, height=380)
    figure.update_xaxes(type="category", tickangle=-45 if len(figure.data) > 6 else 0)
    figure.update_yaxes(rangemode="tozero" if len(values) and np.nanmin(values) >= 0 else "normal")
    return figure


def volcano(
    table: pd.DataFrame,
    *,
    max_p_adjusted: float = 0.05,
    min_log2_fold_change: float = 1.0,
    n_names: int = 12,
    title: str = "",
) -> go.Figure:
    """Draw one comparison: fold change across, evidence upwards, the clearest genes named.

    Parameters
    ----------
    table : DataFrame
        One group of :func:`sctl.analysis.markers.rank_markers`.
    max_p_adjusted, min_log2_fold_change : float
        What counts as clearly different.
    n_names : int
        How many genes are named on the plot.
    title : str

    Returns
    -------
    plotly Figure
        A gene's name is in ``customdata`` of its point.
    """
    smallest = np.finfo(float).tiny  # p-values below are stored as 0
    evidence = -np.log10(table["p_adjusted"].to_numpy(dtype=float).clip(smallest))
    fold = table["log2_fold_change"].to_numpy(dtype=float)
    clear = (table["p_adjusted"].to_numpy() <= max_p_adjusted) & (np.abs(fold) >= min_log2_fold_change)
    genes = table["gene"].to_numpy(dtype=object)
    kinds = (("not clear", ~clear, GREY), ("higher", clear & (fold > 0), SECOND), ("lower", clear & (fold < 0), ACCENT))
    figure = go.Figure()
    for name, chosen, color in kinds:
        figure.add_trace(
            go.Scattergl(
                x=fold[chosen], y=evidence[chosen], customdata=genes[chosen], name=f"{name} ({chosen.sum():,})",
                mode="markers", marker={"size": 6, "color": color, "opacity": 0.75},
                hovertemplate="%{customdata}<br>log2 fold change %{x:.2f}<br>−log10 adjusted p %{y:.1f}<extra></extra>",
            )
        )  # fmt: skip
    for x, y, gene in named_genes(fold, evidence, genes, clear, n_names=n_names):
        figure.add_annotation(
            x=x, y=y, text=f"<i>{gene}</i>", showarrow=False, yshift=10, font={"size": 12}, captureevents=False
        )
    styled(figure, title=title, x_title="log2 fold change", y_title="−log10 adjusted p-value", height=460)
    return figure


def named_genes(
    fold: Floats, evidence: Floats, genes: Any, clear: Any, *, n_names: int
) -> list[tuple[float, float, str]]:
    """Choose the clearest genes whose names do not fall on each other: x, y and name of each."""
    width, height = max(float(np.ptp(fold)), 1e-9), max(float(np.ptp(evidence)), 1e-9)
    chosen: list[tuple[float, float, str]] = []
    for number in np.lexsort((-np.abs(fold), -evidence)):
        if len(chosen) >= n_names or not clear[number]:
            continue
        x, y = float(fold[number]), float(evidence[number])
        # a name takes about a ninth of the width and a twentieth of the height
        if all(abs(x - a) > width / 9 or abs(y - b) > height / 20 for a, b, _ in chosen):
            chosen.append((x, y, str(genes[number])))
    return chosen


def _bar(title: str) -> dict[str, Any]:
    return {"title": {"text": title, "side": "right"}, "thickness": 14, "outlinewidth": 0, "len": 0.8}


def _height(n_rows: int) -> int:
    return max(260, 130 + _ROW * n_rows)
