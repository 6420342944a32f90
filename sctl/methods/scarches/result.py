"""What a result of scArches holds beyond labels, and what of it speaks against the names it gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sctl.data import ReferenceMapping, TrainingLog, TransferResult

if TYPE_CHECKING:  # torch takes seconds to import, and the app's start must not wait for it
    from sctl.methods.scarches.cvae import ConditionalAutoencoder
    from sctl.methods.scarches.datasets import EncodedDataset
    from sctl.methods.scarches.reference import ReferenceModel
    from sctl.numerics.training import TrainingLog as LossLog

NOVELTY = ("unknown", "ambiguity", "neighbour distance")
"""Columns of ``obsm["novelty"]``."""
FAR_SHIFT = 1.0
"""Where the target as a whole lies so far from a reference (in logarithms of squared distances), its types may be others;
measured in docs/decisions/0052."""


def training_of(learned: ReferenceModel, log: LossLog) -> TrainingLog:
    """Return how the reference and the weights of the target were learned."""
    logs = {str(one["phase"]): one for one in (learned.log, log.to_dict())}
    return TrainingLog.of(logs, phases=tuple(logs))


def mapping_of(
    learned: ReferenceModel,
    network: ConditionalAutoencoder,
    log: LossLog,
    data: EncodedDataset,
    *,
    notes: Sequence[str],
    is_moved: bool,
) -> ReferenceMapping:
    """Return what was adapted to the target, and whether the reference moved.

    Parameters
    ----------
    learned : ReferenceModel
    network : ConditionalAutoencoder
        After surgery.
    log : TrainingLog
        Of surgery.
    data : EncodedDataset
        The target.
    notes : sequence of str
        What the user should know of the mapping.
    is_moved : bool
        Whether weights of the reference itself were trained, so that those of the new datasets alone are no adaptor.
    """
    from sctl.methods.scarches.cvae import n_trainable  # noqa: PLC0415 - torch, see above
    from sctl.methods.scarches.network import adaptors_of, drift  # noqa: PLC0415 - the same

    return ReferenceMapping(
        drift=float(drift(learned.network, network, learned.latent, learned.batches)),
        n_trained=n_trainable(network) if log.epochs else 0,
        n_weights=sum(weight.numel() for weight in network.parameters()),
        conditions=tuple(map(str, (*learned.conditions, *data.batch_names))),
        n_new_conditions=len(data.batch_names),
        adaptors={} if is_moved else adaptors_of(network, len(learned.conditions), data.batch_names),
        reference_id=learned.identity,
        lineage=tuple(" + ".join(one["datasets"]) for one in learned.lineage),
        notes=(*learned.notes, *notes),
    )


def result_warnings(result: TransferResult) -> tuple[str, ...]:
    """Return a sentence where all cells lie far from the reference, which is taken for a technical difference."""
    novelty = result.diagnostics.novelty
    if novelty is None or novelty.shift <= FAR_SHIFT:
        return ()
    return (
        "Your cells as a whole lie far from all types of the annotated dataset. That was taken for a technical "
        "difference and allowed for, but they may also be of other types, which then bear wrong names. Look at marker "
        "genes before you trust a name.",
    )
