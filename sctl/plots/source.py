"""What is known of a source before anything is clustered: its score against chance, and its number of groups."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from sctl.plots.palette import ACCENT, SECOND, styled

_GREY = "#B0B0B0"


def chance_figure(score: float, null_scores: Sequence[float]) -> go.Figure:
    """Draw the score of a source as a line beside the scores of the same source with shuffled genes.

    Parameters
    ----------
    score : float
        In [0, 1].
    null_scores : sequence of float
        In [0, 1].

    Returns
    -------
    plotly Figure
    """
    figure = go.Figure()
    figure.add_trace(
        go.Histogram(
            x=list(null_scores), name="the same source, its genes shuffled", marker={"color": _GREY},
            xbins={"start": 0.0, "end": 1.0, "size": 0.02}, hovertemplate="score %{x}: %{y} of them<extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[score, score], y=[0, 1], yaxis="y2", mode="lines", name=f"your source: {score:.2f}",
            line={"color": ACCENT, "width": 4}, hovertemplate=f"your source: {score:.3f}<extra></extra>",
        )
    )  # fmt: skip
    styled(figure, x_title="0: as useless as shuffled genes · 1: as good as your own data", y_title="", height=200)
    figure.update_xaxes(range=[-0.02, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(visible=False)
    figure.update_layout(
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        margin={"t": 36, "b": 44, "l": 10, "r": 10},
    )
    return figure


def groups_figure(tried: Sequence[int], errors: Sequence[float], *, suggested: int, chosen: int) -> go.Figure:
    """Draw what each number of groups leaves unexplained, with the knee and the number in use.

    Parameters
    ----------
    tried : sequence of int, length n_tried
    errors : sequence of float, length n_tried
        Shares, in [0, 1].
    suggested, chosen : int
        ``chosen`` is marked where it was tried.

    Returns
    -------
    plotly Figure
    """
    shares = [100 * error for error in errors]
    at = dict(zip(tried, shares, strict=True))
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=list(tried), y=shares, mode="lines+markers", name="left unexplained",
            line={"color": ACCENT, "width": 3}, marker={"size": 8},
            hovertemplate="%{x} groups: %{y:.1f}% left unexplained<extra></extra>",
        )
    )  # fmt: skip
    for name, number, size, color in (
        (f"suggested: {suggested} groups", suggested, 18, SECOND),
        (f"chosen: {chosen} groups", chosen, 26, ACCENT),
    ):
        if number in at and (number == suggested) == name.startswith("suggested"):
            figure.add_trace(
                go.Scatter(
                    x=[number], y=[at[number]], mode="markers", name=name, hoverinfo="skip",
                    marker={"symbol": "circle-open", "size": size, "color": color, "line": {"width": 3}},
                )
            )  # fmt: skip
    styled(figure, x_title="Number of groups in the source", y_title="Left unexplained (%)", height=260)
    figure.update_xaxes(tickmode="linear", dtick=1)
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}, margin={"t": 40, "b": 48})
    return figure
