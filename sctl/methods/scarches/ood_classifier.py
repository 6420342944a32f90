"""Which cells belong to none of the known types: learned from the reference by hiding its types one by one.

Three things are told of a cell: how its neighbours' labels differ, how unusual it would be for the nearest type, and how
near the second nearest type comes to the nearest. What each means differs between references. Hence each type is hidden in
turn, and its cells are asked about the others: cells of a type that the reference lacks. Cells asked without themselves
are the opposite. A monotone logistic regression between the two gives a probability. No target is
looked at, and no target's truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from sctl.methods.scarches.gaussians import ClassGaussians
from sctl.numerics.neighbors import ReferenceIndex, Weighting
from sctl.typing import Bools, Floats, Ints

RIDGE = 0.1
MIN_CELLS = 5
"""Types with fewer cells are not hidden."""
NEAR = 0.25
"""Share of a dataset's cells that are taken to be of known types, when the dataset as a whole is shifted."""
N_FOLDS = 5
NEW_SHARE = 0.1
"""Share of cells of unknown types that is expected of a target; the probabilities, not the threshold, depend on it."""
FEATURES = ("ambiguity", "distance", "rivalry")


@dataclass(frozen=True)
class Evidence:
    """What the reference says about some cells.

    Parameters
    ----------
    proba : ndarray of shape (n_obs, n_labels)
        Weighted share of each label among the neighbours; rows sum to one.
    features : ndarray of shape (n_obs, 3)
        ``ambiguity`` one minus the largest share; ``distance`` logarithm of the squared distance to the nearest type
        over what is usual for it, 0 for a usual cell; ``distance_ratio`` that distance over the one to the second nearest type,
        in [0, 1].
    neighbor_distance : ndarray of shape (n_obs,)
        See :attr:`Votes.distance <sctl.numerics.neighbors.Votes>`.
    """

    proba: Floats
    features: Floats
    neighbor_distance: Floats


class ReferenceSpace:
    """Reference cells in a space, ready to be compared with.

    Parameters
    ----------
    points : ndarray of shape (n_ref, n_dims)
    codes : ndarray of shape (n_ref,)
    n_labels : int
    k : int
    weighting : str
    own : ndarray of shape (n_ref,), optional
        As in :class:`~sctl.numerics.neighbors.ReferenceIndex`.
    """

    def __init__(
        self,
        points: Floats,
        codes: Ints,
        n_labels: int,
        *,
        k: int = 15,
        weighting: Weighting = "local",
        own: Floats | None = None,
    ) -> None:
        self.index = ReferenceIndex(points, codes, n_labels, k, own)
        self.shapes = ClassGaussians(points, codes)
        self.weighting: Weighting = weighting

    def query(self, points: Floats) -> Evidence:
        """Compare cells with the reference."""
        votes = self.index.query(points, self.weighting)
        return Evidence(votes.proba, self._features(votes.ambiguity, points), votes.distance)

    def leave_one_out(self) -> Evidence:
        """Compare each reference cell with the others."""
        votes = self.index.leave_one_out(self.weighting)
        return Evidence(votes.proba, self._features(votes.ambiguity, self.index.points), votes.distance)

    def without(self, cells: Bools) -> ReferenceSpace:
        """Return the space without some cells."""
        index, kept = self.index, ~cells
        return ReferenceSpace(
            index.points[kept], index.codes[kept], index.n_labels, k=index.k, weighting=self.weighting
        )

    def _features(self, ambiguity: Floats, points: Floats) -> Floats:
        distances = np.sort(self.shapes.distances(points), axis=1)
        nearest = distances[:, 0]
        second = distances[:, 1] if distances.shape[1] > 1 else np.full(len(nearest), np.inf)
        distance_ratio = np.divide(nearest, second, out=np.zeros(len(nearest)), where=second > 0)
        return np.column_stack([ambiguity, np.log(np.clip(nearest, 1e-6, 1e12)), distance_ratio])


