"""What is said of a result once it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sctl.workflow import result_warnings, transferability_grade

if TYPE_CHECKING:
    from sctl.data import TransferResult


def print_summary(result: TransferResult, out: Path, *, dropped: int) -> None:
    """Print where a result went, how many clusters it has, and what makes it unsure; ``dropped`` cells were filtered."""
    from sctl.data import UNASSIGNED, slot  # noqa: PLC0415

    found = len(set(result.clusters[result.clusters >= 0].tolist()))
    theta = f", θ = {result.uns['theta']:.3g}" if "theta" in result.uns else ""
    nameless = int((result.labels.astype(str) == UNASSIGNED).sum())
    without = f", {nameless} of them unassigned" if nameless else ""
    lost = f" ({dropped} of {dropped + result.n_obs} cells were dropped)" if dropped else ""
    key = slot(result.method)
    if "n_landmarks" in result.uns:
        print(
            f"Clusters were found among {result.uns['n_landmarks']} of the cells; each other cell follows its nearest."
        )
    if grade := source_transferability(result.uns, result.params):
        print(grade)
    if groups := source_groups(result.uns):
        print(groups)
    for text in (
        *result.uns.get("doubts", ()),
        *result.uns.get("merged_subpopulations", ()),
        *result.uns.get("notes", ()),
    ):
        print(text)
    for text in result_warnings(result):
        print(f"Warning: {text}")
    print(
        f"Wrote {out}: {result.n_obs} cells{lost} in {found} clusters{theta}{without}; see obs['{key}'] and obs['{key}_label']."
    )


def source_groups(uns: Mapping[str, Any]) -> str:
    """Return a sentence on the groups that were found in a source without labels; empty where none were looked for.

    Examples
    --------
    >>> source_groups({"source_groups": {"tried": [2, 3, 4], "errors": [0.9, 0.5, 0.48], "chosen": 3}})
    'The source was divided into 3 groups, of 2 to 4 that were tried; n_source_groups sets another number.'
    >>> source_groups({"source_groups": {"tried": [5], "errors": [0.4], "chosen": 5}})
    'The source was divided into 5 groups, as asked for.'
    """
    if "source_groups" not in uns:
        return ""
    tried, chosen = [int(number) for number in uns["source_groups"]["tried"]], int(uns["source_groups"]["chosen"])
    how = (
        f"of {min(tried)} to {max(tried)} that were tried; n_source_groups sets another number"
        if len(tried) > 1
        else "as asked for"
    )
    return f"The source was divided into {chosen} groups, {how}."


def source_transferability(uns: Mapping[str, Any], params: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return a sentence on how well the source explains the target; empty where the method did not ask.

    ``uns`` and ``params`` are those of a result.

    Examples
    --------
    >>> source_transferability({"transferability": 0.62, "transferability_p_value": 0.01})
    'The source explains your cells well: 0.62 of 1, where 0 is a source with its genes shuffled (p = 0.01).'
    """
    if "transferability" not in uns:
        return ""
    score, p_value = float(uns["transferability"]), float(uns["transferability_p_value"])
    grade = transferability_grade(score, p_value, int(params.get("n_permutations", 0)))
    return f"{_WORTH[grade]}: {score:.2f} of 1, where 0 is a source with its genes shuffled (p = {p_value:.2g})."


_WORTH = MappingProxyType(
    {
        "good": "The source explains your cells well",
        "partial": "The source explains your cells in part, so look at marker genes before you trust the names",
        "little": "The source explains little of your cells, perhaps it is of another tissue",
        "none": "Choose another source: this one explains your cells no better than chance",
    }
)
