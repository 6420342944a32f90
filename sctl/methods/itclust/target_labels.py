"""A target named by a network of types, before and after its own cells sharpened the clusters (ItClust's other half)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sctl.data import FineTuningComparison
from sctl.methods.itclust import deep_embedding as deep
from sctl.methods.itclust.finetuning import FineTuningResult, SelfTraining, self_train, target_head
from sctl.methods.itclust.new_clusters import cluster_target, unmatched_cells
from sctl.methods.itclust.profile_names import ProfileNames
from sctl.methods.itclust.source_classifier import SourceClassifier
from sctl.methods.itclust.stages import FineTuningStage, compare, is_explained
from sctl.numerics.networks import SoftAssignment
from sctl.numerics.training import Cells, TrainingConfig
from sctl.run import Run
from sctl.typing import Floats, Ints

N_LESSONS = 20
"""So often the target's cells are seen while the network learns new groups."""


@dataclass(frozen=True, kw_only=True)
class FineTuningConfig:
    """How a target is named.

    Parameters
    ----------
    training : SelfTraining
    dropout : float
        Share of the genes hidden while new groups are learned.
    limits : tuple
        Scaled values below and above are cut.
    allow_for_mix : bool
        Whether the target is scaled by the mix of types found in it, and unscaled expression has half a say.
    keep_empty : bool
        Whether types that no cell resembles at first keep their centroid.
    n_new : int, optional
        Groups begun among cells that resemble no type. None makes them only where the source does not explain the
        target.
    """

    training: SelfTraining
    dropout: float
    limits: tuple[float | None, float]
    allow_for_mix: bool
    keep_empty: bool
    n_new: int | None


@dataclass(frozen=True, kw_only=True)
class NamedTarget:
    """Both answers.

    Parameters
    ----------
    before, after : Clustering
    sharp : FineTuningResult
        What happened between them.
    comparison : FineTuningComparison
    explained : bool
        Whether the source explained the target before new groups were made.
    """

    before: FineTuningStage
    after: FineTuningStage
    sharp: FineTuningResult
    comparison: FineTuningComparison
    explained: bool


def named_target(
    types: SourceClassifier,
    X: NDArray[np.float32],
    config: FineTuningConfig,
    *,
    unscaled: ProfileNames | None = None,
    run: Run,
) -> NamedTarget:
    """Name a target's cells, let them sharpen their clusters, and compare.

    Parameters
    ----------
    types : SourceClassifier
    X : ndarray of shape (n_obs, n_vars)
        The target's genes that the network sees, scaled on their own.
    config : FineTuningConfig
    unscaled : ProfileNames, optional
        How much cells resemble types in expression that was not scaled within the target. The mix of types is counted by it,
        and it has half a say in both answers.
    run : Run

    Raises
    ------
    ParameterError
        If the loss is no longer a number.
    """
    unscaled = unscaled if config.allow_for_mix else None
    start = None if unscaled is None else unscaled.codes
    scaled = types.on_scale_of_source(X, limits=config.limits, start=start) if config.allow_for_mix else X
    net, cells = types.network(), Cells.all(scaled)
    z, q = deep.outputs(net, cells)
    q = _averaged(q, np.arange(q.shape[1]), unscaled)
    before = FineTuningStage(q, np.arange(q.shape[1]), z).among_matched()
    net.head, kinds = target_head(
        net, z, q, keep_empty=config.keep_empty, n_new=config.n_new or 0, rng=run.rng("new clusters")
    )
    sharp = self_train(net, cells, config.training, run=run)
    after = FineTuningStage(_averaged(sharp.proba, kinds, unscaled), kinds, sharp.embedding)
    comparison = compare(X, before, after, rng=run.rng("compared cells"))
    explained = is_explained(comparison)
    wanted = config.n_new is None and not explained
    found = _with_new_groups(types, X, unscaled, config=config, run=run) if wanted else None
    if found is not None:
        after, sharp = found
        comparison = compare(X, before, after, rng=run.rng("compared cells"))
    return NamedTarget(before=before, after=after, sharp=sharp, comparison=comparison, explained=explained)


def _averaged(proba: Floats, types: Ints, unscaled: ProfileNames | None) -> Floats:
    """Return what the network says, (n_obs, n_clusters), averaged with what unscaled expression says.

    What belongs to new clusters, those without a type, stays theirs; types without a cluster play no part.
    """
    if unscaled is None:
        return proba
    known, out = types >= 0, np.array(proba, dtype=np.float64)
    theirs = unscaled.proba[:, types[known]]
    total = theirs.sum(axis=1, keepdims=True)
    held = out[:, known].sum(axis=1, keepdims=True)
    share = np.divide(theirs, total, out=out[:, known] / np.where(held > 0, held, 1.0), where=total > 0)
    out[:, known] = (out[:, known] + share * held) / 2
    return out


def _with_new_groups(
    types: SourceClassifier,
    X: NDArray[np.float32],
    unscaled: ProfileNames | None,
    *,
    config: FineTuningConfig,
    run: Run,
) -> tuple[FineTuningStage, FineTuningResult] | None:
    """Teach the network groups that it has no name for, and sharpen all; None if there are none."""
    cells = Cells.all(X)  # on its own scale: where types are missing, the mix found means little
    z, q = deep.outputs(types.network(), cells)
    own, groups = cluster_target(X, rng=run.rng("own groups")), q.argmax(axis=1) if unscaled is None else unscaled.codes
    foreign = unmatched_cells(q, own, unscaled)
    if not foreign.any():
        return None
    groups[foreign] = q.shape[1] + own[foreign]
    met, codes = np.unique(groups, return_inverse=True)
    net = types.network()
    net.head = SoftAssignment(deep.class_centroids(z, codes, len(met)))
    lessons = deep.SourceTraining(
        training=TrainingConfig(max_epochs=N_LESSONS, stop_on="never", restore_best=False),
        dropout=config.dropout,
        reconstruction=config.training.reconstruction,
    )
    deep.train_source(net, cells, codes, config=lessons, run=run, phase="Learn the new groups")
    sharp = self_train(net, cells, config.training, run=run)
    kinds = np.where(met < q.shape[1], met, -1)
    return FineTuningStage(_averaged(sharp.proba, kinds, unscaled), kinds, sharp.embedding), sharp
