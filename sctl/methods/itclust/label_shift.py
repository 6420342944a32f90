"""Scaling that allows for the mix of types: a type that fills one dataset must not count as average in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sctl.typing import Floats, Ints

LEAST_SPREAD = 0.01
"""A gene keeps at least this share of its spread, however alike the cells of the types met are."""


@dataclass(frozen=True)
class TypeMoments:
    """Mean and variance of every gene in each type of a scaled source.

    Parameters
    ----------
    mean, variance : ndarray of float32, shape (n_types, n_vars)
    """

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]

    @classmethod
    def of(cls, X: Floats, codes: Ints, n_types: int) -> TypeMoments:
        """Measure the types of some cells.

        Parameters
        ----------
        X : ndarray of shape (n_obs, n_vars)
        codes : ndarray of int, shape (n_obs,)
        n_types : int
            Every type has a cell.
        """
        parts = [X[codes == code] for code in range(n_types)]
        mean = np.array([part.mean(axis=0, dtype=np.float64) for part in parts])
        variance = np.array([part.var(axis=0, dtype=np.float64) for part in parts])
        return cls(mean.astype(np.float32), variance.astype(np.float32))

    def mixed(self, shares: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the genes, (n_vars,), in a mix of the types.

        Parameters
        ----------
        shares : ndarray of shape (n_types,)
            Sum to one.

        Examples
        --------
        >>> two = TypeMoments(np.array([[-1.0], [1.0]]), np.zeros((2, 1)))
        >>> mean, spread = two.mixed(np.array([0.2, 0.8]))
        >>> float(mean[0].round(6)), float(spread[0].round(6))
        (0.6, 0.8)
        """
        mean = shares @ self.mean.astype(np.float64)
        squares = shares @ (self.variance.astype(np.float64) + self.mean.astype(np.float64) ** 2)
        return mean, np.sqrt(np.maximum(squares - mean**2, LEAST_SPREAD**2))


def most_alike(X: Any, profiles: Floats) -> Ints:
    """Return the type whose mean expression each cell correlates with most: codes of shape (n_obs,).

    Expression that was scaled within a dataset cannot show which types the dataset consists of: a target of one type
    has that type for its average. Unscaled expression can.

    Parameters
    ----------
    X : sparse matrix or ndarray of shape (n_obs, n_vars)
        Log-normalised expression.
    profiles : ndarray of shape (n_types, n_vars)
        Mean log-normalised expression of each type.

    Examples
    --------
    >>> most_alike(np.array([[4.0, 1.0, 0.0], [0.0, 2.0, 3.0]]), np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])).tolist()
    [0, 1]
    """
    centred = profiles.astype(np.float64) - profiles.mean(axis=1, keepdims=True, dtype=np.float64)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    # A cell's own mean and length are the same for all types, so they need not be taken out.
    likeness = np.asarray(X @ (centred / np.where(lengths > 0, lengths, 1.0)).T)
    codes: Ints = likeness.argmax(axis=1)
    return codes


def correct_label_shift(X: Floats, moments: TypeMoments, shares: Floats) -> NDArray[np.float32]:
    """Bring cells that were scaled on their own to the scale of the source.

    Parameters
    ----------
    X : ndarray of shape (n_obs, n_vars)
        Each gene with mean 0 and standard deviation 1 over these cells; 0 where it was not measured.
    moments : TypeMoments
        Of the source.
    shares : ndarray of shape (n_types,)
        Of the types among these cells.

    Returns
    -------
    ndarray of float32, shape (n_obs, n_vars)
        Each gene with the mean and standard deviation that the source's types have in such a mix.
    """
    mean, spread = moments.mixed(shares)
    out: NDArray[np.float32] = (X * spread + mean).astype(np.float32)
    return out
