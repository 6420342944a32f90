"""What the panel of classifiers reports of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PanelReport:
    """How the panel did on held-out cells of the source, and how many cells of the target it does not know.

    Parameters
    ----------
    sharpness : float
        Power by which its votes became probabilities.
    held_out_accuracy : float
        Share of held-out cells of the source that were named right after a simulated change of protocol; NaN where
        there were too few.
    n_held_out : int
    unknown_threshold : float
        Cells whose probability of an unknown type is larger are called unknown.
    unknown_share : float
        Share of the target's cells beyond it.
    """

    sharpness: float
    held_out_accuracy: float
    n_held_out: int
    unknown_threshold: float
    unknown_share: float
