"""The bundled table of mouse and human genes: which are known, and which belong together."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Literal

import pandas as pd

Species = Literal["human", "mouse", "unknown"]


@lru_cache(maxsize=1)
def pairs() -> pd.DataFrame:
    """Return the bundled pairs: ``mouse, human, one2one, reciprocal_best, n_sources``."""
    with (files("sctl") / "resources" / "orthologs_mouse_human.csv.gz").open("rb") as stream:
        # A gene may be called NA or NaN.
        return pd.read_csv(stream, compression="gzip", keep_default_na=False)


@lru_cache(maxsize=1)
def matched() -> pd.DataFrame:
    """Return the pairs that the rule of :func:`~sctl.genes.map_orthologs` chooses; every gene occurs once."""
    table = pairs()
    both = table["one2one"] & table["reciprocal_best"]
    table = table.assign(both=both)[(table["one2one"] + table["reciprocal_best"]) > 0].sort_values(
        ["both", "reciprocal_best", "one2one", "n_sources", "mouse", "human"],
        ascending=[False, False, False, False, True, True],
    )
    used: tuple[set[str], set[str]] = (set(), set())
    chosen = []
    for mouse, human in zip(table["mouse"], table["human"], strict=True):
        free = mouse not in used[0] and human not in used[1]
        chosen.append(free)
        if free:
            used[0].add(mouse)
            used[1].add(human)
    return table[chosen]


@lru_cache(maxsize=2)
def known(species: Species) -> frozenset[str]:
    """Return the symbols of one species that the table holds."""
    return frozenset(pairs()[species])


def are_known(names: pd.Series, species: Species) -> pd.Series:
    """Mark the names that the table holds as symbols of a species; pandas would hash the whole table each time."""
    symbols = known(species)
    return pd.Series([name in symbols for name in names], index=names.index, dtype=bool)
