"""The nouns: a ``Pair`` goes in, a ``TransferResult`` comes out; one function knows the slot names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError, ParameterError
from sctl.typing import Floats, Ints

Answer = Literal["before", "after"]
"""Of a result with two answers: the one from before the target sharpened its groups, or the one from after."""

UNASSIGNED = "unassigned"
"""The label of a cell that no source type was given to."""

TARGET_ONLY = "target_only"
"""Where a pair's target keeps its own genes: ``obsm[TARGET_ONLY]``, names in ``uns[f"{TARGET_ONLY}_genes"]``."""
DEPTH = "depth"
"""Where a pair's target, and a result, say in ``uns`` how deeply both were measured: ``source`` and ``target``, the median
number of shared genes that a cell shows; where both hold counts also ``source_counts`` and ``target_counts``, their median."""


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


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


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


@dataclass(frozen=True, kw_only=True)
class TransferResult:
    """What a method says about the target cells. A value: nothing is written anywhere.

    Parameters
    ----------
    method : str
        Key of the method.
    obs_names : sequence of str
        The target cells, in order.
    clusters : ndarray of shape (n_obs,)
        Index of each cell's cluster into ``cluster_names``; -1 where none.
    cluster_names : tuple of str, length n_clusters
    proba : ndarray of shape (n_obs, n_clusters)
        Probability of each cluster; rows sum to one.
    labels : ndarray of shape (n_obs,)
        Source type given to each cell, or ``"unassigned"``.
    label_names : tuple of str, length n_labels
        The source's types.
    label_proba : ndarray of shape (n_obs, n_labels)
        Probability of each source type; rows sum to one or, where a cell resembles none, to less.
    confidence : ndarray of shape (n_obs,)
        How sure the label is, in [0, 1]: its probability among ``label_proba``, where it is a source type.
    embedding : ndarray of shape (n_obs, n_latent)
        The space in which the method compared the cells.
    params, seed, version
        What makes the result reproducible.
    obsm, obsp, varm, uns : mappings
        What only some methods make; names are completed with the method's key when written.
    var_names : tuple of str
        The genes that ``varm`` is about.
    """

    method: str
    obs_names: pd.Index
    clusters: Ints
    cluster_names: tuple[str, ...]
    proba: Floats
    labels: NDArray[Any]
    label_names: tuple[str, ...]
    label_proba: Floats
    confidence: Floats
    embedding: Floats
    params: Mapping[str, Any]
    seed: int
    version: str
    var_names: tuple[str, ...] = ()
    obsm: Mapping[str, Floats] = field(default_factory=_empty)
    obsp: Mapping[str, Any] = field(default_factory=_empty)
    varm: Mapping[str, Floats] = field(default_factory=_empty)
    uns: Mapping[str, Any] = field(default_factory=_empty)

    @property
    def n_obs(self) -> int:
        """Number of target cells."""
        return len(self.obs_names)


def in_memory(adata: AnnData) -> AnnData:
    """Return a dataset whose values are in memory: itself, or a copy of one that lies on disk (``backed``)."""
    return adata.to_memory() if adata.isbacked else adata


def slot(method: str) -> str:
    """Return the key under which a method writes: ``sctl_<method>``."""
    return f"sctl_{method}"


def write_result(adata: AnnData, result: TransferResult, *, key_added: str | None = None) -> AnnData:
    """Return a copy of the target with a result in its slots.

    Parameters
    ----------
    adata : AnnData
        The target; must hold the cells of the result (more are dropped).
    result : TransferResult
    key_added : str, optional
        Defaults to ``sctl_<method>``.

    Returns
    -------
    AnnData
        ``obs[key]`` the cluster and ``obs[f"{key}_label"]`` the source type (both categorical),
        ``obs[f"{key}_confidence"]`` in [0, 1], ``obsm[f"X_{key}"]`` the embedding,
        ``obsm[f"{key}_proba"]`` and ``obsm[f"{key}_label_proba"]`` with their column names in
        ``uns[key]["clusters"]`` and ``uns[key]["labels"]``; ``uns[key]`` also holds ``method``,
        ``params``, ``seed`` and ``version``.

    Raises
    ------
    DataError
        If a cell of the result is not in ``adata``.
    """
    key, adata = key_added or slot(result.method), in_memory(adata)
    require_cells(adata, result)
    out = adata[result.obs_names].copy()
    names = np.array([*result.cluster_names, None], dtype=object)
    out.obs[key] = pd.Categorical(names[result.clusters], categories=list(result.cluster_names))
    order = dict.fromkeys((*result.label_names, UNASSIGNED))  # the source's own types may include "unassigned"
    out.obs[f"{key}_label"] = pd.Categorical(
        result.labels.astype(str), categories=[name for name in order if (result.labels == name).any()]
    )
    out.obs[f"{key}_confidence"] = result.confidence.astype(np.float64)
    out.obsm[f"X_{key}"] = np.array(result.embedding, dtype=np.float32)
    out.obsm[f"{key}_proba"] = np.array(result.proba)
    out.obsm[f"{key}_label_proba"] = np.array(result.label_proba)
    out.uns[key] = writable(
        {
            **result.uns,
            "method": result.method,
            "params": dict(result.params),
            "seed": result.seed,
            "version": result.version,
            "clusters": list(result.cluster_names),
            "labels": list(result.label_names),
        }
    )
    for name, value in result.obsm.items():
        out.obsm[f"{key}_{name}"] = np.array(value)
    for name, value in result.obsp.items():
        out.obsp[f"{key}_{name}"] = value.copy()
    for name, value in result.varm.items():
        out.varm[f"{key}_{name}"] = _spread(value, result.var_names, out.var_names)
    return out


