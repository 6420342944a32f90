"""Data: source and target, checked as they come in."""

from __future__ import annotations

import streamlit as st

from sctl.ui import findings, inputs, shell, steps

action = shell.header(steps.DATA)
project = shell.require(steps.DATA)

source, target = st.columns(2, gap="large")
with source:
    inputs.side(project, "source")
with target:
    inputs.side(project, "target")

ready = project.state("data") == "done"
if ready:
    st.divider()
    st.markdown("### :material/compare_arrows: Both together")
    findings.show_pair(project)

with action:
    blocked = ready and findings.blocked(project)
    shell.next_button(
        steps.DATA,
        why_not="Add a source and a target first."
        if not ready
        else "Repair what is marked red first."
        if blocked
        else "",
    )
