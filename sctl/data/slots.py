"""Results in the slots of an AnnData: :func:`write_result` alone writes them, :func:`read_result` reads them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.data.diagnostics import Diagnostics
from sctl.data.diagnostics.uns import from_uns, to_uns
from sctl.data.pair import in_memory
from sctl.data.result import UNASSIGNED, TransferResult
from sctl.errors import DataError, ParameterError
from sctl.typing import Floats


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
        ``params``, ``seed`` and ``version``, and the diagnostics under the keys that
        :mod:`sctl.data.diagnostics` states, e.g. ``theta`` and ``training``. What else there is by cell stands beside, such
        as ``obs[f"{key}_raw_confidence"]``, ``obs[f"{key}_unknown"]`` and ``obsm[f"{key}_second_opinion"]``.

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
            **to_uns(result.diagnostics),
            "method": result.method,
            "params": dict(result.params),
            "seed": result.seed,
            "version": result.version,
            "clusters": list(result.cluster_names),
            "labels": list(result.label_names),
        }
    )
    for name, value in result.obs.items():
        out.obs[f"{key}_{name}"] = np.asarray(value, dtype=np.float64)
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
        obs={own[name]: adata.obs[name].to_numpy(dtype=np.float64) for name in adata.obs if name in own},
        obsm={own[name]: np.asarray(adata.obsm[name]) for name in adata.obsm if name in own},
        obsp={own[name]: adata.obsp[name] for name in adata.obsp if name in own},
        varm={own[name]: np.asarray(adata.varm[name]) for name in adata.varm if name in own},
        diagnostics=from_uns(Diagnostics, uns),
    )


def _own_names(adata: AnnData, key: str) -> dict[str, str]:
    """Return the slots that only this method makes, by full name: without the prefix, and without other methods'."""
    prefix = f"{key}_"
    others = [str(other) for other in adata.uns if str(other).startswith(prefix)]
    taken = tuple(f"{other}_" for other in others)
    always = {f"{key}_{name}" for name in ("label", "confidence", "proba", "label_proba")} | set(others)
    names = {*adata.obs, *adata.obsm, *adata.obsp, *adata.varm} - always
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
