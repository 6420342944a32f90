"""Trials of a search for settings, as lines over parallel axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from sctl.plots.palette import styled

WIDE = 30.0
"""Settings whose largest value is so many times the smallest are drawn on a logarithmic axis."""


def trials_figure(table: pd.DataFrame, *, value: str, titles: Mapping[str, str] | None = None) -> go.Figure:
    """Draw every trial as a line over one axis for each setting, and one for what was reached.

    Parameters
    ----------
    table : DataFrame
        A row for each trial; those whose ``value`` is no number are left out.
    value : str
        Column of what should be small; its axis is the last, and colours the lines.
    titles : mapping of str to str, optional
        What columns are called.

    Returns
    -------
    Figure
    """
    titles = titles or {}
    rows = table[np.isfinite(table[value].to_numpy(dtype=float))]
    settings = [str(name) for name in table.columns if name not in ("trial", value)]
    axes = [_axis(rows[name].to_numpy(dtype=float), titles.get(name, name)) for name in settings]
    reached = rows[value].to_numpy(dtype=float)
    figure = go.Figure(
        go.Parcoords(
            line={"color": reached, "colorscale": "Viridis_r", "showscale": False},
            dimensions=[*axes, {"label": titles.get(value, value), "values": reached, "tickformat": ".4g"}],
        )
    )
    styled(figure, height=340)
    figure.update_layout(margin={"t": 60, "b": 30, "l": 60, "r": 60})
    return figure


def _axis(values: Sequence[float] | Any, title: str) -> dict[str, Any]:
    values = np.asarray(values, dtype=float)
    if len(values) and values.min() > 0 and values.max() / values.min() > WIDE:
        powers = np.arange(np.floor(np.log10(values.min())), np.ceil(np.log10(values.max())) + 1)
        shown = powers[:: max(1, len(powers) // 6)]
        return {
            "label": title,
            "values": np.log10(values),
            "tickvals": shown,
            "ticktext": [f"{10.0**power:g}" for power in shown],
        }
    return {"label": title, "values": values}
