"""How sure the labels are: per cell, per cluster, and at any threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl.analysis.second_opinion import is_foreign, is_probability, probabilities, seems_unknown
from sctl.data import UNASSIGNED, TransferResult
from sctl.errors import DataError, ParameterError
from sctl.typing import Floats

GOOD, CHECK, DOUBTFUL = "good", "check", "doubtful"

SURE = 0.5
"""A cell below this confidence counts as unsure: another type, or none, is as likely."""

GOOD_CONFIDENCE, GOOD_UNSURE_SHARE = 0.8, 0.1
DOUBTFUL_CONFIDENCE, DOUBTFUL_UNSURE_SHARE = 0.5, 0.5

SUREST, SUREST_SHARE = 0.9, 0.95
"""Where this share of the cells is less sure than that, a method spreads its confidence, and no verdict is given."""

WANTED = 0.95
"""Share of right names that the recommended threshold aims at."""

TRAFFIC_LIGHT_RULE = (
    f"Good: mean confidence at least {GOOD_CONFIDENCE:.0%} and at most {GOOD_UNSURE_SHARE:.0%} of the cells below "
    f"{SURE:.0%}. Doubtful: mean confidence below {DOUBTFUL_CONFIDENCE:.0%}, more than {DOUBTFUL_UNSURE_SHARE:.0%} of "
    f"the cells below {SURE:.0%}, or most cells unassigned. Check: anything between."
)
"""The rule behind :func:`cluster_table`'s traffic light where the confidence is no probability, for the page to show."""

GOOD_EXPECTED, GOOD_UNKNOWN = 0.97, 0.1
DOUBTFUL_EXPECTED, DOUBTFUL_UNKNOWN = 0.6, 0.5
"""Set on the pairs for tuning of ``benchmarks.unseen``, so that at least 95 of 100 groups that are called good have at least 95 %
right names there."""

EXPECTED_RULE = (
    f"Good: at least {GOOD_EXPECTED:.0%} of the names are expected to be right, and at most {GOOD_UNKNOWN:.0%} of the cells "
    f"resemble no known type. Doubtful: fewer than {DOUBTFUL_EXPECTED:.0%}, more than {DOUBTFUL_UNKNOWN:.0%} of the cells "
    "resemble no known type, most cells are unassigned, or the source is of another tissue. Check: anything between."
)
"""The same where the confidence is a probability."""


def cell_table(result: TransferResult) -> pd.DataFrame:
    """What is known about the label of every cell.

    Parameters
    ----------
    result : TransferResult

    Returns
    -------
    DataFrame, indexed by cell
        ``cluster``, ``label``, ``confidence`` in [0, 1], ``second_label`` (the most likely type other than
        the label; for an unassigned cell, than the most likely one) and ``second_probability``; ``entropy``
        of the type probabilities (0 = one type for certain, 1 = all equally likely; what no type was given
        counts as one more type) and ``margin``, the lead of the most likely type over the next.
    """
    proba = probabilities(result)
    names = np.array([*result.label_names, ""], dtype=object)
    n_obs, n_labels = proba.shape
    own = pd.Index(result.label_names).get_indexer(pd.Index(result.labels.astype(str)))
    best = np.where(own >= 0, own, proba.argmax(axis=1)) if n_labels else np.zeros(n_obs, dtype=int)
    others = proba.copy()
    if n_labels:
        others[np.arange(n_obs), best] = -1.0
    second = others.argmax(axis=1) if n_labels > 1 else np.full(n_obs, -1)
    ranked = np.sort(np.column_stack([np.zeros((n_obs, 2)), proba]), axis=1)
    return pd.DataFrame(
        {
            "cluster": _cluster_of_cells(result),
            "label": result.labels.astype(str),
            "confidence": np.asarray(result.confidence, dtype=np.float64),
            "second_label": names[second],
            "second_probability": others.max(axis=1) if n_labels > 1 else np.zeros(n_obs),
            "entropy": _entropy(proba),
            "margin": ranked[:, -1] - ranked[:, -2],
        },
        index=result.obs_names,
    )


