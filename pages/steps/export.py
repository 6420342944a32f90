"""Files to take away."""

from __future__ import annotations

import streamlit as st

from sctl.ui.export import exports, figure_files
from sctl.ui.frame import errors, results, shell, steps

shell.header(steps.EXPORT, acts=False)
project = shell.require(steps.EXPORT, "theta")

exports.out_of_date(project)
view = results.shown(project)

with errors.caught():
    st.markdown("### Data and tables")
    with st.container(border=True):
        exports.data(view)
    st.markdown("### What was learned")
    with st.container(border=True):
        exports.trained_source(view)
    st.markdown("### Figures")
    with st.container(border=True):
        figure_files.offer(view)
    st.markdown("### Repeat it, and write it up")
    with st.container(border=True):
        exports.repeat(view)
