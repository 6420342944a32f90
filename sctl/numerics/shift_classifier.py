"""Name cells by two simple classifiers on unscaled values, after what shifts all types alike is taken off.

Two protocols, donors or species differ first of all by a shift of each gene that types share. It cannot be read off the means
of both sides, since these differ by their mix of types as well. Here each gene's shift is found from the differences within the
types that the target seems to have, and only as far as these types agree on it: an estimate of its mean, shrunk by its own
sampling variance as James and Stein (1961) do. Naming and shift take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from sctl.numerics.class_means import class_means
from sctl.run import Run
from sctl.typing import Doubles, Floats, Ints, Matrix

N_COMPONENTS = 50
N_TARGET_COMPONENTS = 30
"""In which the neighbours of a cell within the target are found."""
N_NEIGHBORS = 15
N_ROUNDS = 4
MIN_CELLS = 5
"""Fewer cells of a type say nothing of the shift."""
MIN_SHARE, MIN_TYPES = 0.05, 2
"""A target has a middle of its own where two types have a twentieth of its cells each."""
MAX_CELLS_OF_TYPE = 2_000
"""Of more cells of a type as many are drawn, so that large sources cost no more than middling ones."""
TEMPERATURE = 0.05
"""Of the softmax that makes probabilities of correlations."""
_LENGTH = 20.0

FEATURES = ("log_odds", "margin", "contrast", "fit", "distance", "relative_fit", "relative_distance")
"""What :attr:`Named.features` tells of each cell, each a mean over it and its neighbours in the target:
log odds of the name by the regression · how much better the profile of the name correlates than the next one ·
correlation of what sets the neighbourhood apart in the target with what sets the type apart in the source · correlation with the
profile, in spreads of the source's own cells of that type · log distance to the nearest source cells, against that
of the source's own · both once more, against the target's best explained cells."""


@dataclass(frozen=True)
class Named:
    """What the classifiers say of a target.

    Parameters
    ----------
    proba : ndarray of shape (n_obs, n_types)
        Mean of both, and of the cell's neighbours in the target; rows sum to one. Not calibrated.
    features : ndarray of shape (n_obs, 7)
        See :data:`FEATURES`.
    scores : ndarray of shape (n_obs, n_components)
        Coordinates after the shift was taken off, in the source's principal components.
    """

    proba: Doubles
    features: Doubles
    scores: Doubles


class ShiftClassifier:
    """Logistic regression on principal components beside correlation with the types' profiles.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Log-normalised values of the source. Cells are brought to unit length, so that their depth matters less.
    codes : ndarray of int, shape (n_obs,)
        Type of each cell; each of ``0 … n_types − 1`` occurs.
    n_types : int
        At least two.
    seed : int
        Of the cells that are drawn of large types, and of the components.

    Notes
    -----
    Deterministic for a seed; another order of the genes or cells changes nothing beyond rounding, as long as no cells
    have to be drawn.
    """

    def __init__(self, X: Matrix, codes: Ints, n_types: int, *, seed: int = 0) -> None:
        kept = _drawn(codes, n_types, seed)
        values, codes = unit_length(X[kept]), codes[kept]
        self.n_types = n_types
        self.means = class_means(values, codes, n_types)
        self.center = self.means.mean(axis=0)
        self.pca = _components(values, N_COMPONENTS)
        scores = self.pca.transform(values)
        self.scale = float(scores.std()) or 1.0
        self.regression = LogisticRegression(max_iter=300, class_weight="balanced").fit(scores / self.scale, codes)
        own = self.correlations(values)[np.arange(len(codes)), codes]
        self.typical_fit = np.array([np.median(own[codes == code]) for code in range(n_types)])
        spread = [np.median(np.abs(own[codes == code] - self.typical_fit[code])) for code in range(n_types)]
        self.spread_of_fit = np.maximum(1.4826 * np.array(spread) + 1e-3, 0.02)
        self.neighbors = NearestNeighbors(n_neighbors=min(N_NEIGHBORS, len(codes) - 1)).fit(scores)
        near = self.neighbors.kneighbors(return_distance=True)[0].mean(axis=1)
        self.typical_distance = np.array([np.median(near[codes == code]) for code in range(n_types)])
        self.typical_distance = np.maximum(self.typical_distance, 1e-9)

    def correlations(self, values: Floats) -> Doubles:
        """Return the correlation of each cell with each type's profile, both as they differ from the mean type: (n_obs, n_types)."""
        return correlations(values, self.means)

    def probabilities(self, values: Floats) -> tuple[Doubles, Doubles]:
        """Return what regression and correlation say: twice (n_obs, n_types)."""
        by_regression = self.regression.predict_proba(self.pca.transform(values) / self.scale)
        return by_regression, softmax(self.correlations(values) / TEMPERATURE)

    def named(self, X: Matrix, run: Run | None = None) -> Named:
        """Name the cells of a target.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_target, n_vars)
            Log-normalised values of the same genes.
        run : Run, optional
            Its switch is looked at between rounds.

        Returns
        -------
        Named
        """
        run = run or Run()
        values = unit_length(X)
        raw_fit = self.correlations(values)
        shift, proba = np.zeros(values.shape[1]), np.mean(self.probabilities(values), axis=0)
        for _ in run.track("Compare with the types of the source", range(N_ROUNDS)):
            shift = shared_shift(values, proba.argmax(axis=1), self.means, raw_fit)
            proba = np.mean(self.probabilities(values - shift), axis=0)
        near = neighbors_within(values)
        smooth = 0.5 * proba + 0.5 * proba[near].mean(axis=1)
        features = self._features(values, shift, smooth.argmax(axis=1), near)
        return Named(smooth, features, np.asarray(self.pca.transform(values - shift), dtype=np.float64))

    def _middle(self, values: Floats, shift: Doubles, top: Ints) -> Doubles:
        """Return the mean of the target's types, each counted once, from which neighbourhoods are seen to differ.

        Of a target with one type, which has no such mean of its own, the source's types take the place of those
        that it lacks.
        """
        sizes = np.bincount(top, minlength=self.n_types)
        present = np.flatnonzero(sizes >= max(MIN_CELLS, MIN_SHARE * len(top)))
        expected = self.means + shift
        for code in present:
            expected[code] = values[top == code].mean(axis=0)
        return np.asarray((expected[present] if len(present) >= MIN_TYPES else expected).mean(axis=0))

    def _features(self, values: Floats, shift: Doubles, top: Ints, near: Ints) -> Doubles:
        cells, corrected = np.arange(len(values)), values - shift
        by_regression, _ = self.probabilities(corrected)
        log_odds = _log_odds(by_regression[cells, top])
        fits = self.correlations(corrected)
        ordered = np.sort(fits, axis=1)
        margin = ordered[:, -1] - ordered[:, -2]
        fit = (fits[cells, top] - self.typical_fit[top]) / self.spread_of_fit[top]
        distance = self.neighbors.kneighbors(self.pca.transform(corrected))[0].mean(axis=1)
        distance = np.log(np.maximum(distance, 1e-9) / self.typical_distance[top])
        local = np.array([values[of].mean(axis=0) for of in near]) - self._middle(values, shift, top)
        contrast = (_unit(local) @ _unit(self.means - self.center).T)[cells, top]
        log_odds, margin, fit, distance = (value[near].mean(axis=1) for value in (log_odds, margin, fit, distance))
        columns = [log_odds, margin, contrast, fit, distance]
        columns += [fit - np.quantile(fit, 0.9), distance - np.quantile(distance, 0.1)]
        return np.column_stack(columns)


