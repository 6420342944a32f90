"""Words, first steps, questions."""

from __future__ import annotations

import streamlit as st

from sctl.ui import shell, steps

shell.header(steps.HELP, acts=False)

first, words, questions, keys = st.tabs(["First steps", "Words", "Questions", "Keyboard"])

with first:
    for number, step in enumerate(steps.PIPELINE, start=1):
        with st.expander(f"{number}. {step.title}", icon=step.icon, type="step"):
            st.markdown(f"{step.purpose}\n\n{step.about}")

with words:
    st.markdown(
        """
| Word | What it means here |
|---|---|
| Source | The large dataset whose cell types are known |
| Target | Your dataset, which is to be grouped and named |
| Counts | How many molecules of each gene were seen in each cell: whole numbers, before any normalisation |
| Log-normalised | Counts scaled to 10,000 per cell, then log(1 + x) |
| Gene identifier | A symbol such as *INS*, or an Ensembl id such as *ENSG00000254647* |
| Highly variable genes | Genes that differ between cells more than chance explains |
| Cluster | A group of cells that the method found in the target |
| Label | The name of a cell type |
| θ (theta) | How much the source decides: 0 not at all, 1 alone |
| KTA | Kernel target alignment: how well groups agree with the structure of the data; larger is better |
| Confidence | How clearly one cell type was preferred over the others, from 0 to 1 |
| Unassigned | A cell whose confidence is below your limit |
"""
    )

with questions:
    for question, answer in (
        (
            "Which files can I use?",
            "`.h5ad` (Scanpy), `.h5` (10x Cell Ranger), a 10x folder as `.zip`, `.tar.gz` or its three loose files, "
            "`.csv`, `.tsv`, `.txt` (also `.gz`), and `.loom`.",
        ),
        (
            "How do I export from Seurat?",
            "In R: `library(Matrix); writeMM(GetAssayData(object, layer = 'counts'), 'matrix.mtx')`, and write "
            "`rownames(object)` to `genes.tsv` and `colnames(object)` to `barcodes.tsv`. Upload the three files together.",
        ),
        (
            "Does my dataset need raw counts?",
            "Raw counts are best. Log-normalised values work too; steps that need counts are then left out, and the app says so.",
        ),
        (
            "Is my data sent anywhere?",
            "No. Files stay on the computer that serves this page, in the folder of your project.",
        ),
        (
            "Can I close the browser while something runs?",
            "Yes. The computation goes on. Open the same address again to see where it stands.",
        ),
        (
            "Everything is unassigned, or the confidence is low.",
            "Source and target may come from different tissues, species, or share few genes. The checks on the Data page say so.",
        ),
    ):
        with st.expander(question):
            st.markdown(answer)

with keys:
    st.markdown("| Key | Does |\n|---|---|\n| Alt + Z | Undo |\n| Alt + Y | Redo |")
