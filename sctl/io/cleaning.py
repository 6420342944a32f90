"""What does not belong into the matrix of a file is taken out, with a note: other genomes, sums, columns about genes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sctl.genes import (
    MEASUREMENTS,
    TOTALS,
    gene_likeness,
    genome_prefixes,
    listed,
    mixture_of,
    other_than_genes,
    without_genome,
)

# Compared in small letters, without blanks and signs: what featureCounts, biomaRt, GTF tables, scanpy, DESeq2, edgeR,
# limma and Seurat write beside the names of genes.
_PLACE = (
    r"(?:(?:gene|transcript|tx|exon|cds|chromosome|chrom|chr|genomic|feature)?(?:start|end|stop)(?:position|pos|site|bp)*\d?)",
    r"chr|chrom|chromosome(?:name|scaffoldname)?|seq(?:name|names|id)|contig|scaffold|tss|tes|position|strand|(?:gene|chr)strand",
    r"(?:gene|transcript|tx|exon|exonic|cds|merged|union|eff|effective|mean|median|total|feature|mrna)*length(?:kb|bp)?",
    r"length(?:of|in)\w+|width|genesize|(?:n|num|number)(?:of)?(?:exons|transcripts|isoforms|introns)|exoncount",
    r"(?:pct|percent|percentage)?(?:gene)?gc(?:content|pct|percent|percentage|fraction)?",
)
_ENTRY = (
    r"(?:entrez|ncbi)(?:gene)?(?:ids?|numbers?|accession)?|(?:entrez|ncbi|hgnc|mgi|omim|uniprot|refseq)(?:gene|\w{0,12})?ids?|locuslinkid"
    r"|geneids?|geneindex|genenumber|featureids?|probeids?",
)
_RESULT = (
    r"(?:n|num|number)(?:of)?(?:cells?|samples|donors)(?:bycounts)?|(?:log1?p?|log10)?(?:mean|total)(?:counts|expression|expr)",
    r"means?|dispersions?(?:norm)?|variances?(?:norm|standardized|expected)?|highlyvariable(?:rank|nbatches|intersection)?|(?:cv|cv2|fano)",
    r"pct(?:dropout)?(?:bycounts|dropout)|dropoutrate|detectionrate|vst(?:mean|variance\w*|variable)",
    r"basemean\w?|(?:avg|mean|average)?log(?:2|10)?(?:fc|foldchange|ratio)\w{0,9}|foldchange|lfcse|lfc|aveexpr|logcpm",
    r"p(?:val|value|vals|values)?(?:adj|adjusted|raw|corrected)?|(?:adj|adjusted|raw|nominal|bonferroni)p(?:val|value|values)?|q(?:val|value|values)"
    r"|padj|fdr(?:\w{0,6})|adjpval\w{0,3}|pct[12]|tstat(?:istic)?|wald(?:stat\w*)?|(?:test)?statistic|stat",
)
_HEADING = re.compile(rf"(?:{'|'.join((*_PLACE, *_ENTRY, *_RESULT))})")
_KNOWN = 0.5  # share of known names among the genes from which on one with odd values is none
_FEW = 0.02  # share of names, or of cells, up to which odd values are taken for something else
_GENES, _CELLS = 100, 10  # fewer do not show what values a cell has
_FILLED = 0.9  # share of genes: a cell with counts of more may well have some of all
_LISTED = 20


# -- genes and cells of another genome ----------------------------------------------------------------


def one_genome(adata: AnnData, name: str) -> AnnData:
    """Keep the genome that most cells are of, with its cells, and take its name off those of the genes.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
    name : str
        The file, as the user knows it.

    Returns
    -------
    AnnData
        ``uns["read_notes"]`` says what was left out.
    """
    mixture = mixture_of(adata)
    if mixture is None:
        found = sorted(set(genome_prefixes(adata.var_names)) - {""})
        if len(found) == 1:
            adata.var_names = without_genome(adata.var_names, found[0])
        return adata
    kept = adata[mixture.own_cells, mixture.own_genes].copy()
    kept.var_names = without_genome(kept.var_names, mixture.main)
    others, n_others = ", ".join(mixture.others), adata.n_obs - kept.n_obs
    note = f"{name} also holds {others}; only {mixture.main}, which most cells are of, was taken."
    if n_others:
        note += f" {n_others:,} of {adata.n_obs:,} cells have more counts of {others} and were left out."
    if mixture.n_mixed:
        note += f" {mixture.n_mixed:,} of the cells that were kept have over a tenth of their counts in {others}: perhaps two cells in one."
    add_note(kept, note)
    return kept


def add_note(adata: AnnData, note: str) -> None:
    """Add a sentence to what reading has to say of a dataset, in place."""
    adata.uns["read_notes"] = " ".join(filter(None, (adata.uns.get("read_notes"), note)))


_ORIENTATION = re.compile(r"The names in .*? do not tell genes from cells; .*? since there are more of them\. ?")


def note_orientation(adata: AnnData, name: str, taken: str) -> None:
    """Say that rows or columns were taken for genes by their number alone, in place."""
    add_note(
        adata,
        f"The names in {name} do not tell genes from cells; the {taken} were taken for genes, since there are more of them.",
    )


def without_orientation(notes: str) -> str:
    """Return notes without that sentence, which is wrong once cells and genes were swapped.

    Examples
    --------
    >>> without_orientation(
    ...     "The names in x do not tell genes from cells; the rows were taken for genes, since there are "
    ...     "more of them. Above the header stands 'T'."
    ... )
    "Above the header stands 'T'."
    """
    return _ORIENTATION.sub("", notes).strip()


# -- rows about cells, and sums ----------------------------------------------------------------


def with_unusual_cells_dropped(adata: AnnData, name: str) -> AnnData:
    """Move what is about cells from the genes to the table of cells, and leave out sums over cells.

    What is about cells is known by its name (``nCount_RNA``, ``UMAP_1``, ``Total``), by values that no gene has (among
    known genes with counts, one unknown with fractions; among values that are not negative, one with such), or by being
    the sum of all others. A known gene is never moved.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
    name : str
        The file, as the user knows it.

    Returns
    -------
    AnnData
        ``uns["read_notes"]`` says what was moved.
    """
    matrix = sparse.csc_matrix(adata.X)
    kinds = other_than_genes(adata.var_names)
    apart = kinds.isin([MEASUREMENTS, TOTALS]).to_numpy()
    apart |= _odd_names(matrix, adata.var_names, ~apart)
    apart |= _sum_of_others(matrix, ~apart, adata.var_names)
    sums = (other_than_genes(adata.obs_names) == TOTALS).to_numpy()
    sums |= _sum_of_others(sparse.csc_matrix(matrix.T), ~sums, adata.obs_names)
    if (not apart.any() and not sums.any()) or apart.all() or sums.all():
        return adata
    for i in np.flatnonzero(apart):
        column = str(adata.var_names[i])
        if column not in adata.obs:
            adata.obs[column] = _plain(np.asarray(matrix[:, [i]].todense()).ravel())
    kept = adata[~sums, ~apart].copy()
    if apart.any():
        moved = listed(adata.var_names[apart], _LISTED)
        add_note(kept, f"In {name}, {moved} {_are(apart)} about cells, not genes; moved to the table of cells.")
    if sums.any():
        left = listed(adata.obs_names[sums], _LISTED)
        add_note(
            kept, f"In {name}, {left} {_are(sums)} no {'cell' if sums.sum() == 1 else 'cells'} but a sum; left out."
        )
    return kept


def _are(which: NDArray[np.bool_]) -> str:
    return "is" if which.sum() == 1 else "are"


def _odd_names(matrix: Any, names: pd.Index, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the few unknown names among known genes whose values are negative, or broken where all others are whole."""
    negative, broken = _with(matrix, matrix.data < 0), _with(matrix, matrix.data != np.rint(matrix.data))
    few = max(3, int(_FEW * len(names)))
    out = np.zeros(len(names), dtype=bool)
    for odd in (negative & among, broken & among):
        if 0 < odd.sum() <= few and odd.sum() * 2 < among.sum() and gene_likeness(names[among & ~odd]) >= _KNOWN:
            out |= odd
    return out & (_unknown(names, out))


