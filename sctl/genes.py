"""Whose genes these are, how they are named, and how one species' genes map to another's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal, cast

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sctl.errors import DataError, ParameterError

IdentifierKind = Literal["symbol", "ensembl", "entrez", "mixed/unknown"]
Species = Literal["human", "mouse", "unknown"]

SYMBOL_COLUMNS = (
    "gene_symbols", "gene_symbol", "gene_name", "gene_names", "feature_name", "gene_short_name", "symbol", "symbols",
    "hgnc_symbol", "mgi_symbol", "external_gene_name", "genename", "gene",
)  # fmt: skip
"""Names, in small letters, under which ``var`` may hold symbols; the first that is found wins."""

_ENSEMBL = r"ENS[A-Z]{0,6}G\d{11}"
_SYMBOL = r"[A-Za-z0-9][A-Za-z0-9.@/()-]{1,24}"
_BARCODE = r"[ACGTN]{8,}(?:[-.]\d+)?"
# Systematic names that no ortholog table holds: clones, predicted genes, spike-ins, unnamed transcripts.
_SYSTEMATIC = (
    r"(?:LINC\d+|LOC\d+|RP\d+-.+|CT[ABCD]-.+|A[CLPF]\d{6}\.\d+|Gm\d+|\d{7}[A-Z]\d{2}Rik|ERCC-\d+|MIR\d+.*|Mir\d+.*)"
)
# The thirteen protein-coding genes of the mitochondrion, by Ensembl gene number.
_MT_HUMAN = (198888, 198763, 198804, 198712, 228253, 198899, 198938, 198840, 212907, 198886, 198786, 198695, 198727)
_MT_MOUSE = (64341, 64345, 64351, 64354, 64356, 64357, 64358, 64360, 65947, 64363, 64367, 64368, 64370)
_MT_ENSEMBL = frozenset(
    [f"ENSG{number:011d}" for number in _MT_HUMAN] + [f"ENSMUSG{number:011d}" for number in _MT_MOUSE]
)


@dataclass(frozen=True)
class OrthologReport:
    """What :func:`map_orthologs` kept and dropped; ``n_before`` is the sum of the four counts.

    Parameters
    ----------
    species_from, species_to : {"human", "mouse"}
    n_before : int
        Genes before the mapping.
    n_one2one : int
        Kept: the gene has one counterpart, which has one in turn.
    n_many : int
        Kept: there were several candidates and the best-supported one was taken.
    n_ambiguous : int
        Dropped: the gene has counterparts, but each of them is closer to another gene.
    n_without : int
        Dropped: no counterpart is known.
    """

    species_from: Species
    species_to: Species
    n_before: int
    n_one2one: int
    n_many: int
    n_ambiguous: int
    n_without: int

    @property
    def n_kept(self) -> int:
        """Number of genes after the mapping."""
        return self.n_one2one + self.n_many

    @property
    def text(self) -> str:
        """The report as sentences."""
        return (
            f"{self.n_kept:,} of {self.n_before:,} {self.species_from} genes were renamed to their {self.species_to} "
            f"counterparts ({self.n_one2one:,} one-to-one, {self.n_many:,} best of several). "
            f"{self.n_without:,} have no known counterpart and {self.n_ambiguous:,} no clear one; these were left out."
        )


def strip_version(names: Iterable[str]) -> pd.Index:
    """Return names with the version suffix of Ensembl ids removed; other names are unchanged.

    Examples
    --------
    >>> list(strip_version(["ENSG00000141510.18", "AC012345.1"]))
    ['ENSG00000141510', 'AC012345.1']
    """
    return pd.Index(_series(names).str.replace(rf"^({_ENSEMBL})\.\d+", r"\1", regex=True))


def identifier_kind(names: Iterable[str]) -> IdentifierKind:
    """Say how genes are named.

    Parameters
    ----------
    names : iterable of str
        The names of the genes.

    Returns
    -------
    {"symbol", "ensembl", "entrez", "mixed/unknown"}
        Four in five must be Ensembl ids or Entrez numbers; for symbols three in five are enough, since
        genes without a symbol are often left under another name.

    Examples
    --------
    >>> identifier_kind(["TP53", "INS", "GCG"]), identifier_kind(["ENSG00000141510.18"])
    ('symbol', 'ensembl')
    >>> identifier_kind(["7157", "3630"]), identifier_kind(["AAACATACAACCAC-1"])
    ('entrez', 'mixed/unknown')
    """
    series = _series(names)
    if not len(series):
        return "mixed/unknown"
    if _share(series, rf"{_ENSEMBL}(?:\.\d+.*)?") >= 0.8:
        return "ensembl"
    if _share(series, r"\d+") >= 0.8:
        return "entrez"
    named = series.str.fullmatch(_SYMBOL) & ~series.str.fullmatch(rf"{_BARCODE}|{_ENSEMBL}.*|\d+(?:\.\d+)?")
    return "symbol" if bool(named.mean() >= 0.6) else "mixed/unknown"


def gene_likeness(names: Iterable[str]) -> float:
    """Return the share of names, in [0, 1], that are known to be genes: symbols in the bundled table or ids.

    Examples
    --------
    >>> gene_likeness(["TP53", "ENSG00000141510", "AAACATACAACCAC-1", "Trp53"])
    0.75
    """
    series = _series(names)
    if not len(series):
        return 0.0
    known = series.isin(_known("human")) | series.isin(_known("mouse"))
    return float((known | series.str.fullmatch(rf"{_ENSEMBL}(?:\.\d+)?|(?i:mt-.+)|{_SYSTEMATIC}")).mean())


def guess_species(names: Iterable[str]) -> Species:
    """Guess whose genes these are.

    Parameters
    ----------
    names : iterable of str
        Symbols or Ensembl ids.

    Returns
    -------
    {"human", "mouse", "unknown"}
        The side with three times the evidence of the other, found in at least a fifth of the names.

    Examples
    --------
    >>> guess_species(["TP53", "MT-CO1"]), guess_species(["Trp53", "mt-Co1"]), guess_species(["ENSMUSG00000059552"])
    ('human', 'mouse', 'mouse')
    >>> guess_species(["gene_1", "gene_2"])
    'unknown'
    """
    series = _series(names)
    if not len(series):
        return "unknown"
    # The casing decides for names that the table does not hold: human symbols are written in capitals.
    human = series.isin(_known("human")) | series.str.fullmatch(
        r"ENSG\d{11}.*|MT-.+|(?!ENS[A-Z]*G\d)[A-Z][A-Z0-9]*[A-Z-][A-Z0-9-]*\d*"
    )
    mouse = series.isin(_known("mouse")) | series.str.fullmatch(
        r"ENSMUSG\d{11}.*|mt-.+|[A-Z][a-z]+[a-z0-9]*(?:-.+)?|\d{7}[A-Z]\d{2}Rik"
    )
    barcode = series.str.fullmatch(_BARCODE)
    n_human, n_mouse = int((human & ~barcode).sum()), int((mouse & ~barcode).sum())
    if max(n_human, n_mouse) < 0.2 * len(series):
        return "unknown"
    if n_human >= 3 * n_mouse:
        return "human"
    return "mouse" if n_mouse >= 3 * n_human else "unknown"


def is_mitochondrial(names: Iterable[str]) -> NDArray[np.bool_]:
    """Mark the genes of the mitochondrion.

    Parameters
    ----------
    names : iterable of str
        Symbols (``MT-CO1``, ``mt-Co1``, also ``MT.CO1`` as R writes it) or Ensembl ids.

    Returns
    -------
    ndarray of bool, shape (n_vars,)

    Examples
    --------
    >>> is_mitochondrial(["MT-CO1", "mt-Nd1", "MT1X", "ENSG00000198804.2"]).tolist()
    [True, True, False, True]
    """
    series = _series(names)
    symbol = series.str.match(r"(?:\w+_)?(?:MT|mt|Mt)[-.](?:[A-Za-z])")
    return cast("NDArray[np.bool_]", (symbol | strip_version(series).isin(_MT_ENSEMBL)).to_numpy(dtype=bool))


def symbol_column(adata: AnnData) -> str | None:
    """Return the column of ``var`` that holds gene symbols, or None."""
    lower = {str(column).lower(): str(column) for column in reversed(adata.var.columns)}
    for name in SYMBOL_COLUMNS:
        if name in lower and identifier_kind(adata.var[lower[name]].dropna().astype(str)) == "symbol":
            return lower[name]
    return None


def symbols_from(adata: AnnData) -> AnnData:
    """Return a copy whose genes are named by the symbols that a column of ``var`` holds.

    A gene without a symbol keeps its id, without version; so does every gene but the first of those that
    share one symbol, so that names stay unique. The former names are kept in ``var["gene_id"]``.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)

    Returns
    -------
    AnnData of shape (n_obs, n_vars)

    Raises
    ------
    DataError
        If no column of ``var`` holds symbols.
    """
    column = symbol_column(adata)
    if column is None:
        raise DataError(
            f"The gene table has no column with gene symbols; it has {[str(name) for name in adata.var.columns]}.",
            expected=f"A column such as {SYMBOL_COLUMNS[0]!r} or 'gene_name' was expected.",
            do="Add the symbols to the gene table (var), or name the genes by symbols before exporting.",
        )
    ids = strip_version(adata.var_names)
    symbols = adata.var[column].astype("object").where(adata.var[column].notna(), "").astype(str).str.strip().to_numpy()
    usable = ~pd.Series(symbols).duplicated().to_numpy() & (symbols != "")
    return renamed(adata, np.arange(adata.n_vars), np.where(usable, symbols, ids.to_numpy()), former="gene_id")


def map_orthologs(adata: AnnData, *, to: Species) -> tuple[AnnData, OrthologReport]:
    """Rename the genes to their counterparts in the other species and leave out those that have none.

    The rule never looks at the data, so a gene always gets the same counterpart: pairs are taken in the order
    one-to-one and reciprocal best, other reciprocal best, other one-to-one, each by the number of sources that
    support them, and a pair is used if neither of its genes is yet.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
        Genes named by symbols of the other species.
    to : {"human", "mouse"}
        The species to map to.

    Returns
    -------
    mapped : AnnData of shape (n_obs, n_kept)
        A copy; the former names are in ``var["<species>_gene"]``.
    report : OrthologReport

    Raises
    ------
    ParameterError
        If ``to`` is another species.
    DataError
        If no gene has a counterpart.
    """
    if to not in ("human", "mouse"):
        raise ParameterError(
            f"Genes cannot be mapped to {to!r}.", expected="Human and mouse are known.", do="Choose 'human' or 'mouse'."
        )
    origin: Species = "mouse" if to == "human" else "human"
    table = _matched().set_index(origin)
    where = table.index.get_indexer(adata.var_names)
    kept = np.flatnonzero(where >= 0)
    if not kept.size:
        raise DataError(
            f"None of the {adata.n_vars:,} genes is a {origin} gene with a known {to} counterpart.",
            expected=f"{origin.capitalize()} gene symbols were expected; the first name is {_first(adata.var_names)!r}.",
            do="Name the genes by symbols first, or check whether they need mapping at all.",
        )
    n_one = int(table["one2one"].to_numpy()[where[kept]].sum())
    n_known = int(adata.var_names.isin(_known(origin)).sum())
    report = OrthologReport(
        species_from=origin,
        species_to=to,
        n_before=adata.n_vars,
        n_one2one=n_one,
        n_many=int(kept.size) - n_one,
        n_ambiguous=n_known - int(kept.size),
        n_without=adata.n_vars - n_known,
    )
    return renamed(adata, kept, table[to].to_numpy()[where[kept]], former=f"{origin}_gene"), report


def renamed(adata: AnnData, kept: NDArray[np.integer], names: NDArray[np.object_], *, former: str) -> AnnData:
    """Return a copy with some of the genes, under new names; the former ones are in ``var[former]``.

    ``raw`` still has the former names and would no longer fit. Where it covers the genes kept, its values
    go to ``layers["raw"]``, so that counts in it are not lost.
    """
    out = adata[:, kept].copy()
    if adata.raw is not None:
        columns = adata.raw.var_names.get_indexer(out.var_names) if adata.raw.var_names.is_unique else np.array([-1])
        if (columns >= 0).all() and "raw" not in out.layers:
            out.layers["raw"] = adata.raw.X[:, columns]
        out.raw = None
    out.var[former] = out.var_names.to_numpy()
    out.var_names = pd.Index(names.astype(str))
    return out


@lru_cache(maxsize=1)
def _orthologs() -> pd.DataFrame:
    """Return the bundled pairs: ``mouse, human, one2one, reciprocal_best, n_sources``."""
    with (files("sctl") / "resources" / "orthologs_mouse_human.csv.gz").open("rb") as stream:
        # A gene may be called NA or NaN.
        return pd.read_csv(stream, compression="gzip", keep_default_na=False)


@lru_cache(maxsize=1)
def _matched() -> pd.DataFrame:
    """Return the pairs that the rule of :func:`map_orthologs` chooses; every gene occurs once."""
    pairs = _orthologs()
    both = pairs["one2one"] & pairs["reciprocal_best"]
    pairs = pairs.assign(both=both)[(pairs["one2one"] + pairs["reciprocal_best"]) > 0].sort_values(
        ["both", "reciprocal_best", "one2one", "n_sources", "mouse", "human"],
        ascending=[False, False, False, False, True, True],
    )
    used: tuple[set[str], set[str]] = (set(), set())
    chosen = []
    for mouse, human in zip(pairs["mouse"], pairs["human"], strict=True):
        free = mouse not in used[0] and human not in used[1]
        chosen.append(free)
        if free:
            used[0].add(mouse)
            used[1].add(human)
    return pairs[chosen]


@lru_cache(maxsize=2)
def _known(species: Species) -> frozenset[str]:
    return frozenset(_orthologs()[species])


def _series(names: Iterable[str]) -> pd.Series:
    return pd.Series(list(names), dtype=object).astype(str)


def _share(series: pd.Series, pattern: str) -> float:
    return float(series.str.fullmatch(pattern).mean())


def _first(names: Iterable[str]) -> str:
    return next(iter(names), "")
