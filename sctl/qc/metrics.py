"""Quality metrics of cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.genes import is_mitochondrial


def qc_metrics(adata: AnnData, *, layer: str | None = None, expression_threshold: float = 0.0) -> pd.DataFrame:
    """Quality metrics of every cell.

    Parameters
    ----------
    adata : AnnData
    layer : str, optional
        Where the values are; ``X`` by default.
    expression_threshold : float
        A gene counts as expressed where its value is above 0 and at least this.

    Returns
    -------
    DataFrame, n_obs rows
        ``n_genes`` expressed genes; ``total_counts`` sum of the values; ``pct_mt`` per cent of it in
        mitochondrial genes, 0 for an empty cell; the column is absent where no such gene was measured.
        Missing values count as 0.

    Examples
    --------
    >>> adata = AnnData(np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 0.0]]), var=pd.DataFrame(index=["A", "B", "MT-ND1"]))
    >>> qc_metrics(adata).reset_index(drop=True)
       n_genes  total_counts  pct_mt
    0        2           4.0    75.0
    1        0           0.0     0.0
    """
    values = sparse.csr_matrix(adata.layers[layer] if layer else adata.X)
    if not np.isfinite(values.data).all():
        values = sparse.csr_matrix((np.nan_to_num(values.data), values.indices, values.indptr), shape=values.shape)
    expressed = ((values.data > 0) & (values.data >= expression_threshold)).astype(np.int32)
    pattern = sparse.csr_matrix((expressed, values.indices, values.indptr), shape=values.shape)
    total = np.asarray(values.sum(axis=1, dtype=np.float64)).ravel()
    metrics = pd.DataFrame(
        {"n_genes": np.asarray(pattern.sum(axis=1)).ravel(), "total_counts": total}, index=adata.obs_names
    )
    mt = is_mitochondrial(adata.var_names)
    if mt.any():
        of_mt = values @ mt.astype(np.float64)
        metrics["pct_mt"] = 100 * np.divide(of_mt, total, out=np.zeros_like(total), where=total > 0)
    return metrics
