"""Rename genes: by the symbols that a dataset holds beside its ids, or by their orthologs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sctl.errors import DataError, ParameterError
from sctl.genes.names import gene_likeness, identifier_kind, strip_version
from sctl.genes.table import Species, known, matched

SYMBOL_COLUMNS = (
    "gene_symbols", "gene_symbol", "gene_name", "gene_names", "feature_name", "gene_short_name", "symbol", "symbols",
    "hgnc_symbol", "mgi_symbol", "external_gene_name", "genename", "gene",
)  # fmt: skip
"""Headings, in small letters, under which ``var`` may hold symbols; the first that is found wins."""
_KNOWN = 0.3  # share of known genes in a column whose heading does not say that it holds symbols
_DISTINCT = 0.9  # share of its entries that differ
_SEEN = 5_000


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


def symbol_column(adata: AnnData) -> str | None:
    """Return the column of ``var`` that holds gene symbols, or None: by its heading, or else by the genes it names."""
    columns = [str(column) for column in adata.var.columns]
    headed = {squeezed(column): column for column in reversed(columns)}
    for name in SYMBOL_COLUMNS:
        column = headed.get(squeezed(name))
        if column is not None and identifier_kind(adata.var[column].dropna().astype(str)) == "symbol":
            return column
    return next((column for column in columns if names_known_genes(adata.var[column])), None)


def names_known_genes(column: pd.Series) -> bool:
    """Say whether a column holds symbols by what stands in it: text, hardly twice the same, of genes that are known."""
    if not (isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column.dtype)):
        return False
    text = column.dropna().astype(str)
    text = text[text != ""]
    if len(text) < _DISTINCT * len(column) / 2 or text.nunique() < _DISTINCT * len(text) or not len(text):
        return False
    some = text.iloc[:: max(1, len(text) // _SEEN)]
    return identifier_kind(some) == "symbol" and gene_likeness(some) >= _KNOWN


def squeezed(heading: object) -> str:
    """Return a heading as small letters and digits alone: 'Gene Symbol', 'GeneSymbol' and 'gene_symbol' are one.

    Examples
    --------
    >>> squeezed("Gene.Symbol")
    'genesymbol'
    """
    return "".join(letter for letter in str(heading).lower() if letter.isalnum())


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
    table = matched().set_index(origin)
    where = table.index.get_indexer(adata.var_names)
    kept = np.flatnonzero(where >= 0)
    if not kept.size:
        raise DataError(
            f"None of the {adata.n_vars:,} genes is a {origin} gene with a known {to} counterpart.",
            expected=f"{origin.capitalize()} gene symbols were expected; the first name is {str(adata.var_names[0])!r}.",
            do="Name the genes by symbols first, or check whether they need mapping at all.",
        )
    n_one = int(table["one2one"].to_numpy()[where[kept]].sum())
    n_known = int(adata.var_names.isin(known(origin)).sum())
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

    Where the dataset has a column of that name which says something else, they are in ``var["former_<former>"]``.

    ``raw`` still has the former names and would no longer fit. Where it covers the genes kept, its values
    go to ``layers["raw"]``, so that counts in it are not lost.
    """
    out = adata[:, kept].copy()
    if adata.raw is not None:
        columns = adata.raw.var_names.get_indexer(out.var_names) if adata.raw.var_names.is_unique else np.array([-1])
        if (columns >= 0).all() and "raw" not in out.layers:
            out.layers["raw"] = adata.raw.X[:, columns]
        out.raw = None
    given = out.var_names.to_numpy()
    if former in out.var and not np.array_equal(out.var[former].astype(str), given.astype(str)):
        former = f"former_{former}"  # the user's own column of that name says something else
    out.var[former] = given
    out.var_names = pd.Index(names.astype(str))
    return out
