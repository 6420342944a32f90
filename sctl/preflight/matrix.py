"""Findings about the numbers: what they are, what is missing, how many cells, how much memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

from sctl.io.system import available, readable
from sctl.numerics.resample import ALL_CELLS_UP_TO, N_LANDMARKS
from sctl.preflight.elsewhere import Place, best_place, more_genes_in_raw
from sctl.preflight.report import Finding, Fix, Level, Role
from sctl.qc.derivation import dense_rows, same_largest, sampled_rows
from sctl.qc.values import LARGEST, log_base, shown_log, stored, value_kind

FEW_NEGATIVE = 0.01
"""Up to this share of negative values they are taken for errors, beyond it for scaling."""
MIN_TARGET = 10
SMALL_TARGET = 100


def value_findings(adata: AnnData, role: Role) -> Iterator[Finding]:
    """Say what the values are, where better ones lie, and what is wrong with single ones."""
    yield from _wrong_values(adata, role)
    kind = value_kind(adata.X)
    negative = _share_negative(adata.X)
    if kind == "scaled" and negative <= FEW_NEGATIVE:
        return  # said by the finding about negative values
    more = more_genes_in_raw(adata)
    binned = kind == "counts" and same_largest(dense_rows(adata.X, sampled_rows(adata.n_obs)))
    if more:
        yield _use_raw(adata, role)
    if kind != "counts" or binned:
        place = best_place(adata)
        if place is not None and place.certain and not (more and place.n_vars < adata.raw.n_vars):
            yield _use(role, "binned" if binned else kind, place)
            return
        if place is not None and not place.certain:
            yield _unsure(role, kind, place)
    if binned:
        yield _binned(role, float(np.max(stored(adata.X))))
    elif kind == "counts":
        yield Finding("ok", "values_counts", f"The {role} holds counts (whole numbers), as it should.")
    elif kind == "log":
        yield _log(adata, role)
    elif kind == "linear":
        yield Finding(
            "advice",
            "values_linear",
            f"The {role} holds normalised values (such as TPM or CPM) or counts that were corrected, not whole counts.",
            "They can be used. If you have the counts, give those: tests of genes are more reliable with them.",
        )
    else:
        yield Finding(
            "block",
            "values_scaled",
            f"The {role} holds scaled values: {negative:.0%} are negative. Which genes a cell expresses cannot be "
            "told from them, and no values that they were surely made of were found elsewhere in the file.",
            "Export the counts, or the log values from before scaling (in Seurat: the layer 'counts' or 'data').",
        )


_KINDS = {
    "log": "log values",
    "linear": "normalised values",
    "scaled": "scaled values",
    "binned": "bins or marks (their largest value is the same in every cell)",
}


def _use(role: Role, kind: str, place: Place) -> Finding:
    level: Level = "block" if kind == "scaled" else "warn"
    text = f"The matrix of the {role} holds {_KINDS[kind]}, but "
    if place.meaning == "unscaled":
        return Finding(
            level,
            "unscaled_elsewhere",
            f"{text}the values from before that are in the file too, {_named(place.where)}.",
            "Use these values: which genes a cell expresses cannot be told from the others.",
            _fix(role, place, "Use these values"),
        )
    return Finding(
        level,
        "counts_elsewhere",
        f"{text}the counts are in the file too, {_named(place.where)}.",
        "Use these counts: both datasets are then prepared in the same way.",
        _fix(role, place, "Use these counts"),
    )


def _fix(role: Role, place: Place, title: str) -> Fix:
    if len(place.where) > 1:
        layers = [where.removeprefix("layers/") for where in place.where]
        return Fix("sum_layers", title, {"role": role, "layers": layers})
    code = "use_counts" if place.certain else "choose_values"
    return Fix(code, title, {"role": role, "where": place.where[0]})


def _unsure(role: Role, kind: str, place: Place) -> Finding:
    """Offer values that resemble ``X``, which does not follow from them; they are not used unless chosen."""
    what = "Whole numbers" if place.meaning == "counts" else "Other values"
    used = "The matrix itself is used." if kind != "scaled" else "Which of them to use is for you to say."
    return Finding(
        "block" if kind == "scaled" else "advice",
        "counts_unsure",
        f"{what} lie {_named(place.where)} of the {role} too, but the matrix was not made of these alone "
        f"(correlation {place.likeness:.2f}). {used}",
        "If you know that they are the counts of these cells, before any correction, use them; otherwise leave them.",
        _fix(role, place, "Use those values"),
    )


def _binned(role: Role, largest: float) -> Finding:
    return Finding(
        "warn",
        "values_binned",
        f"The {role} holds whole numbers whose largest, {largest:,.0f}, is the same in every cell: these are bins, or marks "
        "of what was detected, not counts.",
        "Export the counts; how strongly a gene is expressed is lost in such numbers.",
    )


def _use_raw(adata: AnnData, role: Role) -> Finding:
    return Finding(
        "warn",
        "genes_in_raw",
        f"The matrix of the {role} has {adata.n_vars:,} genes; the same values of {adata.raw.n_vars:,} genes are in the file "
        "too, under 'raw'.",
        "Use all genes: the more both datasets share, the better they can be compared.",
        Fix("use_counts", "Use all genes", {"role": role, "where": "raw"}),
    )


def _named(where: tuple[str, ...]) -> str:
    if where == ("raw",):
        return "under 'raw'"
    names = [f"'{place.removeprefix('layers/')}'" for place in where]
    return f"in the layer {names[0]}" if len(names) == 1 else f"in the layers {' and '.join(names)}, added up"


def _log(adata: AnnData, role: Role) -> Finding:
    base = log_base(adata.X)
    fix = Fix("undo_log", "Undo the logarithm", {"role": role, "base": base})
    if shown_log(adata.X) is None:
        return Finding(
            "warn",
            "values_log_unsure",
            f"The {role} holds numbers that may be log values (to base {base}, by their look), but do not show it: undone, "
            "they give neither cells of one total nor whole multiples of one number in each cell, as counts do.",
            "They are used as log values. Values that were smoothed or divided by gene, and logarithms taken twice, look so "
            "as well: give the counts if you have them.",
            fix,
        )
    return Finding(
        "advice",
        "values_log",
        f"The {role} holds log values (to base {base}, by their look), not counts.",
        "They can be used. Undoing the logarithm lets both datasets be prepared in the same way.",
        fix,
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
