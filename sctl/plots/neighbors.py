"""How right labels are, over the number of neighbours."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from sctl.plots.palette import ACCENT, FAINT, OKABE_ITO, styled


def neighbors_figure(curves: pd.DataFrame, *, measure: str = "accuracy", used: int | None = None) -> go.Figure:
    """Draw a line for each space.

    Parameters
    ----------
    curves : DataFrame
        ``space``, ``k`` and the measure; the first space is drawn boldly.
    measure : {"accuracy", "macro_f1"}
    used : int, optional
        The number of neighbours of the result, marked.

    Returns
    -------
    Figure
    """
    figure = go.Figure()
    spaces = list(dict.fromkeys(curves["space"]))
    others = [color for color in OKABE_ITO if color != ACCENT]
    for place, name in enumerate(spaces):
        rows = curves[curves["space"] == name]
        first = place == 0
        figure.add_scatter(
            x=rows["k"], y=rows[measure], name=name, mode="lines",
            line={"color": ACCENT if first else others[(place - 1) % len(others)], "width": 3.5 if first else 1.8,
                  "dash": "solid" if first else ("dash", "dot", "dashdot", "longdash")[(place - 1) % 4]},
            hovertemplate="k = %{x}: %{y:.1%}<extra>" + name + "</extra>",
        )  # fmt: skip
    if used is not None:
        figure.add_vline(x=used, line={"width": 1, "dash": "dot", "color": FAINT})
    title = "Cells named rightly" if measure == "accuracy" else "Mean F1 over the types"
    styled(figure, x_title="Neighbours that vote (k)", y_title=title, height=320)
    figure.update_yaxes(tickformat=".0%", gridcolor=FAINT, showgrid=True)
    figure.update_layout(margin={"t": 10})
    return figure
