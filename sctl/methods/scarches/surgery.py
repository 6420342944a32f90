"""Training of a conditional autoencoder on a reference, and of new conditions on a target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from sctl.methods.scarches.cvae import (
    COUNTS,
    Architecture,
    ConditionalAutoencoder,
    Decoded,
    Latent,
    Trainable,
    drawn,
    extend_conditions,
    n_trainable,
)
from sctl.methods.scarches.likelihoods import (
    kl_to_standard_normal,
    mmd,
    negative_binomial_log_prob,
    squared_error,
    zero_inflated_log_prob,
)
from sctl.methods.scarches.recipes import Recipe, rounds
from sctl.numerics.training import Cells, TrainingConfig, TrainingLog, best_device, generator, one_thread, train
from sctl.run import Run
from sctl.typing import Ints

DENSE_BYTES = 400_000_000
"""Matrices below this size are made dense once instead of batch by batch."""

CHUNK = 2048


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What training makes small: ``reconstruction + kl · KL + mmd · MMD``, each a mean over cells.

    Parameters
    ----------
    reconstruction : float
        The paper's η.
    kl, mmd : float
        The paper's α and β. The reconstruction is a mean over genes, for ``sse`` their sum; KL is a sum over latent
        dimensions.
    mmd_on : {"latent", "decoder"}
        Where datasets are compared: in the latent space, or in the decoder's first layer as in the paper.
    anneal_steps : int
        Over so many batches the weight of KL rises from 0.
    """

    reconstruction: float = 1.0
    kl: float = 1.0
    mmd: float = 0.0
    mmd_on: Literal["latent", "decoder"] = "latent"
    anneal_steps: int = 0


@dataclass(frozen=True)
class CellBatch:
    """Cells as a conditional network sees them.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_obs, n_vars)
        Logarithms of normalised expression. Genes that were not measured hold the reference's mean.
    conditions : ndarray of shape (n_obs,)
        Dataset of each cell as a number from 0.
    counts : ndarray or CSR matrix of shape (n_obs, n_vars), optional
        Raw counts, where the likelihood is one of counts.
    genes : ndarray of int, optional
        Columns that were measured, if not all.
    """

    X: Any
    conditions: Ints
    counts: Any = None
    genes: Ints | None = None

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return len(self.conditions)


