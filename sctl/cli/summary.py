"""What is said of a result once it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sctl import data, workflow

if TYPE_CHECKING:
    from sctl.data import FoundGroups, SourceTransferability, TransferResult


def print_summary(result: TransferResult, out: Path, *, dropped: int) -> None:
    """Print where a result went, how many clusters it has, and what makes it unsure; ``dropped`` cells were filtered."""
    found = len(set(result.clusters[result.clusters >= 0].tolist()))
    found_of = result.diagnostics
    theta = "" if found_of.theta is None else f", θ = {found_of.theta.theta:.3g}"
    nameless = int((result.labels.astype(str) == data.UNASSIGNED).sum())
    without = f", {nameless} of them unassigned" if nameless else ""
    lost = f" ({dropped} of {dropped + result.n_obs} cells were dropped)" if dropped else ""
    key = data.slot(result.method)
    for text in _about(result):
        print(text)
    for text in workflow.result_warnings(result):
        print(f"Warning: {text}")
    print(
        f"Wrote {out}: {result.n_obs} cells{lost} in {found} clusters{theta}{without}; see obs['{key}'] and obs['{key}_label']."
    )


def _about(result: TransferResult) -> Iterator[str]:
    """Yield what the method reports of source and clusters, in sentences."""
    found = result.diagnostics
    if found.clustering is not None and (n_landmarks := found.clustering.n_landmarks) is not None:
        yield f"Clusters were found among {n_landmarks} of the cells; each other cell follows its nearest."
    if found.transferability is not None:
        yield source_transferability(found.transferability, int(result.params.get("n_permutations", 0)))
    if found.source_groups is not None:
        yield source_groups(found.source_groups)
    if found.theta is not None:
        yield from found.theta.warnings or ()
    yield from found.merged_subpopulations or ()
    if found.mapping is not None:
        yield from found.mapping.notes


def source_groups(found: FoundGroups) -> str:
    """Return a sentence on the groups that were found in a source without labels.

    Examples
    --------
    >>> from sctl.data import FoundGroups
    >>> source_groups(FoundGroups(tried=(2, 3, 4), errors=(0.9, 0.5, 0.48), chosen=3))
    'The source was divided into 3 groups, of 2 to 4 that were tried; n_source_groups sets another number.'
    >>> source_groups(FoundGroups(tried=(5,), errors=(0.4,), chosen=5))
    'The source was divided into 5 groups, as asked for.'
    """
    how = (
        f"of {min(found.tried)} to {max(found.tried)} that were tried; n_source_groups sets another number"
        if len(found.tried) > 1
        else "as asked for"
    )
    return f"The source was divided into {found.chosen} groups, {how}."


def source_transferability(found: SourceTransferability, n_permutations: int = 0) -> str:
    """Return a sentence on how well the source explains the target, found by so many comparisons.

    Examples
    --------
    >>> from sctl.data import SourceTransferability
    >>> source_transferability(SourceTransferability(score=0.62, p_value=0.01))
    'The source explains your cells well: 0.62 of 1, where 0 is a source with its genes shuffled (p = 0.01).'
    """
    grade = workflow.transferability_grade(found.score, found.p_value, n_permutations)
    return f"{_WORTH[grade]}: {found.score:.2f} of 1, where 0 is a source with its genes shuffled (p = {found.p_value:.2g})."


_WORTH = MappingProxyType(
    {
        "good": "The source explains your cells well",
        "partial": "The source explains your cells in part, so look at marker genes before you trust the names",
        "little": "The source explains little of your cells, perhaps it is of another tissue",
        "none": "Choose another source: this one explains your cells no better than chance",
    }
)
