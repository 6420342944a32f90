"""One θ and its scores, and which θ to choose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self, get_args

import numpy as np

from sctl.data import ThetaScore
from sctl.errors import ParameterError
from sctl.typing import Ints

Criterion = ThetaScore
"""What θ is chosen by; each is an attribute of :class:`ThetaPoint`, and larger is better."""

TIED = 0.002
"""Values of the score ``balanced`` that differ by no more than this are equal."""

SAME_FIT = 0.0005
"""Among such, values of ``target_kta`` that differ by no more than this are equal too: the smallest θ is taken."""


@dataclass(frozen=True)
class ThetaPoint:
    """The clustering at one θ.

    Parameters
    ----------
    theta : float
        In [0, 1]; 0 is the target alone, 1 the source's types alone.
    clusters : ndarray of shape (n_obs,)
    kta : float
        Agreement of the clusters with the mixed data at this θ, in [−1, 1]: the paper's score.
    target_kta : float
        Agreement of the clusters with the target's own data, in [−1, 1]: the same yardstick for every θ.
    silhouette : float
        Mean silhouette of the clusters by the (first) distances they were found in, in [−1, 1].
    seconds : float
        Wall time it took.
    null_kta : float, optional
        ``kta`` minus what it is, on average, with the genes of the source shuffled; None where it was not asked for.
    stability : float, optional
        Mean adjusted Rand index between the clusterings that were joined; None for clusters given from outside.
    """

    theta: float
    clusters: Ints
    kta: float
    target_kta: float
    silhouette: float
    seconds: float = 0.0
    null_kta: float | None = None
    stability: float | None = None

    @property
    def balanced(self) -> float:
        """Mean of ``target_kta`` and ``stability``, which fail in different places; the former where it is alone."""
        return self.target_kta if self.stability is None else (self.target_kta + self.stability) / 2.0

    @property
    def scores(self) -> dict[Criterion, float]:
        """The scores that were computed, by name."""
        names: tuple[Criterion, ...] = get_args(Criterion)
        found = {name: getattr(self, name) for name in names}
        return {name: float(score) for name, score in found.items() if score is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain values that JSON takes."""
        return {**asdict(self), "clusters": self.clusters.tolist()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the point that :meth:`to_dict` wrote."""
        return cls(**{**values, "clusters": np.asarray(values["clusters"], dtype=np.int64)})


def thetas_beside(theta: float) -> tuple[float, ...]:
    """Return which θ a result at a given one needs: itself, and θ = 0, which shows what the source may hide.

    Examples
    --------
    >>> thetas_beside(0.4), thetas_beside(0)
    ((0.0, 0.4), (0.0,))
    """
    return tuple(sorted({0.0, float(theta)}))


def choose_theta(points: Iterable[ThetaPoint], criterion: Criterion = "balanced") -> float:
    """Return the θ of the largest score; of equal ones the smallest θ.

    Of the score ``balanced``, values within :data:`TIED` are equal. Then the fit to the target's own data decides, and
    where that is the same within :data:`SAME_FIT`, the smallest θ: the source must earn what it is trusted with.

    θ = 1 is left out unless it is alone: there the data are copies of the source's profiles, so that the
    paper's KTA tends to 1 whether or not the transfer is right. The same flaw grows towards it, which is
    why the default compares every θ's clusters with the target's own data, and with one another; see
    ``docs/theta_selection.md``.

    Raises
    ------
    ParameterError
        If there is no point, or the score was not computed.
    """
    found = sorted(points, key=lambda point: point.theta)
    if not found:
        raise ParameterError("No θ has been computed yet.", do="Run the sweep first.")
    inner = [point for point in found if point.theta < 1] or found
    scores = [getattr(point, criterion) for point in inner]
    if any(score is None for score in scores):
        raise ParameterError(
            f"The score {criterion!r} was not computed for these θ.",
            expected="The sweep computes it when θ is to be chosen by it.",
            do="Run the sweep again with this criterion, or choose another one.",
        )
    if criterion == "balanced":
        inner = _within(TIED, inner, "balanced")
        return _within(SAME_FIT, inner, "target_kta")[0].theta
    return _within(0.0, inner, criterion)[0].theta


def _within(slack: float, points: list[ThetaPoint], score: Criterion) -> list[ThetaPoint]:
    """Return the points whose score is the largest but for ``slack``, in order."""
    values = np.round(np.array([getattr(point, score) for point in points], dtype=float), 9)
    return [point for point, value in zip(points, values, strict=True) if value >= values.max() - slack]
