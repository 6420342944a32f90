"""What a reference's evidence about cells comes to: labels, probabilities, and groups of cells that it does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sctl.data import UNASSIGNED
from sctl.methods.scarches.ood_classifier import Evidence
from sctl.numerics.unknown_groups import divide, unknown_groups
from sctl.run import Run
from sctl.typing import Floats


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a cell gets no label.

    Parameters
    ----------
    novelty : float or None
        Probability of an unknown type beyond which it is called unknown; None never does so.
    ambiguity : float
        Largest share of its neighbours' votes for other types.
    confidence : float
        Smallest probability of the likeliest type.
    """

    novelty: float | None
    ambiguity: float
    confidence: float


@dataclass(frozen=True)
class Answer:
    """Evidence about a target's cells, and what follows from it.

    Parameters
    ----------
    evidence : Evidence
    unknown : ndarray of shape (n_obs,)
        Probability that a cell is of no known type.
    silent : ndarray of bool, shape (n_obs,)
        Cells without any expression.
    label_names : tuple of str
    limits : Limits
    """

    evidence: Evidence
    unknown: Floats
    silent: NDArray[np.bool_]
    label_names: tuple[str, ...]
    limits: Limits

    @property
    def new(self) -> NDArray[np.bool_]:
        """Whether each cell is called unknown."""
        if self.limits.novelty is None:
            return np.zeros(len(self.unknown), dtype=bool)
        return np.asarray(self.unknown > self.limits.novelty)

    @property
    def label_proba(self) -> Floats:
        """Probability of each type, less that of an unknown one: (n_obs, n_labels)."""
        known = 1.0 if self.limits.novelty is None else 1.0 - self.unknown
        return np.asarray(self.evidence.proba * np.where(self.silent, 0.0, known)[:, None])

    @property
    def labels(self) -> NDArray[np.object_]:
        """The likeliest type of each cell, or ``"unassigned"``."""
        proba, limits = self.evidence.proba, self.limits
        labels: NDArray[np.object_] = np.array(self.label_names, dtype=object)[proba.argmax(axis=1)]
        doubtful = proba.max(axis=1) < 1.0 - limits.ambiguity
        unsure = self.label_proba.max(axis=1) < limits.confidence
        labels[self.new | self.silent | doubtful | unsure] = UNASSIGNED
        return labels

    def parts(self, z: Floats, run: Run) -> dict[str, Any]:
        """Return clusters, labels and their probabilities, by the names that a result has for them.

        Parameters
        ----------
        z : ndarray of shape (n_obs, n_latent)
            Where the cells are; those of no known type are grouped there.
        run : Run
        """
        groups = unknown_groups(z[self.new], run.rng("unknown groups"))
        divided = divide(self.evidence.proba, self.unknown, self.new, groups)
        return {
            "clusters": divided.clusters,
            "cluster_names": tuple(divided.names(self.label_names)),
            "proba": divided.proba,
            "labels": self.labels,
            "label_proba": self.label_proba,
            "confidence": self.label_proba.max(axis=1),
        }
