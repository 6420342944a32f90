"""Whether explanations hold, and how long gene set enrichment takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.pairs import RealPair
from sctl.analysis.enrichment import Gsea, enrich
from sctl.analysis.explain import deletion
from sctl.genesets import hallmark
from sctl.methods import get_method
from sctl.methods.base import Explains, fit_transfer
from sctl.preprocess import PreprocessParams
from sctl.run import Run

PAIRS = (
    RealPair("baron_human1", "segerstolpe_hvg2000"),
    RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"),
    RealPair("baron_human1", "baron_mouse"),
)
METHODS = ("transfercluster", "itclust", "scarches", "poissonautoencoder")
SETTINGS = {"transfercluster": {"theta_step": 0.5, "theta_max": 0.5}}
N_CELLS, N_GENES = 60, 20


def checked(pair: RealPair, folder: Path, seed: int) -> Iterator[dict[str, Any]]:
    """Yield how far the preference falls when genes are taken out: those that speak for a label, and random ones.

    A row for each method, and two types of which most cells were given the label; the preference of whole cells is 1.
    """
    prepared, _ = pair.prepared(folder, PreprocessParams())
    for key in METHODS:
        run = Run(seed=seed)
        method = get_method(key)(**SETTINGS.get(key, {}))
        result = fit_transfer(prepared, method, run)
        assert isinstance(method, Explains)
        counts = pd.Series(result.labels)[np.isin(result.labels, result.label_names)].value_counts()
        labels = list(counts.index[:2])
        for label, against in (labels, labels[::-1]):
            cells = np.flatnonzero(result.labels == label)[:N_CELLS]
            curve = deletion(method.explainer(prepared.target, cells, run), label, against, run=run, most=N_GENES)
            whole, last = curve["salient"].iloc[0], curve.iloc[-1]
            yield {
                "pair": pair.name, "method": key, "seed": seed, "label": label, "against": against,
                "salient": last["salient"] / whole, "random": last["random"] / whole,
            }  # fmt: skip


def timed() -> Iterator[dict[str, Any]]:
    """Yield the seconds that 60 random rankings of the Hallmark genes take, 50 sets each, with one and two threads."""
    sets = hallmark("human")
    genes = sorted(sets.genes)
    rankings = pd.DataFrame(np.random.default_rng(0).normal(size=(len(genes), 60)), index=genes)
    for threads in (1, 2):
        steps: list[Any] = []
        wall, cpu = time.perf_counter(), time.process_time()
        enrich(rankings, sets, run=Run(listener=steps.append), gsea=Gsea(n_threads=threads))
        yield {
            "rankings": 60, "sets": len(sets), "threads": threads, "wall s": time.perf_counter() - wall,
            "CPU s": time.process_time() - cpu, "reports of progress": len(steps),
        }  # fmt: skip
