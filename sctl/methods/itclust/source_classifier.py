"""ItClust's network of types: what it learned of a source, by which cells of any target are named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sctl.errors import DataError
from sctl.methods.itclust import deep_embedding as deep
from sctl.methods.itclust.label_shift import TypeMoments, correct_label_shift
from sctl.methods.itclust.profile_names import TypeProfiles
from sctl.methods.itclust.schedules import Schedule
from sctl.numerics.networks import Activation
from sctl.numerics.training import Cells, TrainingLog
from sctl.run import Run
from sctl.typing import Ints

N_RESCALINGS = 2
"""So often a target is named by the network alone and scaled anew."""
_OURS = "types."  # begins the names of arrays that are no weights
_PROFILES = {
    f"{_OURS}profiles": "means",
    f"{_OURS}regression": "weights",
    f"{_OURS}intercept": "intercept",
    f"{_OURS}typical_fit": "typical_fit",
}


@dataclass(frozen=True, kw_only=True)
class SourceClassifier:
    """What was learned of a source.

    Parameters
    ----------
    weights : mapping of str to ndarray of float32
        Of encoder, decoder and centroids, see :func:`~sctl.methods.itclust.deep_embedding.weights_of`.
    moments : TypeMoments
        Of every type's scaled genes.
    profiles : TypeProfiles, optional
        What tells the types apart in expression that is not scaled; what was saved before it was kept lacks it.
    output : str
        Activation of the reconstruction.
    """

    weights: Mapping[str, NDArray[np.float32]]
    moments: TypeMoments
    profiles: TypeProfiles | None = None
    output: Activation = "linear"

    @classmethod
    def learn(
        cls, X: NDArray[np.float32], codes: Ints, *, schedule: Schedule, n_latent: int | None, run: Run
    ) -> tuple[Self, list[TrainingLog]]:
        """Train a network on a source.

        Parameters
        ----------
        X : ndarray of shape (n_obs, n_vars)
            Scaled expression.
        codes : ndarray of int, shape (n_obs,)
            Types, each of which has a cell.
        schedule : Schedule
        n_latent : int, optional
            Width of the embedding; by the number of cells where it is not given.
        run : Run

        Returns
        -------
        SourceClassifier
        list of TrainingLog
            One for each phase.
        """
        n_types, widths = int(codes.max()) + 1, deep.layer_widths(len(X))
        widths = widths if n_latent is None else (*widths[:-1], n_latent)
        cells = Cells.split(X, codes, schedule.held_out, run.rng("held-out cells"))
        autoencoder, logs = deep.pretrain(widths, cells, schedule.pretraining, run=run)
        net = deep.EmbeddingNet(autoencoder, deep.class_centroids(deep.embedded(autoencoder, cells), codes, n_types))
        logs.append(deep.train_source(net, cells, codes, config=schedule.source, run=run))
        learned = cls(
            weights=deep.weights_of(net),
            moments=TypeMoments.of(X, codes, n_types),
            output=schedule.pretraining.output,
        )
        return learned, logs

    @property
    def n_types(self) -> int:
        """Types that the network knows."""
        return len(self.weights["head.centroids"])

    @property
    def n_vars(self) -> int:
        """Genes that it sees."""
        return int(self.weights["autoencoder.encoder.layers.0.weight"].shape[1])

    def network(self) -> deep.EmbeddingNet:
        """Return a copy of the network, which may be trained further."""
        return deep.network(self.weights, output=self.output)

    def on_scale_of_source(
        self,
        X: NDArray[np.float32],
        *,
        limits: tuple[float | None, float],
        start: Ints | None = None,
    ) -> NDArray[np.float32]:
        """Return a target on the source's scale, by the mix of types in it.

        Parameters
        ----------
        X : ndarray of shape (n_obs, n_vars)
            The target, scaled on its own.
        limits : tuple
            Values below and above are cut.
        start : ndarray of int, shape (n_obs,), optional
            Type of every cell by which the mix is counted; by default that of the network, twice, which is misled
            where the target consists of few types: scaled on its own, each of them is average.
        """
        if start is not None:
            return self._scaled_by(X, start, limits)
        out, net = X, self.network()
        for _ in range(N_RESCALINGS):
            out = self._scaled_by(X, deep.outputs(net, Cells.all(out))[1].argmax(axis=1), limits)
        return out

    def _scaled_by(
        self, X: NDArray[np.float32], codes: Ints, limits: tuple[float | None, float]
    ) -> NDArray[np.float32]:
        shares = np.bincount(codes, minlength=self.n_types) / len(codes)
        return np.clip(correct_label_shift(X, self.moments, shares), *limits)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return all that was learned by name, for a file."""
        return {
            **self.weights,
            f"{_OURS}mean": self.moments.mean,
            f"{_OURS}variance": self.moments.variance,
            **{name: getattr(self.profiles, part) for name, part in _PROFILES.items() if self._has(part)},
        }

    def _has(self, part: str) -> bool:
        return getattr(self.profiles, part, None) is not None

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[np.float32]], *, shape: tuple[int, int], output: Activation
    ) -> Self:
        """Return what :meth:`arrays` gave.

        Parameters
        ----------
        arrays : mapping of str to ndarray
        shape : tuple of int
            Types and genes that there are names for.
        output : str

        Raises
        ------
        DataError
            If the parts do not make a network for so many types and genes.
        """
        nothing = np.empty((0, 0), dtype=np.float32)
        mean, variance = (arrays.get(f"{_OURS}{name}", nothing) for name in ("mean", "variance"))
        out = cls(
            weights={name: values for name, values in arrays.items() if not name.startswith(_OURS)},
            moments=TypeMoments(mean, variance),
            profiles=_profiles(arrays),
            output=output,
        )
        parts = (mean, variance) if out.profiles is None else (mean, variance, out.profiles.means)
        try:
            out.network()
        except RuntimeError as error:  # what torch says of weights that are missing, too many, or of another size
            raise _parts_that_do_not_fit() from error
        if {(out.n_types, out.n_vars), *(part.shape for part in parts)} != {shape}:
            raise _parts_that_do_not_fit()
        return out


def _profiles(arrays: Mapping[str, NDArray[np.float32]]) -> TypeProfiles | None:
    """Return what tells types apart without scaling, None where it was not kept; its parts are of the same types and genes."""
    means, *rest = (arrays.get(name) for name in _PROFILES)
    if means is None:
        return None
    if any(part is not None for part in rest):
        shapes = [None if part is None else part.shape for part in rest]
        if shapes != [means.shape, means.shape[:1], means.shape[:1]]:
            raise _parts_that_do_not_fit()
    return TypeProfiles(means, *rest)


def _parts_that_do_not_fit() -> DataError:
    return DataError(
        "The parts of the model do not fit together.",
        expected="As many genes and cell types as the network has places for.",
        do="Save the model again.",
    )


def log_odds(net: Any) -> Callable[[int, int], Callable[[Any], Any]]:
    """Return how much a network prefers one type to another, ``log q_a − log q_b``, as a function of two types.

    Parameters
    ----------
    net : Module
        From :meth:`SourceClassifier.network`.

    Returns
    -------
    callable
        The numbers of two types, to a function of tensors: cells (n_cells, n_vars) to (n_cells,).
    """

    def preference(label: int, against: int) -> Callable[[Any], Any]:
        def score(x: Any) -> Any:
            log_q = net(x).log()
            return log_q[:, label] - log_q[:, against]

        return score

    return preference
