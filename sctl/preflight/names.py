"""Findings about names: orientation, duplicates, identifiers and species."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from anndata import AnnData

from sctl.genes import gene_likeness, guess_species, identifier_kind, strip_version, symbol_column
from sctl.preflight.report import Finding, Fix, Role
from sctl.preflight.spelled import spelling_findings
from sctl.qc.values import value_kind

_SEEN = 5_000  # names that are looked at
_DATE = r"(?i)\d{1,2}-(?:mar|sep|dec|oct)|(?:mar|sep|dec|oct)-\d{1,2}|\d{4}[-/]\d{2}[-/]\d{2}"
_KNOWN = 0.05  # share of known genes below which the names say nothing


def some(names: pd.Index) -> pd.Index:
    """Return at most about 5,000 of the names, evenly spaced."""
    return names[:: max(1, len(names) // _SEEN)]


def name_findings(adata: AnnData, role: Role) -> Iterator[Finding]:
    """Say whether cells and genes are named as they should be."""
    if note := adata.uns.get("read_notes"):
        yield Finding("advice", "read_notes", str(note), "If another part was meant, give a file with that alone.")
    spelling = list(spelling_findings(adata, role))
    genes, cells = gene_likeness(some(adata.var_names)), gene_likeness(some(adata.obs_names))
    swap = Fix("transpose", "Swap cells and genes", {"role": role})
    if cells > genes and cells >= _KNOWN:
        yield Finding(
            "block",
            "orientation",
            f"Cells and genes of the {role} seem to be swapped: cells are called {_first(adata.obs_names)}.",
            "Swap them.",
            swap,
        )
        return
    yield from spelling
    if genes < _KNOWN and not spelling and identifier_kind(some(adata.var_names)) != "entrez":
        yield Finding(
            "warn",
            "genes_unknown",
            f"Few genes of the {role} have known human or mouse names; they are called {_first(adata.var_names)}.",
            "If these are cells, swap cells and genes. If they are genes of another species, source and target must "
            "name them alike.",
            swap,
        )
    yield from _duplicates(adata, role)
    yield from _dates(adata, role)
    yield from _identifiers(adata, role)


def _duplicates(adata: AnnData, role: Role) -> Iterator[Finding]:
    genes = adata.var_names[adata.var_names.duplicated()].unique()
    cells = adata.obs_names[adata.obs_names.duplicated()].unique()
    if len(genes):
        # Sums of logarithms mean nothing, so log values can only be told apart by name.
        additive = value_kind(adata.X) in ("counts", "linear")
        fix = (
            Fix("sum_genes", "Add up genes of one name", {"role": role})
            if additive
            else Fix("unique_genes", "Number genes of one name", {"role": role})
        )
        yield Finding(
            "warn",
            "duplicate_genes",
            f"{len(genes):,} gene names of the {role} occur more than once, e.g. {genes[0]!r}.",
            "Add them up: they are usually parts of one gene." if additive else "Number them to tell them apart.",
            fix,
        )
    if len(cells):
        yield Finding(
            "warn",
            "duplicate_cells",
            f"{len(cells):,} cell names of the {role} occur more than once, e.g. {cells[0]!r}.",
            "Number them to tell them apart. If several samples were joined, this is expected.",
            Fix("unique_cells", "Number cells of one name", {"role": role}),
        )


def _dates(adata: AnnData, role: Role) -> Iterator[Finding]:
    dates = adata.var_names[adata.var_names.str.fullmatch(_DATE)]
    if len(dates):
        yield Finding(
            "advice",
            "excel_dates",
            f"{len(dates):,} genes of the {role} have become dates, as Excel does with MARCHF1, SEPTIN2 or DEC1: "
            f"{', '.join(map(repr, dates[:5]))}.",
            "These few cannot be compared; all others can. To have them too, export the table without opening it in Excel.",
        )


def _identifiers(adata: AnnData, role: Role) -> Iterator[Finding]:
    kind = identifier_kind(some(adata.var_names))
    column = symbol_column(adata)
    if kind == "ensembl":
        yield _ensembl(adata, role, column)
    elif kind == "entrez":
        fix = Fix("use_symbols", "Use the gene symbols", {"role": role}) if column else None
        yield Finding(
            "warn",
            "entrez_ids",
            f"The genes of the {role} are named by numbers (Entrez ids), e.g. {_first(adata.var_names)}.",
            f"Use the symbols in the column '{column}'." if column else "Export the matrix with gene symbols.",
            fix,
        )
    species = guess_species(some(adata.var_names))
    if species != "unknown":
        yield Finding("ok", "species", f"The genes of the {role} are {species} genes.")


def _ensembl(adata: AnnData, role: Role, column: str | None) -> Finding:
    text = f"The genes of the {role} are named by Ensembl ids, e.g. {_first(adata.var_names)}."
    if column is not None:
        fix = Fix("use_symbols", "Use the gene symbols", {"role": role})
        return Finding("advice", "ensembl_ids", text, f"Use the symbols in the column '{column}'.", fix)
    if not strip_version(adata.var_names).equals(adata.var_names):
        fix = Fix("strip_versions", "Remove the version numbers", {"role": role})
        return Finding(
            "advice", "ensembl_versions", text, "Remove the version numbers: other files may have other versions.", fix
        )
    return Finding(
        "advice", "ensembl_ids", text, "The other dataset must use Ensembl ids too; symbols are easier to read."
    )


def _first(names: pd.Index) -> str:
    return ", ".join(repr(str(name)) for name in names[:3])
