"""What the pre-flight says: findings, each with a level, plain sentences and sometimes a fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

Level = Literal["ok", "advice", "warn", "block"]
Role = Literal["source", "target"]
LEVELS: tuple[Level, ...] = ("block", "warn", "advice", "ok")
"""From the gravest to the lightest."""


@dataclass(frozen=True)
class Fix:
    """A repair that :func:`~sctl.preflight.apply_fix` makes.

    Parameters
    ----------
    code : str
        Which repair.
    title : str
        What the button says.
    arguments : mapping
        Its settings; plain values, so that they can be stored. ``arguments["role"]`` says which of the two
        datasets is repaired.
    """

    code: str
    title: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def done(self) -> str:
        """What the repair has done, as a sentence."""
        role, where = self.arguments["role"], str(self.arguments.get("where", ""))
        other = "target" if role == "source" else "source"
        words = {**self.arguments, "other": other, "where": where.removeprefix("layers/")}
        return f"{_DONE[self.code].format_map(words)}."


_DONE = {
    "use_counts": "The values from '{where}' were used",
    "choose_values": "The values from '{where}' were used",
    "sum_layers": "The layers were added up and used",
    "undo_log": "The logarithm was undone",
    "set_zero": "The {what} values were set to 0",
    "transpose": "Cells and genes were swapped",
    "sum_genes": "Genes of one name were added up",
    "unique_genes": "Genes of one name were numbered",
    "unique_cells": "Cells of one name were numbered",
    "drop_empty_barcodes": "Barcodes with fewer than {min_counts} counts were left out",
    "drop_empty_cells": "Empty cells were left out",
    "use_symbols": "The gene symbols of the {role} were used",
    "strip_genome": "'{genome}' was taken off the names of the genes",
    "plain_names": "The plain names were used",
    "strip_versions": "The version numbers of the {role} were removed",
    "map_orthologs": "The genes of the {role} were mapped to {to} genes",
    "match_case": "The genes of the {role} were written as the {other} writes them",
    "match_names": "The genes of the {role} were named as the {other} names them",
    "drop_unlabelled": "Cells without a label were left out",
    "join_spellings": "Types that differ in spelling only were joined",
    "drop_rare_labels": "Labels with fewer than {min_cells} cells were left out",
}
"""What each repair has done, in the words of its arguments."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    level : {"ok", "advice", "warn", "block"}
        ``block``: the data cannot be used as they are. ``warn``: the result may suffer. ``advice``: good to know.
    code : str
        A stable name, for programs.
    text : str
        What was found, as sentences.
    do : str
        What to do about it, as sentences; may be empty.
    fix : Fix or None
        A repair, where there is one.
    """

    level: Level
    code: str
    text: str
    do: str = ""
    fix: Fix | None = None


@dataclass(frozen=True)
class Report:
    """All findings about a dataset, or about two that are to be used together; the gravest first.

    Examples
    --------
    >>> report = Report((Finding("ok", "values", "Counts."), Finding("block", "few_cells", "3 cells.")))
    >>> report.ok, [finding.code for finding in report]
    (False, ['few_cells', 'values'])
    """

    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        """Sort by gravity; findings of one level keep their order."""
        ordered = sorted(self.findings, key=lambda finding: LEVELS.index(finding.level))
        object.__setattr__(self, "findings", tuple(ordered))

    @property
    def ok(self) -> bool:
        """Whether nothing forbids using the data."""
        return all(finding.level != "block" for finding in self.findings)

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """The repairs on offer."""
        return tuple(finding.fix for finding in self.findings if finding.fix is not None)

    def of(self, level: Level) -> tuple[Finding, ...]:
        """Return the findings of one level."""
        return tuple(finding for finding in self.findings if finding.level == level)

    def get(self, code: str) -> Finding | None:
        """Return the finding with this code, or None."""
        return next((finding for finding in self.findings if finding.code == code), None)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __add__(self, other: Report) -> Report:
        return Report(self.findings + other.findings)
