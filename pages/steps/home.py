"""Home: try the demo, start anew, or open a project."""

from __future__ import annotations

import streamlit as st

from sctl.ui.frame import picture, shell, steps
from sctl.ui.home import home

shell.header(steps.HOME, acts=False)

demo, new, earlier = st.columns(3, gap="medium")
with demo, st.container(border=True, height="stretch"):
    home.demo_card()
with new, st.container(border=True, height="stretch"):
    home.new_card()
with earlier, st.container(border=True, height="stretch"):
    home.open_card()

st.space("small")
left, right = st.columns([1.5, 1], gap="large", vertical_alignment="center")
with left:
    st.image(
        picture.overview(),
        width="stretch",
        alt="A large source with known cell types helps to group and name the cells of a small target.",
    )
with right:
    st.markdown(
        """
**Source** is a large dataset whose cell types are known, for example a published atlas of the same tissue.
**Target** is your own, small dataset: its cells get groups, names, and a confidence for every name.

:material/scatter_plot: a map of your cells  \n:material/label: a name for every cell, and how sure it is  \n\
:material/genetics: marker genes of every group  \n:material/download: data, tables and figures to take away
"""
    )
