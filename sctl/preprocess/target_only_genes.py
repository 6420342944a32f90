"""The genes that only the target has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from sctl.numerics.normalize import log_normalized
from sctl.preprocess.params import PreprocessParams
from sctl.preprocess.side import Side
from sctl.preprocess.variable import as_log1p, variable_genes
from sctl.typing import Floats


def target_only(
    known: pd.Index, target: Side, sizes: Floats, params: PreprocessParams
) -> tuple[sparse.csr_matrix, pd.Index]:
    """Return the target's most variable genes that were not measured in the source, and their names.

    Parameters
    ----------
    known : Index
        The genes that were measured in the source.
    target : Side
        After the filters.
    sizes : ndarray of shape (n_obs,)
        Library sizes of the target's cells, those of the shared genes, so that all values are on one scale.
    params : PreprocessParams

    Returns
    -------
    values : csr_matrix of shape (n_obs, n_genes)
        At most ``n_top_genes`` columns; none where the source has every gene.
    names : Index of length n_genes
    """
    names = target.genes[~target.genes.isin(known)]
    linear = target.columns(names)
    counted = np.asarray(linear.sum(axis=0)).ravel() > 0
    values: Any = log_normalized(linear[:, counted], sizes=sizes, to=params.normalize_to, log=params.log)
    names = names[counted]
    if not len(names):
        return values, names
    variable = variable_genes([as_log1p(values, params.log)], params.n_top_genes)["highly_variable"].to_numpy()
    return values[:, variable], names[variable]
