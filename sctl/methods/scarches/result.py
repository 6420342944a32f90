"""What a result of scArches holds beyond labels, and what of it speaks against the names it gives."""

from __future__ import annotations

from dataclasses import asdict

from sctl.data import Diagnostics, GenesFound, NoveltyModel, ReferenceMapping, TrainingLog, TransferResult
from sctl.methods.scarches.datasets import EncodedDataset
from sctl.methods.scarches.mapping import Adapted
from sctl.methods.scarches.reference import ReferenceModel

NOVELTY = ("unknown", "ambiguity", "neighbour distance")
"""Columns of ``obsm["novelty"]``."""
FAR_SHIFT = 1.0
"""Where the target as a whole lies so far from a reference (in logarithms of squared distances), its types may be others;
measured in docs/decisions/0052."""


def diagnostics_of(
    learned: ReferenceModel, adapted: Adapted, data: EncodedDataset, *, is_moved: bool, shift: float
) -> Diagnostics:
    """Return how a target was mapped onto a reference.

    Parameters
    ----------
    learned : ReferenceModel
    adapted : Adapted
        The network after surgery.
    data : EncodedDataset
        The target.
    is_moved : bool
        Whether weights of the reference itself were trained, so that those of the new datasets alone are no adaptor.
    shift : float
        By how much the target as a whole lies farther away than the reference's own cells.
    """
    logs = {str(one["phase"]): one for one in (learned.log, adapted.log.to_dict())}
    return Diagnostics(
        training=TrainingLog.of(logs, phases=tuple(logs)),
        genes=GenesFound(missing=int(data.n_missing), lacking=tuple(map(str, data.lacking))),
        mapping=_mapping(learned, adapted, data, is_moved=is_moved),
        novelty=NoveltyModel(**asdict(learned.novelty), shift=float(shift)),
        novelty_columns=NOVELTY,
    )


def _mapping(learned: ReferenceModel, adapted: Adapted, data: EncodedDataset, *, is_moved: bool) -> ReferenceMapping:
    """Return what was adapted to the target, and whether the reference moved."""
    from sctl.methods.scarches.cvae import n_trainable  # noqa: PLC0415 - torch, see above
    from sctl.methods.scarches.network import adaptors_of, drift  # noqa: PLC0415 - the same

    network = adapted.network
    return ReferenceMapping(
        drift=float(drift(learned.network, network, learned.latent, learned.batches)),
        n_trained=n_trainable(network) if adapted.log.epochs else 0,
        n_weights=sum(weight.numel() for weight in network.parameters()),
        conditions=tuple(map(str, (*learned.conditions, *data.batch_names))),
        n_new_conditions=len(data.batch_names),
        adaptors={} if is_moved else adaptors_of(network, len(learned.conditions), data.batch_names),
        reference_id=learned.identity,
        lineage=tuple(" + ".join(one["datasets"]) for one in learned.lineage),
        notes=(*learned.notes, *adapted.notes),
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
