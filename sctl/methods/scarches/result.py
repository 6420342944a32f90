"""What a result of scArches holds beyond labels, and what of it speaks against the names it gives."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sctl.data import TransferResult

if TYPE_CHECKING:  # torch takes seconds to import, and the app's start must not wait for it
    from sctl.methods.scarches.cvae import ConditionalAutoencoder
    from sctl.methods.scarches.datasets import EncodedDataset
    from sctl.methods.scarches.ood_classifier import Novelty
    from sctl.methods.scarches.reference import ReferenceModel
    from sctl.numerics.training import TrainingLog

NOVELTY = ("unknown", "ambiguity", "neighbour distance")
"""Columns of ``obsm["novelty"]``."""
FAR_SHIFT = 1.0
"""Where the target as a whole lies so far from a reference (in logarithms of squared distances), its types may be others;
measured in docs/decisions/0052."""


def mapping_report(
    learned: ReferenceModel, network: ConditionalAutoencoder, log: TrainingLog, data: EncodedDataset, *, moved: bool
) -> dict[str, Any]:
    """Return what pages show of the mapping, for the result's ``uns``.

    Parameters
    ----------
    learned : ReferenceModel
    network : ConditionalAutoencoder
        After surgery.
    log : TrainingLog
        Of surgery.
    data : EncodedDataset
        The target.
    moved : bool
        Whether weights of the reference itself were trained, so that those of the new datasets alone are no adaptor.
    """
    from sctl.methods.scarches.cvae import n_trainable  # noqa: PLC0415 - torch, see above
    from sctl.methods.scarches.network import adaptors_of, drift  # noqa: PLC0415

    logs = {str(one["phase"]): one for one in (learned.log, log.to_dict())}
    return {
        "training": logs,
        "phases": list(logs),
        "reference_drift": drift(learned.network, network, learned.latent, learned.batches),
        "n_trained": n_trainable(network) if log.epochs else 0,
        "n_weights": sum(weight.numel() for weight in network.parameters()),
        "conditions": [*learned.conditions, *data.batch_names],
        "n_new_conditions": len(data.batch_names),
        "adaptors": {} if moved else adaptors_of(network, len(learned.conditions), data.batch_names),
        "reference_id": learned.identity,
        "lineage": [" + ".join(one["datasets"]) for one in learned.lineage],
        "genes_missing": data.n_missing,
        "genes_lacking": data.lacking,
    }


def novelty_report(novelty: Novelty, shift: float) -> dict[str, Any]:
    """Return, for the result's ``uns``, how cells are called unknown, and how far the target as a whole lies."""
    return {"novelty": {**asdict(novelty), "shift": shift}, "novelty_columns": list(NOVELTY)}


def result_warnings(result: TransferResult) -> tuple[str, ...]:
    """Return a sentence where all cells lie far from the reference, which is taken for a technical difference."""
    novelty = result.uns.get("novelty")
    if not isinstance(novelty, dict) or float(novelty.get("shift", 0.0)) <= FAR_SHIFT:
        return ()
    return (
        "Your cells as a whole lie far from all types of the annotated dataset. That was taken for a technical "
        "difference and allowed for, but they may also be of other types, which then bear wrong names. Look at marker "
        "genes before you trust a name.",
    )
