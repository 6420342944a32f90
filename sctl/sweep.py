"""θ, how much to trust the source: prepared once, then any θ is clustered in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse, stats

from sctl.core.alignment import aligned, centred_cosine
from sctl.core.consensus import Consensus, Distance, Sc3, sc3
from sctl.core.kernels import ThetaKernels, theta_kernels
from sctl.core.landmarks import CrossKernels, cross_kernels, nearest_mean
from sctl.core.nmf import nonnegative_loadings
from sctl.core.resample import stratified
from sctl.core.silhouette import mean_silhouette
from sctl.errors import DataError, ParameterError
from sctl.run import Run

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]
Criterion = Literal["target_kta", "kta"]
"""What θ is chosen by: agreement of the clusters with the target's own data, or with the mixed data."""


ALL_CELLS_UP_TO = 3000
"""Target cells beyond which SC3 runs on landmarks; it grows with the square of the cells, and worse."""

N_LANDMARKS = 1000


@dataclass(frozen=True)
class ThetaPoint:
    """The clustering at one θ.

    Parameters
    ----------
    theta : float
        In [0, 1]; 0 is the target alone, 1 the source's types alone.
    clusters : ndarray of shape (n_obs,)
    kta : float
        Agreement of the clusters with the mixed data at this θ, in [−1, 1]: the paper's score.
    target_kta : float
        Agreement of the clusters with the target's own data, in [−1, 1]: the same yardstick for every θ.
    silhouette : float
        Mean silhouette of the clusters by the (first) distances they were found in, in [−1, 1].
    seconds : float
        Wall time it took.
    """

    theta: float
    clusters: Ints
    kta: float
    target_kta: float
    silhouette: float
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain values that JSON takes."""
        return {**asdict(self), "clusters": self.clusters.tolist()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the point that :meth:`to_dict` wrote."""
        return cls(**{**values, "clusters": np.asarray(values["clusters"], dtype=np.int64)})


