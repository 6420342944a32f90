"""Cells of a tree of types: what each type expresses, how many cells it has, and their counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.errors import ParameterError
from sctl.run import Run
from sctl.typing import Floats, Ints

Tree = Sequence["int | str | Tree"]

PAPER_TREE: Tree = (1, 2, 3, (4, 5), (6, (7, 8)))
"""The eight types of the paper in their five branches."""

_BLOCK = 256  # cells drawn at once: bounds the dense scratch memory to a few tens of MB at 10,000 genes


@dataclass(frozen=True, kw_only=True)
class CountModel:
    """How expression differs between simulated types, and how counts scatter.

    Parameters
    ----------
    size_concentration : float
        Dirichlet parameter of the sizes of types; larger is more even.
    gamma_shape, gamma_rate : float
        Of the baseline mean of a gene, in counts per cell; the mean is ``gamma_shape / gamma_rate``.
    dispersion : float
        Negative-binomial dispersion: variance = mean + dispersion · mean². 0 gives Poisson counts.
    changed_share : tuple of float
        Smallest and largest share of the genes that a node of the tree changes.
    log2fc_mean, log2fc_sd : float
        Normal distribution of the change, log2.
    size_factor_sd : float
        Standard deviation of the log2 size factor of a cell.
    effect : {"gene", "node"}
        ``gene`` draws a change for every changed gene, as the paper says; ``node`` draws one
        magnitude for a whole node and a random sign for each gene, as the released code does.

    Raises
    ------
    ParameterError
        If a value is out of its range.
    """

    size_concentration: float = 10.0
    gamma_shape: float = 2.0
    gamma_rate: float = 0.1
    dispersion: float = 0.1
    changed_share: tuple[float, float] = (0.1, 0.4)
    log2fc_mean: float = 1.0
    log2fc_sd: float = 0.5
    size_factor_sd: float = 0.5
    effect: Literal["gene", "node"] = "gene"

    def __post_init__(self) -> None:
        """Check every range once."""
        for name in ("size_concentration", "gamma_shape", "gamma_rate"):
            require(getattr(self, name) > 0, name, getattr(self, name), "It must be above 0.")
        for name in ("dispersion", "log2fc_sd", "size_factor_sd"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "It must be 0 or more.")
        low, high = self.changed_share
        require(0 <= low <= high <= 1, "changed_share", self.changed_share, "It must be two rising shares in [0, 1].")
        require(self.effect in ("gene", "node"), "effect", self.effect, "It must be 'gene' or 'node'.")


@dataclass(frozen=True)
class Population:
    """Types before any count is drawn: their profiles, and which type each planned cell is of."""

    names: tuple[str, ...]
    branches: tuple[str, ...]  # of each type, the top-level branch it hangs on
    baseline: Floats  # (n_vars,) counts
    log2fc: Floats  # (n_vars, n_types)
    types: Ints  # (n_obs,) index into names, ascending


def simulate_cells(
    n_obs: int = 1800,
    n_vars: int = 10_000,
    *,
    tree: Tree = PAPER_TREE,
    model: CountModel | None = None,
    run: Run | None = None,
) -> AnnData:
    """Simulate cells of hierarchically related types.

    Parameters
    ----------
    n_obs, n_vars : int
        Cells and genes.
    tree : nested sequence
        Leaves are types; a nested sequence groups types that share changes.
    model : CountModel, optional
    run : Run, optional
        Seed and progress.

    Returns
    -------
    AnnData
        ``X`` counts (CSR, float32); ``obs["cell_type"]`` the leaf and ``obs["branch"]`` the
        top-level branch it hangs on (categorical); ``var["baseline"]`` in counts per cell;
        ``varm["log2_fold_change"]`` of each type (columns: categories of ``cell_type``).
        Cells are ordered by type.

    Raises
    ------
    ParameterError
        If there are too few cells for the tree, or a type occurs twice in it.

    Examples
    --------
    >>> cells = simulate_cells(60, 20, tree=[1, [2, 3]])
    >>> cells.shape, list(cells.obs["cell_type"].cat.categories)
    ((60, 20), ['1', '2', '3'])
    """
    run = run or Run()
    population = populate(n_obs, n_vars, tree=tree, model=model or CountModel(), run=run)
    return draw(population, np.arange(n_obs), model=model or CountModel(), run=run)


def populate(n_obs: int, n_vars: int, *, tree: Tree, model: CountModel, run: Run) -> Population:
    """Draw the profiles of the types and the type of every cell."""
    leaves = [leaf for branch in tree for leaf in _leaves(branch)]
    require(len(set(leaves)) == len(leaves), "tree", tree, "Every type must occur once.")
    require(n_obs >= 2 * len(leaves), "n_obs", n_obs, f"{len(leaves)} types need at least {2 * len(leaves)} cells.")
    require(n_vars >= 1, "n_vars", n_vars, "It must be 1 or more.")
    rng = run.rng("types")
    baseline = rng.gamma(model.gamma_shape, 1 / model.gamma_rate, size=n_vars)
    sizes, columns = [], []
    for branch, size in zip(tree, _sizes(tree, n_obs, model, rng), strict=True):
        for leaf_size, change in _grow(branch, size, np.zeros(n_vars), model=model, rng=rng):
            sizes.append(leaf_size)
            columns.append(change)
    return Population(
        names=tuple(leaves),
        branches=tuple("+".join(_leaves(branch)) for branch in tree for _ in _leaves(branch)),
        baseline=baseline,
        log2fc=np.column_stack(columns),
        types=np.repeat(np.arange(len(leaves)), sizes),
    )


def _leaves(node: int | str | Tree) -> list[str]:
    if isinstance(node, (int, str)):
        return [str(node)]
    return [leaf for child in node for leaf in _leaves(child)]


def _grow(
    node: int | str | Tree, size: int, inherited: Floats, *, model: CountModel, rng: np.random.Generator
) -> list[tuple[int, Floats]]:
    """Return size and log2 change of every leaf below ``node``, the node's own change included."""
    change = inherited + _change(len(inherited), model, rng)
    if isinstance(node, (int, str)):
        return [(size, change)]
    grown = []
    for child, child_size in zip(node, _sizes(node, size, model, rng), strict=True):
        grown += _grow(child, child_size, change, model=model, rng=rng)
    return grown


