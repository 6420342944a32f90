"""Scaling that allows for the mix of types: a type that fills one dataset must not count as average in it."""

from __future__ import annotations

from dataclasses import dataclass

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
