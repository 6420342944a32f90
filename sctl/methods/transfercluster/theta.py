"""One θ and its scores, which θ to choose, and what speaks against the choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

import numpy as np

from sctl.data import ThetaScore
from sctl.errors import ParameterError
from sctl.methods.transfercluster.alignment import pairwise_agreement
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


FLAT = 0.02
"""A score that varies less than this over θ does not choose."""

TOLERANCE = 0.01
"""Share of the best score by which a θ may fall behind and still count as just as good."""

ALIKE = 0.9
"""Clusters with at least this adjusted Rand index are the same for the purpose of a warning."""

FEWEST = 3
"""Values of θ below 1 that make a curve."""

Kind = Literal["flat", "smallest", "largest", "disagreement", "peak", "plateau"]
"""The last two are no doubts: the best θ lies inside the grid, alone or among others that do as well."""

TITLES: dict[Criterion, str] = {
    "balanced": "the fit to your own data together with the steadiness of the groups",
    "target_kta": "the fit to your own data",
    "kta": "the fit to the mixed data",
    "null_kta": "the fit beyond chance",
    "stability": "the steadiness of the groups",
    "silhouette": "the separation of the groups",
}
"""What the scores are called in sentences."""


@dataclass(frozen=True)
class SweepWarning:
    """One thing to say about a curve.

    Parameters
    ----------
    kind : {"flat", "smallest", "largest", "disagreement", "peak", "plateau"}
    text : str
        Plain sentences.
    """

    kind: Kind
    text: str

    @property
    def is_warning(self) -> bool:
        """Whether it speaks against trusting the chosen θ."""
        return self.kind not in ("peak", "plateau")


def sweep_notes(points: Iterable[ThetaPoint], criterion: Criterion = "balanced") -> tuple[SweepWarning, ...]:
    """Say what a curve means: how safe the choice of θ is, and what makes it unsure.

    Parameters
    ----------
    points : iterable of ThetaPoint
        The curve, in any order. θ = 1 is left out, as in :func:`~sctl.methods.transfercluster.theta.choose_theta`.
    criterion : str
        What θ is chosen by.

    Returns
    -------
    tuple of SweepWarning
        First how the curve looks around the choice: flat, best on an edge of the grid, a plateau or a peak. Then,
        unless it is flat, whether other criteria would choose clearly different groups (adjusted Rand index below
        0.9); ``kta`` and ``silhouette`` are not heard where they choose the largest θ, as they tend to. Empty with fewer than three values of θ.

    Raises
    ------
    ParameterError
        If the score was not computed.

    Examples
    --------
    >>> groups = np.array([0, 0, 1, 1])
    >>> points = [ThetaPoint(theta, groups, 0.5, score, 0.5) for theta, score in ((0, 0.3), (0.3, 0.9), (0.6, 0.4))]
    >>> [remark.kind for remark in sweep_notes(points, "target_kta")]
    ['peak']
    """
    curve = sorted((point for point in points if point.theta < 1), key=lambda point: point.theta)
    if len(curve) < FEWEST:
        return ()
    chosen = choose_theta(curve, criterion)
    if np.ptp(_scores(curve, criterion)) < FLAT:
        any_will_do = _ANY_WILL_DO if _alike(curve, chosen) else _GROUPS_DIFFER
        return (SweepWarning("flat", f"The curve is flat: {TITLES[criterion]} {_FLAT} {any_will_do}"),)
    others = _disagreement(curve, criterion, chosen)
    return (_shape(curve, criterion, chosen, agreed=not others), *others)


def sweep_warnings(points: Iterable[ThetaPoint], criterion: Criterion = "balanced") -> tuple[SweepWarning, ...]:
    """Return those of :func:`sweep_notes` that make the choice of θ unsure; empty where nothing speaks against it.

    Examples
    --------
    >>> groups = np.array([0, 0, 1, 1])
    >>> points = [ThetaPoint(theta, groups, 0.5, 0.5, 0.5) for theta in (0.0, 0.3, 0.6)]
    >>> [doubt.kind for doubt in sweep_warnings(points, "target_kta")]
    ['flat']
    """
    return tuple(remark for remark in sweep_notes(points, criterion) if remark.is_warning)


_OF_MIXED_DATA = ("kta", "silhouette")

_FLAT = "hardly depends on how much the source is trusted."
_ANY_WILL_DO = "Any θ will do. Either your data are clear by themselves, or the source says little about them."
_GROUPS_DIFFER = "The groups do, though, and the score does not say which are better: compare some values of θ."


def _scores(curve: Sequence[ThetaPoint], criterion: Criterion) -> list[float]:
    return [getattr(point, criterion) for point in curve]


def _shape(curve: Sequence[ThetaPoint], criterion: Criterion, chosen: float, *, agreed: bool) -> SweepWarning:
    """Say where on the curve the choice lies."""
    said = _chosen_by(curve, criterion, chosen)
    if chosen == curve[0].theta:
        return SweepWarning(
            "smallest",
            f"{said} So the source seems to be of no help. Source and target may not match: another tissue, other cell "
            "types, or too few shared genes. The names may be less certain than they look.",
        )
    if chosen == curve[-1].theta:
        return SweepWarning(
            "largest",
            f"{said} It is the largest value that was tried: the source may be deciding alone. Check "
            "on the map and with marker genes that the groups are really in your data.",
        )
    return _inside(curve, criterion, chosen, agreed=agreed)


def _inside(curve: Sequence[ThetaPoint], criterion: Criterion, chosen: float, *, agreed: bool) -> SweepWarning:
    """Say which θ do as well as one inside the grid."""
    thetas, scores = [point.theta for point in curve], np.array(_scores(curve, criterion))
    place = thetas.index(chosen)
    worse = np.flatnonzero(scores < scores.max() - TOLERANCE * abs(scores.max()))
    first = int(worse[worse < place].max(initial=-1)) + 1
    last = int(worse[worse > place].min(initial=len(thetas))) - 1
    text = _chosen_by(curve, criterion, chosen)
    if thetas[0] == 0 and scores[place] - scores[0] < TOLERANCE:
        how = "hardly better" if scores[place] > scores[0] else "no better"
        text += f" That is {how} than your data alone (θ = 0)."
    if first == last:
        return SweepWarning(
            "peak", f"{text} Neighbouring values fit less well, so the choice matters: compare them below."
        )
    span = f"All values from {thetas[first]:g} to {thetas[last]:g} lie within {TOLERANCE:.0%} of the best"
    if not _alike(curve[first : last + 1], chosen):
        return SweepWarning(
            "plateau", f"{text} {span}, but some of them group your cells differently: compare them below."
        )
    return SweepWarning("plateau", f"{text} {span}{', so the choice is safe' if agreed else ''}.")


def _chosen_by(curve: Sequence[ThetaPoint], criterion: Criterion, chosen: float) -> str:
    """Say what the rule of :func:`~sctl.methods.transfercluster.theta.choose_theta` goes by, with the scores that it compares."""
    thetas, scores = [point.theta for point in curve], np.round(_scores(curve, criterion), 9)
    best, score = scores.max(), scores[thetas.index(chosen)]
    slack = TIED if criterion == "balanced" else 0.0
    tied = [theta for theta, value in zip(thetas, scores, strict=True) if value >= best - slack]
    compared = f"{scores[0]:.3f} without the source" if thetas[0] == 0 else f"{scores[0]:.3f} at θ = {thetas[0]:g}"
    if chosen == thetas[0]:
        compared = f"{scores[-1]:.3f} at θ = {thetas[-1]:g}"
    if len(tied) == 1:
        return f"Of all values below 1, θ = {chosen:g} scores best ({score:.3f}, against {compared})."
    if score == best and chosen == tied[0]:
        return f"θ = {chosen:g} is the least help with the best score ({score:.3f}, against {compared})."
    numbers = f"({score:.3f}, against {best:.3f} at θ = {thetas[int(scores.argmax())]:g} and {compared})"
    if chosen == tied[0]:
        return f"θ = {chosen:g} is the least help that scores about as well as the best {numbers}."
    return (
        f"θ = {chosen:g} scores about as well as the best {numbers}. Of the values that do, it is the least help that "
        "also fits your own data as well as any."
    )


def _alike(curve: Sequence[ThetaPoint], chosen: float) -> bool:
    """Tell whether all points of a curve group the cells nearly as the chosen one does."""
    place = [point.theta for point in curve].index(chosen)
    return bool(pairwise_agreement(np.stack([point.clusters for point in curve]))[place].min() >= ALIKE)


def _disagreement(curve: Sequence[ThetaPoint], criterion: Criterion, chosen: float) -> tuple[SweepWarning, ...]:
    """Name the criteria whose choice would give other groups.

    Flat ones have no say, nor have those of the mixed data where they are best at the largest θ: the more cells are
    replaced by profiles, the better any groups fit, so that they end there whether or not the source helps.
    """
    at = {point.theta: point.clusters for point in curve}
    others: dict[float, str] = {}
    for other in get_args(Criterion):
        scores = _scores(curve, other)
        if other == criterion or None in scores or np.ptp(scores) < FLAT:
            continue
        theta = choose_theta(curve, other)
        if other in _OF_MIXED_DATA and theta == curve[-1].theta:
            continue
        agreement = pairwise_agreement(np.stack([at[chosen], at[theta]]))[0, 1]
        if agreement < ALIKE:
            others.setdefault(theta, TITLES[other])
    return tuple(SweepWarning("disagreement", _differs(at, chosen, theta, by)) for theta, by in sorted(others.items()))


def _differs(at: Mapping[float, np.ndarray], chosen: float, theta: float, by: str) -> str:
    here, there = len(np.unique(at[chosen])), len(np.unique(at[theta]))
    counts = "" if here == there else f" ({there} groups instead of {here})"
    who = "Your own data alone" if theta == 0 else f"θ = {theta:g}, which has the best score for {by},"
    return f"{who} would group some cells differently{counts}. Compare θ = {theta:g} before you trust small groups."
