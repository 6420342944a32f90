"""Names of genes that carry more than the gene, or that a program has spelled anew; and the plain names behind them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.genes.mapping import renamed
from sctl.genes.names import gene_likeness
from sctl.genes.table import known

_ID = r"ENS[A-Z]{0,6}G\d{11}(?:\.\d+)?"
_BLANK = r"[\s\u200b-\u200f\u2060\ufeff]"  # also signs of no width
_BIOTYPE = r"(?:protein_coding|\w*pseudogene|lincRNA|lncRNA|antisense|(?:IG|TR)_\w+_gene|[a-zA-Z_]+RNA|TEC|processed_transcript)"
_BETWEEN = r"\s*[ _|:;,/-]\s*"
# What the name is wrapped in, the pattern, and whether the pattern alone is proof (else more genes must become known).
_PATTERNS: tuple[tuple[str, re.Pattern[str], bool], ...] = (
    ("b'...', as Python writes bytes", re.compile(r"b(['\"])(?P<name>.+)\1"), True),
    ("quotation marks", re.compile(r"(['\"`])(?P<name>.+)\1"), True),
    ("spaces around them", re.compile(rf"(?={_BLANK}|.*{_BLANK}$){_BLANK}*(?P<name>(?!{_BLANK}).*?){_BLANK}*"), True),
    ("brackets", re.compile(r"[\[(<{](?P<name>[^\[\](){}<>]+)[\])>}]"), True),
    ("'gene:' before the name", re.compile(r"gene[:-](?P<name>.+)"), True),
    ("an Ensembl id after the symbol", re.compile(rf"(?P<name>.+?){_BETWEEN}[(\[]?(?P<id>{_ID})[)\]]?"), True),
    ("an Ensembl id before the symbol", re.compile(rf"(?P<id>{_ID}){_BETWEEN}[(\[]?(?P<name>.+?)[)\]]?"), True),
    ("a number after the symbol", re.compile(r"(?P<name>[^|;]+)[|;]\d+"), True),
    ("a number before the symbol", re.compile(r"\d+\|(?P<name>[^|]+)"), True),
    ("a chromosome after the symbol", re.compile(r"(?P<name>.+?)(?:__|[._:|@])chr\w+"), True),
    ("a kind of gene after the symbol", re.compile(rf"(?P<name>.+?){_BETWEEN}{_BIOTYPE}"), True),
)
_SHARE = 0.6  # of the names that must be wrapped alike: beside genes a file may hold spike-ins and tags
_AFFIX_SHARE = 0.9  # of the names that must have one beginning or one end
_MORE_KNOWN = 0.2  # share of names that must become known genes, where the pattern alone is no proof
_SEEN = 5_000
_LEAST_SPELLED = 5


@dataclass(frozen=True)
class PlainNames:
    """Names without what was wrapped around them.

    Parameters
    ----------
    names : Index
        Unique where the given names were: of several genes with one plain name, the second and later keep the given.
    ids : Index
        Ensembl ids found in the given names; empty text where there was none.
    wrappings : tuple of str
        What was taken away, in words; empty where nothing was.
    """

    names: pd.Index
    ids: pd.Index
    wrappings: tuple[str, ...]


def plain_names(names: Iterable[str]) -> PlainNames:
    """Take away what is wrapped around most of the names alike: quotes, ids, numbers, a prefix or suffix.

    Examples
    --------
    >>> found = plain_names(["GCG_ENSG00000115263", "INS_ENSG00000254647.7", "ERCC-00002"])
    >>> list(found.names), found.ids[0], found.wrappings
    (['GCG', 'INS', 'ERCC-00002'], 'ENSG00000115263', ('an Ensembl id after the symbol',))
    >>> list(plain_names(["b'GCG_human'", "b'INS_human'"]).names)
    ['GCG', 'INS']
    """
    given = pd.Series(list(names), dtype=object).astype(str)
    now, ids, wrappings = given, pd.Series("", index=given.index, dtype=object), []
    for _ in range(4):  # one wrapping inside another
        step = _unwrapped(now)
        if step is None:
            break
        wrapping, now, found = step
        wrappings.append(wrapping)
        ids = ids.where(found == "", found)
    unusable = now.duplicated() | (now == "")
    return PlainNames(pd.Index(now.where(~unusable, given)), pd.Index(ids), tuple(wrappings))


def with_plain_names(adata: AnnData) -> AnnData:
    """Return a copy with the plain names, and known genes in their own spelling; the given ones in ``var["given_name"]``.

    Ensembl ids that were part of the names are in ``var["gene_ids"]``, unless the dataset has such a column.
    """
    plain = plain_names(adata.var_names)
    out = renamed(adata, np.arange(adata.n_vars), known_spelling(plain.names).to_numpy(), former="given_name")
    if (plain.ids != "").any() and "gene_ids" not in out.var:
        out.var["gene_ids"] = plain.ids.to_numpy()
    return out


def spelling_key(names: Iterable[str]) -> pd.Index:
    """Return names as R's ``make.names`` spells them, with underscores as well as other signs turned to dots.

    Examples
    --------
    >>> list(spelling_key(["HLA-DRA", "7SK", "RP11-34P13.7", "Y_RNA"]))
    ['HLA.DRA', 'X7SK', 'RP11.34P13.7', 'Y.RNA']
    """
    series = pd.Series(list(names), dtype=object).astype(str)
    return pd.Index(series.str.replace(r"[^A-Za-z0-9]", ".", regex=True).str.replace(r"^(?=\.?\d)", "X", regex=True))


def known_spelling(names: pd.Index) -> pd.Index:
    """Return names in which a program's spelling of a known gene (``HLA.DRA``) is that gene (``HLA-DRA``).

    A name is changed only where one known gene, and no other of these names, is spelled so; fewer than five such
    names are left alone.

    Examples
    --------
    >>> names = ["HLA.DRA", "HLA.DRB1", "HLA.A", "NKX2.1", "HLA.E", "INS", "X7SK", "AC012345.1"]
    >>> list(known_spelling(pd.Index(names)))
    ['HLA-DRA', 'HLA-DRB1', 'HLA-A', 'NKX2-1', 'HLA-E', 'INS', '7SK', 'AC012345.1']
    """
    series = pd.Series(names, dtype=object).astype(str)
    meant = series.map(_spelled())
    free = meant.notna() & ~meant.isin(set(series)) & ~meant.duplicated(keep=False)
    return pd.Index(series.where(~free, meant)) if free.sum() >= _LEAST_SPELLED else names


@lru_cache(maxsize=1)
def _spelled() -> dict[str, str]:
    """Return which known gene is meant by a spelling that is no known gene itself; ambiguous ones are left out."""
    genes = pd.Series(sorted({*known("human"), *known("mouse"), *_MITOCHONDRIAL}), dtype=object)
    table = pd.DataFrame({"key": spelling_key(genes), "gene": genes})
    table = table[~table["key"].duplicated(keep=False) & ~table["key"].isin(set(genes))]
    return dict(zip(table["key"], table["gene"], strict=True))


_MITOCHONDRIAL = frozenset(
    f"{prefix}{name if prefix == 'MT-' else name.capitalize()}"
    for prefix in ("MT-", "mt-")
    for name in (
        "ND1", "ND2", "ND3", "ND4", "ND4L", "ND5", "ND6", "CO1", "CO2", "CO3", "ATP6", "ATP8", "CYB", "RNR1", "RNR2",
    )
)  # fmt: skip


def _unwrapped(names: pd.Series) -> tuple[str, pd.Series, pd.Series] | None:
    """Return the first wrapping that most names have, the names without it, and ids in it."""
    seen = names[:: max(1, len(names) // _SEEN)]
    before = gene_likeness(seen)
    for wrapping, pattern, is_proof in (*_PATTERNS, *_affixes(seen)):
        some = seen.str.fullmatch(pattern)
        if not len(seen) or some.mean() < _SHARE:
            continue
        if is_proof or gene_likeness(_parts(seen, pattern)["name"]) >= before + _MORE_KNOWN:
            parts = _parts(names, pattern)
            return wrapping, parts["name"], parts["id"]
    return None


def _parts(names: pd.Series, pattern: re.Pattern[str]) -> pd.DataFrame:
    """Return the parts ``name`` and ``id`` of every name; one that is not wrapped so is its own name."""
    found = names.str.extract(rf"^{pattern.pattern}$")
    ids = found["id"].fillna("") if "id" in found else pd.Series("", index=names.index)
    return pd.DataFrame({"name": found["name"].fillna(names), "id": ids})


def _affixes(seen: pd.Series) -> Iterator[tuple[str, re.Pattern[str], bool]]:
    """Yield the one beginning and the one end that nearly all names have, up to a sign."""
    for what, where in (("before", r"^([A-Za-z0-9.]+?[_|:-]+)(?=.)"), ("after", r"(?<=.)([_|:-]+[A-Za-z0-9.]+)$")):
        ends = seen.str.extract(where)[0].dropna()
        if not ends.empty and (seen.shape[0] * _AFFIX_SHARE) <= (count := ends.value_counts()).iloc[0]:
            affix = str(count.index[0])
            pattern = rf"{re.escape(affix)}(?P<name>.+)" if what == "before" else rf"(?P<name>.+){re.escape(affix)}"
            yield f"'{affix}' {what} the name", re.compile(pattern), False
