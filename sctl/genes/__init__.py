"""Whose genes these are, how they are named, and how one species' genes map to another's."""

from sctl.genes.mapping import OrthologReport, map_orthologs, renamed, symbol_column, symbols_from
from sctl.genes.names import (
    IdentifierKind,
    gene_likeness,
    guess_species,
    identifier_kind,
    is_mitochondrial,
    strip_version,
)
from sctl.genes.table import Species

__all__ = [
    "IdentifierKind",
    "OrthologReport",
    "Species",
    "gene_likeness",
    "guess_species",
    "identifier_kind",
    "is_mitochondrial",
    "map_orthologs",
    "renamed",
    "strip_version",
    "symbol_column",
    "symbols_from",
]