def require_cells(adata: AnnData, result: TransferResult) -> None:
    """Raise ``DataError`` where a cell of the result is not in a dataset."""
    missing = result.obs_names.difference(adata.obs_names)
    if len(missing):
        raise DataError(
            f"{len(missing)} cells of the result are not in the target, e.g. {missing[0]!r}.",
            expected="A result is written into the target it was computed for.",
            do="Pass the same target, before any further filtering.",
        )


def read_result(adata: AnnData, method: str) -> TransferResult:
    """Return the result of ``method`` that :func:`write_result` put into ``adata``.

    Raises
    ------
    ParameterError
        If there is none.
    """
    key = slot(method)
    if key not in adata.uns:
        found = sorted(str(name)[5:] for name in adata.uns if str(name).startswith("sctl_"))
        raise ParameterError(
            f"There is no result of {method!r}.",
            expected=f"There are results of {found}." if found else "No method has been run.",
            do="Run the method first.",
        )
    uns = dict(adata.uns[key])
    known = {name: uns.pop(name) for name in ("method", "params", "seed", "version", "clusters", "labels")}
    own = _own_names(adata, key)
    return TransferResult(
        method=method,
        obs_names=adata.obs_names,
        clusters=adata.obs[key].cat.codes.to_numpy().astype(np.int64),
        cluster_names=tuple(map(str, known["clusters"])),
        proba=np.asarray(adata.obsm[f"{key}_proba"]),
        labels=adata.obs[f"{key}_label"].astype(str).to_numpy(),
        label_names=tuple(map(str, known["labels"])),
        label_proba=np.asarray(adata.obsm[f"{key}_label_proba"]),
        confidence=adata.obs[f"{key}_confidence"].to_numpy(),
        embedding=np.asarray(adata.obsm[f"X_{key}"]),
        params=dict(known["params"]),
        seed=int(known["seed"]),
        version=str(known["version"]),
        var_names=tuple(adata.var_names),
        obsm={own[name]: np.asarray(adata.obsm[name]) for name in adata.obsm if name in own},
        obsp={own[name]: adata.obsp[name] for name in adata.obsp if name in own},
        varm={own[name]: np.asarray(adata.varm[name]) for name in adata.varm if name in own},
        uns=uns,
    )


def _own_names(adata: AnnData, key: str) -> dict[str, str]:
    """Return the slots that only this method makes, by full name: without the prefix, and without other methods'."""
    prefix = f"{key}_"
    taken = tuple(f"{other}_" for other in adata.uns if str(other).startswith(prefix))
    names = {*adata.obsm, *adata.obsp, *adata.varm} - {f"{key}_proba", f"{key}_label_proba"}
    return {name: name[len(prefix) :] for name in names if name.startswith(prefix) and not name.startswith(taken)}


def result_only(result: TransferResult) -> AnnData:
    """Return a result as an AnnData without expression values: the form in which it is stored."""
    shell = ad.AnnData(
        obs=pd.DataFrame(index=result.obs_names), var=pd.DataFrame(index=pd.Index(result.var_names, dtype=str))
    )
    return write_result(shell, result)


def writable(value: Any) -> Any:
    """Return ``value`` in a form that ``.h5ad`` takes: tuples as lists, keys as strings without ``/``."""
    if isinstance(value, Mapping):
        return {str(key).replace("/", "|"): writable(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        items = [writable(item) for item in value]
        return np.array(items) if items and all(isinstance(item, (int, float)) for item in items) else items
    return value


def _spread(values: Floats, from_names: tuple[str, ...], to_names: pd.Index) -> Floats:
    """Place rows given for some genes among all genes; NaN elsewhere: an array of shape (n_vars, n_columns)."""
    where = pd.Index(from_names).get_indexer(to_names)  # the target's own names may repeat, the pair's never do
    out: Floats = np.asarray(values, dtype=np.float64)[where]
    out[where < 0] = np.nan
    return out