class CellLoss:
    """The loss of some cells under a network, in the form that :func:`~sctl.numerics.training.train` wants.

    Parameters
    ----------
    network : ConditionalAutoencoder
    expression : Expression
    losses : Losses
    device : str
        Where the network is trained.
    """

    def __init__(
        self, network: ConditionalAutoencoder, expression: CellBatch, losses: Losses, device: str = "cpu"
    ) -> None:
        self.network, self.losses, self.device = network, losses, device
        self.conditions = _whole(expression.conditions, device)
        self.genes = None if expression.genes is None else _whole(expression.genes, device)
        modelled = network.architecture.likelihood in COUNTS
        self.counts = Cells.all(as_rows(expression.counts)) if modelled else None
        self.n_steps = 0

    def __call__(self, rows: Tensor, index: Tensor, noise: torch.Generator | None) -> Tensor:
        """Return the mean loss of the cells ``index``, whose expression is ``rows``."""
        condition = self.conditions[index]
        latent = self.network.encode(rows, condition, noise)
        z = sampled(latent, noise)
        x, log_size = self._wanted(rows, index)
        decoded = self.network.decode(z, condition, log_size=log_size, genes=self.genes, noise=noise)
        total = self.losses.reconstruction * self._reconstruction(x, decoded)
        total = total + self._kl_weight(noise) * kl_to_standard_normal(*latent).mean()
        if self.losses.mmd:
            compared = z if self.losses.mmd_on == "latent" else decoded.first
            total = total + self.losses.mmd * mmd(compared, condition)
        return total

    def _wanted(self, rows: Tensor, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what is to be reconstructed, in the measured genes, and the logarithm of each cell's counts there."""
        if self.counts is None:
            return (rows if self.genes is None else rows[:, self.genes]), None
        counts = self.counts.rows(index.cpu().numpy(), self.device)
        counts = counts if self.genes is None else counts[:, self.genes]
        return counts, counts.sum(dim=1).clamp_min(1.0).log()  # a cell without counts has all its likelihood in zeros

    def _reconstruction(self, x: Tensor, decoded: Decoded) -> Tensor:
        likelihood = self.network.architecture.likelihood
        if likelihood in {"mse", "sse"}:
            spread = self.network.spread if self.genes is None else self.network.spread[self.genes]
            error = squared_error(x / spread, decoded.mean / spread)
            return error.mean() if likelihood == "mse" else error.sum(dim=1).mean()
        if decoded.log_dispersion is None:
            raise TypeError("a likelihood of counts needs dispersions")
        if decoded.dropout_logit is None:
            log_prob = negative_binomial_log_prob(x, decoded.mean, decoded.log_dispersion)
        else:
            log_prob = zero_inflated_log_prob(x, decoded.mean, decoded.log_dispersion, decoded.dropout_logit)
        return -log_prob.mean()

    def _kl_weight(self, noise: torch.Generator | None) -> float:
        if noise is None or self.losses.anneal_steps == 0:
            return self.losses.kl
        self.n_steps += 1
        return self.losses.kl * min(1.0, self.n_steps / self.losses.anneal_steps)


def learn_reference(
    expression: CellBatch, strata: Ints, recipe: Recipe, run: Run
) -> tuple[ConditionalAutoencoder, TrainingLog]:
    """Train a network on a reference.

    Parameters
    ----------
    expression : Expression
        Conditions are numbered from 0 without gaps.
    strata : ndarray of shape (n_obs,)
        Cells are held out from each value alike, say from each type in each dataset.
    recipe : Recipe
    run : Run

    Returns
    -------
    tuple of ConditionalAutoencoder and TrainingLog
    """
    X = as_rows(expression.X)
    architecture = Architecture(
        n_vars=X.shape[1],
        n_conditions=int(expression.conditions.max()) + 1,
        hidden=recipe.hidden,
        n_latent=recipe.n_latent,
        likelihood=recipe.likelihood,
        norm=recipe.norm,
        dropout=recipe.dropout,
    )
    network = drawn(architecture, generator(run, "weights"))
    network.center.copy_(torch.from_numpy(np.asarray(X.mean(axis=0), dtype=np.float32).ravel()))
    cells = Cells.split(X, strata, recipe.held_out, run.rng("held-out cells"))
    if recipe.balanced:
        sizes = np.bincount(expression.conditions[cells.train])
        cells = replace(cells, weights=1.0 / sizes[expression.conditions[cells.train]])
    config = TrainingConfig(
        learning_rate=recipe.learning_rate,
        batch_size=recipe.batch_size,
        max_epochs=rounds(recipe.epochs, len(cells.train), recipe.batch_size),
        patience=recipe.patience,
        max_gradient_norm=recipe.max_gradient_norm,
        device=best_device(),
    )
    loss = CellLoss(network, expression, losses_of(recipe, len(cells.train)), config.device)
    log = train(network, loss, cells, config=config, run=run, phase="Learn the reference")
    return network.cpu(), log


def map_query(
    network: ConditionalAutoencoder, expression: CellBatch, recipe: Recipe, run: Run, trainable: Trainable = "condition"
) -> tuple[ConditionalAutoencoder, TrainingLog]:
    """Return a copy of a network that knows the conditions of a target.

    Parameters
    ----------
    network : ConditionalAutoencoder
        Left as it is.
    expression : Expression
        Of the target. Conditions that the network has not seen are numbered from ``network.n_conditions``.
    recipe : Recipe
    run : Run
    trainable : {"condition", "input", "all"}

    Returns
    -------
    tuple of ConditionalAutoencoder and TrainingLog
        The log is empty where there is nothing to train: without epochs or without new conditions.
    """
    phase = "Adapt to your data"
    n_new = max(0, int(expression.conditions.max()) + 1 - network.n_conditions)
    after = extend_conditions(network, n_new, trainable)
    if not recipe.surgery_epochs or not n_trainable(after):
        run.report(phase, 1, 1)
        return after, TrainingLog(phase, (), -1, stopped_early=False)
    cells, n_rounds = (
        Cells.all(as_rows(expression.X)),
        rounds(recipe.surgery_epochs, expression.n_obs, recipe.batch_size),
    )
    stretched = max(1.0, n_rounds / recipe.surgery_epochs)  # rounds of few cells are short, and their losses vary more
    config = TrainingConfig(
        learning_rate=recipe.surgery_rate if trainable == "condition" else recipe.surgery_rate / 10,
        batch_size=recipe.batch_size,
        max_epochs=n_rounds,
        patience=round(recipe.patience * stretched),
        stop_on="train",
        max_gradient_norm=recipe.max_gradient_norm,
        device=best_device(),
    )
    loss = CellLoss(after, expression, replace(losses_of(recipe, expression.n_obs), anneal_steps=0), config.device)
    log = train(after, loss, cells, config=config, run=run, phase=phase)
    return after.cpu(), log


def losses_of(recipe: Recipe, n_cells: int) -> Losses:
    """Return the losses of a recipe, for so many cells."""
    steps = -(-n_cells // recipe.batch_size)
    return Losses(
        reconstruction=recipe.reconstruction,
        kl=recipe.kl,
        mmd=recipe.mmd,
        mmd_on=recipe.mmd_on,
        anneal_steps=recipe.anneal_epochs * steps,
    )


def sampled(latent: Latent, noise: torch.Generator | None) -> Tensor:
    """Draw a point of each cell's distribution; its mean where there is no generator."""
    if noise is None:
        return latent.mean
    normal = torch.randn(latent.mean.shape, generator=noise, dtype=latent.mean.dtype, device=latent.mean.device)
    return latent.mean + (0.5 * latent.log_variance).exp() * normal


def _whole(values: Ints, device: str) -> Tensor:
    return torch.tensor(np.asarray(values, dtype=np.int64), device=device)


def as_rows(X: Any) -> Any:
    """Return a matrix from which rows are quickly taken: dense float32 if it is small, else CSR."""
    if X.shape[0] * X.shape[1] * 4 <= DENSE_BYTES:
        dense = X.toarray() if sparse.issparse(X) else np.asarray(X)
        return np.ascontiguousarray(dense, dtype=np.float32)
    return sparse.csr_matrix(X, dtype=np.float32)


@torch.no_grad()
def embedded(network: ConditionalAutoencoder, X: Any, conditions: Ints) -> NDArray[np.float32]:
    """Return the means of the cells' distributions: (n_obs, n_latent). Nothing is drawn at random.

    Parameters
    ----------
    network : ConditionalAutoencoder
    X : ndarray or CSR matrix of shape (n_obs, n_vars)
    conditions : ndarray of shape (n_obs,)
    """
    network.eval()
    cells, codes = Cells.all(X), torch.from_numpy(np.asarray(conditions, dtype=np.int64))
    with one_thread():
        parts = [
            network.encode(cells.rows(np.arange(start, min(start + CHUNK, len(codes)))), codes[start : start + CHUNK])
            for start in range(0, len(codes), CHUNK)
        ]
    return torch.cat([part.mean for part in parts]).numpy()
