"""Whose genes these are, how they are named, and how one species' genes map to another's."""

from sctl.genes.counterparts import counterparts, named_as
from sctl.genes.features import (
    GENE_EXPRESSION,
    MEASUREMENTS,
    TOTALS,
    feature_types,
    listed,
    not_genes,
    other_measurements,
    other_than_genes,
)
from sctl.genes.genomes import Mixture, genome_prefixes, mixture_of, without_genome
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
    "GENE_EXPRESSION",
    "MEASUREMENTS",
    "TOTALS",
    "IdentifierKind",
    "Mixture",
    "OrthologReport",
    "PlainNames",
    "Species",
    "counterparts",
    "feature_types",
    "gene_likeness",
    "genome_prefixes",
    "guess_species",
    "identifier_kind",
    "is_mitochondrial",
    "known_spelling",
    "listed",
    "map_orthologs",
    "mixture_of",
    "named_as",
    "not_genes",
    "other_measurements",
    "other_than_genes",
    "plain_names",
    "renamed",
    "strip_version",
    "symbol_column",
    "symbols_from",
    "with_plain_names",
    "without_genome",
]
