"""The one way a chart comes onto a page: names of strangers are text in it, never tags.

Plotly obeys a part of HTML in every text of a figure, links included. Our own figures use a few tags for line breaks and
emphasis; anything else that looks like a tag is shown as it is written.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

_TAG = re.compile(r"<(?!/?(?:br|b|i|sub|sup|extra) ?/?>)(?=[/!?a-zA-Z])")


def draw(figure: go.Figure, **options: Any) -> Any:
    """Draw a figure; options are those of :func:`streamlit.plotly_chart`, and so is what is returned."""
    return st.plotly_chart(harmless(figure), **options)


def harmless(figure: go.Figure) -> go.Figure:
    """Return the figure with all tags but our own turned into text.

    Examples
    --------
    >>> figure = go.Figure(go.Bar(x=["<a href='http://example.org'>B</a> cell"], y=[1], hovertemplate="%{x}<br>%{y}"))
    >>> shown = harmless(figure).data[0]
    >>> shown.x[0], shown.hovertemplate
    ("&lt;a href='http://example.org'>B&lt;/a> cell", '%{x}<br>%{y}')
    """
    parts = figure.to_dict()
    made = _made_harmless(parts)
    return figure if made is parts else go.Figure(made)


def _made_harmless(value: Any) -> Any:
    """Return a value without tags: the value itself where it has none."""
    if isinstance(value, str):
        return _TAG.sub("&lt;", value) if "<" in value else value
    if isinstance(value, dict):
        made = {name: _made_harmless(one) for name, one in value.items()}
        return made if any(made[name] is not one for name, one in value.items()) else value
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "biufcmM" else _list_made_harmless(value.tolist(), value)
    if isinstance(value, list | tuple):
        return _list_made_harmless(list(value), value)
    return value


def _list_made_harmless(values: list[Any], original: Any) -> Any:
    made = [_made_harmless(one) for one in values]
    return made if any(one is not old for one, old in zip(made, values, strict=True)) else original
