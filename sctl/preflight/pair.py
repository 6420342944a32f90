"""Findings about a source and a target together: shared genes, species, spelling."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from anndata import AnnData

from sctl.genes import gene_likeness, guess_species, identifier_kind, strip_version, symbol_column
from sctl.preflight.names import some
from sctl.preflight.report import Finding, Fix, Level
from sctl.preflight.spelled import counterpart_finding, plainly_shared
from sctl.qc.values import value_kind

MIN_SHARED = 50
GOOD_SHARED = 1000
SAME = 0.2  # share of equal cell names; barcodes of two unrelated samples rarely coincide


def pair_findings(source: AnnData, target: AnnData) -> Iterator[Finding]:
    """Say whether the two can be compared, and what makes their genes meet."""
    shared = len(source.var_names.unique().intersection(target.var_names.unique()))
    remedy = _remedy(source, target, shared)
    if remedy is not None:
        yield remedy
    yield _shared(shared, source, target, remedy)
    kinds = value_kind(source.X), value_kind(target.X)
    if kinds[0] != kinds[1] and "scaled" not in kinds:
        words = {"counts": "counts", "log": "log values", "linear": "normalised values"}
        yield Finding(
            "advice",
            "values_differ",
            f"The source holds {words[kinds[0]]}, the target {words[kinds[1]]}.",
            "Best give both as counts; otherwise they are brought as near to each other as can be.",
        )
    common = len(source.obs_names.unique().intersection(target.obs_names.unique()))
    if common > SAME * target.n_obs:
        yield Finding(
            "warn",
            "same_cells",
            f"{common:,} of {target.n_obs:,} cells of the target have the names of cells of the source.",
            "Check that you did not give the same data twice; the result would look better than it is.",
        )


def _shared(shared: int, source: AnnData, target: AnnData, remedy: Finding | None) -> Finding:
    text = (
        f"Source and target share {shared:,} genes (of {source.n_vars:,} and {target.n_vars:,}). "
        f"Genes of the source are called {_first(source)}, of the target {_first(target)}."
    )
    if shared >= GOOD_SHARED:
        return Finding("ok", "shared_genes", f"Source and target share {shared:,} genes.")
    level: Level = "block" if shared < MIN_SHARED else "warn"
    repairable = remedy.fix is not None if remedy is not None else plainly_shared(source, target) > shared
    if repairable:
        do = "Repair the names of the genes as said here; they will then share more."
    elif remedy is not None:
        do = remedy.do
    elif level == "block":
        do = f"At least {MIN_SHARED} are needed. Name the genes of both alike, and give all genes, not a selection."
    else:
        do = f"{GOOD_SHARED:,} are good. Give both with all genes, not a selection, if you can."
    return Finding(level, "shared_genes", text, do)


def _remedy(source: AnnData, target: AnnData, shared: int) -> Finding | None:
    """Return why genes do not meet, with the repair; the first reason that holds."""
    kinds = identifier_kind(some(source.var_names)), identifier_kind(some(target.var_names))
    if kinds[0] != kinds[1] and {"ensembl", "entrez"} & set(kinds):
        return _naming(source, target, kinds)
    species = guess_species(some(source.var_names)), guess_species(some(target.var_names))
    mappable = kinds[0] != "symbol" or gene_likeness(some(source.var_names)) > 0  # capitals alone make no species
    if "unknown" not in species and species[0] != species[1] and mappable:
        return _species(species, kinds[0])
    other = _versions if kinds == ("ensembl", "ensembl") else _casing
    return other(source, target, shared) or counterpart_finding(source, target)


def _naming(source: AnnData, target: AnnData, kinds: tuple[str, str]) -> Finding:
    words = {"ensembl": "Ensembl ids", "entrez": "Entrez numbers", "symbol": "symbols", "mixed/unknown": "other names"}
    text = f"The genes of the source are named by {words[kinds[0]]}, those of the target by {words[kinds[1]]}."
    for role, adata, kind in (("source", source, kinds[0]), ("target", target, kinds[1])):
        if kind != "symbol" and symbol_column(adata) is not None:
            fix = Fix("use_symbols", f"Use the gene symbols of the {role}", {"role": role})
            return Finding("warn", "names_differ", text, f"The {role} holds symbols too: use them.", fix)
    return counterpart_finding(source, target) or Finding(
        "warn",
        "names_differ",
        text,
        "Export one of the two again, so that both use gene symbols or both use Ensembl ids.",
    )


def _species(species: tuple[str, str], kind: str) -> Finding:
    text = f"The source has {species[0]} genes, the target {species[1]} genes."
    if kind != "symbol":
        return Finding("warn", "species_differ", text, "Name the genes of both by symbols; they can then be mapped.")
    return Finding(
        "warn",
        "species_differ",
        text,
        f"Map the genes of the source to {species[1]} genes; the target keeps its names.",
        Fix("map_orthologs", f"Map the source to {species[1]} genes", {"role": "source", "to": species[1]}),
    )


def _versions(source: AnnData, target: AnnData, shared: int) -> Finding | None:
    plain = {"source": strip_version(source.var_names), "target": strip_version(target.var_names)}
    if len(plain["source"].unique().intersection(plain["target"].unique())) <= shared:
        return None
    role = "source" if not plain["source"].equals(source.var_names) else "target"
    return Finding(
        "warn",
        "versions_differ",
        "The Ensembl ids of source and target carry different version numbers (the part after the dot).",
        f"Remove the version numbers of the {role}; then look again.",
        Fix("strip_versions", f"Remove the version numbers of the {role}", {"role": role}),
    )


def _casing(source: AnnData, target: AnnData, shared: int) -> Finding | None:
    lower = source.var_names.str.lower().unique().intersection(target.var_names.str.lower().unique())
    if len(lower) < max(2 * shared, MIN_SHARED):
        return None
    return Finding(
        "warn",
        "case_differs",
        f"Source and target write the same genes with different capitals ({_first(source)} and {_first(target)}); "
        f"apart from that they share {len(lower):,} genes.",
        "Write the genes of the source as the target does. If they come from different species, map orthologs instead.",
        Fix("match_case", "Write the source's genes as the target does", {"role": "source"}),
    )


def _first(adata: AnnData) -> str:
    names: pd.Index = adata.var_names[:3]
    return ", ".join(repr(str(name)) for name in names)
