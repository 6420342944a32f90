"""Genes of a consensus as a picture: cells in the order of the tree, group by group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from scipy import sparse

from sctl import plots
from sctl.plots.palette import styled
from sctl.project import Project
from sctl.ui.frame import results
from sctl.ui.n_clusters import consensus_results
from sctl.ui.widgets import charts
from sctl.workflow import ConsensusPoint

_MOST_GENES = 40


def draw(project: Project, found: ConsensusPoint, table: pd.DataFrame) -> None:
    """Draw how strongly the first genes of every group are expressed in each cell.

    Parameters
    ----------
    project : Project
    found : ConsensusPoint
    table : DataFrame
        ``gene`` and ``cluster`` by name, the best genes of each group first.
    """
    genes = chosen(table, found.n_clusters)
    cells = plots.shown_cells(found.order)
    target = results.target(project)
    columns = target.var_names.get_indexer(genes["gene"])
    values: Any = target.X[found.compared[cells]][:, columns]
    shares = scaled(values.toarray() if sparse.issparse(values) else np.asarray(values))
    called = consensus_results.names(project, found)
    clusters = [called[int(number)] for number in found.clusters[found.compared[cells]]]
    figure = _figure(shares, genes, clusters)
    charts.draw(
        figure, key=f"genes:heatmap:{found.n_clusters}", config={"displayModeBar": False},
        alt=f"Heat map of {len(genes)} marker genes in {len(cells):,} cells, both in the order of the groups.",
    )  # fmt: skip
    st.caption("Each row is a gene, as a share of its largest value; each column a cell, group by group.")


def chosen(table: pd.DataFrame, n_clusters: int) -> pd.DataFrame:
    """Return as many genes of every group, at most ten, as fit into the picture; each gene once.

    Examples
    --------
    >>> table = pd.DataFrame({"gene": list("abc"), "cluster": ["1", "1", "2"]})
    >>> chosen(table, 2)["gene"].tolist(), chosen(table, 40)["gene"].tolist()
    (['a', 'b', 'c'], ['a', 'c'])
    """
    each = min(10, max(1, _MOST_GENES // n_clusters))
    return table.drop_duplicates("gene").groupby("cluster", sort=False).head(each)


def scaled(values: Any) -> Any:
    """Return each gene (column) as a share of its largest value; 0 where it has none.

    Examples
    --------
    >>> scaled(np.array([[1.0, 0.0], [4.0, 0.0]])).tolist()
    [[0.25, 0.0], [1.0, 0.0]]
    """
    largest = values.max(axis=0)
    return values / np.where(largest > 0, largest, 1.0)


def _figure(shares: Any, genes: pd.DataFrame, clusters: list[str]) -> go.Figure:
    rows = [f"{gene} ({cluster})" for gene, cluster in zip(genes["gene"], genes["cluster"], strict=True)]
    figure = go.Figure(
        go.Heatmap(
            z=shares.T, y=rows, customdata=np.broadcast_to(np.array(clusters), (len(rows), len(clusters))),
            colorscale="Cividis", zmin=0, zmax=1, hovertemplate="%{y}<br>cell of cluster %{customdata}<extra></extra>",
            colorbar={"title": {"text": "Share of<br>largest"}, "thickness": 12, "len": 0.5, "tickformat": ".0%"},
        )
    )  # fmt: skip
    edges = [place for place in range(1, len(clusters)) if clusters[place] != clusters[place - 1]]
    for edge in edges:
        figure.add_vline(x=edge - 0.5, line={"color": "white", "width": 1})
    middles = [(low + high - 1) / 2 for low, high in zip([0, *edges], [*edges, len(clusters)], strict=True)]
    styled(figure, x_title="Cluster", height=120 + 16 * len(rows))
    named = [clusters[round(middle)] for middle in middles]
    figure.update_xaxes(tickvals=middles, ticktext=named, showgrid=False)
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, tickfont={"size": 11})
    figure.update_layout(margin={"t": 10, "r": 10})
    return figure
