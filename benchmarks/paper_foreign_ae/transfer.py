"""Accuracy of labels by neighbours for k = 2…25: in the code, in a random network's, in raw values and in PCA."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from benchmarks.pairs import RealPair
from sctl.core.code_neighbours import common_space, nearest
from sctl.core.code_votes import winners_over_k
from sctl.core.poisson_autoencoder import untrained
from sctl.genesets import hallmark
from sctl.methods import get_method
from sctl.preprocess import PreprocessParams
from sctl.run import Run

KS = range(2, 26)
PAIRS = (
    RealPair("baron_human1", "baron_mouse"),
    RealPair("baron_mouse", "baron_human1"),
    RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"),
    RealPair("pbmc3k_seurat", "zheng_sorted_pbmc2140"),
    RealPair("scmixology_celseq2", "scmixology_dropseq", "cell_type"),
)
FOREIGN = RealPair("baron_human1", "pbmc3k_seurat")
"""No type is shared: labels are those of the target, cross-validated within it."""

VARIANTS: dict[str, dict[str, Any]] = {
    "encoded": {},
    "encoded, 3 networks": {"n_networks": 3},
    "encoded, simple (no decay)": {"weight_decay": 0.0},
    "encoded, euclidean": {"distance": "euclidean"},
    "encoded, simple, euclidean (paper)": {"weight_decay": 0.0, "distance": "euclidean"},
    "encoded, λ = 0": {"orthogonality": 0.0},
}


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
    if pair is FOREIGN:
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
        f"{pair.name} ({genes}, {int(kept.sum())})",
        prepared.source[:, kept].X,
        prepared.target[known, kept].X,
        source_labels,
        codes,
        prepared.labels.codes.astype(np.int64),
    )


def arms(data: Given, seed: int, most_networks: int) -> Iterator[tuple[str, float, np.ndarray, np.ndarray, bool]]:
    """Yield the name of a space, its CPU seconds, source and target in it, and whether directions are compared."""
    from sctl.core.poisson_autoencoder import train_several  # noqa: PLC0415 - torch takes seconds

    if seed == 0:
        pca = PCA(50, random_state=0).fit(data.source.toarray())
        both = [pca.transform(part.toarray()) for part in (data.source, data.target)]
        yield "raw, euclidean", 0.0, data.source.toarray(), data.target.toarray(), False
        yield "raw, cosine", 0.0, data.source.toarray(), data.target.toarray(), True
        yield "PCA, euclidean", 0.0, *both, False
        yield "PCA, cosine", 0.0, *both, True
    trained: dict[Any, Any] = {}
    for name, settings in VARIANTS.items():
        method = get_method("poissonautoencoder")(**settings)
        if method.n_networks > most_networks:
            continue
        spaces = {"scaling": method.scaling, "unit_length": method.distance == "cosine"}
        key = (str(method.config), method.n_networks)
        started = time.process_time()
        if key not in trained:
            run = Run(seed=seed)
            models, _ = train_several(data.source, data.strata, method.config, method.n_networks, run=run)
            trained[key] = models
        models = trained[key]
        codes, queries = ([model.encode(part) for model in models] for part in (data.source, data.target))
        cost = time.process_time() - started
        yield name, cost, common_space(codes, codes, **spaces), common_space(queries, codes, **spaces), False
        if name == "encoded":
            model = untrained(data.source.shape[1], method.config, Run(seed=seed)).as_model()
            codes, queries = [model.encode(data.source)], [model.encode(data.target)]
            yield "random", 0.0, common_space(codes, codes, **spaces), common_space(queries, codes, **spaces), False


def scored(data: Given, source: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return the means over k of accuracy and macro-F1."""
    labels, truth = data.source_labels, data.target_labels
    n = int(max(labels.max(), truth.max())) + 1
    if len(labels) != len(source):  # foreign: within the target
        found = np.empty((len(KS), len(truth)), dtype=np.int64)
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(target, truth):
            index, _ = nearest(target[train], target[test], KS[-1], run=Run())
            found[:, test] = winners_over_k(index, truth[train], n, KS)
    else:
        index, _ = nearest(source, target, KS[-1], run=Run())
        found = winners_over_k(index, labels, n, KS)
    scores = [f1_score(truth, row, average="macro", labels=np.unique(truth), zero_division=0) for row in found]
    return {"accuracy": float((found == truth).mean()), "macro F1": float(np.mean(scores))}


def transferred(
    pairs: list[RealPair], folder: Path, genes: str, seeds: list[int], *, most_networks: int = 3
) -> pd.DataFrame:
    """Return a row for each pair, space and seed; rows are printed as they come."""
    rows = []
    for pair in pairs:
        data = given(pair, folder, genes)
        majority = np.bincount(data.target_labels).max() / len(data.target_labels)
        rows.append({"pair": data.name, "space": "majority", "seed": 0, "accuracy": majority})
        for seed in seeds:
            for name, cost, source, target, direction in arms(data, seed, most_networks):
                lengths = [
                    np.linalg.norm(part, axis=1, keepdims=True) if direction else 1.0 for part in (source, target)
                ]
                found = scored(data, source / np.maximum(lengths[0], 1e-9), target / np.maximum(lengths[1], 1e-9))
                rows.append({"pair": data.name, "space": name, "seed": seed, "CPU s": cost, **found})
                print(rows[-1], flush=True)
    return pd.DataFrame(rows)
