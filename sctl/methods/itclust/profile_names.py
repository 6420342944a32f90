"""How much each cell of a target resembles each type, in expression that was not scaled within the target.

Scaled by itself, a target of few types has these for its average. Unscaled values keep what types it consists of, but two
protocols or donors differ by a shift of each gene. As in :mod:`sctl.numerics.shift_classifier`, naming and the shift that the
types share take turns; here nothing is needed but what a saved network can hold of the source: profiles, and weights of genes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sctl.numerics.class_means import class_means
from sctl.numerics.shift_classifier import ShiftClassifier, neighbors_within, unit_length
from sctl.typing import Bools, Doubles, Floats, Ints, Matrix

N_ROUNDS = 4
"""As often naming and shift take turns, as in :mod:`sctl.numerics.shift_classifier`."""
MIN_CELLS = 5
"""Fewer cells of a type say nothing of the shift."""
TEMPERATURE = 0.05
"""Of the softmax that makes probabilities of correlations. All three are those of the panel, set on pancreas and cortex."""


@dataclass(frozen=True)
class TypeProfiles:
    """What tells types apart without scaling.

    Parameters
    ----------
    means : ndarray of shape (n_types, n_vars)
        Mean log-normalised values of each type.
    weights, intercept : ndarray of shape (n_types, n_vars), (n_types,), optional
        Of a logistic regression on cells of one length, which tells close relatives apart better than profiles do.
    typical_fit : ndarray of shape (n_types,), optional
        Median correlation of the source's own cells with the profile of their type.
    """

    means: Floats
    weights: Floats | None = None
    intercept: Floats | None = None
    typical_fit: Floats | None = None

    @classmethod
    def of(cls, X: Matrix, codes: Ints, *, seed: int) -> TypeProfiles:
        """Learn them from a source.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_obs, n_vars)
            Log-normalised values.
        codes : ndarray of int, shape (n_obs,)
            Type of each cell; each type has one.
        seed : int
            Of the cells that are drawn of large types.
        """
        n_types = int(codes.max()) + 1
        learned = ShiftClassifier(X, codes, n_types, seed=seed)
        weights = learned.regression.coef_ @ learned.pca.components_ / learned.scale
        intercept = learned.regression.intercept_ - weights @ learned.pca.mean_
        if n_types == 2:  # one row says how much more the second is like
            weights, intercept = np.vstack([np.zeros_like(weights), weights]), np.append(0.0, intercept)
        means = class_means(X, codes, n_types)
        parts = (means, weights, intercept, learned.typical_fit)
        return cls(*(part.astype(np.float32) for part in parts))

    def of_genes(self, found: Bools) -> TypeProfiles:
        """Return them for some of the genes."""
        weights = None if self.weights is None else self.weights[:, found]
        return TypeProfiles(self.means[:, found], weights, self.intercept, self.typical_fit)


@dataclass(frozen=True)
class ProfileNames:
    """How much cells resemble types.

    Parameters
    ----------
    proba : ndarray of shape (n_obs, n_types)
        Rows sum to one.
    fit : ndarray of shape (n_obs, n_types)
        Correlation with each profile.
    nearness : ndarray of shape (n_obs,), optional
        Correlation with the profile of the most probable type, against what is typical of the source's cells of that type.
    """

    proba: Doubles
    fit: Doubles
    nearness: Doubles | None = None

    @property
    def codes(self) -> Ints:
        """The most probable type of each cell: (n_obs,)."""
        out: Ints = self.proba.argmax(axis=1)
        return out

    def take(self, rows: Ints) -> ProfileNames:
        """Return some cells, in a given order."""
        return ProfileNames(self.proba[rows], self.fit[rows], None if self.nearness is None else self.nearness[rows])


def profile_names(X: Matrix, profiles: TypeProfiles) -> ProfileNames:
    """Name cells by correlation with the types' profiles, cells and profiles as they differ from the mean type, and by regression.

    Half of a cell's say is that of its neighbours in the target.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Log-normalised values.
    profiles : TypeProfiles
        Without a regression, correlation decides alone.

    Returns
    -------
    ProfileNames

    Examples
    --------
    >>> profiles = TypeProfiles(np.array([[4.0, 1.0, 0.0, 0.0], [0.0, 1.0, 2.0, 4.0]]))
    >>> X = np.array([[4.0, 0.0, 0.0, 0.0], [0.0, 0.0, 3.0, 4.0]])
    >>> profile_names(X, profiles).codes.tolist()
    [0, 1]
    """
    values, means = unit_length(X), unit_length(profiles.means).astype(np.float64)
    near = neighbors_within(values)
    found = _named(values, means, profiles, near)
    for _ in range(N_ROUNDS):
        found = _named(values - shared_shift(values, found.codes, means), means, profiles, near)
    if profiles.typical_fit is None:
        return found
    own = found.fit[np.arange(len(found.fit)), found.codes]
    return replace(found, nearness=own / np.maximum(profiles.typical_fit[found.codes], 1e-3))


def shared_shift(values: Floats, codes: Ints, means: Floats) -> Doubles:
    """Return by how much each gene is shifted in all types alike.

    It is the types' mean difference, times how far that exceeds its own error (James and Stein, 1961). One more type is thought
    of that is not shifted: where the target has one type alone, its difference may be all that sets it apart from others.

    Parameters
    ----------
    values : ndarray of shape (n_obs, n_vars)
    codes : ndarray of int, shape (n_obs,)
        Type of each cell.
    means : ndarray of shape (n_types, n_vars)
        Of the source, on the same scale.

    Returns
    -------
    ndarray of shape (n_vars,)

    Examples
    --------
    >>> means = np.array([[0.0, 2.0], [2.0, 0.0]])
    >>> codes = np.repeat([0, 1], 5)
    >>> shared_shift(means[codes] + [1.0, 0.0], codes, means).round(2).tolist()
    [0.43, 0.0]
    """
    sizes = np.bincount(codes, minlength=len(means))
    cells = {code: values[codes == code] for code in np.flatnonzero(sizes >= MIN_CELLS).tolist()}
    by_type = np.array([*(some.mean(axis=0) - means[code] for code, some in cells.items()), np.zeros(means.shape[1])])
    fits = np.array([_fit(some, means, code) for code, some in cells.items()])
    weights = np.array([*(fits / fits.max(initial=1e-12)), 1.0])
    mean = weights @ by_type / weights.sum()
    variance = weights @ (by_type - mean) ** 2 / weights.sum()
    error = variance / max(weights.sum() - 1, 1e-9)
    return np.asarray(mean * mean**2 / (mean**2 + error + 1e-9))


def _fit(values: Floats, means: Floats, code: int) -> float:
    """Return how well cells fit a type, squared: what fits badly may be no such type, and says little of the shift."""
    return max(float(_correlations(values, means)[:, code].mean()), 0.0) ** 2 + 1e-12


def _named(values: Floats, means: Floats, profiles: TypeProfiles, near: Ints) -> ProfileNames:
    fit = _correlations(values, means)
    proba = _softmax(fit / TEMPERATURE)
    if profiles.weights is not None and profiles.intercept is not None:
        proba = (proba + _softmax(values @ profiles.weights.T + profiles.intercept)) / 2
    return ProfileNames(np.asarray(0.5 * proba + 0.5 * proba[near].mean(axis=1)), fit)


def _correlations(values: Floats, means: Floats) -> Doubles:
    center = means.mean(axis=0)
    return np.asarray(_unit(values - center) @ _unit(means - center).T, dtype=np.float64)


def _softmax(exponents: Floats) -> Doubles:
    odds = np.exp(exponents - exponents.max(axis=1, keepdims=True), dtype=np.float64)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _unit(rows: Floats) -> Doubles:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0), dtype=np.float64)
