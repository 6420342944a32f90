"""Cells that the source cannot explain: how far each lies from what is usual in this target."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl.analysis.uncertainty import cell_table
from sctl.data import TransferResult
from sctl.errors import DataError, ParameterError
from sctl.typing import Floats

SCORES = ("margin", "entropy", "kurtosis", "reconstruction", "l2_hard", "l2_soft", "l1_hard", "l1_soft")
"""Rejection scores, the most useful first; see :func:`sctl.methods.transfercluster.loadings.rejection_scores` for each."""

DEFAULT_SCORES = ("margin", "entropy")
"""Judged together by default. See ``docs/decisions/0025-cells-beyond-the-source.md``."""

DEFAULT_LIMIT = 2.0
"""In spreads of the target's cells."""

_MAD_OF_NORMAL = 1.4826  # median absolute deviation × this = standard deviation of a normal distribution


def has_scores(result: TransferResult) -> bool:
    """Tell whether the method scored how well the source explains each cell."""
    return "rejection" in result.obsm and bool(result.diagnostics.rejection_scores)


def score_table(result: TransferResult) -> pd.DataFrame:
    """Return the rejection scores as the method gave them; higher means better explained.

    Parameters
    ----------
    result : TransferResult

    Returns
    -------
    DataFrame, indexed by cell
        A column for each score that the result has, in the order of :data:`SCORES`.

    Raises
    ------
    DataError
        If the method gave none.
    """
    if not has_scores(result):
        raise DataError(
            f"The result of {result.method} does not say how well the source explains each cell.",
            expected="Methods that rebuild the target from profiles of source types do.",
            do="Choose TransferCluster on the Transfer page.",
        )
    names = list(result.diagnostics.rejection_scores)
    table = pd.DataFrame(np.asarray(result.obsm["rejection"], dtype=np.float64), result.obs_names, names)
    return table[[name for name in SCORES if name in names]]


def outlier_score(result: TransferResult, scores: Collection[str] = DEFAULT_SCORES) -> Floats:
    """Return how much worse the source explains each cell than it explains the target's typical cell.

    Each score is put on one scale, on which 0 is the target's median and 1 the spread of its cells (median absolute
    deviation, in units of a standard deviation), and larger is worse explained. The mean of those chosen is taken.

    Parameters
    ----------
    result : TransferResult
    scores : collection of str
        Some of :data:`SCORES`.

    Returns
    -------
    ndarray of shape (n_obs,)

    Raises
    ------
    DataError
        If the method gave no scores.
    ParameterError
        If none is chosen, or one is unknown.
    """
    table = score_table(result)
    unknown = sorted(set(scores) - set(table))
    if unknown or not len(scores):
        raise ParameterError(
            f"There is no score {unknown[0]!r}." if unknown else "No score was chosen.",
            expected=f"Scores are {list(table)}.",
            do="Choose one or more of these.",
        )
    return np.mean([_spreads_below(table[name].to_numpy()) for name in scores], axis=0)  # type: ignore[no-any-return]


def outlier_table(result: TransferResult, *, scores: Collection[str] = DEFAULT_SCORES) -> pd.DataFrame:
    """Return all that is known of how well the source explains each cell.

    Parameters
    ----------
    result : TransferResult
    scores : collection of str
        Those that ``outlier_score`` is made of.

    Returns
    -------
    DataFrame
        A row for each cell, in their order: ``cell``, ``outlier_score``, ``cluster``, ``label``, ``confidence`` and
        every score.
    """
    known = cell_table(result)[["cluster", "label", "confidence"]]
    known.insert(0, "outlier_score", outlier_score(result, scores))
    known.insert(0, "cell", np.asarray(result.obs_names, dtype=str))
    return known.join(score_table(result)).reset_index(drop=True)


def _spreads_below(values: NDArray[Any]) -> Floats:
    """Return how many spreads each value lies below the median; 0 for all where they are equal."""
    center = np.median(values)
    spread = _MAD_OF_NORMAL * np.median(np.abs(values - center))
    if spread <= 1e-12 * max(1.0, abs(float(center))):
        spread = float(values.std())  # more than half of the values are the same
    below: Floats = (center - values) / spread if spread > 0 else np.zeros(len(values))
    return below
