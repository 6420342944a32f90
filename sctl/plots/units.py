"""Which pathways the units of a code are busy with."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from sctl.plots.palette import styled


def unit_figure(counts: pd.DataFrame, directions: pd.DataFrame) -> go.Figure:
    """Draw in how many cell types each pathway is significant for each unit.

    Parameters
    ----------
    counts : DataFrame
        Pathways (rows) by units (columns): numbers of cell types.
    directions : DataFrame
        The same shape: sums of significant scores, above 0 where the unit looks at the pathway's genes more than elsewhere.

    Returns
    -------
    Figure
    """
    rows = counts.sum(axis=1).sort_values(kind="stable").index
    shown, score = counts.loc[rows], directions.reindex(index=rows, columns=counts.columns)
    most = int(shown.to_numpy().max()) if shown.size else 1
    figure = go.Figure(
        go.Heatmap(
            z=shown.to_numpy(), x=[f"{unit + 1}" for unit in shown.columns.to_numpy()], y=[plain_set(name) for name in rows],
            customdata=score.to_numpy(), colorscale="Blues", zmin=0, zmax=most, xgap=1, ygap=1,
            colorbar={"title": "cell types", "dtick": max(1, most // 5)},
            hovertemplate="%{y}<br>unit %{x}: in %{z} cell types<br>sum of scores %{customdata:.1f}<extra></extra>",
        )
    )  # fmt: skip
    styled(figure, x_title="Unit of the code", height=150 + 22 * max(len(rows), 3))
    figure.update_xaxes(type="category")
    figure.update_layout(margin={"t": 10})
    return figure


def plain_set(name: str) -> str:
    """Return the name of a gene set in words.

    Examples
    --------
    >>> plain_set("HALLMARK_OXIDATIVE_PHOSPHORYLATION")
    'Oxidative phosphorylation'
    """
    return name.removeprefix("HALLMARK_").replace("_", " ").capitalize()
