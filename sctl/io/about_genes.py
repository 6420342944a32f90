"""Columns of a genes × cells table that are about genes: lengths, places, numbers of entries, results of a test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sctl.genes import gene_likeness, listed
from sctl.io.genomes import add_note

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
_KNOWN = 0.5  # share of known names among the genes from which on a column with values of no cell is none
_FEW = 0.02  # share of the cells up to which odd values are taken for remarks on genes
_GENES, _CELLS = 100, 10  # fewer do not show what values a cell has
_FILLED = 0.9  # share of genes: a cell with counts of more may well have some of all
_LISTED = 20


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
    where all others have none, or one for every gene where others have many zeros.

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
    apart = is_about_genes([str(item) for item in adata.obs_names])
    if adata.n_vars >= _GENES and adata.n_obs > _CELLS and gene_likeness(adata.var_names) >= _KNOWN:
        apart |= _odd(sparse.csr_matrix(adata.X), ~apart)
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


def _odd(matrix: Any, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
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
