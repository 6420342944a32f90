"""Why cells have their name: genes for and against it, and what happens without them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sctl.plots.palette import ACCENT, FAINT, GREY, SECOND, styled


def reasons_figure(genes: pd.DataFrame, *, label: str, against: str, n_genes: int = 12) -> go.Figure:
    """Draw the genes that speak most for a label to the right, and those that speak against it to the left.

    Parameters
    ----------
    genes : DataFrame
        ``gene`` and ``contribution``.
    label, against : str
        What is compared.
    n_genes : int
        At most so many of either side.

    Returns
    -------
    Figure
    """
    value = genes.set_index("gene")["contribution"]
    best = value[value > 0].nlargest(n_genes)
    worst = value[value < 0].nsmallest(n_genes)[::-1]
    shown = pd.concat([best, worst])
    figure = go.Figure(
        go.Bar(
            x=shown.to_numpy(),
            y=list(shown.index),
            orientation="h",
            marker={"color": np.where(shown.to_numpy() > 0, ACCENT, SECOND)},
            hovertemplate="%{y}: %{x:.3g}<extra></extra>",
        )
    )
    styled(figure, x_title=f"← for {against}      for {label} →", height=110 + 20 * max(len(shown), 3))
    figure.update_xaxes(gridcolor=FAINT, zeroline=True, zerolinecolor=GREY, showgrid=True)
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    figure.update_layout(margin={"t": 10}, showlegend=False, bargap=0.25)
    return figure


def deletion_figure(table: pd.DataFrame) -> go.Figure:
    """Draw how much a label is preferred after genes are taken out.

    Parameters
    ----------
    table : DataFrame
        ``genes``, ``salient`` and ``random``, as :func:`sctl.analysis.explain.deletion` gives them.

    Returns
    -------
    Figure
    """
    lines = {"random": ("random genes", GREY, "dash"), "salient": ("the genes for the name", ACCENT, "solid")}
    figure = go.Figure(
        [
            go.Scatter(
                x=table["genes"], y=table[column], name=name, mode="lines+markers",
                line={"color": color, "width": 2.5, "dash": dash},
                hovertemplate=f"%{{x}} {name}: %{{y:.3g}}<extra></extra>",
            )
            for column, (name, color, dash) in lines.items()
        ]
    )  # fmt: skip
    styled(figure, x_title="Genes taken out", y_title="Preference for the name", height=300)
    figure.update_yaxes(gridcolor=FAINT, showgrid=True)
    figure.update_layout(
        margin={"t": 10}, legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
    )
    return figure
