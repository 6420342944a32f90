"""Where every visit enters: the pages, the frame around them, and the page that was asked for."""

from __future__ import annotations

import gc

import streamlit as st

from sctl.ui.frame import errors, picture, shell, steps


def main() -> None:
    """Draw the app."""
    st.set_page_config(page_title="sctl", page_icon=picture.sign(), layout="wide")
    pages = [
        st.Page(
            step.path,
            title=step.short,
            icon=step.icon,
            url_path=step.key,
            default=step is steps.HOME,
            help=step.purpose,
        )
        for step in steps.ALL
    ]
    current = st.navigation(pages, position="hidden")
    shell.frame()
    with errors.caught("Your data, your settings and other results are still there."):  # a file that nobody can read
        current.run()
    _keep_modules()


@st.cache_resource(show_spinner=False)
def _keep_modules() -> None:
    """Take what was imported out of the search for garbage, once for all visitors: half a million objects that stay."""
    gc.collect()
    gc.freeze()
