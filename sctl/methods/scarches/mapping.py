"""The steps of scArches on arrays: learn a reference, adapt its network to a target, add cells, and explain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from sctl._version import __version__
from sctl.methods.explainer import Explainer, by_gradients
from sctl.methods.scarches.datasets import EncodedDataset
from sctl.methods.scarches.ood_classifier import ReferenceSpace, held_out, learn_novelty
from sctl.methods.scarches.recipes import Recipe
from sctl.methods.scarches.reference import ReferenceModel
from sctl.numerics.neighbors import mean_of_nearest
from sctl.run import Run
from sctl.typing import Floats, Ints

if TYPE_CHECKING:  # torch takes seconds to import, and the app's start must not wait for it
    from sctl.methods.scarches.cvae import ConditionalAutoencoder, Trainable
    from sctl.numerics.training import TrainingLog

MIN_CELLS = 10
"""Fewer target cells than this teach a network nothing: they are mapped as those of a usual dataset of the reference."""

SpaceOf = Callable[[Floats, Ints, int], ReferenceSpace]
"""Latent places, types and the number of types, to the space in which cells are compared."""


@dataclass(frozen=True)
class Adapted:
    """A network after surgery.

    Parameters
    ----------
    network : ConditionalAutoencoder
    log : TrainingLog
        Of surgery.
    notes : tuple of str
        What the user should know of it.
    """

    network: ConditionalAutoencoder
    log: TrainingLog
    notes: tuple[str, ...] = ()


def learned_model(data: EncodedDataset, recipe: Recipe, space_of: SpaceOf, *, kept: float, run: Run) -> ReferenceModel:
    """Learn a reference from labelled datasets.

    Parameters
    ----------
    data : EncodedDataset
    recipe : Recipe
        Counts are modelled only where there are some.
    space_of : callable
        See :data:`SpaceOf`.
    kept : float
        Share of the cells of known types that should keep their label.
    run : Run
    """
    from sctl.methods.scarches import cvae, surgery  # noqa: PLC0415 - torch, see above

    notes = list[str]()
    if recipe.likelihood in cvae.COUNTS and data.counts is None:
        recipe = replace(recipe, likelihood="mse")
        notes.append("The source has no raw counts; normalised expression was modelled instead.")
    expression = surgery.CellBatch(data.X, data.batches, data.counts)
    strata = data.batches * len(data.label_names) + data.codes
    network, log = surgery.learn_reference(expression, strata, recipe, run)
    space = space_of(surgery.embedded(network, data.X, data.batches), data.codes, len(data.label_names))
    return ReferenceModel(
        network=network,
        var_names=data.var_names,
        label_names=data.label_names,
        conditions=data.batch_names,
        latent=space.index.points.astype(np.float32),
        codes=data.codes,
        batches=data.batches,
        usual=space.index.own,
        novelty=learn_novelty(held_out(space), kept=kept),
        log=log.to_dict(),
        notes=notes,
    )


def adapted_network(
    network: ConditionalAutoencoder, data: EncodedDataset, recipe: Recipe, trainable: Trainable, run: Run
) -> Adapted:
    """Return the network after surgery, its training, and what the user should know.

    Parameters
    ----------
    network : ConditionalAutoencoder
        Of the reference; it is left as it is.
    data : EncodedDataset
        The target, in an order that does not depend on that of its file.
    recipe : Recipe
    trainable : {"condition", "input", "all"}
        Which weights are trained.
    run : Run
    """
    from sctl.methods.scarches import cvae, surgery  # noqa: PLC0415 - torch, see above

    notes = list[str]()
    if len(data.batches) < MIN_CELLS:
        notes.append(f"Fewer than {MIN_CELLS} cells were mapped without adapting the network to them.")
    if network.architecture.likelihood in cvae.COUNTS and data.counts is None:
        notes.append("Your data has no raw counts, which this reference models; it was mapped without adapting.")
    if notes:
        recipe = replace(recipe, surgery_epochs=0)
    expression = surgery.CellBatch(data.X, data.batches, data.counts, data.genes)
    return Adapted(*surgery.map_query(network, expression, recipe, run, trainable), tuple(notes))


def grown_model(
    grown: ReferenceModel, data: EncodedDataset, space: ReferenceSpace, *, kept: float, n_epochs: int, seed: int
) -> ReferenceModel:
    """Return a reference to which cells were added, with the threshold for unknown cells learned anew, and its history.

    Parameters
    ----------
    grown : ReferenceModel
        With the cells, see :meth:`~sctl.methods.scarches.reference.ReferenceModel.with_cells`.
    data : EncodedDataset
        The target that they are from.
    space : ReferenceSpace
        Of all its cells.
    kept : float
        As for :func:`learned_model`.
    n_epochs : int
        For which the weights of the new datasets were trained.
    seed : int
    """
    added = {"datasets": list(data.batch_names), "n_cells": len(grown.codes) - len(grown.usual), "seed": seed,
             "rounds": n_epochs, "sctl": __version__}  # fmt: skip
    novelty = learn_novelty(held_out(space), kept=kept)
    return replace(grown, usual=space.index.own, novelty=novelty, lineage=(*grown.lineage, added))


def latent_explainer(
    learned: ReferenceModel,
    network: ConditionalAutoencoder,
    cells: EncodedDataset,
    places: tuple[Floats, ReferenceSpace],
    n_neighbors: int,
) -> Explainer:
    """Return how much nearer cells lie to reference cells of one type than to those of another.

    Parameters
    ----------
    learned : ReferenceModel
    network : ConditionalAutoencoder
        After surgery.
    cells : EncodedDataset
        Those that are explained.
    places : tuple
        Where they are, (n_cells, n_latent), and the reference that they are compared with.
    n_neighbors : int
        Nearest reference cells of a type whose mean stands for it.
    """
    from sctl.methods.scarches.network import latent_margin  # noqa: PLC0415 - torch, see above

    z, space = places
    points, codes = space.index.points, space.index.codes
    inputs = np.asarray(cells.X.toarray() if sparse.issparse(cells.X) else cells.X, dtype=np.float64)
    baseline = learned.network.center.numpy().astype(np.float64)

    def preference(label: int, against: int) -> Any:
        means = [mean_of_nearest(points[codes == kind], z, n_neighbors, run=Run()) for kind in (label, against)]
        return latent_margin(network, cells.batches, *means)

    return by_gradients(learned.var_names, learned.label_names, inputs, baseline, preference)