def choose_theta(points: Iterable[ThetaPoint], criterion: Criterion = "target_kta") -> float:
    """Return the θ of the largest score; of equal ones the smallest θ.

    θ = 1 is left out unless it is alone: there the data are copies of the source's profiles, so that the
    paper's KTA tends to 1 whether or not the transfer is right. The same flaw grows towards it, which is
    why the default compares every θ's clusters with the target's own data; see ``docs/decisions``.

    Raises
    ------
    ParameterError
        If there is no point.
    """
    found = sorted(points, key=lambda point: point.theta)
    if not found:
        raise ParameterError("No θ has been computed yet.", do="Run the sweep first.")
    inner = [point for point in found if point.theta < 1] or found
    return max(inner, key=lambda point: round(float(getattr(point, criterion)), 9)).theta


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
    """

    kernels: ThetaKernels
    loadings: Floats
    type_names: tuple[str, ...]
    n_clusters: int
    settings: Sc3 = field(default_factory=Sc3)
    seed: int = 0
    expression: Any = field(default=None, repr=False)
    dictionary: Floats | None = field(default=None, repr=False)
    landmarks: Ints | None = field(default=None, repr=False)
    cross: CrossKernels | None = field(default=None, repr=False)

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
        return self._spread(theta, self._consensus(theta, self._all_distances(theta)))

    def at(self, theta: float) -> ThetaPoint:
        """Cluster the target at ``theta`` and score it."""
        start = perf_counter()
        distances = self._all_distances(theta)
        consensus = self._spread(theta, self._consensus(theta, distances))
        point = self._scored(theta, consensus.clusters, distances[0])
        return replace(point, seconds=perf_counter() - start)

    def score(self, theta: float, clusters: Ints) -> ThetaPoint:
        """Return the scores of given clusters in the mixed data at ``theta``."""
        return self._scored(theta, clusters, self._distances(theta, self.settings.distances[0]))

    def _consensus(self, theta: float, distances: list[Floats]) -> Consensus:
        rng = Run(seed=self.seed).rng(f"SC3 at θ = {theta:.6f}")  # one stream a θ: order and resuming do not matter
        return sc3(distances, self.n_clusters, self.settings, rng)

    def _scored(self, theta: float, clusters: Ints, distances: Floats) -> ThetaPoint:
        compared = clusters if self.landmarks is None else _without_gaps(clusters[self.landmarks])
        target_kta = aligned(self._target_kernel, compared)
        kta = aligned(centred_cosine(self.kernels.gram(theta)), compared) if theta > 0 else target_kta
        return ThetaPoint(theta, clusters, kta, target_kta, mean_silhouette(distances, compared))

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
    def _target_kernel(self) -> Floats:
        """Centred, normalised kernel of the target alone, shape (n_obs, n_obs)."""
        return centred_cosine(self.kernels.A)

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

    def embedding(self, theta: float, n_components: int = 30) -> Floats:
        """Return principal components of the mixed cells, shape (n_obs, n_components or fewer)."""
        K = self.kernels.gram(theta)
        means = K.mean(axis=0)
        K -= means
        K -= means[:, None] - means.mean()
        n_components = min(n_components, len(K))
        values, vectors = linalg.eigh(K, subset_by_index=(len(K) - n_components, len(K) - 1))
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
        vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(n_components)])
        own = np.asarray(vectors * np.sqrt(values))
        if self.landmarks is None or self.cross is None:
            return own
        out = np.empty((self.n_obs, n_components))
        out[self.landmarks] = own
        rest = np.setdiff1d(np.arange(self.n_obs), self.landmarks)
        scale = np.divide(1.0, np.sqrt(values), out=np.zeros_like(values), where=values > 0)
        for cells in self.cross.chunks():
            G = self.cross.gram(self.kernels, theta, cells)
            G -= means
            G -= G.mean(axis=1, keepdims=True)
            out[rest[cells]] = G @ (vectors * scale)
        return out

    def _all_distances(self, theta: float) -> list[Floats]:
        if not 0.0 <= theta <= 1.0:
            raise ParameterError(
                f"θ is {theta}.",
                expected="It must lie between 0 (the target alone) and 1 (the source alone).",
                do="Choose a value in between.",
            )
        return [self._distances(theta, kind) for kind in self.settings.distances]

    def _distances(self, theta: float, kind: Distance) -> Floats:
        if kind == "euclidean":
            return np.sqrt(self.kernels.squared_distances(theta))
        if kind == "pearson":
            return self.kernels.correlation_distances(theta)
        return self._spearman(theta)

    def _spearman(self, theta: float) -> Floats:
        if self.expression is None or self.dictionary is None:
            raise ParameterError(
                "Spearman distances were not prepared in this sweep.",
                expected="It was prepared for " + ", ".join(self.settings.distances) + ".",
                do="Prepare the sweep with Spearman distances.",
            )
        mixed = (1.0 - theta) * self.expression.toarray() + theta * self.dictionary[self.kernels.z]
        ranks = stats.rankdata(mixed, axis=1)
        ranks -= ranks.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(ranks, axis=1, keepdims=True)
        ranks = np.divide(ranks, norms, out=np.zeros_like(ranks), where=norms > 0)
        out = 1.0 - ranks @ ranks.T
        np.fill_diagonal(out, 0.0)
        return np.asarray(np.clip(out, 0.0, 2.0))

    def save(self, path: Path) -> None:
        """Write the sweep as ``.npz`` without pickles."""
        parts: dict[str, Any] = {f"kernels_{name}": value for name, value in vars(self.kernels).items()}
        parts |= {
            "loadings": self.loadings,
            "type_names": np.array(self.type_names, dtype=str),
            "n_clusters": self.n_clusters,
            "settings": np.array(json.dumps(asdict(self.settings))),
            "seed": self.seed,
        }
        if self.cross is not None:
            parts |= {f"cross_{name}": value for name, value in vars(self.cross).items()}
            parts["landmarks"] = self.landmarks
        if self.expression is not None:
            X = sparse.csr_matrix(self.expression)
            parts |= {"x_data": X.data, "x_indices": X.indices, "x_indptr": X.indptr, "dictionary": self.dictionary}
        with path.open("wb") as file:
            np.savez(file, **parts)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a sweep that :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is damaged.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as parts:
                return cls._from_parts(dict(parts))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataError(
                f"The θ sweep in {path.name} cannot be read.",
                expected="It is written when a sweep runs.",
                do="Run the sweep again.",
            ) from error

    @classmethod
    def _from_parts(cls, parts: Mapping[str, Any]) -> Self:
        kernels = {name[8:]: value for name, value in parts.items() if name.startswith("kernels_")}
        kernels["n_vars"] = int(kernels["n_vars"])
        cross = {name[6:]: value for name, value in parts.items() if name.startswith("cross_")}
        expression = None
        if "x_data" in parts:
            shape = (len(kernels["z"]), kernels["n_vars"])
            expression = sparse.csr_matrix((parts["x_data"], parts["x_indices"], parts["x_indptr"]), shape=shape)
        return cls(
            kernels=ThetaKernels(**kernels),
            loadings=parts["loadings"],
            type_names=tuple(map(str, parts["type_names"])),
            n_clusters=int(parts["n_clusters"]),
            settings=_settings(str(parts["settings"])),
            seed=int(parts["seed"]),
            expression=expression,
            dictionary=parts.get("dictionary"),
            landmarks=parts.get("landmarks"),
            cross=CrossKernels(**cross) if cross else None,
        )


def prepare_sweep(
    X: Any,
    H: Floats,
    type_names: Sequence[str],
    *,
    n_clusters: int | None = None,
    settings: Sc3 | None = None,
    run: Run,
) -> ThetaSweep:
    """Prepare a θ sweep of target cells against a source dictionary.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Log-normalised target.
    H : ndarray of shape (n_types, n_vars)
        Source dictionary.
    type_names : sequence of str, length n_types
    n_clusters : int, optional
        By default as many as source types are met among the target cells, see :func:`types_met`.
    settings : Sc3, optional
    run : Run

    Returns
    -------
    ThetaSweep
    """
    settings = settings or Sc3()
    run.report("Comparing target cells with source types", 0, 2)
    M = np.asarray((X @ H.T).T, dtype=np.float64)
    Q = H @ H.T
    loadings = nonnegative_loadings(Q, M)
    z = loadings.argmax(axis=1)
    run.report("Comparing target cells with source types", 1, 2)
    landmarks = cross = None
    used: Any = slice(None)
    if len(z) > ALL_CELLS_UP_TO:
        used = landmarks = stratified(z, N_LANDMARKS, run.rng("landmarks"))
        rest = np.setdiff1d(np.arange(len(z)), landmarks)
        cross = cross_kernels(X[rest], X[landmarks], M[:, rest], z[rest])
    kernels = theta_kernels(X[used], H, z[used], M=M[:, used], Q=Q)
    spearman = "spearman" in settings.distances
    run.report("Comparing target cells with source types", 2, 2)
    return ThetaSweep(
        kernels=kernels,
        loadings=loadings,
        type_names=tuple(type_names),
        n_clusters=n_clusters or types_met(z),
        settings=settings,
        seed=run.seed,
        expression=sparse.csr_matrix(X[used]) if spearman else None,
        dictionary=H if spearman else None,
        landmarks=landmarks,
        cross=cross,
    )


def _without_gaps(clusters: Ints) -> Ints:
    return np.unique(clusters, return_inverse=True)[1].ravel()


def types_met(z: Ints, share: float = 0.01) -> int:
    """Return how many source types at least ``share`` of the target cells (and two cells) resemble most.

    Examples
    --------
    >>> types_met(np.array([0] * 50 + [1] * 48 + [2]))
    2
    """
    return max(int((np.bincount(z) >= max(2, share * len(z))).sum()), 2)


def _settings(text: str) -> Sc3:
    values: dict[str, Any] = json.loads(text)
    values |= {name: tuple(values[name]) for name in ("distances", "transformations")}
    return Sc3(**values)
