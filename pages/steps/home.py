"""Home: try the demo, start, or open a project."""

from __future__ import annotations

import streamlit as st

from sctl.project import Project
from sctl.ui import shell, steps

shell.header(steps.HOME)
if st.button("Start a new project"):
    shell.open_project(Project.create().id)
    shell.go(steps.DATA)
