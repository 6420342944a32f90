"""Genes of several species in one matrix: which genome each gene is of, and which species each cell is of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sctl.genes.features import GENE_EXPRESSION, feature_types
from sctl.genes.names import guess_species
from sctl.genes.table import Species, are_known

# As reference genomes are called before the names of genes where reads of several species were counted together.
_PREFIX = re.compile(
    r"^((?:GRC[a-z]\d+(?:\.p\d+)?|hg\d+|mm\d+|rn\d+|dm\d+|ce\d+|galGal\d+|susScr\d+|danRer\d+|rheMac\d+|calJac\d+"
    r"|mRatBN7(?:\.2)?|Rnor_?6(?:\.0)?|Mmul_?\d+|BDGP\d+|(?i:human|mouse|rat|homo_sapiens|mus_musculus))"
    r"(?:[-_.](?:premrna|ensembl|\d{4}-[A-Z]))?)[-_.]+(?=\w)"
)
_ENSEMBL = {"human": r"ENSG\d{11}.*", "mouse": r"ENSMUSG\d{11}.*"}
_FEWEST = 20  # genes that a species among others has at least, unless the prefixes cover half of all names
_SHARE = 0.2  # of the names: a species without prefix has at least so many
_MIXED = 0.1  # a cell with more of another species' counts may be two cells


@dataclass(frozen=True)
class Mixture:
    """A matrix with genes of several species.

    Parameters
    ----------
    main : str
        The genome that most cells are of.
    others : tuple of str
        The other genomes.
    genomes : Series of length n_vars
        The genome of each feature, empty where none is said; the index counts the features.
    cells : ndarray of str, shape (n_obs,)
        The genome with most counts in each cell.
    n_mixed : int
        Cells of the main genome that have over a tenth of their counts in another.
    """

    main: str
    others: tuple[str, ...]
    genomes: pd.Series
    cells: NDArray[Any]
    n_mixed: int

    @property
    def own_genes(self) -> NDArray[np.bool_]:
        """Whether each feature is of the main genome, or of none: (n_vars,)."""
        return np.asarray(self.genomes.isin([self.main, ""]), dtype=bool)

    @property
    def own_cells(self) -> NDArray[np.bool_]:
        """Whether each cell has most counts in the main genome: (n_obs,)."""
        return np.asarray(self.cells == self.main)


def mixture_of(adata: AnnData) -> Mixture | None:
    """Return which genes and cells are of which species; None where there is only one.

    Genomes are told by what stands before the names of the genes, by ``var["genome"]``, or by human and mouse names
    and Ensembl ids side by side.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
    """
    genomes = _genomes(adata)
    names = sorted(set(genomes) - {""})
    if len(names) < 2:
        return None
    sums = np.column_stack(
        [np.asarray(adata.X[:, np.flatnonzero(genomes == name)].sum(axis=1)).ravel() for name in names]
    ).astype(np.float64)
    totals = sums.sum(axis=1)
    deep = totals >= 0.1 * np.quantile(totals, 0.99)  # what floats in empty droplets must not decide
    of = sums.argmax(axis=1)
    n_cells = [(int(((of == i) & deep).sum()), float(sums[:, i].sum())) for i in range(len(names))]
    best = max(range(len(names)), key=n_cells.__getitem__)
    cells = np.array(names, dtype=object)[np.where(totals > 0, of, best)]
    mixed = (of == best) & (totals - sums[:, best] > _MIXED * totals)
    others = tuple(name for i, name in enumerate(names) if i != best)
    return Mixture(names[best], others, genomes, cells, int(mixed.sum()))


def genome_prefixes(names: Iterable[str]) -> pd.Series:
    """Return the genome that stands before each name, empty where none does.

    Examples
    --------
    >>> genome_prefixes(["GRCh38_INS", "mm10___Ins2", "hg19-GCG", "GFP", "MM1", "HUMAN_CD4"]).tolist()
    ['GRCh38', 'mm10', 'hg19', '', '', 'HUMAN']
    """
    series = pd.Series(list(names), dtype=object).astype(str)
    found = series.str.extract(_PREFIX, expand=False).fillna("")
    counts = found[found != ""].value_counts()
    if (found != "").mean() >= 0.5:
        return found
    return found.where(found.isin(counts.index[counts >= _FEWEST]), "")


def without_genome(names: pd.Index, genome: str) -> pd.Index:
    """Return names without the genome that stands before them; names of other genomes are unchanged."""
    bearing = (genome_prefixes(names) == genome).to_numpy()
    bare = pd.Series(names.to_numpy(), dtype=object).astype(str).str.replace(_PREFIX, "", regex=True)
    return pd.Index(np.where(bearing, bare, names.astype(str)), dtype=object, name=names.name)


def _genomes(adata: AnnData) -> pd.Series:
    genomes = genome_prefixes(adata.var_names)
    bare = genomes == ""
    if not bare.all():
        if bare.mean() >= _SHARE:
            species = guess_species(adata.var_names[bare.to_numpy()])
            genomes = genomes.where(~bare, species if species != "unknown" else "genes without prefix")
        return genomes
    types = feature_types(adata)
    genes = pd.Series(data=True, index=genomes.index) if types is None else types == GENE_EXPRESSION
    if "genome" in adata.var:
        stated: pd.Series = adata.var["genome"].astype(object).where(adata.var["genome"].notna(), "").astype(str)
        stated = stated.reset_index(drop=True).where(genes, "")
        counts: pd.Series = stated[stated != ""].value_counts()
        counts = counts[counts >= min(_FEWEST, _SHARE * len(stated))]
        if len(counts) > 1:
            return stated.where(stated.isin(counts.index), "")
    return _by_names(adata.var_names)


def _by_names(names: pd.Index) -> pd.Series:
    """Tell human from mouse genes where each is a fifth of the names; names that both know are of neither."""
    series = pd.Series(list(names), dtype=object).astype(str)
    out = pd.Series("", index=series.index, dtype=object)
    sides: tuple[tuple[Species, Species], ...] = (("human", "mouse"), ("mouse", "human"))
    for own, other in sides:
        symbols = are_known(series, own) & ~are_known(series, other)
        out[symbols | series.str.fullmatch(_ENSEMBL[own])] = own
    shares = [(out == species).mean() for species in _ENSEMBL]
    return out if min(shares, default=0) >= _SHARE else pd.Series("", index=series.index, dtype=object)
