"""What is known of how far names can be trusted, beside the confidence of each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SourceVerdict = Literal["same tissue", "partly", "another tissue"]


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """How simple classifiers did on held-out cells of the source, and what they say of the target.

    Parameters
    ----------
    sharpness : float
        Power by which their votes became probabilities.
    held_out_accuracy : float
        Share of held-out cells of the source that were named right after a simulated change of protocol; NaN where
        there were too few.
    n_held_out : int
    unknown_threshold : float
        Cells whose probability of an unknown type is larger are called unknown.
    unknown_share : float
        Share of the target's cells beyond it.
    source_fit : float
        Rank correlation of the profiles of the target's groups with the best of the source's types, mean over cells.
    source_verdict : {"same tissue", "partly", "another tissue"}
        What follows from it.
    reliability : tuple of float
        Of the held-out cells, in ten equal bins of confidence, those without cells left out: number of cells, mean
        confidence and share of right names of each bin, one after the other.
    agreement : float, optional
        Share of the cells named by a method to which the classifiers give the same name; None where they gave the names
        themselves, NaN where no cell has a name.
    """

    sharpness: float
    held_out_accuracy: float
    n_held_out: int
    unknown_threshold: float
    unknown_share: float
    source_fit: float
    source_verdict: SourceVerdict
    reliability: tuple[float, ...] = ()
    agreement: float | None = None
