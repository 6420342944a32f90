"""Data: source and target, checked as they come in."""

from __future__ import annotations

import streamlit as st

from sctl.ui.data import findings, inputs, simulation
from sctl.ui.frame import shell, steps

action = shell.header(steps.DATA)
project = shell.require(steps.DATA)
ready = project.state("data") == "done"

if ready:
    findings.show_pair(project)

source, target = st.columns(2, gap="large")
with source:
    inputs.side(project, "source")
with target:
    inputs.side(project, "target")
simulation.offer(project)

with action:
    missing = "" if ready else "Add a source and a target first."
    broken = "Repair what is marked red first." if ready and findings.blocked(project) else ""
    shell.next_button(steps.DATA, why_not=missing or broken)
