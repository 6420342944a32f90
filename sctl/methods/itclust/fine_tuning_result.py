"""Results that hold two answers, one before and one after a target sharpened its clusters; either can be kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sctl.data import UNASSIGNED, Answer, KeptStage, StageTypes, TransferResult
from sctl.errors import ParameterError
from sctl.methods.itclust.stages import FineTuningStage, mean_confidence
from sctl.numerics.unknown_groups import free_names
from sctl.typing import Floats, Ints


@dataclass(frozen=True)
class FineTuningStages:
    """Both answers, with the names of the source's types.

    Parameters
    ----------
    before, after : Clustering
    names : sequence of str
        Of the source's types.
    """

    before: FineTuningStage
    after: FineTuningStage
    names: Sequence[str]

    @classmethod
    def of(cls, result: TransferResult) -> FineTuningStages:
        """Return the answers that a result holds.

        Raises
        ------
        ParameterError
            If it holds one only.
        """
        kept = result.diagnostics.kept
        if kept is None:
            raise ParameterError(
                f"The result of {result.method!r} has one answer only.",
                expected="Methods that are fine-tuned on the target give two.",
                do="Keep it as it is.",
            )
        place = {name: code for code, name in enumerate(result.label_names)}
        before, after = (
            FineTuningStage(
                np.asarray(result.obsm[f"{side}_proba"]),
                np.array([place.get(name, -1) for name in types]),
                np.asarray(result.obsm[f"{side}_embedding"]),
            )
            for side, types in (("before", kept.types.before), ("after", kept.types.after))
        )
        return cls(before, after, result.label_names)

    def take(self, rows: Ints) -> FineTuningStages:
        """Return some cells, in a given order."""
        return FineTuningStages(self.before.take(rows), self.after.take(rows), self.names)

    def fields(self, answer: Answer, *, silent: NDArray[np.bool_], min_confidence: float) -> dict[str, Any]:
        """Return what of a :class:`~sctl.data.TransferResult` follows from the answer that is kept.

        Parameters
        ----------
        answer : {"before", "after"}
        silent : ndarray of bool, shape (n_obs,)
            Cells without any known gene, which get no label.
        min_confidence : float
            Neither do cells that are less sure.
        """
        kept = self._kept(answer)
        labels = np.array([*self.names, UNASSIGNED], dtype=object)[kept.labels]
        sure = mean_confidence(kept.labels, (self.before, self.after), len(self.names))
        confidence = np.where(silent, 0.0, sure)
        labels[silent | (confidence < min_confidence)] = UNASSIGNED
        return {
            "clusters": kept.clusters,
            "cluster_names": self.cluster_names(kept),
            "proba": kept.proba,
            "labels": labels,
            "label_proba": np.where(silent[:, None], 0.0, self._label_proba()),
            "confidence": confidence,
            "embedding": kept.embedding,
        }

    def obsm(self) -> dict[str, Any]:
        """Return both answers as arrays, from which :meth:`of` makes them again."""
        sides = {"before": self.before, "after": self.after}
        return {
            **{f"{name}_proba": side.proba for name, side in sides.items()},
            **{f"{name}_embedding": side.embedding.astype(np.float32) for name, side in sides.items()},
        }

    def kept(self, answer: Answer) -> KeptStage:
        """Return which answer is kept, and the types of the clusters of both."""
        return KeptStage(
            answer=answer,
            cluster_types=self.type_names(self._kept(answer)),
            types=StageTypes(before=self.type_names(self.before), after=self.type_names(self.after)),
        )

    def cluster_names(self, side: FineTuningStage) -> tuple[str, ...]:
        """Return the names of the clusters: their types, for new ones numbers."""
        new = iter(free_names("new group", int((side.types < 0).sum()), self.names))
        return tuple(self.names[kind] if kind >= 0 else next(new) for kind in side.types)

    def type_names(self, side: FineTuningStage) -> tuple[str, ...]:
        """Return the source type that each cluster stands for."""
        return tuple(self.names[kind] if kind >= 0 else UNASSIGNED for kind in side.types)

    def _label_proba(self) -> Floats:
        """Return the probability of each type, of which the confidence of a label is one: (n_obs, n_labels)."""
        return (self.before.label_proba(len(self.names)) + self.after.label_proba(len(self.names))) / 2

    def _kept(self, answer: Answer) -> FineTuningStage:
        return self.before if answer == "before" else self.after


def result_warnings(result: TransferResult) -> tuple[str, ...]:
    """Return a sentence where the clusters divide the target much worse than it divides by itself."""
    tuned = result.diagnostics.fine_tuning
    if tuned is None or tuned.explained:
        return ()
    return (
        "The annotated dataset does not explain your cells: its types divide them much worse than your cells divide by "
        "themselves. Look at marker genes before you trust a name, or choose another source.",
    )


def answered(result: TransferResult, answer: Answer, *, min_confidence: float) -> TransferResult:
    """Return the result with the answer asked for; nothing is computed anew.

    Parameters
    ----------
    result : TransferResult
        Holds two answers.
    answer : {"before", "after"}
    min_confidence : float
        Cells that are less sure are left unassigned.
    """
    both = FineTuningStages.of(result)
    silent = result.confidence == 0  # no other cell is: a probability is never zero
    fields: Mapping[str, Any] = both.fields(answer, silent=silent, min_confidence=min_confidence)
    return replace(result, **fields, diagnostics=replace(result.diagnostics, kept=both.kept(answer)))
