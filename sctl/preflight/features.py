"""Findings about the rows of a matrix that are no genes."""

from __future__ import annotations

from collections.abc import Iterator

from anndata import AnnData

from sctl.genes import listed, not_genes, other_measurements
from sctl.preflight.report import Finding, Role


def feature_findings(adata: AnnData, role: Role) -> Iterator[Finding]:
    """Say which features are no genes; preparing the data leaves them out, so nothing is to be done."""
    if only := other_measurements(adata):
        yield Finding(
            "block",
            "no_gene_expression",
            f"The {role} holds {listed(only)}, but no gene expression.",
            "Give the file with the gene expression of these cells.",
        )
        return
    kinds = not_genes(adata).to_numpy()
    there = sorted(set(kinds) - {""})
    if there:
        said = "; ".join(
            f"{(kinds == kind).sum():,} {kind} ({listed(adata.var_names[kinds == kind])})" for kind in there
        )
        yield Finding(
            "advice",
            "not_genes",
            f"Some rows of the matrix of the {role} are no genes: {said}.",
            "Nothing needs to be done: they are left out of the computation, and stay in your file.",
        )
