"""Cells as arrays: the source in the order of its names, a target in the genes of a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError
from sctl.typing import Floats, Ints

MIN_CELLS = 10
MIN_GENES = 0.5
"""A target must have at least this share of a reference's genes."""


@dataclass(frozen=True, kw_only=True)
class EncodedDataset:
    """Cells of one or more datasets.

    Parameters
    ----------
    X : CSR matrix or ndarray of shape (n_obs, n_vars)
        Logarithms of normalised expression.
    counts : CSR matrix or ndarray of shape (n_obs, n_vars), or None
    batches : ndarray of shape (n_obs,)
        Dataset of each cell as a number.
    batch_names : tuple of str
        Those that these cells add.
    var_names : tuple of str
    genes : ndarray of int, or None
        Columns that were measured, if not all.
    codes : ndarray of shape (n_obs,)
        Type of each cell as a number; empty where types are not known.
    label_names : tuple of str
    """

    X: Any
    counts: Any
    batches: Ints
    batch_names: tuple[str, ...]
    var_names: tuple[str, ...]
    genes: Ints | None = None
    codes: Ints
    label_names: tuple[str, ...] = ()

    @property
    def n_missing(self) -> int:
        """Number of genes that were not measured."""
        return 0 if self.genes is None else len(self.var_names) - len(self.genes)

    @property
    def lacking(self) -> list[str]:
        """Names of the genes that were not measured."""
        there = np.arange(len(self.var_names)) if self.genes is None else self.genes
        return [self.var_names[place] for place in np.setdiff1d(np.arange(len(self.var_names)), there)]

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Whether each cell has no expression in any measured gene: (n_obs,)."""
        measured = self.X if self.genes is None else self.X[:, self.genes]
        return np.asarray(np.asarray(abs(measured).sum(axis=1)).ravel() == 0)

    def take(self, order: Ints) -> EncodedDataset:
        """Return some cells, in that order."""
        counts = None if self.counts is None else self.counts[order]
        codes = self.codes[order] if len(self.codes) else self.codes
        return replace(self, X=self.X[order], counts=counts, batches=self.batches[order], codes=codes)


def encode_dataset(source: AnnData, label_key: str | None, batch_key: str | None) -> EncodedDataset:
    """Return the variable genes of a labelled source, its cells in the order of their names.

    Raises
    ------
    DataError
        If labels are missing, there is a single type, or fewer than 10 cells.
    """
    if label_key is None or label_key not in source.obs:
        raise DataError(
            "The source has no cell-type labels.",
            expected="Cells are named by the known types of their neighbours.",
            do="Choose the column of the source that holds them.",
        )
    if source.n_obs < MIN_CELLS:
        raise DataError(
            f"The source has {source.n_obs} cells.",
            expected=f"A network needs at least {MIN_CELLS} to learn from, and should have hundreds.",
            do="Choose a larger source.",
        )
    types = pd.Categorical(source.obs[label_key].astype(str))
    if len(types.categories) < 2:
        raise DataError(
            f"The source has a single type, {types.categories[0]!r}.",
            expected="At least two known types are needed to tell cells apart.",
            do="Choose another label column, or another source.",
        )
    marked = source.var.get("highly_variable")
    columns = np.arange(source.n_vars) if marked is None else np.flatnonzero(marked.to_numpy(dtype=bool))
    batches, names = _batches(source, batch_key, "source")
    whole = EncodedDataset(
        X=source.X[:, columns],
        counts=source.layers["counts"][:, columns] if "counts" in source.layers else None,
        batches=batches,
        batch_names=names,
        var_names=tuple(map(str, source.var_names[columns])),
        codes=types.codes.astype(np.int64),
        label_names=tuple(map(str, types.categories)),
    )
    return whole.take(np.argsort(source.obs_names.to_numpy(dtype=str), kind="stable"))  # a sorted file must not matter


def matched(
    target: AnnData,
    var_names: Sequence[str],
    means: Floats,
    *,
    batch_key: str | None,
    known: Sequence[str],
    ready: Mapping[str, int] | None = None,
) -> EncodedDataset:
    """Return a target's cells in the genes of a reference; each of its datasets is new, unless it is named as ready.

    Parameters
    ----------
    target : AnnData
    var_names : sequence of str
        Genes of the reference, in order.
    means : ndarray of shape (n_vars,)
        What a gene is filled with that the target lacks.
    batch_key : str or None
    known : sequence of str
        Datasets of the reference; new ones are numbered after them.
    ready : mapping of str to int, optional
        Datasets for which weights are there already, by name, and their numbers among ``known``.

    Raises
    ------
    DataError
        If fewer than half of the reference's genes are there.
    """
    places = target.var_names.get_indexer(pd.Index(var_names))
    found = np.flatnonzero(places >= 0)
    if len(found) < MIN_GENES * len(places):
        raise DataError(
            f"The target has {len(found)} of the {len(places)} genes of the reference.",
            expected=f"At least {MIN_GENES:.0%} of them are needed.",
            do="Check that both use the same gene names, or learn a reference on genes that the target has.",
        )
    whole = len(found) == len(places)
    counts = target.layers["counts"][:, places[found]] if "counts" in target.layers else None
    values = target.X[:, places[found]]
    if not whole:
        values = _filled(values, found, np.asarray(means, dtype=np.float32))
        counts = None if counts is None else _filled(counts, found, np.zeros(len(places), dtype=np.float32))
    batches, names = _batches(target, batch_key, "target")
    there = {name: number for name in names if (number := _ready(name, ready or {}, known)) is not None}
    new = [name for name in names if name not in there]
    numbers = np.array([there[name] if name in there else len(known) + new.index(name) for name in names])
    return EncodedDataset(
        X=values,
        counts=counts,
        batches=numbers[batches],
        batch_names=tuple(_new_name(name, known) for name in new),
        var_names=tuple(var_names),
        genes=None if whole else found,
        codes=np.empty(0, dtype=np.int64),
    )


def _batches(adata: AnnData, key: str | None, role: str) -> tuple[Ints, tuple[str, ...]]:
    """Return each cell's dataset, and their names; all cells are one dataset where the column is not there."""
    if key is None or key not in adata.obs:
        return np.zeros(adata.n_obs, dtype=np.int64), (role,)
    values = pd.Categorical(adata.obs[key].astype(str))
    return values.codes.astype(np.int64), tuple(map(str, values.categories))


def _ready(name: str, ready: Mapping[str, int], known: Sequence[str]) -> int | None:
    """Return the number of a dataset whose weights are there, be it under the name it had to take beside another."""
    return ready.get(name, ready.get(_new_name(name, known)))


def _new_name(name: str, known: Sequence[str]) -> str:
    return f"{name} (new)" if name in known else name


def _filled(values: Any, found: Ints, fill: NDArray[np.float32]) -> NDArray[np.float32]:
    out = np.tile(fill, (values.shape[0], 1))
    out[:, found] = values.toarray() if sparse.issparse(values) else values
    return out
