"""Values besides ``X``: counts it was made of, values from before scaling, more genes; believed where ``X`` shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from sctl.qc.derivation import correlation, dense_rows, follows, logged, same_largest, sampled_rows
from sctl.qc.values import LIKELY, stored, value_kind
from sctl.typing import Doubles

Meaning = Literal["counts", "unscaled"]

CERTAIN = 0.95
"""Scaled values correlate so with those they were made of (1.00, and 0.98 or more where effects were regressed out;
parts of the counts 0.59 to 0.92 in data of usual depth)."""
_CALLED_COUNTS = {"count", "counts", "raw", "rawcount", "rawcounts", "umi", "umis", "umicount", "umicounts"}
_MOST_PARTS = 4  # layers of whole numbers whose sums are tried
_MATCHED = 0.8  # share of the genes of ``X`` that ``raw`` must hold for a comparison


@dataclass(frozen=True)
class Place:
    """Values that may take the place of ``X``.

    Parameters
    ----------
    where : tuple of str
        ``("raw",)``, or ``"layers/<name>"``, several where their sum is meant.
    meaning : {"counts", "unscaled"}
    likeness : float
        1 where ``X`` follows from them; else the median correlation of the genes.
    n_vars : int
        Genes that they hold.
    certain : bool
        Whether they may be used without a question.
    """

    where: tuple[str, ...]
    meaning: Meaning
    likeness: float
    n_vars: int
    certain: bool


def best_place(adata: AnnData) -> Place | None:
    """Return where values lie that are better than ``X``, or None.

    Those that ``X`` follows from come before others, many more genes before fewer, counts before log values, the most
    alike first.
    """
    found = list(_places(adata))
    if not found:
        return None
    most = max((place.n_vars for place in found if place.certain), default=0)
    return max(
        found,
        key=lambda place: (
            place.certain,
            2 * place.n_vars > most,
            place.meaning == "counts",
            round(place.likeness, 2),
            _named_counts(place.where),
        ),
    )


def more_genes_in_raw(adata: AnnData) -> bool:
    """Say whether ``raw`` holds the values of ``X`` and those of more genes."""
    if adata.raw is None or adata.raw.n_vars <= adata.n_vars:
        return False
    rows = sampled_rows(adata.n_obs)
    pair = _aligned(adata, adata.raw.X, "raw", rows)
    return pair is not None and bool(pair[0].any() and np.allclose(*pair, rtol=1e-3, atol=1e-3))


def _places(adata: AnnData) -> Iterator[Place]:
    rows, is_scaled = sampled_rows(adata.n_obs), value_kind(adata.X) == "scaled"
    marks = not is_scaled and same_largest(dense_rows(adata.X, rows))  # bins, or 0 and 1
    whole: list[str] = []
    for where, value in _given(adata):
        kind, pair = value_kind(value), _aligned(adata, value, where, rows)
        if pair is None or not np.any(stored(value)):
            continue
        if kind == "counts" and not same_largest(pair[1]):
            place = _counts((where,), *pair, by_correlation=is_scaled or marks)
            whole += [where] if where != "raw" else []
        elif kind in ("log", "linear") and (is_scaled or marks):
            likeness = correlation(*pair)
            place = Place((where,), "unscaled", likeness, pair[1].shape[1], certain=likeness >= CERTAIN)
        else:
            continue
        if place.likeness >= LIKELY:
            yield _with_genes(place, adata)
    if not is_scaled and not marks and 2 <= len(whole) <= _MOST_PARTS:
        yield from _sums(adata, whole, rows)


def _given(adata: AnnData) -> Iterator[tuple[str, Any]]:
    if adata.raw is not None:
        yield "raw", adata.raw.X
    for key, value in adata.layers.items():
        yield f"layers/{key}", value


def _counts(where: tuple[str, ...], X: Doubles, values: Doubles, *, by_correlation: bool) -> Place:  # noqa: N803
    if not by_correlation and follows(X, values):
        return Place(where, "counts", 1.0, values.shape[1], certain=True)
    likeness = correlation(X, logged(values))
    certain = by_correlation and (likeness >= CERTAIN or (likeness >= LIKELY and _named_counts(where)))
    return Place(where, "counts", likeness, values.shape[1], certain=certain)


def _sums(adata: AnnData, whole: list[str], rows: NDArray[np.intp]) -> Iterator[Place]:
    """Try the sums of layers, such as spliced and unspliced counts."""
    X = dense_rows(adata.X, rows)  # noqa: N806 - the slot's own name
    parts = {where: dense_rows(adata.layers[where.removeprefix("layers/")], rows) for where in whole}
    for size in range(2, len(whole) + 1):
        for several in combinations(whole, size):
            if follows(X, np.sum([parts[where] for where in several], axis=0)):
                yield Place(several, "counts", 1.0, adata.n_vars, certain=True)


def _aligned(adata: AnnData, value: Any, where: str, rows: NDArray[np.intp]) -> tuple[Doubles, Doubles] | None:
    """Return ``X`` and other values of some cells in the genes that both hold; None where these are too few."""
    X, values = dense_rows(adata.X, rows), dense_rows(value, rows)  # noqa: N806 - the slot's own name
    if where != "raw" or adata.raw.var_names.equals(adata.var_names):
        return X, values
    if adata.raw.var_names.is_unique:
        columns = adata.raw.var_names.get_indexer(adata.var_names)
        if (columns >= 0).mean() >= _MATCHED:
            return X[:, columns >= 0], values[:, columns[columns >= 0]]
    return (X, values) if values.shape == X.shape else None  # named otherwise: the values show whether they belong


def _with_genes(place: Place, adata: AnnData) -> Place:
    n_vars = adata.raw.n_vars if place.where == ("raw",) else adata.n_vars
    return Place(place.where, place.meaning, place.likeness, n_vars, certain=place.certain)


def _named_counts(where: tuple[str, ...]) -> bool:
    name = where[0].removeprefix("layers/").lower()
    return len(where) == 1 and "".join(letter for letter in name if letter.isalpha()) in _CALLED_COUNTS
