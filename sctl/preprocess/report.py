"""What preprocessing did to the data, for the page, the shell and the methods text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sctl.preprocess.batch import BatchEffect
from sctl.preprocess.impute import ImputationEffect


@dataclass(frozen=True)
class Loss:
    """Cells or genes that one step dropped; a cell is counted at the first step that dropped it."""

    role: Literal["source", "target", "pair"]
    what: Literal["cells", "genes"]
    reason: str
    n: int


@dataclass(frozen=True, kw_only=True)
class PrepareReport:
    """What went in, what was dropped and why, what came out.

    Parameters
    ----------
    n_cells : mapping
        Role → cells before and after.
    n_genes : mapping
        Role → genes measured.
    n_shared : int
        Genes measured on both sides.
    n_used : int
        Genes in the pair.
    n_variable : int
        Genes that methods compare cells by.
    values : mapping
        Role → what was read, e.g. "counts".
    losses : tuple of Loss
    n_target_only : int
        Variable genes of the target that the source lacks, kept beside the shared ones.
    n_types, n_compared : int
        Types of a trained source, and the genes by which it compares cells; 0 where the source is a dataset.
    missing : tuple of str
        Those of them that the target lacks.
    imputation : ImputationEffect, optional
    batch : BatchEffect, optional
        What the corrections did, where they are on.
    repairs : tuple of str
        What was repaired before, a sentence each.
    """

    n_cells: Mapping[str, tuple[int, int]]
    n_genes: Mapping[str, int]
    n_shared: int
    n_used: int
    n_variable: int
    values: Mapping[str, str]
    losses: tuple[Loss, ...]
    n_target_only: int = 0
    n_types: int = 0
    n_compared: int = 0
    missing: tuple[str, ...] = ()
    imputation: ImputationEffect | None = None
    batch: BatchEffect | None = None
    repairs: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report in a form that JSON takes."""
        own = {name: getattr(self, name) for name in ("n_shared", "n_used", "n_variable", "n_target_only")}
        return {
            **own,
            "n_cells": {role: list(counts) for role, counts in self.n_cells.items()},
            "n_genes": dict(self.n_genes),
            "values": dict(self.values),
            "losses": [asdict(loss) for loss in self.losses],
            **({"repairs": list(self.repairs)} if self.repairs else {}),
            **({"trained": self._trained} if self.n_types else {}),
            **{name: effect.to_dict() for name, effect in self._effects.items()},
        }

    @property
    def sentences(self) -> tuple[str, ...]:
        """The report as sentences."""
        lines = [f"Repaired: {text}" for text in self.repairs]
        if self.n_types:
            lines += [f"Source: trained before, on {self.n_cells['source'][0]} cells of {self.n_types} types."]
            lines += [self._genes_of_the_trained]
        for role, (before, after) in self.n_cells.items():
            if role == "source" and self.n_types:
                continue
            lines.append(f"{role.capitalize()}: {after} of {before} cells kept; values read as {self.values[role]}.")
            lines += [f"{_counted(loss)} dropped: {loss.reason}." for loss in self._of(role, "cells")]
        lines.append(f"{self.n_used} of {self.n_shared} shared genes kept; {self.n_variable} of them highly variable.")
        if self.n_target_only:
            lines.append(
                f"{self.n_target_only} variable genes of the target are not in the source; they are kept apart."
            )
        for role in ("source", "target", "pair"):
            lines += [f"{_counted(loss)} dropped ({role}): {loss.reason}." for loss in self._of(role, "genes")]
        lines += [effect.sentence for effect in self._effects.values()]
        return tuple(lines)

    @property
    def _trained(self) -> dict[str, Any]:
        return {"n_types": self.n_types, "n_compared": self.n_compared, "missing": list(self.missing)}

    @property
    def _genes_of_the_trained(self) -> str:
        found = self.n_compared - len(self.missing)
        lacking = f"; missing are e.g. {', '.join(self.missing[:3])}" if self.missing else ""
        return f"{found} of the {self.n_compared} genes by which it compares cells are in the target{lacking}."

    @property
    def _effects(self) -> dict[str, ImputationEffect | BatchEffect]:
        """The corrections that are on, in the order in which they are made."""
        effects = {"imputation": self.imputation, "batch": self.batch}
        return {name: effect for name, effect in effects.items() if effect is not None}

    def _of(self, role: str, what: str) -> list[Loss]:
        return [loss for loss in self.losses if (loss.role, loss.what) == (role, what)]


def _counted(loss: Loss) -> str:
    return f"{loss.n} {loss.what if loss.n != 1 else loss.what[:-1]}"
