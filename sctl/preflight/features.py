"""Findings about the rows of a matrix that are no genes."""

from __future__ import annotations

from collections.abc import Iterator

from anndata import AnnData

from sctl.genes import genome_prefixes, listed, mixture_of, not_genes, other_measurements
from sctl.preflight.report import Finding, Fix, Role


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


def genome_findings(adata: AnnData, role: Role) -> Iterator[Finding]:
    """Say whether genomes stand before the names of genes, and whether there are genes and cells of several species."""
    mixture = mixture_of(adata)
    prefixes = genome_prefixes(adata.var_names)
    found = sorted(set(prefixes) - {""})
    genome = found[0] if mixture is None and len(found) == 1 else mixture.main if mixture is not None else None
    if genome in found:
        example = adata.var_names[(prefixes == genome).to_numpy()][0]
        yield Finding(
            "warn",
            "genome_prefix",
            f"The genes of the {role} are named with the genome before them, e.g. {str(example)!r}.",
            f"Take '{genome}' off: other files name genes without it.",
            Fix("strip_genome", f"Take '{genome}' off the names of genes", {"role": role, "genome": genome}),
        )
    if mixture is None:
        return
    n_others = int((~mixture.own_cells).sum())
    mixed = f" {mixture.n_mixed:,} more may be two cells in one." if mixture.n_mixed else ""
    yield Finding(
        "warn",
        "species_mixed",
        f"The {role} holds genes of several species: {mixture.main} and {', '.join(mixture.others)}. "
        f"{n_others:,} of {adata.n_obs:,} cells have most counts in {', '.join(mixture.others)}.{mixed}",
        f"Only genes and cells of {mixture.main}, which most cells are of, are used; the other cells get no label. "
        "If another species was meant, give a file with that alone.",
    )
