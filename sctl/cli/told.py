"""What is said of a result once it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sctl.pipeline import SourceCheck

if TYPE_CHECKING:
    from sctl.data import TransferResult


def tell(result: TransferResult, out: Path, *, dropped: int) -> None:
    """Print where a result went and how many clusters it has; ``dropped`` cells were filtered."""
    from sctl.data import slot  # noqa: PLC0415

    found = len(set(result.clusters[result.clusters >= 0].tolist()))
    theta = f", θ = {result.uns['theta']:.3g}" if "theta" in result.uns else ""
    lost = f" ({dropped} of {dropped + result.n_obs} cells were dropped)" if dropped else ""
    key = slot(result.method)
    if "n_landmarks" in result.uns:
        print(
            f"Clusters were found among {result.uns['n_landmarks']} of the cells; each other cell follows its nearest."
        )
    if worth := source_worth(result.uns):
        print(worth)
    if not result.uns.get("explained", True):
        print("The source does not explain the target: look at marker genes before you trust the names.")
    print(
        f"Wrote {out}: {result.n_obs} cells{lost} in {found} clusters{theta}; see obs['{key}'] and obs['{key}_label']."
    )


def source_worth(uns: Mapping[str, Any]) -> str:
    """Return a sentence on how well the source explains the target; empty where the method did not ask.

    Examples
    --------
    >>> source_worth({"transferability": 0.62, "transferability_p_value": 0.01})
    'The source explains your cells well: 0.62 of 1, where 0 is a source with its genes shuffled (p = 0.01).'
    """
    if "transferability" not in uns:
        return ""
    check = SourceCheck(score=float(uns["transferability"]), p_value=float(uns["transferability_p_value"]))
    return (
        f"{_WORTH[check.worth]}: {check.score:.2f} of 1, where 0 is a source with its genes shuffled "
        f"(p = {check.p_value:.2g})."
    )


_WORTH = MappingProxyType(
    {
        "good": "The source explains your cells well",
        "partial": "The source explains your cells in part, so look at marker genes before you trust the names",
        "little": "The source explains little of your cells, perhaps it is of another tissue",
        "none": "Choose another source: this one explains your cells no better than chance",
    }
)
