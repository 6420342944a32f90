"""Findings about labels: which column holds them, which are rare, which cells have none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd
from anndata import AnnData

from sctl.preflight.report import Finding, Fix, Role
from sctl.preprocess import is_doubtful, label_text, named_type

MIN_CELLS = 10
"""Labels with fewer cells are hardly learned."""
_LOW, _HIGH = 2, 200  # how many different labels a column of labels has

_STRONG = re.compile(r"(?i)cell[ _.-]?(?:type|class|label|ontology|identity|state|annot)|annot(?:ation)?|celltype")
_RANKED: tuple[tuple[re.Pattern[str], int], ...] = (
    (_STRONG, 100),
    (re.compile(r"(?i)label"), 80),
    (re.compile(r"(?i)types?$|class|lineage|population|identity"), 60),
    (re.compile(r"(?i)cluster|leiden|louvain|ident$|level[ _.-]?\d|group"), 40),
)
_NOT_LABELS = re.compile(
    r"(?i)batch|sample|donor|patient|individual|subject|mouse_?id|animal|dataset|plate|lane|library|^lib|tech|platform|sex"
    r"|gender|^age|disease|condition|treatment|tissue|organ|phase|study|assay|protocol|orig\.ident|replicate|barcode"
    r"|species|doublet|^is_|^n_|^total_|^pct_|^percent|well|run|chemistry|suspension|ethnicity|development|file|^id$|_id$"
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
    candidates = label_candidates(adata)
    key = label_key or (candidates[0] if candidates else None)
    if key is None:
        if role == "source":
            yield Finding(
                "warn",
                "no_labels",
                "No column of the source seems to hold cell types.",
                "Give a table with the labels of the cells, or name the column. Without labels only clusters can be "
                "transferred, not names.",
            )
        return
    if role == "source" or label_key is not None:
        yield from _about(adata, role, key)


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
            f"The column '{key}' of the {role} has {n_labels} different labels.",
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
    score = next((points for pattern, points in _RANKED if pattern.search(name)), 10)
    if _NOT_LABELS.search(name) and not _STRONG.search(name):
        return 0
    # Whole numbers among which some are missing are stored with a decimal point.
    whole = pd.api.types.is_integer_dtype(values.dtype) or (
        pd.api.types.is_float_dtype(values.dtype) and bool((values.dropna() % 1 == 0).all())
    )
    text = isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(values.dtype)
    if not (text or (whole and score > 10)):
        return 0
    different = int(values.nunique())
    if not (_LOW <= different <= _HIGH and different <= max(_LOW, len(values) / 2)):
        return 0
    numbers = whole or bool(values.dropna().astype(str).str.fullmatch(r"\d+").all())
    return score - 5 * numbers  # names say more than numbers
