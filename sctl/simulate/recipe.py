"""A simulated experiment as a value: small enough to keep, and enough to make the same data again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

import pandas as pd
from anndata import AnnData

from sctl.errors import ParameterError
from sctl.run import Run
from sctl.simulate.cells import CountModel, require
from sctl.simulate.pairs import Overlap, simulate_pair

MOST_VALUES = 30_000_000
"""Cells times genes of both sides together: about 250 MB of counts."""

_FEWEST_CELLS = {"n_source": 50, "n_target": 10}


@dataclass(frozen=True)
class Simulated:
    """A simulated source and target with raw counts.

    Parameters
    ----------
    source : AnnData
        ``obs["cell_type"]`` holds the types: "type 1" to "type 8", as far as it has them.
    target : AnnData
        Without types.
    truth : Series
        The type of every target cell, by cell name.
    label_key : str
        Column of ``source.obs`` with the types.
    """

    source: AnnData
    target: AnnData
    truth: pd.Series
    label_key: str = "cell_type"


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The experiment of Mieth et al. (2019): what it is made of, and how to make it.

    Parameters
    ----------
    overlap : {"complete", "incomplete", "none"}
        Of five branches of types, source and target share 5, 3 or 0.
    n_source, n_target : int
        Cells; at least 50 and 10.
    n_vars : int
        Genes, at least 200.
    effect : {"gene", "node"}
        Whether each changed gene of a type changes by its own amount, as the paper says, or all of
        them by one amount, up or down, as in the released code.
    seed : int

    Raises
    ------
    ParameterError
        If a value is out of its range, or the data would be too large.

    Examples
    --------
    >>> made = Simulation(overlap="none", n_source=100, n_target=50, n_vars=300).make()
    >>> made.source.shape, made.target.shape
    ((100, 300), (50, 300))
    >>> set(made.source.obs["cell_type"]) & set(made.truth)
    set()
    """

    overlap: Overlap = "incomplete"
    n_source: int = 1000
    n_target: int = 100
    n_vars: int = 10_000
    effect: Literal["gene", "node"] = "gene"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value once."""
        for name, fewest in _FEWEST_CELLS.items():
            require(getattr(self, name) >= fewest, name, getattr(self, name), f"It must be {fewest} or more.")
        require(self.n_vars >= 200, "n_vars", self.n_vars, "It must be 200 or more.")
        require(self.overlap in get_args(Overlap), "overlap", self.overlap, f"One of {list(get_args(Overlap))}.")
        n_values = (self.n_source + self.n_target) * self.n_vars
        if n_values > MOST_VALUES:
            raise ParameterError(
                f"{self.n_source + self.n_target:,} cells with {self.n_vars:,} genes are {n_values:,} values.",
                expected=f"Up to {MOST_VALUES:,} can be simulated.",
                do="Take fewer cells or fewer genes.",
            )
        CountModel(effect=self.effect)
        Run(seed=self.seed)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned.

        Raises
        ------
        ParameterError
            If something else is in it.
        """
        known = set(cls.__dataclass_fields__)
        if unknown := sorted(set(value) - known):
            raise ParameterError(f"A simulation has no {unknown[0]!r}.", expected=f"It has {sorted(known)}.")
        return cls(**value)

    def to_dict(self) -> dict[str, Any]:
        """Return the values as JSON has them."""
        return asdict(self)

    def make(self, run: Run | None = None) -> Simulated:
        """Draw the cells.

        Parameters
        ----------
        run : Run, optional
            Progress and stop switch; its seed is not used.

        Returns
        -------
        Simulated
            The same for the same values.
        """
        run = run or Run()
        run = Run(seed=self.seed, listener=run.listener, cancelled=run.cancelled)
        pair = simulate_pair(
            self.overlap,
            self.n_vars,
            n_source=self.n_source,
            n_target=self.n_target,
            model=CountModel(effect=self.effect),
            run=run,
        )
        source, target = (_named(side) for side in pair)
        truth = target.obs.pop("cell_type").astype(str)
        return Simulated(source, target, truth)


def _named(side: AnnData) -> AnnData:
    """Return one side with nothing but what a real file would hold, under names that no real file has."""
    types = side.obs["cell_type"].cat.remove_unused_categories()
    obs = pd.DataFrame({"cell_type": types.cat.rename_categories(lambda name: f"type {name}")})
    obs.index = "simulated_" + side.obs_names
    return AnnData(X=side.X, obs=obs, var=pd.DataFrame(index="simulated_" + side.var_names))
