"""Figure 2: simulated data, three overlaps, targets of 10 to 800 cells."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from anndata import AnnData

from benchmarks.paper_transfercluster.scoring import COLUMNS as SCORES
from benchmarks.paper_transfercluster.scoring import Setting, scored
from sctl.data import Pair
from sctl.errors import SctlError, SctlWarning
from sctl.preprocess import PreprocessParams, prepare_pair
from sctl.run import Run
from sctl.simulate import CountModel, Overlap, simulate_pair

OVERLAPS: tuple[Overlap, ...] = ("complete", "incomplete", "none")
SIZES = (10, 25, 50, 100, 200, 400, 600, 800)
KEY = "cell_type"
COLUMNS = ("overlap", "values", "cells", "repeat", *SCORES)


def one_repeat(  # noqa: PLR0913 - plain values, so that a repeat can be sent anywhere
    overlap: Overlap,
    seed: int,
    *,
    sizes: tuple[int, ...] = SIZES,
    n_vars: int = 10_000,
    n_source: int = 1000,
    values: str = "log",
    effect: str = "node",
    setting: Setting | None = None,
) -> list[dict[str, Any]]:
    """Simulate once and cluster targets of every size, each the first cells of the next larger one.

    Parameters
    ----------
    overlap : {"complete", "incomplete", "none"}
    seed : int
        Of the simulation and of every method.
    sizes : tuple of int
    n_vars, n_source : int
    values : {"log", "raw"}
        As `sctl run` prepares them, or counts as they are (the paper's).
    effect : {"node", "gene"}
        The released code's change of expression, or the paper's.
    setting : Setting, optional
    """
    warnings.simplefilter("ignore", SctlWarning)
    model = CountModel(effect=effect)  # type: ignore[arg-type]
    source, target = simulate_pair(
        overlap, n_vars, n_source=n_source, n_target=max(sizes), model=model, run=Run(seed=seed)
    )
    n_types = target.obs[KEY].astype(str).nunique()  # of the whole target, as in the paper
    rows = []
    for size in sizes:
        known = {"overlap": overlap, "values": values, "cells": size, "repeat": seed}
        try:
            pair = _pair(source, target[:size].copy(), values)
        except SctlError as error:
            rows.append({**known, "refused": str(error)})
            continue
        truth = target.obs.loc[pair.target.obs_names, KEY].astype(str).to_numpy(dtype=object)
        found = scored(pair, truth, n_types, setting or Setting(), Run(seed=seed))
        rows += [{**known, **row} for row in found]
    return rows


def _pair(source: AnnData, target: AnnData, values: str) -> Pair:
    if values == "log":
        return prepare_pair(source, target, label_key=KEY).pair
    params = PreprocessParams(normalize_to=None, log="none", n_top_genes=None)
    pair = prepare_pair(source, target, params, label_key=KEY).pair
    for side in (pair.source, pair.target):
        side.X = side.X.astype(np.float64)
    return pair
