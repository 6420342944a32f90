"""What the names of genes tell: symbols or ids, human or mouse, mitochondrial or not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl.genes.table import Species, are_known

IdentifierKind = Literal["symbol", "ensembl", "entrez", "mixed/unknown"]

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
    # Mouse has genes called "a" and "T", but a name of one letter is a column of a spreadsheet.
    listed = (are_known(series, "human") | are_known(series, "mouse")) & (series.str.len() > 1)
    return float((listed | series.str.fullmatch(rf"{_ENSEMBL}(?:\.\d+)?|(?i:mt-.+)|{_SYSTEMATIC}")).mean())


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
    human = are_known(series, "human") | series.str.fullmatch(
        r"ENSG\d{11}.*|MT-.+|(?!ENS[A-Z]*G\d)[A-Z][A-Z0-9]*[A-Z-][A-Z0-9-]*\d*"
    )
    mouse = are_known(series, "mouse") | series.str.fullmatch(
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


def _series(names: Iterable[str]) -> pd.Series:
    return pd.Series(list(names), dtype=object).astype(str)


def _share(series: pd.Series, pattern: str) -> float:
    return float(series.str.fullmatch(pattern).mean())