def cluster_table(result: TransferResult) -> pd.DataFrame:
    """Summarise every cluster, with a traffic light.

    Parameters
    ----------
    result : TransferResult

    Returns
    -------
    DataFrame, one row per cluster that has cells
        ``cluster``, ``n_cells``, ``label`` (of most cells) and ``label_share``, ``second_label`` (the second
        most likely type, by mean probability) and ``second_probability``, ``mean_confidence``,
        ``share_unsure`` (of cells below 0.5), ``mean_entropy``, and ``light``: "good", "check" or
        "doubtful" by :data:`EXPECTED_RULE` or :data:`TRAFFIC_LIGHT_RULE`; empty where neither fits, see :func:`surest`.
    """
    cells, proba = cell_table(result).assign(unknown=seems_unknown(result)), probabilities(result)
    rows = [
        _cluster_row(name, cells[(chosen := (cells["cluster"] == name).to_numpy())], proba[chosen], result)
        for name in result.cluster_names
        if (cells["cluster"] == name).any()
    ]
    columns = ["cluster", "n_cells", "label", "label_share", "second_label", "second_probability"]
    table = pd.DataFrame(rows, columns=[*columns, "mean_confidence", "share_unsure", "mean_entropy", "light"])
    return table if is_probability(result) or surest(result) >= SUREST else table.assign(light="")


def surest(result: TransferResult) -> float:
    """Return the confidence of a result's surest cells.

    Where it is below :data:`SUREST` the method spreads its confidence over the types, and the limits of a verdict on
    single groups do not fit.
    """
    return float(np.quantile(result.confidence, SUREST_SHARE))


def traffic_light(mean_confidence: float, share_unsure: float, label: str) -> str:
    """Grade a cluster by :data:`TRAFFIC_LIGHT_RULE`.

    Examples
    --------
    >>> traffic_light(0.9, 0.02, "beta"), traffic_light(0.7, 0.2, "beta"), traffic_light(0.4, 0.7, "beta")
    ('good', 'check', 'doubtful')
    """
    if label == UNASSIGNED or mean_confidence < DOUBTFUL_CONFIDENCE or share_unsure > DOUBTFUL_UNSURE_SHARE:
        return DOUBTFUL
    if mean_confidence >= GOOD_CONFIDENCE and share_unsure <= GOOD_UNSURE_SHARE:
        return GOOD
    return CHECK


def _expected_light(result: TransferResult, expected: float, unknown: float, label: str) -> str:
    """Grade a cluster by :data:`EXPECTED_RULE`."""
    calibration = result.diagnostics.calibration
    fits = calibration is None or calibration.source_verdict == "same tissue"
    bad = expected < DOUBTFUL_EXPECTED or unknown > DOUBTFUL_UNKNOWN or is_foreign(result)
    if label == UNASSIGNED or bad:
        return DOUBTFUL
    return GOOD if expected >= GOOD_EXPECTED and unknown <= GOOD_UNKNOWN and fits else CHECK


def assigned_at(result: TransferResult, threshold: float) -> NDArray[Any]:
    """Labels of the cells at least as sure as ``threshold``; the others are unassigned.

    Parameters
    ----------
    result : TransferResult
    threshold : float
        In [0, 1]; 0 leaves all labels as they are.

    Returns
    -------
    ndarray of str, shape (n_obs,)

    Raises
    ------
    ParameterError
        If the threshold is outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise ParameterError(
            f"The threshold is {threshold}.", expected="It must lie between 0 and 1.", do="Choose a value between."
        )
    return np.where(result.confidence >= threshold, result.labels.astype(str), UNASSIGNED)


def unnamed_at(result: TransferResult, threshold: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which cells the method itself gave no name, and which of the others are less sure than a threshold.

    Together these are the cells that :func:`assigned_at` leaves unassigned; none is in both.

    Returns
    -------
    two ndarray of bool, shape (n_obs,)
    """
    nameless = result.labels.astype(str) == UNASSIGNED
    return nameless, (assigned_at(result, threshold) == UNASSIGNED) & ~nameless


