"""Figure 3: one real dataset cut into source and target, with all or not all types in common."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from benchmarks.paper_transfercluster.scoring import COLUMNS as SCORES
from benchmarks.paper_transfercluster.scoring import Setting, scored
from sctl.errors import SctlError, SctlWarning
from sctl.io import read
from sctl.methods.transfercluster.nmf_groups import nmf_groups
from sctl.preprocess import prepare_pair
from sctl.run import Run

SIZES = (25, 50, 100, 200, 400, 650)
OVERLAPS = ("complete", "incomplete")
TRUTHS = ("given", "nmf")
UNNAMED = "(none)"  # what Zeisel et al. wrote where they gave no type
COLUMNS = ("data", "truth", "overlap", "cells", "repeat", *SCORES)
_TRUTH = "truth"


@dataclass(frozen=True)
class Dataset:
    """A labelled dataset: its file, and the column of the types."""

    file: str
    label_key: str

    @property
    def name(self) -> str:
        """File and column."""
        return f"{self.file}, {self.label_key}"


DATASETS = (
    Dataset("zeisel_cortex", "cell_type"),
    Dataset("zeisel_cortex", "level2"),
    Dataset("baron_human1", "cell_type_harmonised"),
)


def with_truth(folder: Path, dataset: Dataset, truth: str) -> AnnData:
    """Read a dataset and put what counts as true into one column, for source and target alike.

    Parameters
    ----------
    folder : Path
    dataset : Dataset
    truth : {"given", "nmf"}
        The published types; or groups found by NMF in all cells together, as many as there are types.

    Returns
    -------
    AnnData
        Cells without a published type are left out.
    """
    cells = read(folder / f"{dataset.file}.h5ad")
    types = cells.obs[dataset.label_key].astype(str)
    cells = cells[(types != UNNAMED).to_numpy()].copy()
    types = types[types != UNNAMED]
    if truth == "nmf":
        whole = prepare_pair(cells, cells.copy()).pair.target
        variable = whole[:, whole.var["highly_variable"].to_numpy()].X
        codes = nmf_groups(variable, types.nunique(), alpha=0.0, l1_ratio=0.0, run=Run()).codes
        found = pd.Series([f"group {code + 1:02d}" for code in codes], index=whole.obs_names)
        cells = cells[whole.obs_names].copy()
        types = found
    cells.obs = pd.DataFrame({_TRUTH: pd.Categorical(types.reindex(cells.obs_names))}, index=cells.obs_names)
    return cells


def cut(
    types: np.ndarray, overlap: str, rng: np.random.Generator, *, n_source: int, n_target: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the cells of source and target, none on both sides.

    With incomplete overlap the largest type is the target's alone and the second largest the source's.

    Parameters
    ----------
    types : ndarray of str, shape (n_obs,)
    overlap : {"complete", "incomplete"}
    rng : Generator
    n_source, n_target : int

    Returns
    -------
    source, target : ndarray of int
        In random order; fewer cells than asked for where there are not enough.
    """
    order = rng.permutation(len(types))
    if overlap == "complete":
        return order[n_target : n_target + n_source], order[:n_target]
    first, second = pd.Series(types).value_counts().index[:2]
    of_target, of_source = order[types[order] != second], order[types[order] != first]
    target = of_target[:n_target]
    return of_source[~np.isin(of_source, target)][:n_source], target


def one_repeat(  # noqa: PLR0913 - plain values, so that a repeat can be sent anywhere
    folder: Path,
    dataset: Dataset,
    truth: str,
    overlap: str,
    seed: int,
    *,
    sizes: tuple[int, ...] = SIZES,
    n_source: int = 1000,
    setting: Setting | None = None,
) -> list[dict[str, Any]]:
    """Cut a dataset once and cluster targets of every size, each the first cells of the next larger one."""
    warnings.simplefilter("ignore", SctlWarning)
    cells = with_truth(folder, dataset, truth)
    types = cells.obs[_TRUTH].astype(str).to_numpy()
    run = Run(seed=seed)
    chosen = cut(types, overlap, run.rng("cut"), n_source=n_source, n_target=max(sizes))
    source, target = (cells[side].copy() for side in chosen)
    n_types = target.obs[_TRUTH].astype(str).nunique()
    rows = []
    for size in sizes:
        known = {"data": dataset.name, "truth": truth, "overlap": overlap, "cells": size, "repeat": seed}
        try:
            alone = target[:size].copy()
            alone.obs = alone.obs[[]]
            pair = prepare_pair(source, alone, label_key=_TRUTH).pair
        except SctlError as error:
            rows.append({**known, "refused": str(error)})
            continue
        right = target.obs.loc[pair.target.obs_names, _TRUTH].astype(str).to_numpy(dtype=object)
        rows += [{**known, **row} for row in scored(pair, right, n_types, setting or Setting(), run)]
    return rows
