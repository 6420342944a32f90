"""What speaks against trusting the chosen θ, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

import numpy as np

from sctl.core.agreement import pairwise_agreement
from sctl.sweep.point import Criterion, ThetaPoint, choose_theta

FLAT = 0.02
"""A score that varies less than this over θ does not choose."""

ALIKE = 0.9
"""Clusters with at least this adjusted Rand index are the same for the purpose of a warning."""

FEWEST = 3
"""Values of θ below 1 that make a curve."""

TITLES: dict[Criterion, str] = {
    "balanced": "the fit to your own data together with the steadiness of the groups",
    "target_kta": "the fit to your own data",
    "kta": "the fit to the mixed data",
    "null_kta": "the fit beyond chance",
    "stability": "the steadiness of the groups",
    "silhouette": "the separation of the groups",
}
"""What the scores are called in sentences."""


def doubts(points: Iterable[ThetaPoint], criterion: Criterion = "balanced") -> tuple[str, ...]:
    """Say what makes the choice of θ unsure.

    Parameters
    ----------
    points : iterable of ThetaPoint
        The curve, in any order. θ = 1 is left out, as in :func:`~sctl.sweep.choose_theta`.
    criterion : str
        What θ is chosen by.

    Returns
    -------
    tuple of str
        A sentence for a flat curve, for a choice on the edge of the grid, and for criteria that would choose
        clearly different groups (adjusted Rand index below 0.9). Empty where nothing speaks against the choice, or
        with fewer than three values of θ.

    Raises
    ------
    ParameterError
        If the score was not computed.

    Examples
    --------
    >>> groups = np.array([0, 0, 1, 1])
    >>> points = [ThetaPoint(theta, groups, 0.5, 0.5, 0.5) for theta in (0.0, 0.3, 0.6)]
    >>> doubts(points, "target_kta")[0]
    'The curve is flat: the fit to your own data hardly depends on how much the source is trusted.'
    """
    curve = sorted((point for point in points if point.theta < 1), key=lambda point: point.theta)
    if len(curve) < FEWEST:
        return ()
    chosen = choose_theta(curve, criterion)
    if np.ptp([getattr(point, criterion) for point in curve]) < FLAT:
        return (f"The curve is flat: {TITLES[criterion]} hardly depends on how much the source is trusted.",)
    return (*_edge(curve, chosen), *_disagreement(curve, criterion, chosen))


def _edge(curve: Sequence[ThetaPoint], chosen: float) -> tuple[str, ...]:
    if chosen == curve[0].theta:
        return (
            f"The choice is the smallest value that was tried (θ = {chosen:g}): the source seems to be of no help, "
            "or does not match your data.",
        )
    if chosen == curve[-1].theta:
        return (
            f"The choice is the largest value that was tried (θ = {chosen:g}): the source may be deciding alone. "
            "Check with marker genes that the groups are in your data.",
        )
    return ()


def _disagreement(curve: Sequence[ThetaPoint], criterion: Criterion, chosen: float) -> tuple[str, ...]:
    """Name the criteria whose choice would give other groups; flat ones have no say."""
    at = {point.theta: point.clusters for point in curve}
    others = []
    for other in get_args(Criterion):
        scores = [getattr(point, other) for point in curve]
        if other == criterion or None in scores or np.ptp(scores) < FLAT:
            continue
        theta = choose_theta(curve, other)
        if pairwise_agreement(np.stack([at[chosen], at[theta]]))[0, 1] < ALIKE:
            others.append(f"{TITLES[other]} would choose θ = {theta:g}")
    if not others:
        return ()
    return (f"The scores disagree, and the groups differ: {'; '.join(others)}.",)
