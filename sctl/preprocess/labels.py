"""What a column of labels says: one text per cell, or nothing."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

NO_LABEL = frozenset({"", "nan", "NaN", "NAN", "NA", "N/A", "<NA>", "None", "null"})
"""Texts that other programs write where a value is missing."""
# In small letters: what people and programs write where they know no type.
_PLACEHOLDER = re.compile(
    r"<?(?:na|nan|n[/.]a\.?|none|null|nil)>?|#n/a|[-–—_.?/*]+"
    r"|(?:(?:un(?:known|assigned|label{1,2}ed|annotated|classified|defined|determined|identified|clear|named|resolved|specified"
    r"|certain|characterized|characterised|typed|mapped)|undetermined|indeterminate|tbd|missing|blank|empty|no)"
    r"|(?:not|non)[ ._-]?(?:available|applicable|assigned|annotated|determined|known|identified|classified|defined|labelled"
    r"|labeled|specified|provided))"
    r"(?:[ ._-]*(?:cells?|cell[ ._-]?(?:types?|label|class|annotation|identity)|types?|clusters?|labels?|identity|annotation))?"
)
_DOUBTFUL = re.compile(
    r".*\b(?:doublets?|multiplets?|low[ ._-]?(?:quality|qc|counts?)|debris|artefacts?|artifacts?|contamina\w+|ambiguous|mixed|mixture"
    r"|dead|dying|empty|ambient|poor[ ._-]?quality|filtered|removed?|exclude[d]?|failed|bad|other|others|misc\w*|rest"
    r"|unknown|unassigned|unclassified|unidentified|uncertain)\b.*"
)


def is_placeholder(text: str) -> bool:
    """Say whether a label names no type, such as 'Unknown' or 'n/a'.

    Examples
    --------
    >>> [
    ...     is_placeholder(text)
    ...     for text in ("Unknown", "UNASSIGNED", "not applicable", "?", "unknown cell type", "alpha")
    ... ]
    [True, True, True, True, True, False]
    >>> [is_placeholder(text) for text in ("nonclassical monocyte", "NK", "T cell, unknown", "non-cell")]
    [False, False, False, False]
    """
    words = text.strip().strip("\"'()[]").strip().lower()
    return not words or (
        words not in ("empty", "no", "missing", "no cell", "no cells") and bool(_PLACEHOLDER.fullmatch(words))
    )


def is_doubtful(text: str) -> bool:
    """Say whether a label names what is hardly a type of cells, such as 'doublet' or 'low quality'."""
    return bool(_DOUBTFUL.fullmatch(text.replace("_", " ").lower())) and not is_placeholder(text)


def plain_label(text: str) -> str:
    """Return a label without what spellings of one type differ in: capitals, accents, signs between words, 'cell' at the end.

    Signs that mean something stay: 'CD4+' and 'CD4-' are two types, and so are 'T1' and 'T2'.

    Examples
    --------
    >>> [plain_label(text) for text in ("Naïve_B  cells", "naive B", "β-cell", "beta", "CD4- T", "CD4+ T")]
    ['naive b', 'naive b', 'beta', 'beta', 'cd4- t', 'cd4+ t']
    """
    seen = "".join(_plain_sign(sign) for sign in unicodedata.normalize("NFKD", text).casefold())
    words = re.sub(r"(?<=[^\W\d])-(?=\w)|[_./\s]+", " ", seen).split()
    if len(words) > 1 and words[-1] in ("cell", "cells"):
        words.pop()
    return re.sub(r"(?<=[^\W\d]{3}[^\W\dsui])s$", "", " ".join(words))


def _plain_sign(sign: str) -> str:
    if unicodedata.category(sign) in ("Mn", "Cf"):  # accents, and signs of no width
        return ""
    name = unicodedata.name(sign, "")
    return name.rpartition(" ")[2].lower() if re.fullmatch(r"GREEK SMALL LETTER [A-Z]+", name) else sign


def named_type(labels: pd.Series) -> pd.Series:
    """Return labels as text; NaN where there is none, or one that names no type, such as 'Unknown'.

    Parameters
    ----------
    labels : Series of length n_obs

    Returns
    -------
    Series of object, length n_obs

    Examples
    --------
    >>> named_type(pd.Series(["alpha", "Unknown", "nan"])).tolist()
    ['alpha', nan, nan]
    """
    text = label_text(labels)
    return text.where(~text.isin([label for label in text.dropna().unique() if is_placeholder(label)]))


def label_text(labels: pd.Series) -> pd.Series:
    """Return values as text; NaN where there is none.

    Blanks around a label are no part of it; whole numbers stored with a decimal point, as tables with missing
    values store them, lose it.

    Parameters
    ----------
    labels : Series of length n_obs

    Returns
    -------
    Series of object, length n_obs

    Examples
    --------
    >>> label_text(pd.Series([1.0, 2.0, None])).tolist()
    ['1', '2', nan]
    >>> label_text(pd.Series(["alpha ", "alpha", "nan", ""])).tolist()
    ['alpha', 'alpha', nan, nan]
    """
    plain = labels.astype(object)
    if pd.api.types.is_float_dtype(labels.dtype) and (labels.dropna() % 1 == 0).all():
        plain = labels.astype("Int64").astype(object)
    text = plain.astype(str).str.strip().astype(object)
    return text.where(plain.notna() & ~text.isin(NO_LABEL))
