"""What an answer is worth, compared with the truth."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import adjusted_rand_score, f1_score, roc_auc_score

from benchmarks.unseen.runs import Answer
from sctl.data import UNASSIGNED
from sctl.methods.panel.calibration import reliability


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the mean distance between confidence and share of right names, over ten bins weighted by their cells."""
    rows = reliability(confidence, right)
    return sum(n * abs(said - true) for n, said, true in rows) / max(sum(n for n, _, _ in rows), 1)


def measured(answer: Answer) -> dict[str, float]:
    """Return all measures of one answer; NaN where a task does not have what a measure compares.

    "Known" are target cells whose true type the source has; "unknown" all others. Confidence and calibration count known cells
    that were named, since the confidence is that of the name given that its type is in the source. Where a peer says that its
    confidence is no probability, only the order of cells is measured.
    """
    truth = answer.truth
    known, named = np.isin(truth, answer.types), answer.labels != UNASSIGNED
    right = answer.labels == truth
    judged = known & named
    confident = named & (answer.confidence >= 0.9)
    clustered = known & (answer.clusters >= 0)
    both = known.any() and (~known).any()
    confidence = np.clip(answer.confidence, 0, 1)
    calibrated = {
        "named at 0.9, unknown": _mean(confident[~known]),
        "ECE": expected_calibration_error(confidence[judged], right[judged]) if judged.any() else np.nan,
        "Brier": _mean((confidence[judged] - right[judged]) ** 2),
        "confidence": _mean(confidence[judged]),
    }
    if not answer.facts.get("is probability", True):
        calibrated = dict.fromkeys(calibrated, np.nan)
    return {
        "known cells": int(known.sum()),
        "accuracy": _mean(right[known]),
        "accuracy of named": _mean(right[judged]),
        "macro F1": float(f1_score(truth[known], answer.labels[known], labels=np.unique(truth[known]), average="macro"))
        if known.any()
        else np.nan,
        "ARI of clusters": adjusted_rand_score(truth[clustered], answer.clusters[clustered])
        if clustered.any()
        else np.nan,
        "ARI of labels": adjusted_rand_score(truth[known], answer.labels[known]) if known.any() else np.nan,
        "unassigned, known": _mean(~named[known]),
        "unassigned, unknown": _mean(~named[~known]),
        "AUROC unknown": float(roc_auc_score(~known, answer.unknown)) if both else np.nan,
        "AUROC right": float(roc_auc_score(right[judged], confidence[judged]))
        if 0 < right[judged].sum() < judged.sum()
        else np.nan,
        **calibrated,
        "CPU s": answer.facts.get("CPU s", np.nan),
        "MB": answer.facts.get("MB", np.nan),
    }


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else np.nan
