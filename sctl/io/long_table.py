"""Tables with one line for each count: gene, cell, number, as ``umi_tools count`` and data frames in long form write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError

_REPEATED = 0.5  # share of different names, in both columns of names, below which a table is such a list


def unfolded(
    matrix: sparse.csr_matrix, texts: Sequence[Sequence[str]], name: str
) -> tuple[sparse.csr_matrix, pd.Index, pd.Index] | None:
    """Return the matrix of a list of counts with the names of its rows and columns; None for any other table.

    Parameters
    ----------
    matrix : csr_matrix of shape (n_lines, n_values)
    texts : sequence of sequences of str, each of length n_lines
        The columns that hold names.
    name : str
        The file, as the user knows it.

    Raises
    ------
    DataError
        If there are two counts for one gene of one cell.
    """
    if matrix.shape[1] != 1 or matrix.shape[0] < 2:
        return None
    repeated = [text for text in texts if len(set(text)) <= _REPEATED * len(text)]
    if len(repeated) != 2:  # neither column names the lines, both together do
        return None
    return _spread(list(repeated[0]), list(repeated[1]), matrix.toarray().ravel(), name)


def _spread(
    first: list[str], second: list[str], counts: NDArray[Any], name: str
) -> tuple[sparse.csr_matrix, pd.Index, pd.Index]:
    i, rows = pd.factorize(np.asarray(first, dtype=object))
    j, columns = pd.factorize(np.asarray(second, dtype=object))
    shape = len(rows), len(columns)
    twice = pd.Series(i.astype(np.int64) * shape[1] + j).duplicated().to_numpy()
    if twice.any():
        place = int(np.argmax(twice))
        raise DataError(
            f"{name} holds two numbers for {first[place]!r} and {second[place]!r}.",
            expected="One line for each gene and cell was expected.",
            do="Add them up, or export the counts as a matrix with genes and cells.",
        )
    return sparse.csr_matrix((counts, (i, j)), shape=shape, dtype=np.float32), pd.Index(rows), pd.Index(columns)
