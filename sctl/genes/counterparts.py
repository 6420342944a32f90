"""Which gene of one dataset is which of another, where names differ: by the tables of both, and by spelling."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.genes.mapping import SYMBOL_COLUMNS, names_known_genes, renamed, squeezed
from sctl.genes.names import identifier_kind, strip_version
from sctl.genes.spelling import spelling_key

_DISTINCT = 0.9  # share of the entries of a column that must differ for it to name genes
_SEEN = 5_000


def counterparts(adata: AnnData, other: AnnData) -> dict[str, str]:
    """Return the genes of a dataset that another holds under another name, with that name.

    Asked are, in turn: ids without their versions, ids and symbols in the tables of genes of both (``var``, and
    ``raw.var``), and the spelling of R (``HLA.DRA`` for ``HLA-DRA``). Genes whose name the other holds too are left as
    they are; so is a gene with several counterparts.

    Parameters
    ----------
    adata, other : AnnData

    Returns
    -------
    dict
        Name in ``adata`` → name in ``other``; both occur once.
    """
    found: dict[str, str] = {}
    ours, theirs = _Names(adata), _Names(other)
    for left in ours.tables():
        for right in theirs.tables():
            found |= _matched(left, right, ours.free(theirs, found), theirs.free(ours, found.values()))
    left, right = (pd.Series(spelling_key(names.index), index=names.index) for names in (ours, theirs))
    return found | _matched(left, right, ours.free(theirs, found), theirs.free(ours, found.values()))


def named_as(adata: AnnData, other: AnnData) -> AnnData:
    """Return a copy whose genes are named as :func:`counterparts` finds; the given names are in ``var["given_name"]``."""
    found = counterparts(adata, other)
    names = np.array([found.get(name, name) for name in map(str, adata.var_names)], dtype=object)
    return renamed(adata, np.arange(adata.n_vars), names, former="given_name")


class _Names:
    """The names of a dataset's genes, and whatever else they are called."""

    def __init__(self, adata: AnnData) -> None:
        self.index = pd.Index(adata.var_names.astype(str))
        self._adata = adata

    def free(self, other: _Names, taken: object) -> pd.Index:
        """Return the names that the other does not hold and that are not taken yet."""
        used = set(other.index) | set(taken)  # type: ignore[call-overload]
        free: pd.Index = self.index[~self.index.isin(used) & ~self.index.duplicated(keep=False)]
        return free

    def tables(self) -> Iterator[pd.Series]:
        """Yield what the genes are called, by their name; ids without version."""
        yield pd.Series(strip_version(self.index), index=self.index)
        yield from _columns(self._adata.var.set_axis(self.index))
        if self._adata.raw is not None:
            raw = self._adata.raw.var
            raw = raw[~raw.index.duplicated()].set_axis(raw.index[~raw.index.duplicated()].astype(str))
            yield from _columns(raw.reindex(self.index))
            if len(raw) == len(self.index) and not raw.index.isin(self.index).any():
                yield pd.Series(strip_version(raw.index), index=self.index)  # the same genes, named otherwise


def _columns(var: pd.DataFrame) -> Iterator[pd.Series]:
    """Yield the columns that name genes: ids under any heading, symbols under one that says so."""
    symbols = {squeezed(name) for name in SYMBOL_COLUMNS}
    for place, heading in enumerate(var.columns):
        column = var.iloc[:, place]
        if not (isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object):
            if "entrez" not in str(heading).lower() and "ncbi" not in str(heading).lower():
                continue
            column = column.astype("Int64")
        text = column.dropna().astype(str).str.strip()
        text = text[text != ""]
        if len(text) < 2 or text.nunique() < _DISTINCT * len(text):
            continue
        kind = identifier_kind(text.iloc[:: max(1, len(text) // _SEEN)])
        if (
            kind in ("ensembl", "entrez")
            or (squeezed(heading) in symbols and kind == "symbol")
            or names_known_genes(text)
        ):
            yield pd.Series(strip_version(text), index=text.index)


def _matched(left: pd.Series, right: pd.Series, ours: pd.Index, theirs: pd.Index) -> dict[str, str]:
    """Return the free names whose other names meet, each with one."""
    left, right = (part[part.index.isin(free)] for part, free in ((left, ours), (right, theirs)))
    left, right = (part[~part.duplicated(keep=False)] for part in (left, right))
    where = pd.Series(right.index, index=pd.Index(right))
    joined = left.map(where).dropna()
    return {str(name): meant for name, meant in joined.items() if name != meant}
