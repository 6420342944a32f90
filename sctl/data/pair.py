"""A source and a target that any method takes, and what both must have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError

TARGET_ONLY = "target_only"
"""Where a pair's target keeps its own genes: ``obsm[TARGET_ONLY]``, names in ``uns[f"{TARGET_ONLY}_genes"]``."""
DEPTH = "depth"
"""Where a pair's target holds in ``uns`` how deeply both were measured, see :class:`~sctl.data.Depths`."""

MIN_GENES_FOUND = 0.5
"""A target must have at least this share of the genes that a trained source compares cells by."""


def require_genes(n_found: int, n_known: int) -> None:
    """Raise ``DataError`` where a target has too few of the genes that a trained source knows."""
    if n_found < MIN_GENES_FOUND * n_known:
        raise DataError(
            f"The target has {n_found:,} of the {n_known:,} genes by which the trained source compares cells.",
            expected=f"At least {MIN_GENES_FOUND:.0%} of them are needed.",
            do="Check that both use the same gene names, or train on genes that the target has.",
        )


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A source and a target with the same genes in the same order, ready for any method.

    Made by :func:`sctl.preprocess.prepare_pair`; checks itself once, so that methods need not.

    Parameters
    ----------
    source, target : AnnData
        ``X`` holds log1p of counts per 10,000 (CSR, float32); ``layers["counts"]`` the raw counts where
        they are known; ``var["highly_variable"]`` marks the genes that methods compare cells by, and
        ``var["variable_rank"]`` orders them, the most variable first. The target may
        have ``obsm["target_only"]``: log-normalised values (CSR) of its own variable genes, which the source lacks.
    label_key : str or None
        Column of ``source.obs`` with the known cell types (categorical), or None where there is none.
    batch_key : str or None
        Column of ``source.obs`` with sample or donor, or None.
    profiles_only : bool
        Whether the source is a stand-in for a trained one: its rows are the mean profiles of types, no cells.

    Raises
    ------
    DataError
        If genes differ, a side is empty, values are not finite, the label column is missing, or some of
        its labels are.
    """

    source: AnnData
    target: AnnData
    label_key: str | None
    batch_key: str | None = None
    profiles_only: bool = False

    def __post_init__(self) -> None:
        """Check once what every method relies on."""
        if not self.source.var_names.equals(self.target.var_names):
            raise DataError(
                "Source and target do not have the same genes in the same order.",
                expected="A pair holds the shared genes only, ordered alike.",
                do="Make it with sctl.prepare_pair(source, target, ...).",
            )
        for role, adata in (("source", self.source), ("target", self.target)):
            _check_side(role, adata)
        for key in (self.label_key, self.batch_key):
            if key is not None and key not in self.source.obs:
                raise DataError(
                    f"The source has no column {key!r}.",
                    expected=f"It has {list(map(str, self.source.obs.columns))}.",
                    do="Choose one of these columns.",
                )
        if self.label_key is not None:
            n_missing = int(self.source.obs[self.label_key].isna().sum())
            if n_missing:
                raise DataError(
                    f"{n_missing} source cells have no label in {self.label_key!r}.",
                    expected="Every source cell of a pair has one.",
                    do="Make the pair with sctl.prepare_pair(..., label_key=...), which leaves such cells out.",
                )

    @property
    def labels(self) -> pd.Categorical:
        """Known types of the source cells, unused categories dropped.

        Raises
        ------
        DataError
            If the source has no labels.
        """
        if self.label_key is None:
            raise DataError(
                "The source has no cell-type labels.",
                expected="This method learns from known cell types.",
                do="Choose the column of the source that holds them, or a method without labels.",
            )
        return pd.Categorical(self.source.obs[self.label_key].astype(str))


def _check_side(role: str, adata: AnnData) -> None:
    if adata.n_obs == 0 or adata.n_vars == 0:
        raise DataError(
            f"The {role} is empty ({adata.n_obs} cells, {adata.n_vars} genes).",
            expected="At least one cell and one gene must be left.",
            do="Loosen the filters, or check that source and target use the same gene names.",
        )
    X: Any = adata.X  # noqa: N806 - AnnData's own name
    values = X.data if sparse.issparse(X) else np.asarray(X)
    if not np.isfinite(values).all():
        raise DataError(
            f"The {role} holds values that are not finite.",
            expected="Every value must be a number.",
            do="Replace or remove the missing values.",
        )


def in_memory(adata: AnnData) -> AnnData:
    """Return a dataset whose values are in memory: itself, or a copy of one that lies on disk (``backed``)."""
    return adata.to_memory() if adata.isbacked else adata
