"""Imputation, and what it did to zeros and to the ties between genes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sctl.typing import Floats, Ints

_DECIMALS = 3
_MANY_ZEROS = 0.5
_FEW_ZEROS = 0.95  # with more there is too little to see


@dataclass(frozen=True, kw_only=True)
class ImputationEffect:
    """What imputation did.

    Parameters
    ----------
    n_genes : int
        Genes that were imputed.
    t, knn : int
        Steps, and neighbours of a cell.
    zeros : dict of str to list of float
        Role → share of zeros before and after, in [0, 1].
    correlation : tuple of float
        Median absolute correlation of two genes in the target, before and after.
    genes : tuple of str
        Two genes of the target with many zeros that went together most before.
    values : tuple of list
        Their values in some target cells before and after: (n_shown, 2) each.
    """

    n_genes: int
    t: int
    knn: int
    zeros: dict[str, list[float]]
    correlation: tuple[float, float]
    genes: tuple[str, str]
    values: tuple[list[list[float]], list[list[float]]]

    def to_dict(self) -> dict[str, Any]:
        """Return the effect in a form that JSON takes."""
        lists = {name: list(getattr(self, name)) for name in ("correlation", "genes", "values")}
        return {**asdict(self), **lists}

    @property
    def sentence(self) -> str:
        """The effect as a sentence."""
        shares = " and ".join(
            f"{before:.0%} to {after:.0%} in the {role}" for role, (before, after) in self.zeros.items()
        )
        before, after = self.correlation
        return (
            f"{self.n_genes} genes imputed by MAGIC's algorithm (t = {self.t}, {self.knn} neighbours): zeros went from "
            f"{shares}, the median correlation of two genes in the target from {before:.2f} to {after:.2f}."
        )


def zero_share(X: Any) -> float:  # noqa: N803 - AnnData's own name
    """Share of the values that are 0, in [0, 1].

    Examples
    --------
    >>> zero_share(np.array([[0.0, 1.0], [0.0, 0.0]]))
    0.75
    """
    n_values = X.shape[0] * X.shape[1]
    n_other = X.count_nonzero() if sparse.issparse(X) else np.count_nonzero(X)
    return float(1 - n_other / n_values)


def shown_pair(before: Floats, after: Floats, names: pd.Index) -> dict[str, Any]:
    """Return correlations of genes before and after, and the two genes to show.

    Parameters
    ----------
    before, after : ndarray of shape (n_obs, n_vars)
        Some target cells.
    names : Index of length n_vars

    Returns
    -------
    dict
        ``correlation``, ``genes`` and ``values`` of an :class:`ImputationEffect`.
    """
    correlations = [_correlations(values) for values in (before, after)]
    upper = np.triu_indices(len(names), 1)
    medians = [float(np.median(np.abs(matrix[upper]))) for matrix in correlations]
    first, second = _most_alike(before, correlations[0])
    pair = [first, second]
    return {
        "correlation": (medians[0], medians[1]),
        "genes": (str(names[first]), str(names[second])),
        "values": (before[:, pair].round(_DECIMALS).tolist(), after[:, pair].round(_DECIMALS).tolist()),
    }


def _correlations(values: Floats) -> Floats:
    """Pearson's correlation of every two genes; 0 with a gene that does not vary."""
    centred = values - values.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0)
    centred = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)
    return np.asarray(centred.T @ centred)


def _most_alike(values: Floats, correlations: Floats) -> tuple[int, int]:
    """Return the two genes that go together most, among those with many zeros where there are such."""
    zeros = (values == 0).mean(axis=0)
    among: Ints = np.flatnonzero((zeros >= _MANY_ZEROS) & (zeros <= _FEW_ZEROS))
    if len(among) < 2:
        among = np.arange(len(zeros))
    alike = correlations[np.ix_(among, among)].copy()
    np.fill_diagonal(alike, -2.0)
    first, second = np.unravel_index(int(alike.argmax()), alike.shape)
    return int(among[first]), int(among[second])
