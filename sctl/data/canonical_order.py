"""One order of cells and genes for every method, so that the order of a file changes no result."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
from anndata import AnnData
from scipy import sparse

from sctl.typing import Ints


@dataclass(frozen=True)
class CanonicalOrder:
    """Cells and genes of a dataset in the order of their names; cells of one name in the order of their values.

    Parameters
    ----------
    cells : ndarray of int, shape (n_obs,)
        Place in the dataset of each cell, in order.
    genes : ndarray of int, shape (n_vars,)
        Place in the dataset of each gene, in order.
    """

    cells: Ints
    genes: Ints

    @classmethod
    def of(cls, adata: AnnData) -> Self:
        """Find the order of a dataset's cells and genes."""
        genes = np.argsort(adata.var_names.to_numpy(dtype=str), kind="stable")
        names = adata.obs_names.to_numpy(dtype=str)
        cells = np.argsort(names, kind="stable")
        ordered = names[cells]
        begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1], True])
        for start, end in pairwise(begins.tolist()):
            if end - start > 1:
                same = cells[start:end]
                cells[start:end] = same[_by_values(adata.X[same][:, genes])]
        return cls(cells, genes)

    @property
    def is_kept(self) -> bool:
        """Whether the dataset has that order already."""
        return all(np.array_equal(order, np.arange(len(order))) for order in (self.cells, self.genes))

    @property
    def back(self) -> Ints:
        """Place among the ordered cells of each cell of the dataset: (n_obs,)."""
        return np.argsort(self.cells, kind="stable")

    def applied(self, adata: AnnData) -> AnnData:
        """Return the dataset in that order: itself where it has it, else a copy."""
        return adata if self.is_kept else adata[self.cells, self.genes].copy()


def canonical(adata: AnnData) -> AnnData:
    """Return a dataset with its cells and genes in the order of their names; itself where they are.

    Examples
    --------
    >>> import pandas as pd
    >>> obs, var = pd.DataFrame(index=["b", "a"]), pd.DataFrame(index=["y", "x"])
    >>> canonical(AnnData(np.array([[1.0, 2.0], [3.0, 4.0]]), obs=obs, var=var)).X
    array([[4., 3.],
           [2., 1.]])
    """
    return CanonicalOrder.of(adata).applied(adata)


def _by_values(rows: Any) -> Ints:
    """Return the order of some cells by their values."""
    values = rows.toarray() if sparse.issparse(rows) else np.asarray(rows)
    return np.lexsort(values.T[::-1])
