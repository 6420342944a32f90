"""The repairs behind the findings: each takes a dataset and returns a repaired copy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError, ParameterError
from sctl.genes import map_orthologs, named_as, renamed, strip_version, symbols_from, with_plain_names, without_genome
from sctl.io.cleaning import without_orientation
from sctl.preflight.report import Fix
from sctl.preprocess import named_type, plain_label
from sctl.qc.values import LARGEST

_BASES = {"e": float(np.e), "2": 2.0, "10": 10.0}


def apply_fix(adata: AnnData, fix: Fix, *, other: AnnData | None = None) -> AnnData:
    """Return a repaired copy; the dataset itself is left as it is.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
        The dataset that ``fix.arguments["role"]`` names.
    fix : Fix
        From a :class:`~sctl.preflight.Finding`.
    other : AnnData, optional
        The other of the two; the repairs in :data:`NEED_OTHER` need it.

    Returns
    -------
    AnnData

    Raises
    ------
    ParameterError
        If the fix is unknown, or needs the other dataset.
    DataError
        If the dataset is not one that this fix repairs.
    """
    if fix.code in NEED_OTHER:
        if other is None:
            raise ParameterError(
                "The spelling of the other dataset is not known.",
                expected="This repair compares the two datasets.",
                do="Give the other dataset as well.",
            )
        return NEED_OTHER[fix.code](adata, other)
    if fix.code not in _FIXES:
        raise ParameterError(
            f"There is no repair called {fix.code!r}.",
            expected=f"There are {', '.join(sorted([*_FIXES, *NEED_OTHER]))}.",
            do="Use a repair that the pre-flight offered.",
        )
    arguments = {key: value for key, value in fix.arguments.items() if key != "role"}
    with warnings.catch_warnings():
        # The findings say so in plain words; a repair of something else must not say it again.
        warnings.filterwarnings("ignore", message=".*names are not unique")
        return _FIXES[fix.code](adata, **arguments)


def _use_counts(adata: AnnData, *, where: str) -> AnnData:
    """Put counts, or values from before scaling, into ``X``; from ``raw`` they may come with more genes than ``X`` had."""
    if where == "raw":
        if adata.raw is None:
            raise _gone("'raw'")
        return AnnData(
            X=sparse.csr_matrix(adata.raw.X),
            obs=adata.obs.copy(),
            var=_with_words(adata.raw.var, adata.var),
            uns=dict(adata.uns),
            obsm={key: value.copy() for key, value in adata.obsm.items()},
        )
    key = where.removeprefix("layers/")
    if key not in adata.layers:
        raise _gone(f"the layer '{key}'")
    out = adata.copy()
    out.X = sparse.csr_matrix(out.layers[key])
    return out


def _with_words(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return a table of genes with the columns of text that only another has: symbols beside ids, for instance."""
    out = table.copy()
    if table.index.is_unique and other.index.is_unique:
        for column in other.columns.difference(table.columns):
            if isinstance(other[column].dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(
                other[column].dtype
            ):
                out[column] = other[column].astype(object).reindex(table.index)
    return out


def _sum_layers(adata: AnnData, *, layers: list[str]) -> AnnData:
    """Put the sum of some layers into ``X``: the counts of spliced and unspliced molecules, for instance."""
    for key in layers:
        if key not in adata.layers:
            raise _gone(f"the layer '{key}'")
    out = adata.copy()
    first, *others = (sparse.csr_matrix(adata.layers[key], dtype=np.float32) for key in layers)
    out.X = sum(others, first)
    return out


def _gone(what: str) -> DataError:
    return DataError(f"The counts were expected in {what}, which is not there.", do="Let the pre-flight look again.")


def _undo_log(adata: AnnData, *, base: str) -> AnnData:
    """Turn log(1 + value) into the value; where all come out whole but for rounding, into counts."""
    out = adata.copy()
    matrix = sparse.csr_matrix(out.X, dtype=np.float64)
    matrix.data = np.expm1(matrix.data * np.log(_BASES[base]))
    whole = np.rint(matrix.data)
    if matrix.nnz and np.abs(matrix.data - whole).max() < 0.01:
        matrix.data = whole
    out.X = matrix.astype(np.float32)
    return out


def _set_zero(adata: AnnData, *, what: str) -> AnnData:
    out = adata.copy()
    matrix = sparse.csr_matrix(out.X, copy=True)
    tests: dict[str, Callable[[Any], Any]] = {
        "missing": np.isnan,
        "infinite": lambda x: np.abs(x) > LARGEST,
        "negative": lambda x: x < 0,
    }
    matrix.data[tests[what](matrix.data)] = 0
    matrix.eliminate_zeros()
    out.X = matrix
    return out


def _transpose(adata: AnnData) -> AnnData:
    out = adata.T.copy()
    out.X = sparse.csr_matrix(out.X)
    notes = without_orientation(str(out.uns.pop("read_notes", "")))
    if notes:
        out.uns["read_notes"] = notes
    return out


def _sum_genes(adata: AnnData) -> AnnData:
    """Add up the columns of one name; of their remarks in ``var`` the first row is kept."""
    names = adata.var_names.unique()
    where = names.get_indexer(adata.var_names)
    join = sparse.csr_matrix((np.ones(adata.n_vars), (np.arange(adata.n_vars), where)), (adata.n_vars, len(names)))
    first = ~adata.var_names.duplicated()
    out = AnnData(
        X=(sparse.csr_matrix(adata.X) @ join.astype(adata.X.dtype)).tocsr(),
        obs=adata.obs.copy(),
        var=adata.var[first].copy(),
        uns=dict(adata.uns),
        obsm={key: value.copy() for key, value in adata.obsm.items()},
    )
    for key, value in adata.layers.items():
        layer = sparse.csr_matrix(value)
        out.layers[key] = (layer @ join.astype(layer.dtype)).tocsr()
    return out


def _unique_genes(adata: AnnData) -> AnnData:
    out = adata.copy()
    out.var_names = _numbered(adata.var_names)
    return out


def _unique_cells(adata: AnnData) -> AnnData:
    out = adata.copy()
    out.obs_names = _numbered(adata.obs_names)
    return out


def _numbered(names: pd.Index) -> pd.Index:
    """Number the second and later ones of a name, passing over names that are taken."""
    taken: set[str] = set(names)
    taken_names: set[str] = set()
    numbers: dict[str, int] = {}
    out: list[str] = []
    for name in names:
        given = name
        while given in taken_names or (given != name and given in taken):
            numbers[name] = numbers.get(name, 0) + 1
            given = f"{name}-{numbers[name]}"
        taken_names.add(given)
        out.append(given)
    return pd.Index(out, dtype=object)


def _drop_empty_cells(adata: AnnData) -> AnnData:
    filled = np.asarray(sparse.csr_matrix(adata.X).astype(bool).sum(axis=1)).ravel() > 0
    return adata[filled].copy()


def _drop_empty_barcodes(adata: AnnData, *, min_counts: int) -> AnnData:
    totals = np.asarray(sparse.csr_matrix(adata.X).sum(axis=1)).ravel()
    if not (totals >= min_counts).any():
        raise DataError(f"No barcode has {min_counts} counts.", do="Let the pre-flight look again.")
    return adata[totals >= min_counts].copy()


def _strip_versions(adata: AnnData) -> AnnData:
    """Remove versions; where two ids fall together, the second and later are numbered."""
    names = _numbered(strip_version(adata.var_names))
    return renamed(adata, np.arange(adata.n_vars), names.to_numpy(), former="gene_id")


def _strip_genome(adata: AnnData, *, genome: str) -> AnnData:
    names = _numbered(without_genome(adata.var_names, genome))
    return renamed(adata, np.arange(adata.n_vars), names.to_numpy(), former="gene_id")


def _map_orthologs(adata: AnnData, *, to: Any) -> AnnData:
    return map_orthologs(adata, to=to)[0]


def _match_case(adata: AnnData, other: AnnData) -> AnnData:
    """Spell each gene as the other dataset does; a gene without a counterpart there keeps its name."""
    spelled = {name.lower(): name for name in reversed(list(other.var_names))}
    names = _numbered(pd.Index([spelled.get(name.lower(), name) for name in adata.var_names], dtype=object))
    return renamed(adata, np.arange(adata.n_vars), names.to_numpy(), former="gene_id")


def _drop_unlabelled(adata: AnnData, *, label_key: str) -> AnnData:
    return _tidy_labels(adata[named_type(adata.obs[label_key]).notna().to_numpy()].copy(), label_key)


def _drop_rare_labels(adata: AnnData, *, label_key: str, min_cells: int) -> AnnData:
    labels = named_type(adata.obs[label_key])
    counts = labels.value_counts()
    kept = labels.isna() | labels.isin(counts.index[counts >= min_cells])
    if not kept.any():
        raise DataError(
            f"Every label in '{label_key}' has fewer than {min_cells} cells.",
            expected="At least one label with more cells was expected.",
            do="Choose another column, or join similar labels.",
        )
    return _tidy_labels(adata[kept.to_numpy()].copy(), label_key)


def _join_spellings(adata: AnnData, *, label_key: str) -> AnnData:
    """Give labels that differ in spelling only the name that most of their cells have."""
    labels = named_type(adata.obs[label_key])
    chosen: dict[str, str] = {}
    for label in labels.value_counts().index:
        chosen.setdefault(plain_label(label), label)
    out = adata.copy()
    joined = labels.map(lambda label: chosen[plain_label(label)], na_action="ignore")
    text = adata.obs[label_key].astype(object)
    out.obs[label_key] = joined.where(labels.notna(), text).astype("category")
    return out


def _tidy_labels(adata: AnnData, label_key: str) -> AnnData:
    if isinstance(adata.obs[label_key].dtype, pd.CategoricalDtype):
        adata.obs[label_key] = adata.obs[label_key].cat.remove_unused_categories()
    return adata


_FIXES: dict[str, Callable[..., AnnData]] = {
    "use_counts": _use_counts,
    "choose_values": _use_counts,
    "sum_layers": _sum_layers,
    "undo_log": _undo_log,
    "set_zero": _set_zero,
    "transpose": _transpose,
    "sum_genes": _sum_genes,
    "unique_genes": _unique_genes,
    "unique_cells": _unique_cells,
    "drop_empty_barcodes": _drop_empty_barcodes,
    "drop_empty_cells": _drop_empty_cells,
    "use_symbols": symbols_from,
    "strip_genome": _strip_genome,
    "plain_names": with_plain_names,
    "strip_versions": _strip_versions,
    "map_orthologs": _map_orthologs,
    "drop_unlabelled": _drop_unlabelled,
    "join_spellings": _join_spellings,
    "drop_rare_labels": _drop_rare_labels,
}
NEED_OTHER: dict[str, Callable[[AnnData, AnnData], AnnData]] = {"match_case": _match_case, "match_names": named_as}
"""Repairs that bring one dataset's names to those of the other."""
