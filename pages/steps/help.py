"""Words, first steps, questions."""

from __future__ import annotations

import streamlit as st

from sctl.ui.frame import shell, steps
from sctl.ui.help import help_texts

shell.header(steps.HELP, acts=False)

first, words, questions, papers, keys = st.tabs(["First steps", "Words", "Questions", "What to cite", "Keyboard"])

with first:
    for number, step in enumerate(steps.PIPELINE, start=1):
        with st.expander(f"{number}. {step.title}", icon=step.icon, type="step"):
            st.markdown(f"{step.purpose}\n\n{step.about}")

with words:
    st.markdown(help_texts.GLOSSARY)

with questions:
    for question, answer in help_texts.QUESTIONS:
        with st.expander(question):
            st.markdown(answer)

with papers:
    st.markdown(help_texts.citations())

with keys:
    st.markdown("| Key | Does |\n|---|---|\n| Alt + Z | Undo |\n| Alt + Y | Redo |")