@dataclass(frozen=True)
class HeldOut:
    """Reference cells asked as if they were a target's.

    Parameters
    ----------
    evidence : Evidence
    codes : ndarray of shape (n_asked,)
        True type of each; a cell may be asked twice.
    hidden : ndarray of bool, shape (n_asked,)
        Whether its type was hidden.
    """

    evidence: Evidence
    codes: Ints
    hidden: Bools


@dataclass(frozen=True)
class Novelty:
    """Turns evidence into the probability that a cell's type is unknown.

    Parameters
    ----------
    centre, scale, coefficients : tuple of three floats
        Of the features; the coefficients are not negative.
    constant : float
    threshold : float
        Cells above it are called unknown.
    usual : float
        Distance that three quarters of the held-out cells of known types exceed.
    accuracy : float
        Share of right labels among held-out cells of known types that stay assigned.
    kept : float
        Share of held-out cells of known types that stay assigned.
    flagged : float
        Share of the cells of hidden types above the threshold, averaged over types; NaN if no type could be hidden.
    auroc : float
        Of the probability, hidden types against known ones.
    """

    center: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    coefficients: tuple[float, ...] = (0.0, 0.0, 0.0)
    constant: float = -20.0
    threshold: float = 1.0
    usual: float = 0.0
    accuracy: float = float("nan")
    kept: float = 1.0
    flagged: float = float("nan")
    auroc: float = float("nan")

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Self:
        """Return it from its fields, as a file holds them.

        Raises
        ------
        TypeError, ValueError
            If they are no numbers, or not as many as there are features.
        """
        found = {name: tuple(map(float, v)) if isinstance(v, list | tuple) else float(v) for name, v in facts.items()}
        out = cls(**found)  # type: ignore[arg-type]
        if any(len(values) != len(FEATURES) for values in (out.center, out.scale, out.coefficients)):
            raise ValueError("a number is needed for each feature")
        return out

    def probability(self, features: Floats, *, shift: float = 0.0) -> Floats:
        """Return the probability that each cell is of no known type: (n_obs,).

        Parameters
        ----------
        features : ndarray of shape (n_obs, 3)
        shift : float
            What is subtracted from all distances; see :meth:`shift`.
        """
        moved = features - np.array([0.0, shift, 0.0])
        score = (moved - np.array(self.center)) / np.array(self.scale) @ np.array(self.coefficients) + self.constant
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(score, -30, 30))))

    def shift(self, features: Floats) -> float:
        """Return by how much a dataset as a whole lies farther away than the reference's own cells, or nearer (negative).

        A batch effect moves every cell, a new type only its own. The nearest quarter of the cells is taken to be of known
        types; it is compared with the nearest quarter of the reference.
        """
        return float(np.quantile(features[:, 1], NEAR)) - self.usual


def held_out(space: ReferenceSpace) -> HeldOut:
    """Ask reference cells without their type, and without themselves.

    Parameters
    ----------
    space : ReferenceSpace

    Returns
    -------
    HeldOut
        First all cells, each asked about the four fifths to which it does not belong (covariances would flatter the cells
        they were estimated from); then those of hidden types.
    """
    parts = [*_by_fold(space), *_by_type(space)]
    names = ("proba", "features", "neighbor_distance")
    evidence = Evidence(*(np.concatenate([getattr(part.evidence, name) for part in parts]) for name in names))
    return HeldOut(evidence, *(np.concatenate([getattr(part, name) for part in parts]) for name in ("codes", "hidden")))


