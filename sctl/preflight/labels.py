"""Findings about labels: which column holds them, which are rare, which cells have none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd
from anndata import AnnData

from sctl.preflight.report import Finding, Fix, Role
from sctl.preprocess import is_doubtful, label_text, named_type, plain_label

MIN_CELLS = 10
"""Labels with fewer cells are hardly learned."""
_LOW, _HIGH = 2, 200  # how many different labels a column of labels has

_STRONG = re.compile(r"(?i)cell[ _.-]?(?:type|class|label|ontology|identity|state|annot)|celltype")
_RANKED: tuple[tuple[re.Pattern[str], int], ...] = (
    (_STRONG, 100),
    (re.compile(r"(?i)annot(?:ation)?"), 100),
    (re.compile(r"(?i)label"), 80),
    (re.compile(r"(?i)types?$|class|lineage|population|identity"), 60),
    (re.compile(r"(?i)cluster|leiden|louvain|ident$|level[ _.-]?\d"), 40),
)
_UNNAMED, _OF_AN_EXPERIMENT = 10, 5  # points of a column whose name says nothing, or whose values name no types
_NOT_LABELS = re.compile(
    r"(?i)batch|sample|donor|patient|individual|subject|mouse_?id|animal|dataset|plate|lane|library|^lib|tech|platform|sex"
    r"|gender|^age|disease|condition|treatment|tissue|organ|phase|study|assay|protocol|orig\.ident|replicate|barcode"
    r"|species|doublet|^is_|^n_|^total_|^pct_|^percent|well|run|chemistry|suspension|ethnicity|development|file|^id$|_id$"
    r"|hto|hash|multiseq|demux|^df[ ._]|singlet|stim|genotype|haplotype|karyotype|genome|strain|perturb|guide|sgrna"
    r"|time|^day|week|month|visit|cohort|cycle|chain|clono|[vdjc]_gene|isotype|cdr3|^tcr|^bcr|version|status|outcome|response"
    r"|dose|drug|vehicle|region|center|centre|site|operator|flowcell|barcode|filter|quality|^qc|pass"
)
# What the values of an experiment's design, of demultiplexing, of the cell cycle or of receptors look like.
_EXPERIMENT = re.compile(
    r"(?i)singlets?|doublets?|multiplets?|negative|positive|ambiguous|true|false|yes|no|pass(?:ed)?|fail(?:ed)?|keep|high|low"
    r"|ctrl|control|ctl|stim(?:ulated)?|unstim(?:ulated)?|(?:un|non)?[ _-]?treated|vehicle|mock|infected|uninfected|baseline|dmso|pbs|ifnb?"
    r"|wt|ko|het|hom|wild[ _-]?type|knock[ _-]?out|mut(?:ant)?|healthy|diseased?|normal|tumou?r|adjacent|case|pre|post|before|after"
    r"|m|f|male|female|young|old|adult|fetal|(?:hto|hashtag|cmo|barcode|tag|bc)[ _.-]?\w?\d+.*"
    r"|(?:d|day|t|w|wk|week|h|hr|hour|p|e|s|rep|replicate|sample|donor|patient|pt|batch|lane|run|plate|v|c|clonotype)[ _.-]?\d+(?:\.\d+)?"
    r"|\d+(?:\.\d+)?[ _]?(?:d|days?|h|hrs?|hours?|min|w|weeks?|months?)|g1|s|g2|m|g2m|g0|g1s|tr[abgd]|ig[hkl]|tr[abgd]\+tr[abgd]|none|multi"
)


def label_candidates(adata: AnnData) -> list[str]:
    """Return the columns of ``obs`` that may hold cell types, the likeliest first.

    A candidate holds text, categories or small whole numbers, has 2 to 200 different values, fewer than half as
    many as there are cells, and is not called like a sample, a donor or a measurement.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)

    Returns
    -------
    list of str
    """
    scores = {str(column): _score(str(column), adata.obs[column]) for column in adata.obs.columns}
    return sorted((column for column, score in scores.items() if score), key=lambda column: -scores[column])


def named_labels(adata: AnnData) -> list[str]:
    """Return the candidates that hold cell types by their name, and not against the look of their values.

    Of the others of :func:`label_candidates` only the user can say whether they do.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)

    Returns
    -------
    list of str
        The likeliest first.
    """
    return [key for key in label_candidates(adata) if _score(key, adata.obs[key]) > _UNNAMED]


def label_findings(adata: AnnData, role: Role, label_key: str | None) -> Iterator[Finding]:
    """Say whether there are labels, and whether each has cells enough; a target needs none."""
    if label_key is not None and label_key not in adata.obs:
        yield Finding(
            "block",
            "label_missing",
            f"The {role} has no column '{label_key}'; it has {', '.join(map(str, adata.obs.columns)) or 'none'}.",
            "Choose one of its columns, or give a table of labels.",
        )
        return
    named = named_labels(adata)
    key = label_key or (named[0] if named else None)
    if key is None:
        if role == "source":
            yield _no_labels(label_candidates(adata))
        return
    if role == "source" or label_key is not None:
        yield from _about(adata, role, key)


def _no_labels(candidates: list[str]) -> Finding:
    if candidates:
        return Finding(
            "warn",
            "labels_unsure",
            f"Which column of the source holds the cell types its names do not show; it may be "
            f"{' or '.join(map(repr, candidates))}.",
            "Choose the column with one name per type of cells. Columns of samples, conditions or tags are none.",
        )
    return Finding(
        "warn",
        "no_labels",
        "No column of the source seems to hold cell types.",
        "Give a table with the labels of the cells, or name the column. Without labels only clusters can be "
        "transferred, not names.",
    )


def _about(adata: AnnData, role: Role, key: str) -> Iterator[Finding]:
    labels = named_type(adata.obs[key])
    counts = labels.value_counts()
    rare = counts[counts < MIN_CELLS]
    n_missing = int(labels.isna().sum())
    if n_missing:
        yield _without_label(adata, role, key, n_missing)
    doubtful = [f"{name} ({count})" for name, count in counts.items() if is_doubtful(str(name))]
    if doubtful:
        yield Finding(
            "warn",
            "doubtful_labels",
            f"Labels of the {role} that may name no type of cells: {', '.join(doubtful)[:300]}.",
            "They are learned like any other, and given to cells. Remove them from the labels if that is not wanted.",
        )
    yield from _spellings(role, key, [str(name) for name in counts.index])
    if len(rare):
        listed = ", ".join(f"{name} ({count})" for name, count in rare.items())
        yield Finding(
            "warn",
            "rare_labels",
            f"Labels of the {role} with fewer than {MIN_CELLS} cells: {listed[:300]}.",
            "They are hardly learned. Leave them out, or join them with a similar label.",
            Fix("drop_rare_labels", "Leave out rare labels", {"role": role, "label_key": key, "min_cells": MIN_CELLS}),
        )
    yield _number(len(counts), role, key)


def _spellings(role: Role, key: str, labels: list[str]) -> Iterator[Finding]:
    """Say which labels differ in their spelling only; ``labels`` the commonest first."""
    alike = pd.Series(labels, dtype=object).groupby([plain_label(label) for label in labels], sort=False)
    several = [names.tolist() for _, names in alike if len(names) > 1]
    if several:
        listed = "; ".join(" and ".join(map(repr, names)) for names in several)
        yield Finding(
            "warn",
            "labels_spelled_twice",
            f"{len(several)} {'type' if len(several) == 1 else 'types'} of the {role} may be written in more than one way, "
            f"each of which is learned as a type of its own: {listed[:300]}.",
            "If they are the same, join them under the name that most cells have.",
            Fix("join_spellings", "Join types that differ in spelling only", {"role": role, "label_key": key}),
        )


def _without_label(adata: AnnData, role: Role, key: str, n_missing: int) -> Finding:
    """Say how many cells have no label, and what stands in its place."""
    text = label_text(adata.obs[key])
    bare = text[named_type(adata.obs[key]).isna()]
    words = [f"{count:,} {str(word)!r}" for word, count in bare.value_counts().items()]
    held = f": {', '.join(words)[:300]}, which name no type" if words else ""
    rename = " If they are a group to be learned, give it another name in the table of labels." if words else ""
    return Finding(
        "warn",
        "unlabelled_cells",
        f"{n_missing:,} of {adata.n_obs:,} cells of the {role} have no label in '{key}'{held}.",
        f"These cells are left out: nothing can be learned from them.{rename}",
        Fix("drop_unlabelled", "Leave out cells without label", {"role": role, "label_key": key}),
    )


def _number(n_labels: int, role: Role, key: str) -> Finding:
    if n_labels < _LOW:
        return Finding(
            "warn",
            "one_label",
            f"The column '{key}' of the {role} has {'only one label' if n_labels else 'no labels'}.",
            "At least two are needed to tell cells apart. Choose another column.",
        )
    if n_labels > _HIGH:
        return Finding(
            "warn",
            "many_labels",
            f"The column '{key}' of the {role} has {n_labels:,} different labels.",
            "It may hold names of cells or measurements. Choose a column with one name per cell type.",
        )
    return Finding("ok", "labels", f"The column '{key}' of the {role} has {n_labels} labels.")


def _score(name: str, values: pd.Series) -> int:
    """Return how likely a column holds labels; 0 where it does not."""
    score = next((points for pattern, points in _RANKED if pattern.search(name)), _UNNAMED)
    if _NOT_LABELS.search(name) and not _STRONG.search(name):
        return 0
    # Whole numbers among which some are missing are stored with a decimal point.
    whole = pd.api.types.is_integer_dtype(values.dtype) or (
        pd.api.types.is_float_dtype(values.dtype) and bool((values.dropna() % 1 == 0).all())
    )
    text = isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(values.dtype)
    if not (text or (whole and score > _UNNAMED)):
        return 0
    different = int(values.nunique())
    if not (_LOW <= different <= _HIGH and different <= max(_LOW, len(values) / 2)):
        return 0
    words = pd.Series(values.dropna().unique()).astype(str).str.strip()
    if not _STRONG.search(name) and bool(words.str.fullmatch(_EXPERIMENT).all()):
        return _OF_AN_EXPERIMENT
    numbers = whole or bool(words.str.fullmatch(r"\d+").all())
    return score - 5 * numbers  # names say more than numbers
