"""Table 1: how often two close groups of a small real target are told apart, over seeds."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pairs import RealPair
from benchmarks.paper_transfercluster.scoring import CONCATENATE, TARGET, TRANSFER, Setting
from sctl.analysis.seed_stability import one_seed, prepare_trial
from sctl.analysis.stability_measures import groups_from
from sctl.data import Pair
from sctl.errors import SctlWarning
from sctl.preprocess import PreprocessParams, prepare_pair
from sctl.run import Run

VARIANTS = {
    "plain": PreprocessParams(),
    "batch-corrected": PreprocessParams(batch_correction="combat"),
    "imputed": PreprocessParams(imputation="magic"),
}
"""The paper's are Seurat's removal of batch effects, and MAGIC."""

METHODS = {TARGET: "targetcluster", CONCATENATE: "concatenatecluster", TRANSFER: "transfercluster"}

COLUMNS = ("question", "variant", "cells", "method", "seed", "separated", "total_variation", "n_clusters")


@dataclass(frozen=True)
class Close:
    """Two groups of a real target that are easily taken for one."""

    pair: RealPair
    one: str
    other: str

    @property
    def name(self) -> str:
        """Pair and groups."""
        return f"{self.pair.name}: {self.one} / {self.other}"


PBMC = RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat")
QUESTIONS = (
    # T cells that differ in a handful of genes: the closest groups of blood that both datasets have.
    Close(PBMC, "CD4 T", "CD8 T"),
    # The source has no CD16 monocytes, as the paper's has no pPEP cells: can a new type still be seen?
    Close(PBMC, "CD14 Mono", "CD16 Mono"),
    # α and γ cells, neighbours in the islet; another protocol, and 2,000 chosen genes.
    Close(RealPair("baron_human1", "segerstolpe_hvg2000"), "alpha", "gamma"),
)


@lru_cache(maxsize=1)
def prepared(folder: Path, question: Close, variant: str, n_cells: int) -> tuple[Pair, np.ndarray]:
    """Return the pair with a small target, and the true types of its cells; the same cells for every variant."""
    source, target, truth = question.pair.load(folder)
    chosen = np.sort(Run().rng("small target").permutation(target.n_obs)[:n_cells])
    pair = prepare_pair(source, target[chosen].copy(), VARIANTS[variant], label_key=question.pair.label_key).pair
    return pair, truth.reindex(pair.target.obs_names).to_numpy(dtype=object)


def one_block(
    folder: Path, question: Close, variant: str, method: str, seeds: range, *, n_cells: int = 300
) -> list[dict[str, Any]]:
    """Cluster a pair by one method with some seeds.

    Parameters
    ----------
    folder : Path
    question : Close
    variant : str
        A key of :data:`VARIANTS`.
    method : str
        A key of :data:`METHODS`.
    seeds : range
    n_cells : int
        Size of the target, drawn at random once; the paper's has 314.
    """
    warnings.simplefilter("ignore", SctlWarning)
    pair, truth = prepared(folder, question, variant, n_cells)
    groups = groups_from(truth, question.one, question.other)
    known = {"question": question.name, "variant": variant, "cells": pair.target.n_obs}
    n_types = len({kind for kind in truth if isinstance(kind, str)})
    trial = prepare_trial(method, pair, Setting().of(METHODS[method], n_types), groups)
    return [{**known, **asdict(one_seed(trial, seed))} for seed in seeds]
