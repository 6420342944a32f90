"""Clusters of a target sharpened by themselves: minimise KL(P‖Q), where P is Q made more certain (ItClust's other half)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sctl.methods.itclust.deep_embedding import EmbeddingNet, class_centroids, outputs
from sctl.numerics.kmeans import kmeans
from sctl.numerics.networks import SoftAssignment
from sctl.numerics.training import Cells, Trainer, TrainingConfig, one_thread
from sctl.run import Run
from sctl.typing import Floats, Ints

PHASE = "Sharpen the clusters"


@dataclass(frozen=True, kw_only=True)
class SelfTraining:
    """How the target's clusters are sharpened.

    Parameters
    ----------
    training : TrainingConfig
        Only the optimiser's settings and the batch size are used.
    epochs : int
        Between two refreshes of P.
    max_refreshes : int
    tolerance : float
        Stop when a smaller share of the cells has changed its cluster since the refresh before.
    reconstruction : float
        Weight of the reconstruction in the loss; it holds the embedding to the data.
    record_every : int
        Keep embedding and clusters of the first so many refreshes, in which most happens, and then of every so many.
    """

    training: TrainingConfig
    epochs: int = 5
    max_refreshes: int = 100
    tolerance: float = 0.001
    reconstruction: float = 0.0
    record_every: int = 5


@dataclass(frozen=True)
class Snapshot:
    """Embedding and clusters after some refreshes."""

    refresh: int
    embedding: Floats
    clusters: Ints


@dataclass(frozen=True)
class FineTuningResult:
    """What fine-tuning gave.

    Parameters
    ----------
    embedding : ndarray of shape (n_obs, n_latent)
    proba : ndarray of shape (n_obs, n_clusters)
    changed : ndarray of shape (n_refreshes,)
        Share of cells that changed their cluster before each refresh; what the stop rule saw.
    sizes : ndarray of int, shape (n_refreshes, n_clusters)
        Cells of each cluster at each refresh.
    losses : ndarray of shape (n_refreshes,)
        Mean loss after each refresh; NaN at the last, where nothing was learned any more.
    settled : bool
        Whether the stop rule ended it, not the limit.
    snapshots : tuple of Snapshot
        From the start to the end.
    first : ndarray of int, shape (n_obs,)
        Clusters after the first refresh, on which the released package rests its confidence.
    """

    embedding: Floats
    proba: Floats
    changed: Floats
    sizes: Ints
    losses: Floats
    settled: bool
    snapshots: tuple[Snapshot, ...]
    first: Ints


def sharpened(q: Floats) -> Floats:
    """Return DEC's target distribution: p_ij ∝ q_ij² / Σ_i q_ij (Xie et al. 2016).

    Parameters
    ----------
    q : ndarray of shape (n_obs, n_clusters)
        Rows sum to one.

    Returns
    -------
    ndarray of shape (n_obs, n_clusters)

    Examples
    --------
    >>> sharpened(np.array([[0.5, 0.5], [0.9, 0.1]])).round(3)
    array([[0.3  , 0.7  ],
           [0.972, 0.028]])
    """
    weight = q**2 / np.maximum(q.sum(axis=0), 1e-12)
    out: Floats = weight / weight.sum(axis=1, keepdims=True)
    return out


def self_train(net: EmbeddingNet, cells: Cells, config: SelfTraining, *, run: Run) -> FineTuningResult:
    """Fine-tune a network on a target, in place, until its clusters hardly change.

    Parameters
    ----------
    net : EmbeddingNet
    cells : Cells
        The target.
    config : SelfTraining
    run : Run

    Returns
    -------
    FineTuningResult

    Raises
    ------
    ParameterError
        If the loss is no longer a number.
    Cancelled
        If the run was stopped.
    """
    device = config.training.device
    p: Tensor = torch.empty(0)

    def error(x: Tensor, rows: Tensor, _: torch.Generator | None) -> Tensor:
        return net.loss(x, p[rows], reconstruction=config.reconstruction)

    trainer = Trainer(net, error, cells, config=config.training, run=run, phase=PHASE)
    changed: list[float] = []
    sizes: list[Ints] = []
    losses: list[float] = []
    snapshots: list[Snapshot] = []
    settled = False
    before = first = np.full(cells.X.shape[0], -1)
    for refresh in range(config.max_refreshes + 1):
        z, q = outputs(net, cells, device)
        clusters = q.argmax(axis=1)
        first = clusters if refresh <= 1 else first
        changed.append(float((clusters != before).mean()))  # all, at first
        sizes.append(np.bincount(clusters, minlength=q.shape[1]))
        if refresh > 0:
            run.record(PHASE, refresh, changed=changed[-1], train=losses[-1])
        settled = refresh > 0 and changed[-1] < config.tolerance
        last = settled or refresh == config.max_refreshes
        if refresh <= config.record_every or refresh % config.record_every == 0 or last:
            snapshots.append(Snapshot(refresh, z, clusters))
        if last:
            break
        run.report(PHASE, refresh, config.max_refreshes, f"{changed[-1]:.1%} of the cells moved" if refresh else "")
        p = torch.from_numpy(sharpened(q).astype(np.float32)).to(device)
        with one_thread():
            losses.append(float(np.mean([trainer.epoch() for _ in range(config.epochs)])))
        before = clusters
    run.report(PHASE, config.max_refreshes, config.max_refreshes)
    return FineTuningResult(
        z, q, np.array(changed), np.array(sizes), np.array([*losses, np.nan]), settled, tuple(snapshots), first
    )


def target_head(
    net: EmbeddingNet, z: Floats, q: Floats, *, keep_empty: bool, n_new: int, rng: np.random.Generator
) -> tuple[SoftAssignment, Ints]:
    """Place the target's centroids at its own cells of each predicted type.

    Parameters
    ----------
    net : EmbeddingNet
        As the source left it.
    z : ndarray of shape (n_obs, n_latent)
    q : ndarray of shape (n_obs, n_types)
        What it says of the target.
    keep_empty : bool
        Whether types that no cell was given keep the source's centroid.
    n_new : int
        Centroids placed by k-means among the quarter of cells that resemble any type least.
    rng : numpy.random.Generator

    Returns
    -------
    SoftAssignment
    ndarray of int, shape (n_clusters,)
        The type of each centroid; -1 for a new one.
    """
    n_types, clusters = q.shape[1], q.argmax(axis=1)
    met = np.bincount(clusters, minlength=n_types) > 0
    types = np.arange(n_types) if keep_empty else np.flatnonzero(met)
    means = class_centroids(z, clusters, n_types)
    means[~met] = net.head.centroids.detach().cpu()[~met]
    centroids = [means[types]]
    doubtful = np.argsort(q.max(axis=1), kind="stable")[: max(len(q) // 4, n_new)]
    n_new = min(n_new, len(doubtful))
    if n_new:
        groups = kmeans(z[doubtful], n_new, n_init=10, rng=rng)
        centroids.append(class_centroids(z[doubtful], groups, n_new))
    return SoftAssignment(torch.cat(centroids)), np.concatenate([types, np.full(n_new, -1)])


def trajectory(snapshots: tuple[Snapshot, ...], *, end: Ints) -> tuple[NDArray[np.float32], Ints]:
    """Return the way of the cells through fine-tuning, flat enough to be drawn.

    Parameters
    ----------
    snapshots : tuple of Snapshot
    end : ndarray of int, shape (n_obs,)
        Cluster of each cell in the answer, in which unscaled profiles have their say.

    Returns
    -------
    ndarray of float32, shape (n_obs, 2 * n_snapshots)
        Two coordinates for each snapshot, the principal components of all snapshots together.
    ndarray of int, shape (n_obs, n_snapshots)
        Cluster of each cell; at last that of the answer.
    """
    pooled = np.concatenate([snapshot.embedding for snapshot in snapshots])
    centred = pooled - pooled.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    flat = (centred @ vectors[:, ::-1][:, :2]).astype(np.float32).reshape(len(snapshots), -1, 2)
    clusters = np.stack([*(snapshot.clusters for snapshot in snapshots[:-1]), end], axis=1)
    return flat.transpose(1, 0, 2).reshape(flat.shape[1], -1), clusters


def merged_clusters(start: Ints, end: Ints, n_clusters: int, *, share: float = 0.5) -> list[tuple[int, int, int, int]]:
    """Find clusters that lost most of their cells to another one.

    Parameters
    ----------
    start, end : ndarray of int, shape (n_obs,)
        Cluster of each cell before and after.
    n_clusters : int
    share : float
        How much of a cluster must have gone to one other.

    Returns
    -------
    list of tuple
        Cluster, the one that took its cells, its size before, and how many went there.

    Examples
    --------
    >>> merged_clusters(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 0, 0]), 2)
    [(1, 0, 2, 2)]
    """
    out = []
    for cluster in range(n_clusters):
        went = np.bincount(end[start == cluster], minlength=n_clusters)
        size, went[cluster] = int(went.sum()), 0
        taker = int(went.argmax())
        if size and went[taker] > share * size:
            out.append((cluster, taker, size, int(went[taker])))
    return out