def learn_novelty(queried: HeldOut, *, kept: float = 0.95) -> Novelty:
    """Learn from held-out cells what tells unknown types from known ones.

    Parameters
    ----------
    queried : HeldOut
    kept : float
        Share of the known cells that shall stay below the threshold. Where so many cells of hidden types lie above even
        more, it is half way between both: nothing is gained by rejecting known cells.
    """
    known, features = ~queried.hidden, queried.evidence.features
    right = queried.evidence.proba.argmax(axis=1) == queried.codes
    plain = Novelty(usual=float(np.quantile(features[known, 1], NEAR)), accuracy=float(right[known].mean()))
    if not queried.hidden.any():
        return plain
    center = features[known].mean(axis=0)
    scale = np.maximum(features[known].std(axis=0), 0.05)  # a feature that never varies must not become a hair trigger
    weights = _logistic((features - center) / scale, queried)
    out = replace(
        plain,
        center=tuple(map(float, center)),
        scale=tuple(map(float, scale)),
        coefficients=tuple(map(float, weights[:-1])),
        constant=float(weights[-1]) + float(np.log(NEW_SHARE / (1.0 - NEW_SHARE))),
    )
    probability = out.probability(features)
    threshold = _threshold(probability[known], probability[queried.hidden], kept)
    stays = known & (probability <= threshold)
    types = np.unique(queried.codes[queried.hidden])
    above = [float((probability[queried.hidden & (queried.codes == c)] > threshold).mean()) for c in types]
    return replace(
        out,
        threshold=threshold,
        accuracy=float(right[stays].mean()),
        kept=float(stays.sum() / known.sum()),
        flagged=float(np.mean(above)),
        auroc=float(roc_auc_score(queried.hidden, probability)),
    )


def _threshold(known: Floats, hidden: Floats, kept: float) -> float:
    lowest = float(np.quantile(known, kept))
    highest = max(lowest, float(np.quantile(hidden, 1.0 - kept)))
    odds = [np.log(p) - np.log1p(-p) for p in (lowest, highest)]
    return float(1.0 / (1.0 + np.exp(-np.mean(odds))))


def _logistic(z: Floats, queried: HeldOut) -> Floats:
    """Fit with coefficients that are not negative; every type counts alike, known and hidden types by half each."""
    x = np.column_stack([z, np.ones(len(z))])
    y = np.where(queried.hidden, 1.0, -1.0)
    weights = np.zeros(len(y))
    for hidden in (False, True):
        some = queried.hidden == hidden
        present, inverse, sizes = np.unique(queried.codes[some], return_inverse=True, return_counts=True)
        weights[some] = 0.5 / (len(present) * sizes[inverse])
    ridge = RIDGE * np.array([1.0, 1.0, 1.0, 0.0])

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = y * (x @ w)
        slope = -(weights * y) / (1.0 + np.exp(np.clip(margin, -500, 500)))
        value = float(weights @ np.logaddexp(0.0, -margin)) + 0.5 * float(ridge @ w**2)
        return value, x.T @ slope + ridge * w

    bounds = [(0.0, None)] * 3 + [(None, None)]
    return np.asarray(minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=bounds).x)


def _by_fold(space: ReferenceSpace) -> list[HeldOut]:
    """Ask every fifth cell about the others."""
    codes = space.index.codes
    if len(codes) <= N_FOLDS:
        return [HeldOut(space.leave_one_out(), codes, np.zeros(len(codes), dtype=bool))]
    folds = np.arange(len(codes)) % N_FOLDS
    return [_queried(space, folds == fold, hidden=False) for fold in range(N_FOLDS)]


def _by_type(space: ReferenceSpace) -> list[HeldOut]:
    """Ask the cells of each type about those of the others."""
    codes = space.index.codes
    sizes = np.bincount(codes, minlength=space.index.n_labels)
    types = [c for c in range(len(sizes)) if MIN_CELLS <= sizes[c] < len(codes)]
    return [_queried(space, codes == c, hidden=True) for c in types]


def _queried(space: ReferenceSpace, cells: Bools, *, hidden: bool) -> HeldOut:
    codes = space.index.codes[cells]
    return HeldOut(space.without(cells).query(space.index.points[cells]), codes, np.full(len(codes), hidden))