def _change(n_vars: int, model: CountModel, rng: np.random.Generator) -> Floats:
    """Draw what one node adds to its parent: log2 changes of shape (n_vars,)."""
    changed = rng.random(n_vars) < rng.uniform(*model.changed_share)
    if model.effect == "node":
        magnitude = rng.normal(model.log2fc_mean, model.log2fc_sd)
        return np.where(changed, magnitude * rng.choice([-1.0, 1.0], size=n_vars), 0.0)
    return np.where(changed, rng.normal(model.log2fc_mean, model.log2fc_sd, size=n_vars), 0.0)


def _sizes(children: Tree, total: int, model: CountModel, rng: np.random.Generator) -> list[int]:
    """Share ``total`` cells among siblings, at least two for each of their types."""
    needed = 2 * np.array([len(_leaves(child)) for child in children])
    for _ in range(100):
        shares = rng.dirichlet(np.full(len(children), model.size_concentration))
        sizes = np.floor(shares * total).astype(int)
        sizes[0] += total - sizes.sum()
        if (sizes >= needed).all():
            return [int(size) for size in sizes]
    sizes = total * needed // needed.sum()  # so few cells that hardly any draw leaves enough for all: even shares
    sizes[0] += total - sizes.sum()
    return [int(size) for size in sizes]


def draw(population: Population, cells: Ints, *, model: CountModel, run: Run) -> AnnData:
    """Draw the counts of some of the planned cells."""
    rng = run.rng("counts")
    profiles = (population.baseline[:, None] * np.exp2(population.log2fc)).T  # (n_types, n_vars)
    types = population.types[cells]
    size_factors = np.exp2(rng.normal(0.0, model.size_factor_sd, size=len(cells)))
    blocks = []
    for start in run.track("Simulate cells", range(0, len(cells), _BLOCK)):
        block = slice(start, start + _BLOCK)
        means = profiles[types[block]] * size_factors[block, None]  # (n_block, n_vars)
        if model.dispersion > 0:
            means *= rng.standard_gamma(1 / model.dispersion, size=means.shape) * model.dispersion
        blocks.append(sparse.csr_matrix(rng.poisson(means).astype(np.float32)))
    names = list(population.names)
    branches = np.array(population.branches)
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical.from_codes(types.tolist(), categories=pd.Index(names)),
            "branch": pd.Categorical(branches[types], categories=list(dict.fromkeys(population.branches))),
        },
        index=[f"cell_{number}" for number in cells],
    )
    var = pd.DataFrame({"baseline": population.baseline}, index=[f"gene_{number}" for number in range(len(profiles.T))])
    counts = sparse.vstack(blocks, format="csr")
    return AnnData(X=counts, obs=obs, var=var, varm={"log2_fold_change": population.log2fc})


def require(holds: bool, name: str, value: Any, expected: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise ``ParameterError`` about ``name`` unless the condition holds."""
    if not holds:
        raise ParameterError(f"{name} is {value!r}.", expected=expected, do="Choose another value.")
