"""Whose genes these are, how they are named, and how one species' genes map to another's."""

from sctl.genes.counterparts import counterparts, named_as
from sctl.genes.mapping import OrthologReport, map_orthologs, renamed, symbol_column, symbols_from
from sctl.genes.names import (
    IdentifierKind,
    gene_likeness,
    guess_species,
    identifier_kind,
    is_mitochondrial,
    strip_version,
)
from sctl.genes.spelling import PlainNames, known_spelling, plain_names, with_plain_names
from sctl.genes.table import Species

__all__ = [
    "IdentifierKind",
    "OrthologReport",
    "PlainNames",
    "Species",
    "counterparts",
    "gene_likeness",
    "guess_species",
    "identifier_kind",
    "is_mitochondrial",
    "known_spelling",
    "map_orthologs",
    "named_as",
    "plain_names",
    "renamed",
    "strip_version",
    "symbol_column",
    "symbols_from",
    "with_plain_names",
]
