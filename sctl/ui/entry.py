"""Where every visit enters: the pages, the frame around them, and the page that was asked for."""

from __future__ import annotations

import streamlit as st

from sctl.ui import shell, steps


def main() -> None:
    """Draw the app."""
    st.set_page_config(page_title="sctl", page_icon=":material/hub:", layout="wide")
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
    current.run()
