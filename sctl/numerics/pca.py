"""Principal components from inner products alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from sctl.typing import Doubles


@dataclass(frozen=True)
class Components:
    """Principal components of some cells.

    Parameters
    ----------
    means : ndarray of shape (n_obs,)
        Mean inner product of each cell with all, by which other cells are centred alike.
    values : ndarray of shape (n_components,)
        Eigenvalues of the centred inner products, largest first, none negative.
    vectors : ndarray of shape (n_obs, n_components)
        Eigenvectors of unit length, signed so that the largest entry is positive.
    """

    means: Doubles
    values: Doubles
    vectors: Doubles

    @property
    def scores(self) -> Doubles:
        """Coordinates of the cells, shape (n_obs, n_components)."""
        return np.asarray(self.vectors * np.sqrt(self.values))


def principal_components(K: Doubles, n_components: int) -> Components:
    """Return the leading components of cells with inner products ``K``, shape (n_obs, n_obs), which is overwritten."""
    means = K.mean(axis=0)
    K -= means
    K -= means[:, None] - means.mean()
    n_components = min(n_components, len(K))
    values, vectors = linalg.eigh(K, subset_by_index=(len(K) - n_components, len(K) - 1))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(n_components)])
    return Components(means, values, np.asarray(vectors * signs))