def shared_shift(values: Floats, codes: Ints, means: Floats, fit: Doubles, *, and_unshifted: bool = False) -> Doubles:
    """Return by how much each gene is shifted in all types alike: their mean difference, times how far it exceeds its own error.

    Parameters
    ----------
    values : ndarray of shape (n_obs, n_vars)
    codes : ndarray of int, shape (n_obs,)
        Type of each cell.
    means : ndarray of shape (n_types, n_vars)
        Of the source, on the same scale.
    fit : ndarray of shape (n_obs, n_types)
        From :func:`correlations`; what fits a type badly may be no such type, and says little of the shift.
    and_unshifted : bool
        Think of one type more that is not shifted: in a target of one type, its difference may be all that sets it apart.

    Returns
    -------
    ndarray of shape (n_vars,)

    Examples
    --------
    >>> means = np.array([[0.0, 2.0], [2.0, 0.0]])
    >>> codes = np.repeat([0, 1], 5)
    >>> values = means[codes] + [1.0, 0.0]
    >>> shared_shift(values, codes, means, correlations(values, means)).round(2).tolist()
    [1.0, 0.0]
    >>> shared_shift(values, codes, means, correlations(values, means), and_unshifted=True).round(2).tolist()
    [0.43, 0.0]
    """
    present = [code for code in np.unique(codes).tolist() if (codes == code).sum() >= MIN_CELLS]
    if not present:
        return np.zeros(values.shape[1])
    by_type = np.array([values[codes == code].mean(axis=0) - means[code] for code in present])
    weight = np.array([max(float(fit[codes == code, code].mean()), 0.0) ** 2 + 1e-12 for code in present])
    weight /= weight.max()
    if and_unshifted:
        by_type, weight = np.vstack([by_type, np.zeros(values.shape[1])]), np.append(weight, 1.0)
    mean = weight @ by_type / weight.sum()
    variance = weight @ (by_type - mean) ** 2 / weight.sum()
    error = variance / max(weight.sum() - 1, 1e-9) if len(by_type) > 1 else mean**2
    return np.asarray(mean * mean**2 / (mean**2 + error + 1e-9))


