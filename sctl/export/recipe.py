"""All that must be known to repeat an analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sctl.export.edits import LabelEdits
from sctl.workflow import DEFAULT_METHOD

ROLES = ("source", "target")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that must be known to repeat an analysis.

    Parameters
    ----------
    source, target : str
        What the user knows them by: the name of a file, or a few words.
    files : mapping of {"source", "target"} to sequence of str
        The names of the files of a side that has several.
    label_key, batch_key : str or None
        Columns of the source.
    method : str
        Key of the method.
    params : mapping
        Its hyper-parameters.
    theta : float or None
        The strength of transfer chosen by hand; None where the method chose it, or has none.
    preprocess : mapping
        As ``PreprocessParams.to_dict`` gives it; what is absent has its default.
    seed : int
    demo : frozenset of {"source", "target"}
        Sides that are the bundled demo's, which are no files.
    all_genes : frozenset of {"source", "target"}
        Sides of several datasets that keep the genes of any, not of all.
    simulated : mapping of {"source", "target"} to mapping
        Sides that were simulated, which are no files either; as ``sctl.simulate.Simulation.to_dict`` gives them.
    trained : mapping, optional
        The hyper-parameters that were settled when the source was trained, where it is the file of a trained one.
    changes : sequence of mapping
        What was done to the sides by hand before anything was computed, in order: ``{"fix": {...}}`` for a repair, as
        the fields of :class:`sctl.preflight.Fix`, and ``{"labels": name}`` for a table of cell types of the source.
    edits : LabelEdits
        Names that the user gave to cells afterwards.
    """

    source: str
    target: str
    label_key: str | None
    batch_key: str | None = None
    method: str = DEFAULT_METHOD
    params: Mapping[str, Any] = field(default_factory=dict)
    theta: float | None = None
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    demo: frozenset[str] = frozenset()
    all_genes: frozenset[str] = frozenset()
    simulated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trained: Mapping[str, Any] | None = None
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    changes: Sequence[Mapping[str, Any]] = ()
    edits: LabelEdits = field(default_factory=LabelEdits)

    @property
    def repairs(self) -> list[Mapping[str, Any]]:
        """The repairs among the changes, in order."""
        return [change["fix"] for change in self.changes if "fix" in change]

    @property
    def tables(self) -> list[str]:
        """The tables of cell types among the changes, in order."""
        return [change["labels"] for change in self.changes if "labels" in change]

    @property
    def free_params(self) -> Mapping[str, Any]:
        """The hyper-parameters without those that a trained source settles."""
        settled = self.trained or {}
        return {name: value for name, value in self.params.items() if name not in settled}


def is_edited(recipe: Recipe) -> bool:
    """Return whether the user has given cells names of their own."""
    return bool(recipe.edits.renamed or recipe.edits.named)


def made_by(recipe: Recipe, role: str, simulation: str = "") -> str:
    """Return the call that makes a side which is no file, or nothing; ``simulation`` names its settings."""
    if role in recipe.simulated:
        return f"Simulation(**{simulation or literal(recipe.simulated[role])}).make().{role}"
    return f"sctl.load_demo().{role}" if role in recipe.demo else ""


def file_of_made(recipe: Recipe, role: str) -> str:
    """Return the name of the file to which a side that is no file is written for the command."""
    return f"{'simulated' if role in recipe.simulated else 'demo'}-{role}.h5ad"


def imports_needed(recipe: Recipe) -> list[str]:
    """Return the imports that making the sides takes."""
    demo = ["import sctl"] if recipe.demo - set(recipe.simulated) else []
    return [*demo, *(["from sctl.simulate import Simulation"] if recipe.simulated else [])]


def files_of(recipe: Recipe, role: str) -> list[str]:
    """Return the names of the files of a side."""
    return list(recipe.files.get(role) or [getattr(recipe, role)])


def plain_values(value: Any) -> Any:
    """Return a value as Python's own types: numpy's numbers have another look."""
    if isinstance(value, Mapping):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def literal(value: Mapping[str, Any]) -> str:
    """Return settings as a Python literal: no name from outside can add code."""
    return repr(plain_values(value))
