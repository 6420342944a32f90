"""How much each cell of a target resembles each type, in expression that was not scaled within the target.

Scaled by itself, a target of few types has these for its average. Unscaled values keep what types it consists of, but two
protocols or donors differ by a shift of each gene. As in :mod:`sctl.numerics.shift_classifier`, whose parts these are, naming and the shift
that the types share take turns; here nothing is needed but what a saved network can hold: profiles, and weights of genes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sctl.numerics.class_means import class_means
from sctl.numerics.shift_classifier import (
    N_ROUNDS,
    TEMPERATURE,
    ShiftClassifier,
    correlations,
    neighbors_within,
    shared_shift,
    softmax,
    unit_length,
)
from sctl.typing import Bools, Doubles, Floats, Ints, Matrix


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
    found, raw_fit = _named(values, means, profiles, near), correlations(values, means)
    for _ in range(N_ROUNDS):
        shift = shared_shift(values, found.codes, means, raw_fit, and_unshifted=True)
        found = _named(values - shift, means, profiles, near)
    if profiles.typical_fit is None:
        return found
    own = found.fit[np.arange(len(found.fit)), found.codes]
    return replace(found, nearness=own / np.maximum(profiles.typical_fit[found.codes], 1e-3))


def _named(values: Floats, means: Floats, profiles: TypeProfiles, near: Ints) -> ProfileNames:
    fit = correlations(values, means)
    proba = softmax(fit / TEMPERATURE)
    if profiles.weights is not None and profiles.intercept is not None:
        proba = (proba + softmax(values @ profiles.weights.T + profiles.intercept)) / 2
    return ProfileNames(np.asarray(0.5 * proba + 0.5 * proba[near].mean(axis=1)), fit)
