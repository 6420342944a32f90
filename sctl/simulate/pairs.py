"""Pairs of simulated datasets: cut as in the paper, or small and easy for trials and tests."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sctl.data import Pair
from sctl.errors import DataError
from sctl.numerics.normalize import log_normalized
from sctl.run import Run
from sctl.simulate.cells import PAPER_TREE, CountModel, draw, populate, require, simulate_cells
from sctl.typing import Ints

Overlap = Literal["complete", "incomplete", "none"]

_POOL = 10  # cells planned per cell wanted, as in the published runs, so that every quota of a split can be met
_COMMON_SHARE = {"complete": 1.0, "incomplete": 0.6, "none": 0.0}  # 5, 3 and 0 of the paper's 5 branches


def split_pair(
    adata: AnnData, overlap: Overlap = "complete", *, n_source: int = 1000, n_target: int = 800, run: Run | None = None
) -> tuple[AnnData, AnnData]:
    """Cut simulated cells into a source and a target that share all, some or none of the branches.

    Parameters
    ----------
    adata : AnnData
        From :func:`simulate_cells`; needs ``obs["branch"]`` and ``obs["cell_type"]``.
    overlap : {"complete", "incomplete", "none"}
        Of the paper's five branches, 5, 3 or 0 occur on both sides. The rest is dealt out.
    n_source, n_target : int
        Cells on each side; no cell is on both.
    run : Run, optional

    Returns
    -------
    source, target : AnnData
        Cells in random order, so that the first n of the target are a random sample of it.

    Raises
    ------
    DataError
        If there are not enough cells.
    """
    chosen = _deal(
        adata.obs["branch"].cat.codes.to_numpy(),
        adata.obs["cell_type"].cat.codes.to_numpy(),
        overlap,
        quotas=(n_source, n_target),
        rng=(run or Run()).rng("split"),
    )
    source, target = (adata[cells].copy() for cells in chosen)
    return source, target


def simulate_pair(
    overlap: Overlap = "complete",
    n_vars: int = 10_000,
    *,
    n_source: int = 1000,
    n_target: int = 800,
    model: CountModel | None = None,
    run: Run | None = None,
) -> tuple[AnnData, AnnData]:
    """Simulate the paper's experiment: eight types, a source and a target with a given overlap.

    Gives what :func:`simulate_cells` of ten times the cells and :func:`split_pair` would give, but
    draws counts only for the cells that are kept.

    Parameters
    ----------
    overlap : {"complete", "incomplete", "none"}
    n_vars : int
    n_source, n_target : int
    model : CountModel, optional
    run : Run, optional

    Returns
    -------
    source, target : AnnData
        As :func:`simulate_cells`; take ``target[:n]`` for a smaller target of the same kind.
    """
    run, model = run or Run(), model or CountModel()
    population = populate(_POOL * (n_source + n_target), n_vars, tree=PAPER_TREE, model=model, run=run)
    branch_of_type = pd.factorize(pd.Series(population.branches))[0]
    chosen = _deal(
        branch_of_type[population.types],
        population.types,
        overlap,
        quotas=(n_source, n_target),
        rng=run.rng("split"),
    )
    both = draw(population, np.concatenate(chosen), model=model, run=run)
    return both[:n_source].copy(), both[n_source:].copy()


def toy_counts(
    n_source: int = 200, n_target: int = 80, n_vars: int = 300, n_types: int = 4, seed: int = 0
) -> tuple[AnnData, AnnData]:
    """Return a small source and target of well separated types with raw counts, for trials and tests.

    Parameters
    ----------
    n_source, n_target, n_vars, n_types : int
        At least two cells of each type are needed.
    seed : int

    Returns
    -------
    source, target : AnnData
        ``X`` counts (CSR, float32); ``obs["cell_type"]`` the type ("type A", "type B", ...) and
        ``obs["donor"]`` one of two donors, both categorical.
    """
    model = CountModel(gamma_rate=1.0, log2fc_mean=2.0, size_factor_sd=0.3)
    tree = [f"type {chr(ord('A') + number)}" for number in range(n_types)]
    run = Run(seed=seed)
    cells = simulate_cells(n_source + n_target, n_vars, tree=tree, model=model, run=run)
    rng = run.rng("toy")
    order = rng.permutation(cells.n_obs)
    cells = cells[order].copy()
    donors = rng.choice(["donor 1", "donor 2"], size=cells.n_obs)
    cells.obs["donor"] = pd.Categorical(donors, categories=["donor 1", "donor 2"])
    del cells.obs["branch"]
    return cells[:n_source].copy(), cells[n_source:].copy()


def toy_pair(n_source: int = 200, n_target: int = 80, n_vars: int = 300, n_types: int = 4, seed: int = 0) -> Pair:
    """Return :func:`toy_counts` as a :class:`~sctl.data.Pair`: made in milliseconds, easy for any method.

    Parameters
    ----------
    n_source, n_target, n_vars, n_types, seed : int
        As for :func:`toy_counts`.

    Returns
    -------
    Pair
        With ``label_key="cell_type"``; the truth about the target is in ``target.obs["cell_type"]``.

    Examples
    --------
    >>> pair = toy_pair()
    >>> pair.source.shape, pair.target.shape
    ((200, 300), (80, 300))
    """
    sides = toy_counts(n_source, n_target, n_vars, n_types, seed)
    for side in sides:
        side.layers["counts"] = side.X
        side.X = log_normalized(side.X)
        side.var["highly_variable"] = True
    return Pair(source=sides[0], target=sides[1], label_key="cell_type")


def _deal(
    branches: NDArray[Any],
    types: NDArray[Any],
    overlap: Overlap,
    *,
    quotas: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Choose the cells of source and target: disjoint, with the wanted number of common branches."""
    require(overlap in _COMMON_SHARE, "overlap", overlap, f"It must be one of {list(_COMMON_SHARE)}.")
    dealt = rng.permutation(np.unique(branches))
    n_common = round(_COMMON_SHARE[overlap] * len(dealt))
    n_own_target = (len(dealt) - n_common) // 2
    common, own = dealt[:n_common], dealt[n_common:]
    pool = rng.permutation(np.flatnonzero(np.isin(branches, common)))
    chosen = []
    for quota, own_branches in zip(quotas, (own[n_own_target:], own[:n_own_target]), strict=True):
        owned = rng.permutation(np.flatnonzero(np.isin(branches, own_branches)))
        n_types_common = len(np.unique(types[np.isin(branches, common)]))
        n_types_own = len(np.unique(types[owned]))
        n_shared = round(quota * n_types_common / max(1, n_types_common + n_types_own))
        cells = np.concatenate([pool[:n_shared], owned[: quota - n_shared]])
        if len(cells) < quota:
            raise DataError(
                f"There are too few cells: {quota} are wanted on one side and {len(cells)} fit.",
                expected="Ten times as many simulated cells as are wanted always suffice.",
                do="Simulate more cells, or ask for fewer.",
            )
        pool = pool[n_shared:]
        chosen.append(rng.permutation(cells))
    return chosen[0], chosen[1]
