"""What scArches reports of mapping a target onto a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from numpy.typing import NDArray

from sctl.data.diagnostics.kept import Key

Adaptors = Mapping[str, Mapping[str, NDArray[Any]]]
"""Weights of new datasets: by dataset and by layer."""


@dataclass(frozen=True, kw_only=True)
class ReferenceMapping:
    """How a target was mapped onto a reference.

    Parameters
    ----------
    drift : float
        Largest change of the latent space of the reference's own cells.
    n_trained, n_weights : int
        Number of weights that were trained for the target, and of all.
    conditions : tuple of str
        Datasets of the reference, then those of the target that it did not know.
    n_new_conditions : int
        How many of them are new.
    adaptors : mapping
        The weights of the new ones; empty where the reference itself was changed.
    reference_id : str
        What the reference is known by.
    lineage : tuple of str
        Datasets that were added to the reference after it was learned.
    notes : tuple of str
        What the user should know of it.
    """

    drift: Annotated[float, Key("reference_drift")]
    n_trained: int
    n_weights: int
    conditions: tuple[str, ...]
    n_new_conditions: int
    adaptors: Adaptors = field(compare=False)
    reference_id: str
    lineage: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NoveltyModel:
    """What turns evidence into the probability that a cell's type is unknown; see :mod:`sctl.methods.scarches`.

    Parameters
    ----------
    center, scale, coefficients : tuple of float
        Of the features.
    constant : float
    threshold : float
        Cells above it are called unknown.
    usual : float
        Distance that three quarters of the held-out cells of known types exceed.
    accuracy, kept : float
        Among held-out cells of known types: share of right labels of those that stay assigned, and share of these.
    flagged : float
        Share of the cells of hidden types above the threshold; NaN if no type could be hidden.
    auroc : float
        Of the probability, hidden types against known ones.
    shift : float
        How much farther the target as a whole lies from the reference, in logarithms of squared distances.
    """

    center: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[float, ...]
    constant: float
    threshold: float
    usual: float
    accuracy: float
    kept: float
    flagged: float
    auroc: float
    shift: float
