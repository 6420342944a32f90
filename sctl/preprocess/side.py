"""One side while it is prepared: what was read, what is kept of it, what was lost on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.errors import DataError
from sctl.genes import listed, mixture_of, not_genes
from sctl.preprocess.filters import cell_filters, gene_filters, require_left
from sctl.preprocess.labels import label_text, named_type
from sctl.preprocess.linear import Linear, linear
from sctl.preprocess.params import RoleParams
from sctl.preprocess.report import Loss
from sctl.qc import empty_droplets
from sctl.typing import Bools, Ints

Role = Literal["source", "target"]


@dataclass(frozen=True)
class Side:
    """A source or a target in preparation; steps return a new one.

    Parameters
    ----------
    role : {"source", "target"}
    adata : AnnData
        As it was read; never changed.
    values : Linear
        Its values on a linear scale.
    cells : ndarray of shape (n_kept,)
        Rows of ``adata`` that are kept.
    genes : Index
        Names of the genes that are kept.
    losses : tuple of Loss
    measured : Index
        Names of all genes that were measured, before the filters; the other features of ``adata`` are no genes.
    """

    role: Role
    adata: AnnData
    values: Linear
    cells: Ints
    genes: pd.Index
    losses: tuple[Loss, ...] = ()
    measured: pd.Index = field(default_factory=lambda: pd.Index([], dtype=object))

    def columns(self, names: pd.Index) -> Any:
        """Return linear values of the kept cells in some genes: (n_kept, n_names), CSR."""
        rows = self.values.X if len(self.cells) == self.adata.n_obs else self.values.X[self.cells]
        if names.equals(self.adata.var_names):
            return rows
        return rows[:, self.adata.var_names.get_indexer(names)]

    def with_cells(self, filters: Iterable[tuple[str, Bools]]) -> Side:
        """Apply filters of the cells that are kept now."""
        kept, losses = _apply(self.role, "cells", len(self.cells), filters)
        return replace(self, cells=self.cells[kept], losses=self.losses + losses)

    def with_genes(self, filters: Iterable[tuple[str, Bools]]) -> Side:
        """Apply filters of the genes that are kept now."""
        kept, losses = _apply(self.role, "genes", len(self.genes), filters)
        return replace(self, genes=self.genes[kept], losses=self.losses + losses)

    def filtered(self, params: RoleParams) -> Side:
        """Apply the filters of cells, then those of genes on the cells that are left."""
        kept = AnnData(X=self.columns(self.genes), var=pd.DataFrame(index=self.genes))
        fewer = self.with_cells([*self._droplets(kept.X, params), *cell_filters(kept, params)])
        return fewer.with_genes(gene_filters(fewer.columns(fewer.genes), params))

    def _droplets(self, X: Any, params: RoleParams) -> Iterator[tuple[str, Bools]]:  # noqa: N803 - AnnData's own name
        """Yield which cells are no empty droplets, where the user has set no lower limit that decides it."""
        limits = (params.thresholds.total_counts[0], params.thresholds.n_genes[0], params.min_genes or None)
        if not self.values.are_counts or any(limit is not None for limit in limits):
            return
        totals = np.asarray(X.sum(axis=1), dtype=np.float64).ravel()
        if (found := empty_droplets(totals)) is not None:
            yield f"empty droplets, with fewer than {found.min_counts} counts", totals >= found.min_counts


def open_side(role: Role, adata: AnnData, label_key: str | None = None) -> Side:
    """Read the values of one side, without features that are no genes, and cells without a label where labels are wanted."""
    side = Side(role, adata, linear(adata, role), np.arange(adata.n_obs), adata.var_names)
    side = side.with_genes(_kinds_of_features(adata))
    mixture = mixture_of(adata)
    if mixture is not None:
        others = ", ".join(mixture.others)
        side = side.with_genes([(f"genes of {others}, not of {mixture.main}", mixture.own_genes[_where(side)])])
        side = side.with_cells([(f"more counts of {others} than of {mixture.main}", mixture.own_cells)])
    side = replace(side, measured=side.genes)
    if label_key is None:
        return side
    labels = named_type(adata.obs[label_key])
    labeled = labels.notna().to_numpy(dtype=bool)
    if adata.n_obs and not labeled.any():
        raise DataError(
            f"None of the {adata.n_obs} cells of the {role} has a label in {label_key!r}.",
            expected="Only cells with a label can teach; empty ones, 'nan', 'NA', 'Unknown' or 'unassigned' count as none.",
            do="Choose another column of labels, or give a table with them.",
        )
    words = sorted(set(label_text(adata.obs[label_key])[~labeled].dropna()))
    counting = f" (as {listed(words, 4)})" if words else ""
    return side.with_cells([(f"no label in {label_key!r}{counting}", labeled[side.cells])])


def _where(side: Side) -> Ints:
    """Return the places of the kept genes: (n_kept,)."""
    return np.asarray(side.adata.var_names.get_indexer(side.genes))


def _kinds_of_features(adata: AnnData) -> Iterator[tuple[str, Bools]]:
    """Yield a reason for each kind of features that are no genes, and which features are not of it: (n_vars,) each."""
    kinds = not_genes(adata).to_numpy()
    for kind in sorted(set(kinds) - {""}):
        others = kinds == kind
        yield f"no genes but {kind} ({listed(adata.var_names[others])})", ~others


def _apply(
    role: Role, what: Literal["cells", "genes"], n: int, filters: Iterable[tuple[str, Bools]]
) -> tuple[Bools, tuple[Loss, ...]]:
    """Return what passes all filters, and the losses in order; each loss is counted once."""
    kept, losses = np.ones(n, dtype=bool), []
    for reason, passes in filters:
        n_lost = int((kept & ~passes).sum())
        if n_lost:
            losses.append(Loss(role, what, reason, n_lost))
        kept &= passes
    require_left(kept, what, role)
    return kept, tuple(losses)
