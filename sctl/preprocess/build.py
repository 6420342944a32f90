"""A side after its preparation: kept cells, chosen genes, values."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pandas as pd
from anndata import AnnData

from sctl.numerics.normalize import library_sizes, log_normalized
from sctl.preprocess.params import PreprocessParams
from sctl.preprocess.side import Side
from sctl.typing import Floats


def sizes_of(side: Side, genes: pd.Index, params: PreprocessParams) -> Floats:
    """Library size of every kept cell: (n_cells,)."""
    return library_sizes(side.columns(genes if params.normalize_on == "shared" else side.measured))


def with_genes(side: Side, genes: pd.Index, values: Any, marks: pd.DataFrame) -> AnnData:
    """Put the kept cells, the pair's genes and their values together."""
    var = side.adata.var.loc[genes].copy()
    for name, column in marks.items():
        var[name] = column.to_numpy()
    layers = {"counts": side.columns(genes)} if side.values.are_counts else {}
    return AnnData(X=values, obs=_obs(side), var=var, layers=layers)


def _obs(side: Side) -> pd.DataFrame:
    """Return what is known of the kept cells, without categories that are gone."""
    obs: pd.DataFrame = side.adata.obs.iloc[side.cells].copy()
    for name in obs.columns[[isinstance(kind, pd.CategoricalDtype) for kind in obs.dtypes]]:
        obs[name] = obs[name].cat.remove_unused_categories()
    return obs


def with_all_genes(side: Side, sizes: Floats, params: PreprocessParams) -> AnnData:
    """Return the kept cells with every gene that was measured."""
    values = side.columns(side.measured)
    return AnnData(
        X=log_normalized(values, sizes=sizes, to=params.normalize_to, log=params.log),
        obs=_obs(side),
        var=side.adata.var.loc[side.measured].copy(),
        layers={"counts": values} if side.values.are_counts else {},
        obsm={
            key: value.iloc[side.cells] if isinstance(value, pd.DataFrame) else value[side.cells]
            for key, value in side.adata.obsm.items()
        },
        uns=deepcopy(dict(side.adata.uns)),
    )
