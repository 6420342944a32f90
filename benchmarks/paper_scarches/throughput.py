"""Our training loop against one that asks a torch ``DataLoader`` for one cell after the other: same network, same loss.

The loader's cells come from a dense array, from a sparse matrix, or from an AnnData, as users keep them. "arithmetic" is the
same work on batches that lie ready: no loop around this network can be faster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from anndata import AnnData
from torch.utils.data import DataLoader, Dataset

from benchmarks.paper_scarches.experiments import STUDY, Task, prepared
from sctl.methods.scarches.cvae import Architecture, ConditionalAutoencoder, drawn
from sctl.methods.scarches.recipes import PRESETS, Recipe
from sctl.methods.scarches.surgery import CellBatch, CellLoss, as_rows, losses_of
from sctl.numerics.training import Cells, TrainingConfig, generator, one_thread, train
from sctl.run import Run

EXPERIMENT = "no_alpha"
"""The reference on which the released packages were measured: 2,312 cells, 1,194 genes."""
WANTED = 3.0
"""How much faster than a naive loop ours should be."""
LOADERS = ("dense rows", "sparse rows", "AnnData rows")


@dataclass(frozen=True)
class Rows(Dataset[tuple[torch.Tensor, int]]):
    """One cell after the other, as such loops usually ask for them.

    Parameters
    ----------
    X : ndarray, CSR matrix or AnnData of shape (n_obs, n_vars)
    """

    X: Any

    def __len__(self) -> int:
        return int(self.X.shape[0])

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        row = self.X[place]
        row = row.X if isinstance(row, AnnData) else row
        values = row.toarray().ravel() if hasattr(row, "toarray") else row
        return torch.tensor(values, dtype=torch.float32), place


def measured(folder: str, seed: int, epochs: int = 1, repeats: int = 3) -> pd.DataFrame:
    """Return cells per CPU second of each preset's network: loops take turns, the median counts.

    Parameters
    ----------
    folder : str
    seed : int
    epochs : int
        Rounds of training in each repeat.
    repeats : int
    """
    task = prepared(EXPERIMENT, Path(folder))
    return pd.DataFrame([
        {"network": preset, **_compared(task, recipe, seed, epochs, repeats)} for preset, recipe in PRESETS.items()
    ])  # fmt: skip


def verdict(table: pd.DataFrame) -> str:
    """Say where ours is fast enough."""
    parts = []
    for name in LOADERS:
        ratios = table[f"ours / {name}"]
        held = "held" if (ratios >= WANTED).all() else "not held"
        parts.append(f"{name}: {ratios.min():.1f} to {ratios.max():.1f}, {held}")
    return f"Ours over a loader, {WANTED:g} wanted: {'; '.join(parts)}."


def _compared(task: Task, recipe: Recipe, seed: int, epochs: int, repeats: int) -> dict[str, Any]:
    expression = _expression(task)
    dense, n = as_rows(expression.X), expression.n_obs
    sources = dict(zip(LOADERS, (dense, expression.X, task.reference), strict=True))
    seconds: dict[str, list[float]] = {name: [] for name in ("ours", "arithmetic", *LOADERS)}
    for repeat in range(repeats + 1):
        run = Run(seed=seed + repeat)
        for name, times in seconds.items():
            network = _network(expression, recipe, run)
            loss = CellLoss(network, expression, losses_of(recipe, n))
            batches = _ready(dense, recipe, run) if name == "arithmetic" else None
            start = time.process_time()
            if name == "ours":
                _ours(network, loss, dense, recipe, epochs, run)
            else:
                naive(network, loss, batches or _loader(sources[name], recipe, run), recipe, epochs, run)
            times.append(time.process_time() - start)
    speed = {
        name: n * epochs / float(np.median(times[1:])) for name, times in seconds.items()
    }  # the first one warms up
    return {
        "batch": recipe.batch_size,
        "genes": dense.shape[1],
        **{f"{name}, cells/CPU s": round(value) for name, value in speed.items()},
        **{f"ours / {name}": speed["ours"] / speed[name] for name in LOADERS},
    }


def _ready(X: np.ndarray, recipe: Recipe, run: Run) -> list[Any]:
    whole, order = torch.from_numpy(X), torch.randperm(len(X), generator=generator(run, "order"))
    return [(whole[part], part) for part in torch.split(order, recipe.batch_size)]


def _loader(X: Any, recipe: Recipe, run: Run) -> Any:
    return DataLoader(Rows(X), batch_size=recipe.batch_size, shuffle=True, generator=generator(run, "order"))


def _expression(task: Task) -> CellBatch:
    studies = np.unique(task.reference.obs[STUDY].astype(str), return_inverse=True)[1]
    return CellBatch(task.reference.X, studies, task.reference.layers.get("counts"))


def _network(expression: CellBatch, recipe: Recipe, run: Run) -> ConditionalAutoencoder:
    shape = {name: getattr(recipe, name) for name in ("hidden", "n_latent", "likelihood", "norm", "dropout")}
    n_conditions = int(expression.conditions.max()) + 1
    architecture = Architecture(n_vars=expression.X.shape[1], n_conditions=n_conditions, **shape)
    return drawn(architecture, generator(run, "weights"))


def _ours(network: Any, loss: CellLoss, X: np.ndarray, recipe: Recipe, epochs: int, run: Run) -> None:
    config = TrainingConfig(
        learning_rate=recipe.learning_rate,
        batch_size=recipe.batch_size,
        max_epochs=epochs,
        stop_on="never",
        max_gradient_norm=recipe.max_gradient_norm,
    )
    cells = replace(Cells.all(X), weights=np.ones(len(X)) if recipe.balanced else None)
    train(network, loss, cells, config=config, run=run, phase="throughput")


def naive(network: Any, loss: CellLoss, loader: Any, recipe: Recipe, epochs: int, run: Run) -> None:
    """Train with Adam on what a loader yields: rows and their numbers."""
    noise = generator(run, "noise")
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    network.train()
    with one_thread():
        for rows, index in _repeated(loader, epochs):
            optimiser.zero_grad()
            torch.autograd.backward(loss(rows, index, noise))
            if recipe.max_gradient_norm is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.max_gradient_norm)
            optimiser.step()


def _repeated(loader: Any, epochs: int) -> Iterator[Any]:
    for _ in range(epochs):
        yield from loader


def text(table: pd.DataFrame) -> str:
    """Return the table and the verdict."""
    from benchmarks.paper_scarches.tables import markdown  # noqa: PLC0415 - which imports what this module does not need

    ratios: Mapping[str, Any] = {name: table[name].map("{:.2f}".format) for name in table.columns if " / " in name}
    return f"{markdown(table.assign(**ratios))}\n\n{verdict(table)}"