def correlations(values: Floats, means: Floats) -> Doubles:
    """Return the correlation of each cell with each profile, both as they differ from the mean profile: (n_obs, n_types)."""
    center = means.mean(axis=0)
    return np.asarray(_unit(values - center) @ _unit(means - center).T, dtype=np.float64)


def softmax(exponents: Floats) -> Doubles:
    """Return probabilities, rows that sum to one, of the exponents of their odds."""
    odds = np.exp(exponents - exponents.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _components(values: Floats, most: int) -> PCA:
    """Return the leading components; to the last digit, so that the order of cells and genes does not matter."""
    n_components = max(min(most, *(side - 1 for side in values.shape)), 1)
    solver = "arpack" if n_components < min(values.shape) else "full"
    return PCA(n_components, svd_solver=solver, random_state=0).fit(values)


def unit_length(X: Matrix) -> Floats:
    """Return cells as dense rows of one length, ``(n_obs, n_vars)``; rows of zeros stay."""
    values: Any = X.toarray() if sparse.issparse(X) else np.asarray(X)
    return np.asarray(_LENGTH * _unit(values.astype(np.float32, copy=False)), dtype=np.float32)


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0))


def _log_odds(p: Doubles) -> Doubles:
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


def _drawn(codes: Ints, n_types: int, seed: int) -> Ints:
    """Return which cells of the source are looked at, in order."""
    rng, kept = np.random.default_rng(seed), []
    for code in range(n_types):
        of = np.flatnonzero(codes == code)
        kept.append(of if len(of) <= MAX_CELLS_OF_TYPE else rng.choice(of, MAX_CELLS_OF_TYPE, replace=False))
    return np.sort(np.concatenate(kept))


def neighbors_within(values: Floats) -> Ints:
    """Return the nearest other cells of each cell of the target, in its own components: (n_obs, n_neighbors)."""
    if len(values) < 3:
        return np.arange(len(values))[:, None]
    scores = _components(values, N_TARGET_COMPONENTS).transform(values)
    return np.asarray(
        NearestNeighbors(n_neighbors=min(N_NEIGHBORS, len(values) - 1))
        .fit(scores)
        .kneighbors(None, return_distance=False)
    )
