"""Genes that the target has and the source lacks: kept as they are, or moved along with the shared ones.

In the mix the shared genes become ``X(θ) = X + θ (R − X)``. The target's own genes ``O`` have no counterpart in the
source. They stay as they are, or follow the shared ones as far as both vary together in the target:
``O(θ) = O + θ (R − X) B`` with ``B`` the ridge regression of own on shared genes (Mieth et al. 2019, Discussion). Both
are at most linear in θ, so that products of cells stay quadratic. In its dual form the regression needs only inner
products of cells: ``(R − X) B = S O`` with ``S`` of shape (n_obs, n_obs), and neither ``B`` nor the moved genes are formed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from sctl.errors import ParameterError
from sctl.typing import Doubles


@dataclass(frozen=True)
class TargetOnlyGenes:
    """What the target's own genes add to kernels and distances; the first axis counts powers of θ.

    Parameters
    ----------
    products : ndarray of shape (1 or 3, n_cells, n_others)
        Inner products over the own genes, of cells with cells, or of other cells with landmarks.
    lengths : ndarray of shape (1 or 3, n_cells)
        Squared length of each cell.
    totals : ndarray of shape (1 or 2, n_cells)
        Sum of each cell.
    n_vars : int
        Number of own genes.
    values : ndarray of shape (1 or 2, n_cells, n_vars), optional
        The genes themselves, where ranks are wanted.
    """

    products: NDArray[np.floating]
    lengths: Doubles
    totals: Doubles
    n_vars: int
    values: Doubles | None = None

    def gram(self, theta: float, cells: slice = slice(None)) -> Doubles:
        """Return inner products at ``theta``, shape (n_cells, n_others), a new array."""
        return _at(self.products[:, cells], theta)

    def squared_lengths(self, theta: float, cells: slice = slice(None)) -> Doubles:
        """Return the squared length of each cell at ``theta``, shape (n_cells,)."""
        return _at(self.lengths[:, cells], theta)

    def squared_distances(self, theta: float) -> Doubles:
        """Return squared distances between cells at ``theta``, shape (n_cells, n_cells), where ``products`` is square."""
        out = self.gram(theta)
        length = np.diagonal(out).copy()
        out *= -2.0
        out += length
        out += length[:, None]
        return np.maximum(out, 0.0, out=out)

    def at(self, theta: float) -> Doubles:
        """Return the own genes themselves, shape (n_cells, n_vars), where they were kept."""
        if self.values is None:
            raise ParameterError(
                "The values of the target's own genes were not kept in this sweep.",
                expected="They are kept where Spearman distances are asked for.",
                do="Prepare the sweep with Spearman distances.",
            )
        return _at(self.values, theta)

    def means(self, theta: float, shared: Doubles, n_shared: int, cells: slice = slice(None)) -> Doubles:
        """Return the mean over all genes of each cell from that over the shared ones, shape (n_cells,)."""
        return np.asarray((n_shared * shared + _at(self.totals[:, cells], theta)) / (n_shared + self.n_vars))


@dataclass(frozen=True)
class Covariance:
    """How the target's own genes vary with the shared ones, as weights between cells.

    Parameters
    ----------
    solver : ndarray of shape (n_obs, n_obs)
        ``J (J A J + λ I)⁻¹ J`` with ``J`` the centring of cells and ``A`` the inner products over shared genes.
    penalty : float
        ``λ``, in the unit of ``A``.
    """

    solver: Doubles
    penalty: float

    def steps(self, differences: Doubles, center: Doubles) -> Doubles:
        """Return ``S``, whose product with the own genes of these cells is what others gain at θ = 1.

        Parameters
        ----------
        differences : ndarray of shape (n_others, n_obs)
            ``(R − X) Xᵀ``: what the mix changes in the shared genes, as inner products with these cells.
        center : ndarray of shape (n_obs,)
            Mean of the rows of ``differences`` over these cells. It is what the two experiments differ by as a whole,
            and moves nothing, so that every own gene keeps its mean.

        Returns
        -------
        ndarray of shape (n_others, n_obs)
        """
        return np.asarray((differences - center) @ self.solver)


@dataclass(frozen=True)
class Landmarks:
    """The cells from which the covariance was learned: products and totals over own genes, and their own steps."""

    products: NDArray[np.floating]
    totals: Doubles
    steps: Doubles


def learn_covariance(A: Doubles, n_vars: int) -> Covariance:
    """Learn how own genes follow the shared ones, from inner products over the shared genes.

    The joint covariance of all genes is shrunk towards a multiple of the identity by the share that Ledoit and Wolf
    (2004) derive; it is computed here from the shared genes.

    Parameters
    ----------
    A : ndarray of shape (n_obs, n_obs)
        Not centred; unchanged.
    n_vars : int
        Number of shared genes.

    Returns
    -------
    Covariance

    References
    ----------
    .. [1] Ledoit & Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices", Journal of
       Multivariate Analysis 88, 365. https://doi.org/10.1016/S0047-259X(03)00096-4
    """
    n_obs = len(A)
    means = A.mean(axis=0)
    K = A - means
    K -= means[:, None] - means.mean()
    penalty = _penalty(K, n_vars)
    if penalty <= 0.0 or not np.isfinite(penalty):  # all shrunk away, or cells without any difference
        return Covariance(np.zeros_like(K), np.inf)
    K[np.diag_indices(n_obs)] += penalty
    solver = linalg.cho_solve(linalg.cho_factor(K, lower=True, overwrite_a=True), np.eye(n_obs) - 1.0 / n_obs)
    solver -= solver.mean(axis=0)
    return Covariance(solver, penalty)


def _penalty(K: Doubles, n_vars: int) -> float:
    """Return ``λ`` from centred inner products: infinite where nothing but the mean variance is left.

    With the covariance ``(1 − δ) C + δ μ I``, the regression of own on shared genes is ``(C + δ μ / (1 − δ) I)⁻¹``
    times their covariance. ``δ`` and ``μ`` need the lengths of the cells and of ``K`` alone.
    """
    n_obs = len(K)
    lengths = np.diagonal(K)
    square = float(np.einsum("ij,ij->", K, K)) / n_obs**2  # of the covariance's Frobenius norm
    mean = float(lengths.sum()) / n_obs / n_vars
    distance = square - n_vars * mean**2
    error = (float((lengths**2).sum()) / n_obs - square) / n_obs
    share = min(error / distance, 1.0) if distance > 0 else 1.0
    return n_obs * share * mean / (1.0 - share) if share < 1.0 else np.inf


def target_only_genes(
    products: NDArray[np.floating],
    totals: Doubles,
    n_vars: int,
    *,
    lengths: Doubles | None = None,
    steps: Doubles | None = None,
    landmarks: Landmarks | None = None,
) -> TargetOnlyGenes:
    """Gather what the own genes add, constant without ``steps``.

    Parameters
    ----------
    products : ndarray of shape (n_cells, n_cells), or (n_cells, n_landmarks) with ``landmarks``
        Inner products over the own genes.
    totals : ndarray of shape (n_cells,)
    n_vars : int
        Number of own genes.
    lengths : ndarray of shape (n_cells,), optional
        Squared lengths; by default the diagonal of ``products``.
    steps : ndarray of shape (n_cells, n_cells or n_landmarks), optional
        See :meth:`Covariance.steps`.
    landmarks : Landmarks, optional
        The cells on the other side of ``products``; by default the same cells.

    Returns
    -------
    TargetOnlyGenes
    """
    lengths = np.diagonal(products) if lengths is None else lengths
    if steps is None:
        return TargetOnlyGenes(products[None], lengths[None], totals[None], n_vars)
    other = landmarks or Landmarks(products, totals, steps)
    gained = steps @ other.products  # of each cell with the others as they are
    linear = gained + products @ other.steps.T
    return TargetOnlyGenes(
        products=np.stack([products, linear, gained @ other.steps.T]).astype(products.dtype, copy=False),
        lengths=np.stack([lengths, 2.0 * np.einsum("ij,ij->i", steps, products), np.einsum("ij,ij->i", gained, steps)]),
        totals=np.stack([totals, steps @ other.totals]),
        n_vars=n_vars,
    )


def _at(coefficients: NDArray[np.floating], theta: float) -> Doubles:
    out = np.array(coefficients[0], dtype=np.float64)
    if theta > 0:
        for power, values in enumerate(coefficients[1:], 1):
            out += theta**power * values
    return out
