"""What the panel learns about itself from the source alone: how far its probabilities can be taken at their word."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.stats import rankdata

from sctl.data import SourceVerdict
from sctl.numerics.shift_classifier import FEATURES, ShiftClassifier
from sctl.run import Run
from sctl.typing import Bools, Doubles, Floats, Ints, Matrix

GENE_EFFECT = 0.7
"""Standard deviation of the logarithm of what a protocol does to each gene, in the simulated shift between both halves.
Not fitted: a middling value; calibration hardly depends on it."""
SHARPNESS = (0.2, 5.0)
N_BINS = 10

UNKNOWN_FEATURES = ("log_odds", "contrast")
UNKNOWN_COEFFICIENTS = (-0.355, -7.504)
UNKNOWN_CONSTANT = 3.401
"""A logistic regression, fitted on the tasks for tuning of ``benchmarks.unseen`` (pancreas and cortex), each of equal weight."""
ALARMS = ((0.01, 0.800), (0.02, 0.753), (0.05, 0.602), (0.1, 0.483), (0.2, 0.339))
"""Probability of an unknown type beyond which the given share of known cells of those tasks is called unknown."""


@dataclass(frozen=True)
class Calibration:
    """How votes become probabilities.

    Parameters
    ----------
    sharpness : float
        Power of the votes; above 1 where held-out cells were named better than the votes said.
    floor : float
        Share of probability that is spread over all types, since few held-out cells cannot show that errors are rarer.
    accuracy : float
        Share of held-out cells that were named right; NaN where no type has enough cells.
    n_held_out : int
    reliability : tuple of float
        See :class:`~sctl.data.CalibrationReport`.
    """

    sharpness: float
    floor: float
    accuracy: float
    n_held_out: int
    reliability: tuple[float, ...] = ()

    def apply(self, votes: Doubles) -> Doubles:
        """Return probabilities of votes, both (n_obs, n_types); rows sum to one."""
        powers = np.maximum(votes, 1e-12) ** self.sharpness
        powers /= powers.sum(axis=1, keepdims=True)
        return np.asarray((1 - self.floor) * powers + self.floor / votes.shape[1])


OTHER_TISSUE, SAME_TISSUE = 0.485, 0.6
"""Fit below which a source is of another tissue, and from which on it is of the same. The first lies between foreign pairs for
tuning of ``benchmarks.unseen`` (at most 0.479) and mouse with human pancreas (0.491 to 0.66). The second was chosen when pairs for
reporting had been seen (the lowest of one tissue is 0.601); one species for tuning reaches 0.65 or more."""


def calibrate(X: Matrix, codes: Ints, n_types: int, run: Run) -> Calibration:
    """Name each half of the source by the other half, after a simulated change of protocol, and compare with the truth.

    The power of the votes maximises the likelihood of the true types (temperature scaling, Guo et al. 2017).

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Log-normalised.
    codes : ndarray of shape (n_obs,)
    n_types : int
    run : Run

    Returns
    -------
    Calibration
        Votes as they are, where no two types have two cells in both halves.
    """
    rng = run.rng("calibration")
    half = _halves(codes, n_types, rng)
    log_votes: list[Doubles] = []
    truths: list[Ints] = []
    for held_out in run.track("Learn how sure names are", (0, 1)):
        sizes = [np.bincount(codes[half == side], minlength=n_types) for side in (0, 1)]
        judged = (sizes[0] >= 2) & (sizes[1] >= 2)
        if judged.sum() < 2:
            continue
        number = np.cumsum(judged) - 1
        learn, test = (half != held_out) & judged[codes], (half == held_out) & judged[codes]
        classifier = ShiftClassifier(X[learn], number[codes[learn]], int(judged.sum()))
        votes = classifier.named(_in_another_protocol(X[test], rng)).proba
        log_votes.append(np.log(np.maximum(votes, 1e-12)))
        truths.append(number[codes[test]])
    if not log_votes:
        return Calibration(1.0, 0.05, float("nan"), 0)
    values, right = np.concatenate(log_votes), np.concatenate(truths)
    cells, n_of_type = np.arange(len(right)), np.bincount(right, minlength=values.shape[1])

    def surprise(sharpness: float) -> float:
        scaled = sharpness * values
        top = scaled.max(axis=1)
        of_cells = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - scaled[cells, right]
        return float(np.average(of_cells, weights=n_of_type[right] ** -0.5))  # easy types are often the large ones

    best = minimize_scalar(surprise, bounds=SHARPNESS, method="bounded")
    n_cells, accuracy = len(right), float((values.argmax(axis=1) == right).mean())
    found = Calibration(float(best.x), 2.0 / (n_cells + 4.0), accuracy, n_cells)
    proba = found.apply(np.exp(values))
    bins = reliability(proba.max(axis=1), proba.argmax(axis=1) == right)
    return replace(found, reliability=tuple(float(value) for of_bin in bins for value in of_bin))


def reliability(confidence: Floats, right: Bools) -> list[tuple[int, float, float]]:
    """Return number of cells, mean confidence and share of right names in each of ten equal bins; empty ones are left out.

    Parameters
    ----------
    confidence : ndarray of shape (n_obs,)
        In [0, 1].
    right : ndarray of bool, shape (n_obs,)

    Examples
    --------
    >>> reliability(np.array([0.22, 0.96, 1.0]), np.array([False, True, False]))
    [(1, 0.22, 0.0), (2, 0.98, 0.5)]
    """
    bins = np.minimum((np.asarray(confidence) * N_BINS).astype(int), N_BINS - 1)
    inside = [bins == number for number in np.unique(bins)]
    return [(int(of.sum()), float(confidence[of].mean()), float(right[of].mean())) for of in inside]


def unknown_probability(features: Doubles) -> Doubles:
    """Return the probability that each cell is of a type which the source lacks, of :data:`FEATURES`: (n_obs,)."""
    columns = [FEATURES.index(name) for name in UNKNOWN_FEATURES]
    log_odds = features[:, columns] @ np.array(UNKNOWN_COEFFICIENTS) + UNKNOWN_CONSTANT
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -50, 50))))


def source_fit(values: Floats, codes: Ints, means: Floats) -> float:
    """Return how well groups of the target match the best of the source's types, by rank correlation of mean profiles.

    Ranks do not see how strongly a protocol measures, and means do not see noise; so it holds for a target of one type too.

    Parameters
    ----------
    values : ndarray of shape (n_obs, n_vars)
        Of the target, in the same units as ``means``.
    codes : ndarray of int, shape (n_obs,)
        Type that each cell was given.
    means : ndarray of shape (n_types, n_vars)
        Profiles of the source's types.

    Returns
    -------
    float
        Mean over cells, in [-1, 1].
    """
    groups = np.unique(codes)
    profiles = np.array([values[codes == code].mean(axis=0) for code in groups])
    ranks = np.array([rankdata(profile) for profile in np.vstack([profiles, means])])
    both = np.corrcoef(ranks)[: len(groups), len(groups) :]
    return float(np.average(both.max(axis=1), weights=[(codes == code).sum() for code in groups]))


def source_verdict(fit: float) -> SourceVerdict:
    """Return what :func:`source_fit` says of the source.

    Examples
    --------
    >>> source_verdict(0.72), source_verdict(0.55), source_verdict(0.3)
    ('same tissue', 'partly', 'another tissue')
    """
    if fit >= SAME_TISSUE:
        return "same tissue"
    return "another tissue" if fit < OTHER_TISSUE else "partly"


def alarm_threshold(alarms: float) -> float:
    """Return the probability of an unknown type beyond which a share ``alarms`` of known cells is called unknown."""
    rates, thresholds = zip(*ALARMS, strict=True)
    return float(np.interp(alarms, rates, thresholds))


def _halves(codes: Ints, n_types: int, rng: np.random.Generator) -> Ints:
    """Return 0 or 1 for each cell, so that each type is divided evenly."""
    half = np.zeros(len(codes), dtype=np.int64)
    for code in range(n_types):
        of = rng.permutation(np.flatnonzero(codes == code))
        half[of[::2]] = 1
    return half


def _in_another_protocol(X: Matrix, rng: np.random.Generator) -> Matrix:
    """Return log-normalised values as if another protocol saw each gene better or worse by a factor of its own."""
    factors = np.exp(rng.normal(0.0, GENE_EFFECT, X.shape[1]))
    values = sparse.csr_matrix(X, dtype=np.float64)
    values.data = np.log1p(np.expm1(values.data) * factors[values.indices])
    return values
