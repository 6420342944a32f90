"""Findings about the numbers: what they are, what is missing, how many cells, how much memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

from sctl.core.landmarks import ALL_CELLS_UP_TO, N_LANDMARKS
from sctl.io.memory import available, readable
from sctl.preflight.report import Finding, Fix, Level, Role
from sctl.values import LARGEST, log_base, stored, value_kind

FEW_NEGATIVE = 0.01
"""Up to this share of negative values they are taken for errors, beyond it for scaling."""
MIN_TARGET = 10
SMALL_TARGET = 100


def counts_elsewhere(adata: AnnData) -> str | None:
    """Return where counts lie besides ``X``: ``"layers/<name>"``, ``"raw"``, or None.

    A layer called *counts* is asked first, then ``raw``, then the other layers; the values decide, not the name.
    """
    return next((place for place, value in _places(adata) if _holds_counts(value)), None)


def unscaled_elsewhere(adata: AnnData) -> str | None:
    """Return where log or normalised values lie besides ``X``, in the same form and order, or None."""
    kinds = ("log", "linear")
    return next(
        (place for place, value in _places(adata) if value_kind(value) in kinds and np.any(stored(value))), None
    )


def _places(adata: AnnData) -> list[tuple[str, Any]]:
    places: list[tuple[str, Any]] = [(f"layers/{key}", value) for key, value in adata.layers.items()]
    places.sort(key=lambda place: "count" not in place[0].lower())
    named = sum("count" in place.lower() for place, _ in places)
    if adata.raw is not None:
        places.insert(named, ("raw", adata.raw.X))
    return places


def value_findings(adata: AnnData, role: Role) -> Iterator[Finding]:
    """Say what the values are, and what is wrong with single ones."""
    yield from _wrong_values(adata, role)
    kind = value_kind(adata.X)
    negative = _share_negative(adata.X)
    if kind == "scaled" and negative <= FEW_NEGATIVE:
        return  # said by the finding about negative values
    elsewhere = None if kind == "counts" else counts_elsewhere(adata)
    if elsewhere is not None:
        yield _use_counts(role, kind, elsewhere)
    elif kind == "counts":
        yield Finding("ok", "values_counts", f"The {role} holds counts (whole numbers), as it should.")
    elif kind == "log":
        yield _log(adata, role)
    elif kind == "linear":
        yield Finding(
            "advice",
            "values_linear",
            f"The {role} holds normalised values (such as TPM or CPM), not counts.",
            "They can be used. If you have the counts, give those: tests of genes are more reliable with them.",
        )
    elif (place := unscaled_elsewhere(adata)) is not None:
        yield _use_unscaled(role, place)
    else:
        yield Finding(
            "block",
            "values_scaled",
            f"The {role} holds scaled values: {negative:.0%} are negative. Which genes a cell expresses cannot be "
            "told from them, and no counts were found elsewhere in the file.",
            "Export the counts, or the log values from before scaling (in Seurat: the layer 'counts' or 'data').",
        )


def _holds_counts(value: Any) -> bool:
    return value_kind(value) == "counts" and bool(stored(value).any())


def _use_counts(role: Role, kind: str, where: str) -> Finding:
    names = {"log": "log values", "linear": "normalised values", "scaled": "scaled values"}
    place = _named(where)
    level: Level = "block" if kind == "scaled" else "warn"
    return Finding(
        level,
        "counts_elsewhere",
        f"The matrix of the {role} holds {names[kind]}, but the counts are in the file too, {place}.",
        "Use these counts: both datasets are then prepared in the same way.",
        Fix("use_counts", "Use these counts", {"role": role, "where": where}),
    )


def _use_unscaled(role: Role, where: str) -> Finding:
    return Finding(
        "block",
        "unscaled_elsewhere",
        f"The matrix of the {role} holds scaled values, but the values from before scaling are in the file too, "
        f"{_named(where)}.",
        "Use these values: which genes a cell expresses cannot be told from scaled ones.",
        Fix("use_counts", "Use these values", {"role": role, "where": where}),
    )


def _named(where: str) -> str:
    return "under 'raw'" if where == "raw" else f"in the layer '{where.removeprefix('layers/')}'"


def _log(adata: AnnData, role: Role) -> Finding:
    base = log_base(adata.X)
    return Finding(
        "advice",
        "values_log",
        f"The {role} holds log values (to base {base}, by their look), not counts.",
        "They can be used. Undoing the logarithm lets both datasets be prepared in the same way.",
        Fix("undo_log", "Undo the logarithm", {"role": role, "base": base}),
    )


def _share_negative(X: Any) -> float:  # noqa: N803 - the slot's own name
    values = stored(X)
    return float((values < 0).sum() / max(values.size, 1))


def _wrong_values(adata: AnnData, role: Role) -> Iterator[Finding]:
    values = stored(adata.X)
    n_missing, n_infinite = int(np.isnan(values).sum()), int((np.abs(values) > LARGEST).sum())
    n_negative = int(((values < 0) & (values >= -LARGEST)).sum())
    few = 0 < n_negative <= FEW_NEGATIVE * values.size
    for what, count, word in (
        ("missing", n_missing, "missing (NaN)"),
        ("infinite", n_infinite, "infinite, or too large to compute with"),
        ("negative", n_negative if few else 0, "negative, although the others are not"),
    ):
        if count:
            yield Finding(
                "block",
                f"{what}_values",
                f"{count:,} {'value' if count == 1 else 'values'} of the {role} {'is' if count == 1 else 'are'} {word}.",
                "Set them to 0 if you trust the rest; otherwise look for the step that made them and export again.",
                Fix("set_zero", f"Set {what} values to 0", {"role": role, "what": what}),
            )


def size_findings(adata: AnnData, role: Role) -> Iterator[Finding]:
    """Say whether there are cells and genes enough, and which are empty."""
    X = adata.X  # noqa: N806 - the slot's own name
    nonzero = sparse.csr_matrix(X).astype(bool)
    per_cell, per_gene = np.asarray(nonzero.sum(axis=1)).ravel(), np.asarray(nonzero.sum(axis=0)).ravel()
    n_cells, n_genes = int((per_cell == 0).sum()), int((per_gene == 0).sum())
    if n_cells == adata.n_obs:
        yield Finding("block", "all_zero", f"Every value of the {role} is 0.", "Export the counts again.")
        return
    if n_cells:
        yield Finding(
            "advice",
            "empty_cells",
            f"{n_cells:,} of {adata.n_obs:,} cells of the {role} have no counts at all.",
            "They can be left out; nothing can be said about them.",
            Fix("drop_empty_cells", "Leave out empty cells", {"role": role}),
        )
    if n_genes:
        yield Finding(
            "advice",
            "empty_genes",
            f"{n_genes:,} of {adata.n_vars:,} genes of the {role} are 0 in every cell.",
            "Nothing needs to be done: such genes have no influence.",
        )
    yield from _cell_number(adata.n_obs, role)
    yield from _gene_number(adata.n_vars, role)


def _cell_number(n_obs: int, role: Role) -> Iterator[Finding]:
    if n_obs < MIN_TARGET:
        yield Finding(
            "block" if role == "target" else "warn",
            "few_cells",
            f"The {role} has {n_obs} cells.",
            f"At least {MIN_TARGET} cells are needed to find clusters; check that cells and genes are not swapped.",
        )
    elif role == "target" and n_obs < SMALL_TARGET:
        yield Finding(
            "advice",
            "small_target",
            f"The target has {n_obs} cells. Transfer learning is made for such small datasets.",
            "Ask for few clusters (fewer than one per ten cells), and look at the confidence of each cell.",
        )
    elif role == "target" and n_obs > ALL_CELLS_UP_TO:
        yield Finding(
            "advice",
            "landmarks",
            f"The target has {n_obs:,} cells: many for a method that compares every cell with every other.",
            f"Clusters are found among {N_LANDMARKS:,} of them, drawn from every type; each other cell follows its nearest.",
        )
    else:
        yield Finding("ok", "cells", f"The {role} has {n_obs:,} cells.")


def _gene_number(n_vars: int, role: Role) -> Iterator[Finding]:
    if n_vars < 1000:
        yield Finding(
            "block" if n_vars < 50 else "warn",
            "few_genes",
            f"The {role} has {n_vars:,} genes only.",
            "Give the matrix with all genes, before any selection; at least 50 are needed and 1,000 are good.",
        )
    else:
        yield Finding("ok", "genes", f"The {role} has {n_vars:,} genes.")


def memory_needed(adata: AnnData, role: Role) -> int:
    """Return a rough upper estimate of the bytes that an analysis needs.

    Three sparse copies (counts, log values, selected genes). A target is also compared cell with cell, or, when
    it is large, with landmarks: about eight such matrices are held at once.
    """
    n_bytes = 3 * 12 * int(stored(adata.X).size)
    compared = adata.n_obs if adata.n_obs <= ALL_CELLS_UP_TO else N_LANDMARKS
    return n_bytes + (8 * 8 * adata.n_obs * compared if role == "target" else 0)


def memory_findings(adata: AnnData, role: Role) -> Iterator[Finding]:
    """Say whether the memory will do."""
    need, free = memory_needed(adata, role), available()
    if need > free:
        yield Finding(
            "warn",
            "memory",
            f"Working with the {role} needs about {readable(need)} of memory; {readable(free)} are free.",
            "Close other programs, use a larger computer, or take a part of the cells.",
        )
    else:
        yield Finding("ok", "memory", f"Memory will do: about {readable(need)} of {readable(free)} for the {role}.")