def curve(result: TransferResult, truth: Any = None, *, n_thresholds: int = 101) -> pd.DataFrame:
    """What each confidence threshold costs and gains.

    Parameters
    ----------
    result : TransferResult
    truth : sequence of str, length n_obs, optional
        Known types of the cells, where there are any; cells with a missing truth are not counted for accuracy.
    n_thresholds : int
        Evenly spaced from 0 to 1.

    Returns
    -------
    DataFrame
        ``threshold``, ``assigned_share`` of all cells and, with ``truth``, ``accuracy`` among the assigned
        (NaN where none is).

    Raises
    ------
    DataError
        If ``truth`` is of another length.
    """
    thresholds = np.linspace(0, 1, n_thresholds)
    assigned = result.labels.astype(str) != UNASSIGNED
    table = pd.DataFrame({"threshold": thresholds})
    table["assigned_share"] = _count_at_least(result.confidence[assigned], thresholds) / max(1, result.n_obs)
    if truth is None:
        return table
    known = pd.Series(np.asarray(truth, dtype=object))
    if len(known) != result.n_obs:
        raise DataError(
            f"There are {len(known)} true labels for {result.n_obs} cells.",
            expected="One is needed for every cell.",
            do="Pass the labels of the same cells.",
        )
    judged = assigned & known.notna().to_numpy()
    right = judged & (known.astype(str).to_numpy() == result.labels.astype(str))
    n_judged = _count_at_least(result.confidence[judged], thresholds)
    n_right = _count_at_least(result.confidence[right], thresholds)
    table["accuracy"] = np.divide(n_right, n_judged, out=np.full(n_thresholds, np.nan), where=n_judged > 0)
    return table


def expected_right(result: TransferResult, threshold: float) -> tuple[int, float]:
    """Return how many cells keep a name at a threshold, and the share of right names to expect among these.

    That is their mean confidence, where it is a probability; cells that resemble no type of the source count as wrong.

    Returns
    -------
    n_named : int
    share : float
        NaN where no cell keeps a name.
    """
    named = assigned_at(result, threshold) != UNASSIGNED
    right = np.where(seems_unknown(result), 0.0, result.confidence)
    return int(named.sum()), float(right[named].mean()) if named.any() else float("nan")


def recommended_threshold(result: TransferResult, wanted: float = WANTED) -> float | None:
    """Return the lowest threshold, in steps of 0.01, at which a share ``wanted`` of the names is expected to be right.

    Returns
    -------
    float or None
        None where no threshold below 1 does that.
    """
    for threshold in np.round(np.arange(0, 1, 0.01), 2):
        n_named, share = expected_right(result, float(threshold))
        if not n_named:
            return None
        if share >= wanted:
            return float(threshold)
    return None


def _cluster_of_cells(result: TransferResult) -> NDArray[Any]:
    """Name of each cell's cluster; empty where it has none."""
    return np.array([*result.cluster_names, ""], dtype=object)[result.clusters]


def _entropy(proba: Floats) -> Floats:
    """Entropy of each row, divided by its maximum; what is missing to one counts as one more column."""
    rest = np.clip(1 - proba.sum(axis=1, keepdims=True), 0, 1)
    rest[rest < 1e-6] = 0  # rounding of the rows' sums
    full = np.column_stack([proba, rest])
    n_ways = proba.shape[1] + int((rest > 0).any())
    logs = np.log(full, out=np.zeros_like(full), where=full > 0)
    return np.asarray(-(full * logs).sum(axis=1).clip(max=0) / np.log(max(2, n_ways))).clip(0, 1)


def _cluster_row(name: str, cells: pd.DataFrame, proba: Floats, result: TransferResult) -> dict[str, Any]:
    shares = cells["label"].value_counts(normalize=True)
    label = str(shares.index[0])
    mean_proba = pd.Series(np.asarray(proba).mean(axis=0), index=list(result.label_names)).drop(label, errors="ignore")
    mean_confidence, share_unsure = cells["confidence"].mean(), (cells["confidence"] < SURE).mean()
    return {
        "cluster": name,
        "n_cells": len(cells),
        "label": label,
        "label_share": shares.iloc[0],
        "second_label": mean_proba.idxmax() if len(mean_proba) else "",
        "second_probability": mean_proba.max() if len(mean_proba) else 0.0,
        "mean_confidence": mean_confidence,
        "share_unsure": share_unsure,
        "mean_entropy": cells["entropy"].mean(),
        "light": _expected_light(result, mean_confidence, float(cells["unknown"].mean()), label)
        if is_probability(result)
        else traffic_light(mean_confidence, share_unsure, label),
    }


def _count_at_least(values: Floats, thresholds: Floats) -> Floats:
    """Count the values at or above each threshold."""
    ordered = np.sort(values)
    return (len(ordered) - np.searchsorted(ordered, thresholds, side="left")).astype(np.float64)
