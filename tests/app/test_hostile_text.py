"""Names of strangers are shown as they are: nothing in them is obeyed, on no page."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import plotly.graph_objects as go
import pytest
from google.protobuf.message import Message

from sctl.plots import publication
from sctl.project import Project
from sctl.ui.frame import steps
from sctl.ui.widgets import charts

TAG = "<a href='http://example.invalid'>b</a>"
OBEYED = re.compile(
    r"(?<!\\)!(?<!\\!)\[x|(?<!\\)\[a(?<!\\)\]|(?<!\\)<a href='http|(?<!\\):red(?<!\\)\[|(?<!\\):material/skull|(?<!\\)\$d|(?<!\\)`e|(?<!\\)\*\*f"
)
"""Any of it, if nothing keeps it from being obeyed."""

ADDRESS = re.compile(r"https?://example|www\.example|x@example")
"""Markdown makes links of addresses, escaped or not."""

PLAIN = {
    "selectbox.options", "selectbox.raw_value", "selectbox.placeholder", "multiselect.options", "multiselect.raw_values",
    "text_input.default", "text_input.value", "text_input.placeholder", "text_area.default", "arrow_data_frame.data",
    "download_button.url", "multiselect.placeholder", "select_slider.options", "slider.options", "page_link.query_string",
}  # fmt: skip
"""Fields that Streamlit shows as they are, or not at all."""

IN_PLOTS = re.compile(r"<a href|<img|<script", re.IGNORECASE)


@pytest.fixture
def hostile(hostile_project, projects) -> Project:
    shutil.copytree(hostile_project, projects / hostile_project.name)
    return Project.open(hostile_project.name)


def strings(message: Message, path: str = ""):
    """Every text in a message, by the path of its field."""
    for field, value in message.ListFields():
        values = (
            value if isinstance(value, (list, tuple)) or hasattr(value, "add") or hasattr(value, "append") else [value]
        )
        if hasattr(value, "items"):
            values = list(value.values())
        for one in values:
            if isinstance(one, Message):
                yield from strings(one, f"{path}.{field.name}".strip("."))
            elif isinstance(one, str):
                yield f"{path}.{field.name}".strip("."), one


def elements(block):
    """Every element and block of a page."""
    for child in block.children.values():
        if hasattr(child, "children"):
            yield child
            yield from elements(child)
        else:
            yield child


def obeyed(app) -> set[str]:
    """What would be obeyed, as field and text."""
    found = set()
    for element in elements(app._tree):
        proto = getattr(element, "proto", None)
        if proto is None:
            continue
        kind = getattr(element, "type", "")
        for field, text in strings(proto):
            name = f"{kind}.{field}"
            if "plotly" in name:
                texts = texts_of(json.loads(text)) if text.startswith("{") else ()
                found |= {f"{name}: {one[:160]}" for one in texts if IN_PLOTS.search(one)}
            elif (
                name not in PLAIN and kind != "code" and (OBEYED.search(text) or ADDRESS.search(text.replace("\\", "")))
            ):
                found.add(f"{name}: {text[:160]}")
    return found


def texts_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_of(one)


@pytest.mark.parametrize("page", [step.key for step in steps.ALL])
def test_nothing_in_a_name_is_obeyed(hostile, open_page, page):
    app = open_page(page, hostile.id)
    assert not app.exception, app.exception
    assert sorted(obeyed(app)) == []


def test_all_charts_come_onto_pages_by_one_way():
    from pathlib import Path  # noqa: PLC0415

    root = Path(__file__).parents[2]
    files = [*(root / "sctl" / "ui").rglob("*.py"), *(root / "pages").rglob("*.py")]
    users = {path.name for path in files if "st.plotly_chart(" in path.read_text(encoding="utf-8")}
    assert users == {"charts.py"}


def test_tags_of_strangers_are_text_in_every_part_of_a_figure():
    figure = go.Figure(
        go.Scatter(
            x=[1], y=[TAG], name=TAG, text=[TAG], hovertext=np.array([TAG]), customdata=np.array([[TAG, 2]], dtype=object),
            hovertemplate="%{x}<br><b>%{customdata[0]}</b><extra></extra>",
        ),
        frames=[go.Frame(data=[go.Scatter(x=[1], y=[2], text=TAG)], name="1")],
    )  # fmt: skip
    figure.update_layout(
        title=TAG, xaxis={"ticktext": [TAG], "tickvals": [1], "title": TAG}, legend={"title": {"text": TAG}}
    )
    figure.add_annotation(text=f"<i>{TAG}</i>")
    shown = list(texts_of(json.loads(charts.harmless(figure).to_json())))
    assert not [text for text in shown if IN_PLOTS.search(text)]
    assert "%{x}<br><b>%{customdata[0]}</b><extra></extra>" in shown
    assert sum("&lt;a href" in text for text in shown) >= 9


def test_a_figure_without_tags_is_drawn_as_it_is():
    figure = go.Figure(go.Scatter(x=np.arange(5.0), y=np.arange(5.0), text=["a < b", "c"] * 2 + ["<br>"]))
    assert charts.harmless(figure) is figure


def test_figures_for_print_show_dollars_as_dollars():
    figure = publication.embedding(np.zeros((3, 2)), np.array([r"$\frac{$", "a", "b"]), title=r"$\alpha$")
    assert rb"\alpha" in publication.to_bytes(figure, "svg")
