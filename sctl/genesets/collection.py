"""A collection of gene sets, and how much of it a dataset covers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl.errors import DataError

ENOUGH = 0.8
"""With less than this share of the sets' genes, a user should know."""
TOO_LITTLE = 0.2
"""With less than this share the genes are named otherwise, or are of another species."""


@dataclass(frozen=True)
class GeneSets:
    """Sets of genes by name.

    Parameters
    ----------
    name : str
        What the collection is called on pages and in exports.
    sets : mapping of str to frozenset of str
        In order.
    source : str
        Where it comes from, as a sentence for the methods paragraph; may be empty.

    Examples
    --------
    >>> sets = GeneSets("mine", {"islet": frozenset({"INS", "GCG", "SST"}), "cycle": frozenset({"MKI67"})})
    >>> sorted(sets.genes), len(sets)
    (['GCG', 'INS', 'MKI67', 'SST'], 2)
    >>> sets.overlap(["INS", "GCG", "ACTB"]).share
    0.5
    """

    name: str
    sets: Mapping[str, frozenset[str]]
    source: str = ""

    def __post_init__(self) -> None:
        """Take a copy that nobody changes."""
        object.__setattr__(self, "sets", MappingProxyType(dict(self.sets)))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned.

        Raises
        ------
        KeyError, TypeError
            If it is something else.
        """
        sets, texts = value["sets"], [value["name"], value.get("source", "")]
        if not isinstance(sets, Mapping) or not all(isinstance(genes, list) for genes in sets.values()):
            raise TypeError("the sets are no lists of genes")
        if not all(isinstance(text, str) for text in chain(texts, sets, *sets.values())):
            raise TypeError("a name is no text")
        return cls(texts[0], {name: frozenset(genes) for name, genes in sets.items()}, texts[1])

    def to_dict(self) -> dict[str, Any]:
        """Return the collection as JSON values."""
        sets = {name: sorted(members) for name, members in self.sets.items()}
        return {"name": self.name, "sets": sets, "source": self.source}

    def __len__(self) -> int:
        return len(self.sets)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sets, in order."""
        return tuple(self.sets)

    @property
    def genes(self) -> frozenset[str]:
        """All genes that are in a set."""
        return frozenset[str]().union(*self.sets.values())

    def contains(self, genes: Iterable[str]) -> NDArray[np.bool_]:
        """Tell which of some genes are in a set."""
        known = self.genes
        return np.array([gene in known for gene in genes], dtype=bool)

    def within(self, genes: Collection[str], *, min_size: int = 1, max_size: int | None = None) -> GeneSets:
        """Return the sets with the given genes only, without those that are then too small or too large.

        Parameters
        ----------
        genes : collection of str
        min_size, max_size : int
            Inclusive; no upper limit by default.
        """
        known = frozenset(genes)
        cut = {name: members & known for name, members in self.sets.items()}
        limit = len(known) if max_size is None else max_size
        kept = {name: members for name, members in cut.items() if min_size <= len(members) <= limit}
        return GeneSets(self.name, kept, self.source)

    def merged(self, other: GeneSets) -> GeneSets:
        """Return the sets of both collections; where both have one of the same name, its genes are those of either.

        Examples
        --------
        >>> one, other = GeneSets("one", {"a": frozenset({"INS"})}), GeneSets("other", {"a": frozenset({"GCG"})})
        >>> sorted(one.merged(other).sets["a"])
        ['GCG', 'INS']
        """
        names = dict.fromkeys([*self.sets, *other.sets])
        both = {name: self.sets.get(name, frozenset()) | other.sets.get(name, frozenset()) for name in names}
        return GeneSets(f"{self.name} and {other.name}", both, f"{self.source} {other.source}".strip())

    def overlap(self, genes: Collection[str]) -> Overlap:
        """Return how much of each set some genes cover."""
        known = frozenset(genes)
        return Overlap(
            self.name,
            {name: (len(members & known), len(members)) for name, members in self.sets.items()},
            (len(self.genes & known), len(self.genes)),
        )


@dataclass(frozen=True)
class Overlap:
    """How much of a collection a dataset covers.

    Parameters
    ----------
    name : str
        Of the collection.
    found : mapping of str to (int, int)
        For each set, how many of its genes were found, and how many it has.
    total : tuple of int
        The same for all genes together.
    """

    name: str
    found: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    total: tuple[int, int] = (0, 0)

    @property
    def share(self) -> float:
        """Share of the collection's genes that were found."""
        return self.total[0] / self.total[1] if self.total[1] else 0.0

    @property
    def table(self) -> pd.DataFrame:
        """A row for each set: ``set``, ``found``, ``size``, ``share``."""
        rows = [(name, found, size, found / max(size, 1)) for name, (found, size) in self.found.items()]
        return pd.DataFrame(rows, columns=["set", "found", "size", "share"])

    @property
    def text(self) -> str:
        """The report as sentences."""
        found, size = self.total
        said = f"{found:,} of the {size:,} genes in {self.name} ({self.share:.0%}) are in the data."
        if self.share < ENOUGH:
            said += " Sets of which much is missing may go unnoticed."
        return said

    def require(self, least: float = TOO_LITTLE) -> None:
        """Refuse a collection that does not belong to the data.

        Raises
        ------
        DataError
            If a smaller share of its genes was found than ``least``.
        """
        if self.share < least:
            raise DataError(
                f"Only {self.total[0]:,} of the {self.total[1]:,} genes in {self.name} are in the data.",
                expected="Gene sets and data must use the same names of genes, of the same species.",
                do="Choose the sets of the right species, and check that genes are named by symbols.",
            )
