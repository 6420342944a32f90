"""What is said of a result once it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
    print(
        f"Wrote {out}: {result.n_obs} cells{lost} in {found} clusters{theta}; see obs['{key}'] and obs['{key}_label']."
    )
