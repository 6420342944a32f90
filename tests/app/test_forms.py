"""A form drawn from a declaration: every kind of setting, its default, its range, and nothing lost."""

# ruff: noqa: PLC0415 - AppTest runs the text of a function alone, so it brings its own imports

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from sctl.methods import METHODS


def script(key: str, chosen: dict) -> None:
    import streamlit as st

    from sctl.methods import METHODS
    from sctl.ui.widgets import forms

    st.session_state["returned"] = forms.method_form(METHODS[key], chosen)


def declared() -> None:
    """A method with every kind of setting."""
    from dataclasses import dataclass
    from typing import Any, ClassVar, Literal

    import streamlit as st

    from sctl.methods.base import TransferMethod, param
    from sctl.ui.widgets import forms

    @dataclass(kw_only=True)
    class Everything(TransferMethod):
        key: ClassVar[str] = "everything"
        whole: int = param(5, "A whole number.", low=1, high=9)
        small: float = param(0.002, "A small number.", low=0.0, high=1.0)
        choice: Literal["left", "right"] = param("right", "A side.")
        switch: bool = param(True, "A switch.")
        text: str = param("word", "A word.", title="Some text")
        maybe: int | None = param(None, "A number or nothing.", low=0)
        hidden: float = param(1.0, "An advanced one.", advanced=True)

        def fit(self, source: Any, label_key: Any, run: Any) -> Any: ...

        def transfer(self, target: Any, run: Any) -> Any: ...

    st.session_state["returned"] = forms.method_form(Everything, {"whole": 7})
    st.button("Reset", on_click=forms.reset, args=(Everything,), key="reset")


@pytest.mark.parametrize("key", METHODS)
def test_the_form_of_every_method_returns_its_defaults(key):
    app = AppTest.from_function(script, args=(key, {}), default_timeout=60).run()
    assert not app.exception, app.exception
    defaults = {p.name: p.default for p in METHODS[key].parameters()}
    assert app.session_state["returned"] == defaults
    METHODS[key](**app.session_state["returned"])  # the method's own check


def test_every_kind_of_setting_has_its_field():
    app = AppTest.from_function(declared, default_timeout=60).run()
    assert not app.exception, app.exception
    assert app.session_state["returned"] == {
        "whole": 7,
        "small": 0.002,
        "choice": "right",
        "switch": True,
        "text": "word",
        "maybe": None,
        "hidden": 1.0,
    }
    assert app.number_input(key="parameter:everything:whole").max == 9
    assert app.text_input(key="parameter:everything:text").label == "Some text"
    assert "advanced" in app.expander[0].label.lower()
    assert app.expander[0].number_input[0].key == "parameter:everything:hidden"


def test_what_is_typed_is_returned_and_reset_takes_it_back():
    app = AppTest.from_function(declared, default_timeout=60).run()
    app.number_input(key="parameter:everything:maybe").set_value(3)
    app.selectbox(key="parameter:everything:choice").select("left").run()
    assert app.session_state["returned"]["maybe"] == 3
    assert app.session_state["returned"]["choice"] == "left"
    app.button(key="reset").click().run()
    assert app.session_state["returned"]["maybe"] is None
    assert app.session_state["returned"]["whole"] == 5


@pytest.mark.parametrize("key", METHODS)
def test_headings_stand_over_advanced_settings_only_and_hide_none(key):
    kind = METHODS[key]
    advanced = {p.name for p in kind.parameters() if p.advanced}
    headed = [name for names in kind.sections.values() for name in names]
    assert len(headed) == len(set(headed))
    assert set(headed) <= advanced
    app = AppTest.from_function(script, args=(key, {}), default_timeout=60).run()
    assert set(kind.sections) <= {item.value.strip("*") for item in app.markdown}
    assert set(app.session_state["returned"]) == {p.name for p in kind.parameters()}
