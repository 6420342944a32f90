"""A second opinion on the names that any method gives, and with it a confidence that is a probability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from sctl.data import UNASSIGNED, Pair, TransferResult
from sctl.errors import DataError
from sctl.methods.base import fit_transfer
from sctl.methods.panel import Panel
from sctl.run import Run
from sctl.typing import Bools, Doubles

RAW, UNKNOWN, OPINION = "raw_confidence", "unknown", "second_opinion"
"""Where a result holds what its method said itself and the probability that a cell's type is missing in the source, both in ``obs``,
and the probability of each type by the second opinion, in ``obsm``."""

OWN_WEIGHT = 0.3
"""Weight of what a method says beside the second opinion, both as log-probabilities.
Set on the pairs for tuning of ``benchmarks.unseen`` (pancreas and cortex), one value for all methods."""
DOUBT = 0.1
"""Share of a method's probability that is spread over all types before it counts, so that no method is surer than that."""


def second_opinion(pair: Pair, run: Run | None = None) -> TransferResult | None:
    """Name the target's cells by simple classifiers, whose probabilities were learned on held-out cells of the source.

    Parameters
    ----------
    pair : Pair
    run : Run, optional
        Progress and stop switch. The seed is always 0: a second opinion is one for all runs of a method.

    Returns
    -------
    TransferResult or None
        Of :class:`~sctl.methods.panel.Panel`; None where the source has no cells with at least two types to learn from.
    """
    if pair.label_key is None or pair.profiles_only or len(pair.labels.categories) < 2:
        return None
    run = replace(run or Run(), seed=0).within("Second opinion")
    try:
        return fit_transfer(pair, Panel(), run)
    except DataError:  # too few cells or genes to compare
        return None


def judged(result: TransferResult, opinion: TransferResult | None) -> TransferResult:
    """Return a result with a second opinion beside its names, and the probability that each name is right as its confidence.

    Parameters
    ----------
    result : TransferResult
        As its method gave it.
    opinion : TransferResult or None
        From :func:`second_opinion`, of the same cells.

    Returns
    -------
    TransferResult
        With ``obs["raw_confidence"]``, ``obs["unknown"]``, ``obsm["second_opinion"]`` and ``diagnostics.calibration``.
        As it was where there is no opinion, it is about other types, or the method calibrates itself.
    """
    if opinion is None or opinion.method == result.method or not set(result.label_names) <= set(opinion.label_names):
        return result
    if opinion.diagnostics.calibration is None or opinion.diagnostics.calibration.n_held_out == 0:
        return result
    order = pd.Index(opinion.label_names).get_indexer(pd.Index(result.label_names))
    return _with_confidence(
        replace(
            result,
            obs={**result.obs, RAW: np.asarray(result.confidence), UNKNOWN: opinion.obs[UNKNOWN]},
            obsm={**result.obsm, OPINION: np.asarray(opinion.label_proba)[:, order]},
            diagnostics=replace(result.diagnostics, calibration=opinion.diagnostics.calibration),
        )
    )


def as_given(result: TransferResult) -> TransferResult:
    """Return a result with the confidence that its method gave it; what :func:`judged` added stays."""
    return replace(result, confidence=result.obs[RAW]) if RAW in result.obs else result


def judged_again(result: TransferResult) -> TransferResult:
    """Return a result whose names changed since it was judged, with the confidence of the present ones."""
    if OPINION not in result.obsm:
        return result
    return _with_confidence(replace(result, obs={**result.obs, RAW: np.asarray(result.confidence)}))


def probabilities(result: TransferResult) -> Doubles:
    """Return the probability of each type, of which the confidence of a name is one: (n_obs, n_labels).

    Parameters
    ----------
    result : TransferResult
        Of one that was judged, what method and second opinion say together, rows sum to one; else what the method says.
    """
    if OPINION not in result.obsm:
        return np.asarray(result.label_proba, dtype=np.float64)
    n_types = len(result.label_names)
    own = np.asarray(result.label_proba, dtype=np.float64)
    own = (1 - DOUBT) * own + (1 - (1 - DOUBT) * own.sum(axis=1, keepdims=True)).clip(DOUBT) / n_types
    log = np.log(np.maximum(result.obsm[OPINION], 1e-12)) + OWN_WEIGHT * np.log(own)
    odds = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def disagrees(result: TransferResult) -> Bools:
    """Return which cells have a name that the second opinion would not have given: (n_obs,)."""
    if OPINION not in result.obsm:
        return np.zeros(result.n_obs, dtype=bool)
    names = np.array(result.label_names, dtype=object)[np.asarray(result.obsm[OPINION]).argmax(axis=1)]
    labels = result.labels.astype(str)
    return np.asarray((labels != UNASSIGNED) & (labels != names))


def seems_unknown(result: TransferResult) -> Bools:
    """Return which cells resemble no type of the source, at one in twenty false alarms: (n_obs,); none where that was not learned."""
    calibration = result.diagnostics.calibration
    if calibration is None or UNKNOWN not in result.obs:
        return np.zeros(result.n_obs, dtype=bool)
    return np.asarray(np.asarray(result.obs[UNKNOWN]) > calibration.unknown_threshold)


def is_foreign(result: TransferResult) -> bool:
    """Tell whether the source seems to be of another tissue, so that no name can be expected to be right."""
    calibration = result.diagnostics.calibration
    return calibration is not None and calibration.source_verdict == "another tissue"


def is_probability(result: TransferResult) -> bool:
    """Tell whether the confidence of a result is the probability that the name is right, where the source has the type."""
    calibration = result.diagnostics.calibration
    return calibration is not None and calibration.n_held_out > 0


def _with_confidence(result: TransferResult) -> TransferResult:
    own = pd.Index(result.label_names).get_indexer(pd.Index(result.labels.astype(str)))
    proba = probabilities(result)
    confidence = np.where(own >= 0, proba[np.arange(result.n_obs), own], proba.max(axis=1))
    confidence[np.asarray(result.obs[RAW]) == 0] = 0.0  # a cell of which nothing is known
    calibration, named = result.diagnostics.calibration, own >= 0
    if calibration is not None:
        agreement = float(1 - disagrees(result)[named].mean()) if named.any() else float("nan")
        calibration = replace(calibration, agreement=agreement)
    return replace(result, confidence=confidence, diagnostics=replace(result.diagnostics, calibration=calibration))
