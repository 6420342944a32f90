"""Which rows of a matrix are no genes: summaries of reads, spike-ins, antibodies, measurements of cells, totals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from sctl.genes.table import are_known

if TYPE_CHECKING:
    from anndata import AnnData

GENE_EXPRESSION = "Gene Expression"
"""What 10x Genomics calls features that are genes."""
_OTHER_TYPES = frozenset(
    {"Antibody Capture", "Antigen Capture", "CRISPR Guide Capture", "Multiplexing Capture", "Custom", "Peaks"}
)

# htseq-count, also through R's make.names (X__no_feature); STAR's ReadsPerGene; featureCounts' summary.
_SUMMARY = (
    r"X?__[a-z][a-z_]+",
    r"X?_{0,2}(?:no_?feature|ambiguous(?:_readpair_position)?|too_low_aqual|not_aligned|alignment_not_unique|unmapped"
    r"|multi_?mapped|multimapping|mapped)",
    r"N_(?:unmapped|multimapping|noFeature|ambiguous)",
    r"(?:Un)?assigned(?:_(?:unmapped|read_type|singleton|mappingquality|chimera|fragmentlength|duplicate|multimapping"
    r"|multimappings|secondary|nonsplit|nonjunction|nofeatures|overlapping_length|ambiguity))?",
)
_SPIKE_IN = (r"(?:gSpikein[-_.])?g?ERCC[-_.]\d{5}", r"SIRV(?:ome)?[-_.]?\d+", r"(?:gSpikein|spike[-_. ]?in)[-_.].+")
# Names that pipelines give to antibodies and hashtags; a bare 'CD3' may be meant as a gene.
_ANTIBODY = (
    r".+[-_. ](?:TotalSeq[-_ ]?[ABCD]?|TotalA|TotalB|TotalC|TSA|TSB|TSC|ADT|adt|pAbO|PROT|[Pp]rot|[Pp]rotein|PROTEIN)(?:[-_.]?\d+)?",
    r"TotalSeq[-_ ]?[ABCD]?[-_. ].+",
    r".+\|pAbO",
    r"(?:adt|ADT|AB|Ab|HTO|hto|prot|protein|CITE|anti)[-_.].+",
    r"(?:HTO|hto|Hashtag|hashtag|HASHTAG|CMO)[-_. ]?[A-Za-z]?\d+(?:[-_.].+)?",
    r".*(?:_|-|\.|\b)(?:anti[-_. ](?:human|mouse)|isotype[-_. ]?(?:ctrl|control)).*",
)
# Of MERSCOPE, Xenium and CosMx.
_CONTROL = (
    r"blank(?:[-_. ]?(?:codeword|probe))?[-_. ]?\d+",
    r"neg(?:ative)?[-_. ]?(?:control|ctrl)?[-_. ]?(?:probe|codeword|prb|control)[-_. ]?\w*",
    r"negative[-_. ]?\d+|(?:system[-_. ]?control|false[-_. ]?code|genomic[-_. ]?control)[-_. ]?\w+",
    r"(?:unassigned|deprecated)[-_. ]?codeword[-_. ]?\d+",
    r"(?:antisense|intergenic)_\w+",
)
# Places on a genome, as ATAC-seq names them.
_PEAK = (r"chr\w{1,8}(?:\.\d)?[:_-]\d+[-_]\d+", r"(?:\d{1,2}|[XYM]|MT|[A-Z]{2}\d{6}(?:\.\d)?)[:_-]\d{3,}[-_]\d{3,}")
_TOTAL = (
    r"(?:grand|sub|column|row|overall)?[ _.-]?(?:totals?|sums?)(?:[ _.-](?:counts?|reads|umis?|expression))?",
    r"(?:mean|average|median|stdev|std[ _.]?dev)",
)
# What Seurat, scanpy, scater and others write beside the genes.
_MEASUREMENT = (
    r"n(?:Count|Feature)_\w+",
    r"n(?:_|\.)?(?:genes?|umis?|counts?|reads|features?|cells?)(?:_(?:by_counts|rna|per_cell))?",
    r"(?:log1?0?p?_)?(?:total|n)_(?:counts|umis?|reads|genes|features)(?:_\w+)?",
    r"(?:log1?0?p?_)?n_genes_by_counts",
    r"(?:pct|percent|percentage|perc|frac|fraction|prop|ratio)[ ._-](?:of[ ._-])?\w[\w. -]*",
    r"(?:mt|mito|ribo|rb|hb)[ ._-]?(?:pct|percent|frac|fraction|ratio|percentage)",
    r"\w*_(?:pct|percent|fraction|percentage)",
    r"(?:X_?)?(?:umap|t-?sne|pca?|ica|lsi|harmony|scvi|phate|diffmap|dc|fdg|draw_graph_\w+|dim|fa2?|force[-_ ]?atlas)\w{0,8}"
    r"[ _.-]\d{1,3}",
    r"(?:X_?)?(?:umap|t-?sne|phate)\w{0,6}[ _.-]?\d{1,3}",
    r"(?:spatial|imagerow|imagecol|array_row|array_col|in_tissue|pxl_\w+|[xy]_(?:centroid|coord\w*|pos\w*|location))[_.]?\d?",
    r"(?:s|g2m|g1|cc|cell[ _.]?cycle|m)[ ._-]?(?:score|difference)",
    r"phase",
    r"\w*doublets?(?:[ ._-]\w+)?",
    r"(?:scrublet|scdblfinder|pann|df[ ._]classifications)[ ._-]?[\w.]*",
    r"size[ _.]?factors?",
    r"(?:library|lib|nuclear|nucleus|cell)[ _.](?:size|area|volume|count)",
    r"(?:leiden|louvain|seurat_clusters?|cell[ _.]?(?:type|label|cluster|class)s?|cluster|label|celltype)(?:[ ._-](?:\w|\.)*)?",
    r"(?:type|class|label|cluster)e?s|type|class|batch|sample|donor",
    r"(?:age|sex|gender|bmi|passage|day|week|time[ _.]?point|dose|replicate|plate|well|lane|condition|treatment|patient|subject"
    r"|individual|experiment|tissue|diagnosis|disease|genotype)(?:[ ._-]?(?:id|no|nr|number|group|years?|months?|days?|hours?))?",
    r"(?:\w+)_snn_res[._]\d+(?:\.\d+)?",
    r"orig[ ._]ident",
    r"(?:subsets|detected|altexps)_\w+",
    r"(?:dpt_|latent_|velocity_|palantir_)?pseudotime|latent_time|velocity_\w+",
)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(patterns)})")


_KINDS = MappingProxyType(
    {
        "summaries of reads": re.compile(rf"(?i:{'|'.join(_SUMMARY)})"),
        "spike-ins": re.compile(rf"(?i:{'|'.join(_SPIKE_IN)})"),
        "antibodies or hashtags": _any_of(_ANTIBODY),
        "control probes": re.compile(rf"(?i:{'|'.join(_CONTROL)})"),
        "peaks": _any_of(_PEAK),
        "totals": re.compile(rf"(?i:{'|'.join(_TOTAL)})"),
        "measurements of cells": re.compile(rf"(?i:{'|'.join(_MEASUREMENT)})"),
    }
)
TOTALS = "totals"
MEASUREMENTS = "measurements of cells"


def other_than_genes(names: Iterable[str]) -> pd.Series:
    """Say what each name stands for that is no gene; empty where it may be a gene.

    A name that the table of human and mouse genes holds is always taken for a gene.

    Parameters
    ----------
    names : iterable of str
        The names of the rows of a matrix of genes.

    Returns
    -------
    Series of object, length n_vars
        One of "summaries of reads", "spike-ins", "antibodies or hashtags", "control probes", "peaks", "totals",
        "measurements of cells", or "".

    Examples
    --------
    >>> other_than_genes(["__no_feature", "ERCC-00002", "ERCC1", "CD3_TotalSeqB", "Total", "nCount_RNA"]).tolist()
    ['summaries of reads', 'spike-ins', '', 'antibodies or hashtags', 'totals', 'measurements of cells']
    """
    series = pd.Series(list(names), dtype=object).astype(str).str.strip()
    out = pd.Series("", index=series.index, dtype=object)
    unknown = series[~(are_known(series, "human") | are_known(series, "mouse"))]
    for kind, pattern in _KINDS.items():
        found = unknown.index[unknown.str.fullmatch(pattern)]
        out[found], unknown = kind, unknown.drop(found)
    return out


def not_genes(adata: AnnData) -> pd.Series:
    """Say which features of a dataset are no genes, by ``var["feature_types"]`` where it says so, or else by their names.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)

    Returns
    -------
    Series of object, length n_vars
        What each is, empty where it is a gene; the index counts the features.
    """
    out = other_than_genes(adata.var_names)
    types = feature_types(adata)
    if types is not None:
        typed = types.where(types != GENE_EXPRESSION, "")
        out = typed.where(typed != "", out)
    return out


def feature_types(adata: AnnData) -> pd.Series | None:
    """Return the kind of each feature as text, or None where the table of genes does not tell genes from others."""
    types = _stated(adata)
    return types if types is not None and (types == GENE_EXPRESSION).any() else None


def other_measurements(adata: AnnData) -> list[str]:
    """Return what a dataset holds that says of every feature that it is no gene; empty where there may be genes."""
    types = _stated(adata)
    if types is None or not len(types) or not types.isin(_OTHER_TYPES).all():
        return []
    return sorted(set(types))


def _stated(adata: AnnData) -> pd.Series | None:
    """Return the column with the kinds of features as text, or None."""
    column = next((key for key in ("feature_types", "feature_type") if key in adata.var), None)
    if column is None:
        return None
    types: pd.Series = (
        adata.var[column].astype(object).where(adata.var[column].notna(), "").astype(str).reset_index(drop=True)
    )
    return types.where(types.str.lower().str.replace("_", " ") != GENE_EXPRESSION.lower(), GENE_EXPRESSION)


def listed(names: Iterable[str], most: int = 6) -> str:
    """Return some names for a sentence, with how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c"], 2)
    "'a', 'b' and 1 more"
    """
    every = [repr(str(name)) for name in names]
    rest = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + rest
