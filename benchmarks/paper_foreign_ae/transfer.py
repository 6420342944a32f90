"""Accuracy of labels by neighbours for k = 2…25: in the code, in a random network's, in raw values and in PCA."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from benchmarks.pairs import RealPair
from sctl.genesets import hallmark
from sctl.methods.poisson import PoissonAutoencoder
from sctl.methods.poisson.autoencoder import train_poisson, untrained
from sctl.methods.poisson.knn_vote import MOST_NEIGHBOURS
from sctl.methods.poisson.latent_space import common_space
from sctl.numerics.neighbors import nearest, winners_over_k
from sctl.preprocess import PreprocessParams
from sctl.run import Run
from sctl.typing import Ints

KS = range(2, MOST_NEIGHBOURS + 1)
SHARED = (
    RealPair("baron_human1", "baron_mouse"),
    RealPair("baron_mouse", "baron_human1"),
    RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"),
    RealPair("pbmc3k_seurat", "zheng_sorted_pbmc2140"),
    RealPair("scmixology_celseq2", "scmixology_dropseq", "cell_type"),
    RealPair("scmixology_celseq2_5cl", "scmixology_10x_894genes", "cell_type"),
)
FOREIGN = (
    RealPair("baron_human1", "pbmc3k_seurat"),
    RealPair("baron_mouse", "zeisel_cortex", "cell_type"),
    RealPair("zeisel_cortex", "baron_mouse", "cell_type"),
)
"""No type is shared: labels are those of the target, cross-validated within it."""
PAIRS = (*SHARED, *FOREIGN)

Encoder = Callable[[Any], list[np.ndarray]]
"""Values of cells to the codes of every network."""


@dataclass(frozen=True)
class Given:
    """One experiment: source and target values of the chosen genes, and labels as numbers."""

    name: str
    source: Any
    target: Any
    source_labels: np.ndarray
    target_labels: np.ndarray
    strata: np.ndarray


def given(pair: RealPair, folder: Path, genes: str) -> Given:
    """Prepare a pair; only target cells whose type the source has are scored."""
    prepared, truth = pair.prepared(folder, PreprocessParams())
    if pair in FOREIGN:
        known = ~pd.isna(truth)
        codes = pd.Categorical(truth[known]).codes.astype(np.int64)
        source_labels = codes
    else:
        names = list(prepared.labels.categories)
        known = np.isin(truth.astype(str), names)
        codes = np.array([names.index(name) for name in truth[known]])
        source_labels = prepared.labels.codes.astype(np.int64)
    var = prepared.source.var
    kept = var["highly_variable"].to_numpy(dtype=bool) if genes == "variable" else np.ones(len(var), bool)
    if genes == "hallmark":
        kept = hallmark("human").contains(var.index) | hallmark("mouse").contains(var.index)
    return Given(
        f"{pair.name}, {int(kept.sum())} genes",
        prepared.source[:, kept].X,
        prepared.target[known, kept].X,
        source_labels,
        codes,
        prepared.labels.codes.astype(np.int64),
    )


def fixed_arms(data: Given) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield what no seed changes: majority aside, raw values and components, by distance and by direction."""
    raw = [data.source.toarray(), data.target.toarray()]
    pca = PCA(50 if min(raw[0].shape) > 50 else min(raw[0].shape) - 1, random_state=0).fit(raw[0])
    for name, parts in (("raw", raw), ("PCA", [pca.transform(part) for part in raw])):
        yield name, parts[0], parts[1]
        yield f"{name}, cosine", _directions(parts[0]), _directions(parts[1])


def arms(data: Given, seed: int, *, orthogonality: bool) -> Iterator[tuple[str, float, np.ndarray, np.ndarray]]:
    """Yield the name of a space, CPU seconds of training, and source and target in it."""
    usual, run = PoissonAutoencoder(), Run(seed=seed)
    trained, costs = zip(*(_trained(data, config, run) for config in usual.configs), strict=True)
    random = [
        untrained(data.source.shape[1], config, replace(run, seed=run.random_state(f"network {place}"))).as_model()
        for place, config in enumerate(usual.configs)
    ]
    yield "encoded", sum(costs), *_space(data, trained, usual)
    yield "simple only", costs[1], *_space(data, trained[1:], PoissonAutoencoder(model="simple"))
    yield "complex only", costs[0], *_space(data, trained[:1], PoissonAutoencoder(model="complex"))
    yield "encoded, distance", sum(costs), *_space(data, trained, PoissonAutoencoder(distance="euclidean"))
    yield "random", 0.0, *_space(data, random, usual)
    yield "random, distance", 0.0, *_space(data, random, PoissonAutoencoder(distance="euclidean"))
    if orthogonality:
        without = PoissonAutoencoder(orthogonality=0.0)
        trained, costs = zip(*(_trained(data, config, run) for config in without.configs), strict=True)
        yield "encoded, λ = 0", sum(costs), *_space(data, trained, without)


def _trained(data: Given, config: Any, run: Run) -> tuple[Any, float]:
    started = time.process_time()
    model, _ = train_poisson(data.source, data.strata, config, run=run)
    return model, time.process_time() - started


def _space(data: Given, models: Any, method: PoissonAutoencoder) -> tuple[np.ndarray, np.ndarray]:
    codes, queries = ([model.encode(part) for model in models] for part in (data.source, data.target))
    options: dict[str, Any] = {
        "scaling": method.scaling,
        "unit_length": method.distance == "cosine",
        "weights": method.network_weights,
    }
    return common_space(codes, codes, **options), common_space(queries, codes, **options)


def _directions(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9))


def scored(data: Given, source: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return means over k of accuracy and macro-F1, and the accuracy for each k."""
    labels, truth = data.source_labels, data.target_labels
    n = int(max(labels.max(), truth.max())) + 1
    if len(labels) != len(source):  # foreign: within the target
        found: Ints = np.empty((len(KS), len(truth)), dtype=np.int64)
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(target, truth):
            index, _ = nearest(target[train], target[test], KS[-1], run=Run())
            found[:, test] = winners_over_k(index, truth[train], n, KS)
    else:
        index, _ = nearest(source, target, KS[-1], run=Run())
        found = winners_over_k(index, labels, n, KS)
    scores = [f1_score(truth, row, average="macro", labels=np.unique(truth), zero_division=0) for row in found]
    right = (found == truth).mean(axis=1)
    by_k = {f"k{n_neighbors}": float(value) for n_neighbors, value in zip(KS, right, strict=True)}
    return {"accuracy": float(right.mean()), "macro F1": float(np.mean(scores)), **by_k}


def transferred(
    pair: RealPair, folder: Path, genes: str, seed: int, *, orthogonality: bool
) -> Iterator[dict[str, Any]]:
    """Yield a row for each space of a pair; those that no seed changes come with seed 0."""
    data = given(pair, folder, genes)
    told = {"pair": pair.name, "data": data.name, "seed": seed}
    if seed == 0:
        majority = np.bincount(data.target_labels).max() / len(data.target_labels)
        yield {**told, "space": "majority", "accuracy": majority}
        for name, source, target in fixed_arms(data):
            yield {**told, "space": name, **scored(data, source, target)}
    for name, cost, source, target in arms(data, seed, orthogonality=orthogonality):
        yield {**told, "space": name, "CPU s": cost, **scored(data, source, target)}
