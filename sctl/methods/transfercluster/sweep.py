"""All that is needed to cluster a target at any θ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, Self

import numpy as np
from scipy import stats

from sctl.data import ConsensusClustering, Diagnostics
from sctl.errors import ParameterError
from sctl.methods.transfercluster import storage
from sctl.methods.transfercluster.alignment import aligned, centered_cosine, mean_agreement
from sctl.methods.transfercluster.clusterers import CLUSTERERS, Cells, ClustererName
from sctl.methods.transfercluster.kernels import ThetaKernels
from sctl.methods.transfercluster.landmarks import CrossKernels, nearest_mean
from sctl.methods.transfercluster.loadings import REJECTION_SCORES
from sctl.methods.transfercluster.n_clusters import ConsensusAt, sc3_range
from sctl.methods.transfercluster.sc3 import Consensus, Distance, Sc3
from sctl.methods.transfercluster.theta import ThetaPoint
from sctl.numerics.pca import principal_components
from sctl.numerics.silhouette import mean_silhouette
from sctl.run import Run
from sctl.typing import Doubles, Ints


@dataclass(frozen=True, kw_only=True)
class ThetaSweep:
    """All that is needed to cluster the target at any θ.

    Parameters
    ----------
    kernels : ThetaKernels
        Of all cells, or of the landmarks.
    loadings : ndarray of shape (n_obs, n_types)
        Non-negative weights that rebuild each target cell from the source's profiles.
    type_names : tuple of str
    n_clusters : int
    settings : Sc3
    seed : int
    expression, dictionary : sparse matrix (n_obs, n_vars), ndarray (n_types, n_vars), optional
        Kept only where Spearman distances are wanted: ranks are not quadratic in θ. Rows are those of ``kernels``.
    landmarks : ndarray of shape (n_landmarks,), optional
        Cells on which SC3 runs, where there are too many for all; the scores are theirs.
    cross : CrossKernels, optional
        What ties the other cells to the landmarks.
    nulls : tuple of ThetaKernels
        The same with the genes of the source shuffled, for ``null_kta``. Only ``M`` and what follows from it differ.
    clusterer : {"sc3", "leiden", "kmeans", "agglomerative"}
        What clusters the mixed data, see :mod:`sctl.methods.transfercluster.clusterers`.
    rejection : ndarray of shape (n_obs, 8), optional
        See :func:`~sctl.methods.transfercluster.loadings.rejection_scores`.
    diagnostics : Diagnostics
        What the method found before any θ, without arrays.
    cells : ndarray of int, shape (n_obs,), optional
        Place among the cells that are clustered, or follow those, of each cell of the target, where the target has another
        order; ``loadings``, ``rejection`` and all that is returned have the target's.
    """

    kernels: ThetaKernels
    loadings: Doubles
    type_names: tuple[str, ...]
    n_clusters: int
    settings: Sc3 = field(default_factory=Sc3)
    seed: int = 0
    expression: Any = field(default=None, repr=False)
    dictionary: Doubles | None = field(default=None, repr=False)
    landmarks: Ints | None = field(default=None, repr=False)
    cross: CrossKernels | None = field(default=None, repr=False)
    nulls: tuple[ThetaKernels, ...] = field(default=(), repr=False)
    rejection: Doubles | None = field(default=None, repr=False)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    clusterer: ClustererName = "sc3"
    cells: Ints | None = field(default=None, repr=False)

    def of_cells(self, cells: Ints) -> Self:
        """Return the sweep for a target with the same cells in another order, of which ``cells`` are the places here."""
        rejection = None if self.rejection is None else self.rejection[cells]
        return replace(self, cells=cells, loadings=self.loadings[cells], rejection=rejection)

    @property
    def compared(self) -> Ints:
        """Place in the target of each cell that is clustered: (n_obs,), or (n_landmarks,) where there are landmarks."""
        places = np.arange(self.n_obs) if self.cells is None else np.argsort(self.cells, kind="stable")
        return places if self.landmarks is None else places[self.landmarks]

    @property
    def n_obs(self) -> int:
        """Number of target cells."""
        return len(self.loadings)

    @property
    def z(self) -> Ints:
        """Type that each cell resembles most, shape (n_obs,)."""
        strongest: Ints = self.loadings.argmax(axis=1)
        return strongest

    def cluster(self, theta: float) -> Consensus:
        """Return the consensus clustering of the mixed data at ``theta``.

        Raises
        ------
        ParameterError
            If ``theta`` is outside [0, 1].
        """
        return self._in_order(self._spread(theta, self._consensus(theta, self._all_distances(theta))))

    def at(self, theta: float) -> ThetaPoint:
        """Cluster the target at ``theta`` and score it."""
        start = perf_counter()
        distances = self._all_distances(theta)
        consensus = self._spread(theta, self._consensus(theta, distances))
        point = self._scored(theta, consensus.clusters, distances[0])
        null_kta = point.kta - self._chance(theta, point.kta) if self.nulls else None
        stability, seconds = mean_agreement(consensus.runs), perf_counter() - start
        clusters = self._in_order(consensus).clusters
        return replace(point, clusters=clusters, null_kta=null_kta, stability=stability, seconds=seconds)

    def score(self, theta: float, consensus: Consensus) -> ThetaPoint:
        """Return the scores of a clustering found elsewhere in the mixed data at ``theta``."""
        clusters = consensus.clusters
        if self.cells is not None:
            clusters = clusters[np.argsort(self.cells, kind="stable")]
        point = self._scored(theta, clusters, self._distances(theta, self.settings.distances[0]))
        return replace(point, clusters=consensus.clusters, stability=mean_agreement(consensus.runs))

    def _in_order(self, found: Consensus) -> Consensus:
        """Return a clustering of all cells in the order of the target."""
        if self.cells is None:
            return found
        return replace(found, clusters=found.clusters[self.cells], proba=found.proba[self.cells])

    def _consensus(self, theta: float, distances: list[Doubles]) -> Consensus:
        cells = Cells(distances, lambda: self.kernels.gram(theta))
        return CLUSTERERS[self.clusterer](cells, self.n_clusters, self.settings, self._stream(theta))

    def _stream(self, theta: float) -> np.random.Generator:
        """Return the random stream of one θ, from its start: order and resuming do not matter."""
        return Run(seed=self.seed).rng(f"SC3 at θ = {theta:.6f}")

    def over_k(self, theta: float, numbers: Iterable[int]) -> Iterator[ConsensusAt]:
        """Yield SC3's consensus of the mixed data at ``theta`` for several numbers of clusters.

        Where there are landmarks, order and silhouettes are theirs; clusters are those of all cells. At
        :attr:`n_clusters` it finds what :meth:`cluster` finds by SC3.

        Raises
        ------
        ParameterError
            If ``theta`` is outside [0, 1].
        """
        for point in sc3_range(self._all_distances(theta), numbers, self.settings, lambda: self._stream(theta)):
            yield replace(point, consensus=self._in_order(self._spread(theta, point.consensus)))

    def _scored(self, theta: float, clusters: Ints, distances: Doubles) -> ThetaPoint:
        compared = clusters if self.landmarks is None else _without_gaps(clusters[self.landmarks])
        target_kta = aligned(self._target_kernel, compared)
        kta = aligned(centered_cosine(self.kernels.gram(theta)), compared) if theta > 0 else target_kta
        return ThetaPoint(theta, clusters, kta, target_kta, mean_silhouette(distances, compared))

    def _chance(self, theta: float, kta: float) -> float:
        """Return the mean KTA of what is found when the source's genes are shuffled."""
        if theta == 0:  # the source plays no part, and neither does its order
            return kta
        settings = replace(self.settings, distances=_quadratic(self.settings.distances))
        found = []
        for kernels in self.nulls:
            null = replace(self, kernels=kernels, settings=settings, nulls=())
            clusters = null._consensus(theta, null._all_distances(theta)).clusters
            found.append(aligned(centered_cosine(kernels.gram(theta)), clusters))
        return float(np.mean(found))

    def _spread(self, theta: float, consensus: Consensus) -> Consensus:
        """Take the clustering of the landmarks to all cells."""
        if self.landmarks is None or self.cross is None:
            return consensus
        proba = np.empty((self.n_obs, consensus.proba.shape[1]))
        proba[self.landmarks] = consensus.proba
        rest = np.setdiff1d(np.arange(self.n_obs), self.landmarks)
        kind: Literal["euclidean", "pearson"] = "euclidean" if self.settings.distances[0] == "euclidean" else "pearson"
        for cells in self.cross.chunks():
            proba[rest[cells]] = nearest_mean(self.cross.distances(self.kernels, theta, cells, kind), consensus.proba)
        clusters = proba.argmax(axis=1)
        clusters[self.landmarks] = consensus.clusters
        return Consensus(clusters=clusters, proba=proba, runs=consensus.runs)

    @cached_property
    def _target_kernel(self) -> Doubles:
        """Centred, normalised kernel of the target alone, shape (n_obs, n_obs)."""
        return centered_cosine(self.kernels.gram(0.0))

    def points(
        self, thetas: Sequence[float], run: Run, done: Mapping[float, ThetaPoint] | None = None
    ) -> Iterator[ThetaPoint]:
        """Yield a point for each θ as soon as it is known; points in ``done`` are not computed again.

        Raises
        ------
        Cancelled
            When the run is stopped; what was yielded is complete.
        """
        done = done or {}
        for theta in run.track("Trying how much to trust the source", thetas):
            yield done[theta] if theta in done else self.at(theta)

    def embedding(self, theta: float, n_components: int = 30) -> Doubles:
        """Return principal components of the mixed cells, shape (n_obs, n_components or fewer)."""
        found = principal_components(self.kernels.gram(theta), n_components)
        if self.landmarks is None or self.cross is None:
            return found.scores if self.cells is None else found.scores[self.cells]
        values, vectors = found.values, found.vectors
        out = np.empty((self.n_obs, len(values)))
        out[self.landmarks] = found.scores
        rest = np.setdiff1d(np.arange(self.n_obs), self.landmarks)
        scale = np.divide(1.0, np.sqrt(values), out=np.zeros_like(values), where=values > 0)
        for cells in self.cross.chunks():
            G = self.cross.gram(self.kernels, theta, cells)
            G -= found.means
            G -= G.mean(axis=1, keepdims=True)
            out[rest[cells]] = G @ (vectors * scale)
        return out if self.cells is None else out[self.cells]

    def _all_distances(self, theta: float) -> list[Doubles]:
        if not 0.0 <= theta <= 1.0:
            raise ParameterError(
                f"θ is {theta}.",
                expected="It must lie between 0 (the target alone) and 1 (the source alone).",
                do="Choose a value in between.",
            )
        return [self._distances(theta, kind) for kind in self.settings.distances]

    def _distances(self, theta: float, kind: Distance) -> Doubles:
        if kind == "euclidean":
            return np.sqrt(self.kernels.squared_distances(theta))
        if kind == "pearson":
            return self.kernels.correlation_distances(theta)
        return self._spearman(theta)

    def _spearman(self, theta: float) -> Doubles:
        if self.expression is None or self.dictionary is None:
            raise ParameterError(
                "Spearman distances were not prepared in this sweep.",
                expected="It was prepared for " + ", ".join(self.settings.distances) + ".",
                do="Prepare the sweep with Spearman distances.",
            )
        W = self.kernels.weights
        rebuilt = self.dictionary[self.kernels.z] if W is None else W @ self.dictionary
        mixed = (1.0 - theta) * self.expression.toarray() + theta * rebuilt
        if self.kernels.own is not None:
            mixed = np.hstack([mixed, self.kernels.own.at(theta)])
        ranks = stats.rankdata(mixed, axis=1)
        ranks -= ranks.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(ranks, axis=1, keepdims=True)
        ranks = np.divide(ranks, norms, out=np.zeros_like(ranks), where=norms > 0)
        out = 1.0 - ranks @ ranks.T
        np.fill_diagonal(out, 0.0)
        return np.asarray(np.clip(out, 0.0, 2.0))

    def save(self, path: Path) -> None:
        """Write the sweep as ``.npz`` without pickles."""
        storage.save(self, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a sweep that :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is damaged.
        """
        return cls(**storage.load(path))

    def described(self, found: Diagnostics, n_clusters: int) -> Diagnostics:
        """Return what is known of one clustering with what the sweep knows."""
        before = self.diagnostics
        return replace(
            found,
            clustering=replace(
                found.clustering or ConsensusClustering(n_clusters=n_clusters),
                n_landmarks=None if self.landmarks is None else len(self.landmarks),
            ),
            transferability=before.transferability,
            source_groups=before.source_groups,
            target_genes=before.target_genes,
            rejection_scores=() if self.rejection is None else tuple(REJECTION_SCORES),
        )


def _without_gaps(clusters: Ints) -> Ints:
    return np.unique(clusters, return_inverse=True)[1].ravel()


def _quadratic(distances: tuple[Distance, ...]) -> tuple[Distance, ...]:
    """Return the distances that need no genes; Pearson's in place of Spearman's alone."""
    return tuple(kind for kind in distances if kind != "spearman") or ("pearson",)
