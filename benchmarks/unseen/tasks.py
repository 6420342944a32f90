"""Datasets, the split into those for tuning and those for reporting, and the tasks made of them.

The split was written down before any constant of the calibration, of the panel or of the search for unknown cells was set,
and goes by tissue: what is learned on pancreas and cortex is reported on blood, lung and cell lines. A task belongs to
tuning only where both of its sides do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.data import Pair
from sctl.io import read
from sctl.numerics.normalize import log_normalized
from sctl.preprocess import prepare_pair
from sctl.workflow import repaired

Kind = Literal["all types", "largest type missing", "relative missing", "foreign"]
KINDS: tuple[Kind, ...] = ("all types", "largest type missing", "relative missing", "foreign")

MAX_CELLS = 2_000
"""Cells of a side; of larger ones as many are drawn, with a fixed seed."""

MIN_CELLS = 5
"""A type with fewer cells is not taken out of a source, since taking it out would change nothing."""


@dataclass(frozen=True)
class Dataset:
    """One side of a task: a file, or the cells of one of its ``donor``."""

    name: str
    file: str
    tissue: str
    species: str = "human"
    label_key: str = "cell_type_harmonised"
    donor: str = ""


DATASETS = (
    Dataset("Baron 1", "baron_human1", "pancreas"),
    Dataset("Baron 1+2+4", "baron_human124_hvg2000", "pancreas"),
    Dataset("Baron mouse", "baron_mouse", "pancreas", "mouse"),
    Dataset("Segerstolpe", "segerstolpe_hvg2000", "pancreas"),
    Dataset("Xin", "xin_scclassify", "pancreas"),
    Dataset("Zeisel", "zeisel_cortex", "cortex", "mouse", "cell_type"),
    Dataset("PBMC 3k", "pbmc3k_seurat", "blood"),
    Dataset("Zheng 2140", "zheng_sorted_pbmc2140", "blood"),
    Dataset("Zheng 800", "zheng_sorted_pbmc800", "blood"),
    Dataset("Zheng 500", "zheng_sorted_pbmc500", "blood"),
    Dataset("PBMC 3' v1", "pbmc_10x_3tech_symphony", "blood", donor="3pv1"),
    Dataset("PBMC 3' v2", "pbmc_10x_3tech_symphony", "blood", donor="3pv2"),
    Dataset("PBMC 5'", "pbmc_10x_3tech_symphony", "blood", donor="5p"),
    Dataset("Lines CEL-seq2", "scmixology_celseq2", "cell lines", label_key="cell_type"),
    Dataset("Five lines", "scmixology_celseq2_5cl", "cell lines", label_key="cell_type"),
    Dataset("Lines 10x", "scmixology_10x_894genes", "cell lines", label_key="cell_type"),
    Dataset("Lines Drop-seq", "scmixology_dropseq", "cell lines", label_key="cell_type"),
    Dataset("Zilionis", "zilionis_mouse_lung_immune800", "lung immune", "mouse", "cell_type"),
)

TUNING_TISSUES = frozenset({"pancreas", "cortex"})
"""Constants may be set on tasks of these. All other tasks are for reporting alone."""

SAME_CELLS = (frozenset({"Baron 1", "Baron 1+2+4"}),)
"""Pairs of which one holds cells of the other; they are no task."""

FOREIGN = (
    ("Baron 1", "Zeisel"),
    ("Zeisel", "Baron mouse"),
    ("Baron mouse", "Zeisel"),
    ("Zeisel", "Segerstolpe"),
    ("Zeisel", "Zilionis"),
    ("Zilionis", "Zeisel"),
    ("Zeisel", "PBMC 3k"),
    ("Baron 1", "PBMC 3k"),
    ("Baron 1", "Zheng 2140"),
    ("PBMC 3k", "Baron 1"),
    ("PBMC 3k", "Zeisel"),
    ("Zheng 2140", "Baron mouse"),
    ("Lines CEL-seq2", "Segerstolpe"),
    ("Segerstolpe", "Lines CEL-seq2"),
    ("Five lines", "PBMC 3k"),
    ("PBMC 3k", "Lines CEL-seq2"),
)
"""Source and target without a common type. Blood and lung share types of immune cells and are not among them."""

QUICK = (
    ("Baron 1", "Segerstolpe"),
    ("Segerstolpe", "Baron 1+2+4"),
    ("Baron 1", "Xin"),
    ("Baron mouse", "Baron 1"),
    ("Baron 1", "Baron mouse"),
    ("Baron mouse", "Segerstolpe"),
    ("Xin", "Segerstolpe"),
    ("Segerstolpe", "Baron mouse"),
    ("Zheng 2140", "PBMC 3k"),
    ("PBMC 3k", "Zheng 2140"),
    ("PBMC 3k", "Zheng 800"),
    ("PBMC 3k", "PBMC 5'"),
    ("PBMC 3' v1", "PBMC 3k"),
    ("PBMC 3' v2", "PBMC 5'"),
    ("PBMC 5'", "PBMC 3' v1"),
    ("Lines CEL-seq2", "Lines Drop-seq"),
    ("Lines CEL-seq2", "Five lines"),
    ("Lines 10x", "Five lines"),
)
"""The pairs of ``--quick``: each tissue, each protocol, both directions where they differ."""


@dataclass(frozen=True)
class Task:
    """A source and a target; ``withheld`` is the type that was taken out of the source."""

    source: Dataset
    target: Dataset
    kind: Kind = "all types"
    withheld: str = ""

    @property
    def name(self) -> str:
        """What tells it from other tasks."""
        without = f" without {self.withheld}" if self.withheld else ""
        return f"{self.source.name}{without} → {self.target.name}"

    @property
    def is_for_tuning(self) -> bool:
        """Whether constants may be set on it."""
        return {self.source.tissue, self.target.tissue} <= TUNING_TISSUES

    def prepared(self, folder: Path) -> tuple[Pair, np.ndarray]:
        """Return the pair as ``sctl run`` makes it, and the true type of each of its target cells (None unknown)."""
        source, target = _cells(self.source, folder), _cells(self.target, folder)
        types = source.obs[self.source.label_key].astype(str)
        source = source[(types != self.withheld).to_numpy()].copy()
        truth = target.obs[self.target.label_key].astype(object)
        target.obs = pd.DataFrame(index=target.obs_names)
        source, target, _ = repaired(source, target)
        pair = prepare_pair(source, target, label_key=self.source.label_key).pair
        return pair, truth.reindex(pair.target.obs_names).to_numpy(dtype=object)


def tasks(folder: Path, *, quick: bool = False) -> list[Task]:
    """Return all tasks of the datasets in a folder: each ordered pair of one tissue, each once more without a type, foreign pairs."""
    by_name = {item.name: item for item in DATASETS}
    pairs = [
        (source, target)
        for source in DATASETS
        for target in DATASETS
        if source is not target and source.tissue == target.tissue and {source.name, target.name} not in SAME_CELLS
    ]
    if quick:
        pairs = [(source, target) for source, target in pairs if (source.name, target.name) in QUICK]
    out = [Task(source, target) for source, target in pairs]
    for task in list(out):
        largest, relative = _withheld(task.source, task.target, folder)
        if largest:
            out.append(replace(task, kind="largest type missing", withheld=largest))
        if relative and relative != largest:
            out.append(replace(task, kind="relative missing", withheld=relative))
    return out + [Task(by_name[source], by_name[target], "foreign") for source, target in FOREIGN]


def _withheld(source: Dataset, target: Dataset, folder: Path) -> tuple[str, str]:
    """Return the shared type with the most target cells, and the one whose profile in the source is nearest to another's."""
    cells, theirs = _cells(source, folder), _cells(target, folder)
    types, found = cells.obs[source.label_key].astype(str), theirs.obs[target.label_key].value_counts()
    large = types.value_counts()
    shared = [name for name in found.index if large.get(name, 0) >= MIN_CELLS and found[name] >= MIN_CELLS]
    if len(large) < 3 or not shared:  # at least two types must stay
        return "", ""
    values, names = log_normalized(cells.X) if _are_counts(cells) else cells.X, list(large.index)
    means = np.array([np.asarray(values[(types == name).to_numpy()].mean(axis=0)).ravel() for name in names])
    means -= means.mean(axis=0)
    near = np.corrcoef(means)
    np.fill_diagonal(near, -1)
    closest = max(shared, key=lambda name: near[names.index(name)].max())
    return str(shared[0]), str(closest)


def _are_counts(adata: AnnData) -> bool:
    values = adata.X[:50].toarray()
    return bool(np.array_equal(values, np.round(values)))


@cache
def _read(path: Path) -> AnnData:
    return read(path)


def _cells(dataset: Dataset, folder: Path) -> AnnData:
    adata = _read(folder / f"{dataset.file}.h5ad")
    if dataset.donor:
        adata = adata[(adata.obs["donor"].astype(str) == dataset.donor).to_numpy()]
    known = np.flatnonzero(adata.obs[dataset.label_key].notna())
    if len(known) > MAX_CELLS:
        known = np.sort(np.random.default_rng(0).choice(known, MAX_CELLS, replace=False))
    return adata[known].copy()