def _unknown(names: pd.Index, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.array([bool(odd) and gene_likeness([name]) == 0 for name, odd in zip(names, which, strict=True)])


def _with(matrix: Any, values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the columns with such a value that is finite: (n_columns,)."""
    column = np.repeat(np.arange(matrix.shape[1]), np.diff(matrix.indptr))
    return np.bincount(column[values & np.isfinite(matrix.data)], minlength=matrix.shape[1]) > 0


def _sum_of_others(matrix: Any, among: NDArray[np.bool_], names: pd.Index) -> NDArray[np.bool_]:
    """Mark the first or last column where it is the sum of all others, in every row, and has no name of a gene."""
    out = np.zeros(matrix.shape[1], dtype=bool)
    places = np.flatnonzero(among)
    if len(places) < 4 or matrix.shape[0] < 2:
        return out
    total = np.asarray(matrix[:, places].sum(axis=1), dtype=np.float64).ravel()
    for i in {int(places[0]), int(places[-1])}:
        own = np.asarray(matrix[:, [i]].todense(), dtype=np.float64).ravel()
        if own.all() and np.allclose(total, 2 * own, rtol=1e-5) and gene_likeness([names[i]]) == 0:
            out[i] = True
    return out


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers as such."""
    whole = np.isfinite(values).all() and (values == np.rint(values)).all() and np.abs(values).max(initial=0) < 2**62
    return values.astype(np.int64) if whole else values


# -- columns about genes ----------------------------------------------------------------


def is_about_genes(headings: Sequence[str]) -> NDArray[np.bool_]:
    """Mark the headings of columns that are about genes; a heading that is itself the name of a gene is none.

    Examples
    --------
    >>> is_about_genes(["Gene Length", "entrezgene_id", "padj", "% GC", "AAAC-1", "P1", "STAT1"]).tolist()
    [True, True, True, True, False, False, False]
    """
    squeezed = [re.sub(r"[^a-z0-9]", "", str(heading).lower()) for heading in headings]
    out = np.array([_HEADING.fullmatch(heading) is not None for heading in squeezed], dtype=bool)
    out[out] = [gene_likeness([str(headings[int(i)])]) == 0 for i in np.flatnonzero(out)]
    return out


def with_unusual_genes_dropped(adata: AnnData, name: str) -> AnnData:
    """Move what is about genes from the cells to the table of genes.

    It is known by its name, or, in the first and last places, by values that no cell has: negative ones or fractions
    where all others have none, or one for every gene where others have many zeros. Takes and returns what
    :func:`with_unusual_cells_dropped` does.
    """
    apart = is_about_genes([str(item) for item in adata.obs_names])
    if adata.n_vars >= _GENES and adata.n_obs > _CELLS and gene_likeness(adata.var_names) >= _KNOWN:
        apart |= _odd_cells(sparse.csr_matrix(adata.X), ~apart)
    if not apart.any() or apart.all():
        return adata
    kept = adata[~apart].copy()
    for i in np.flatnonzero(apart):
        heading = str(adata.obs_names[i])
        if heading not in kept.var:
            kept.var[heading] = np.asarray(adata.X[[i]].todense()).ravel()
    add_note(kept, note_about_genes(adata.obs_names[apart], name))
    return kept


def note_about_genes(headings: Sequence[str], name: str) -> str:
    """Return the sentence that says which columns were taken for remarks on genes."""
    verb, what = ("is", "a cell") if len(headings) == 1 else ("are", "cells")
    return f"In {name}, {listed(headings, _LISTED)} {verb} about genes, not {what}; moved to the table of genes."


def _odd_cells(matrix: Any, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the cells at either end that have values as no other has: (n_obs,)."""
    few = max(3, int(_FEW * len(among)))
    finite = np.isfinite(matrix.data)
    negative = _rows(matrix, finite & (matrix.data < 0))
    broken = _rows(matrix, finite & (matrix.data != np.rint(matrix.data)))
    filled = np.diff(matrix.indptr) / max(matrix.shape[1], 1)
    others = filled[among & (filled < 1)]
    full = (filled == 1) & (others.max(initial=0) < _FILLED)
    out = np.zeros(len(among), dtype=bool)
    for odd in (negative & among, broken & among, full & among):
        if 0 < odd.sum() <= few and odd.sum() * 2 < among.sum():
            out |= odd
    # Such a column stands before the cells or after them.
    ends = np.logical_and.accumulate(out | ~among) | np.logical_and.accumulate((out | ~among)[::-1])[::-1]
    return out & ends


def _rows(matrix: Any, values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the rows with such a value: (n_rows,)."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return np.bincount(row[values], minlength=matrix.shape[0]) > 0
