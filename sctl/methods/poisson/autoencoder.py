"""Training of the Poisson autoencoder of Walbech et al. (2022): two layers, softplus, and units kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sctl.numerics.encoder_decoder import EncoderDecoder, Loss, Softplus, dense_chunks
from sctl.numerics.networks import Dense, draw_weights
from sctl.numerics.training import Cells, TrainingConfig, TrainingLog, generator, train
from sctl.run import Run
from sctl.typing import Floats, Ints

FAST = TrainingConfig(batch_size=64, max_epochs=60, patience=5)
"""Adam until the held-out loss has stopped falling."""
READOUT = TrainingConfig(batch_size=64, max_epochs=60, patience=3, learning_rate=3e-3)
"""For one layer, which :func:`with_rates` learns."""
PAPER = TrainingConfig(
    optimiser="nesterov", learning_rate=1e-4, batch_size=1, max_epochs=500, patience=10, max_gradient_norm=None
)
"""The paper's: stochastic gradient descent, a cell at a time."""


@dataclass(frozen=True, kw_only=True)
class PoissonConfig:
    """What is trained, and how.

    Parameters
    ----------
    n_hidden, n_latent : int
        Widths of the layer between, and of the code.
    loss : {"rate", "log-rate"}
        See :func:`poisson_loss`.
    softplus : {"smooth", "width"}
        See :class:`~sctl.numerics.encoder_decoder.EncoderDecoder`.
    orthogonality : float
        λ of ``λ ‖I − W Wᵀ‖`` (Frobenius norm) on the last layer of the encoder.
    l1 : float
        Weight of the sum of absolute weights; with ``training.weight_decay`` it makes the paper's complex model.
    held_out : float
        Share of the cells by which training is stopped.
    training : TrainingConfig
    """

    n_hidden: int = 100
    n_latent: int = 50
    loss: Loss = "log-rate"
    softplus: Softplus = "smooth"
    orthogonality: float = 0.01
    l1: float = 0.0
    held_out: float = 0.05
    training: TrainingConfig = field(default_factory=lambda: FAST)


class SoftplusLayer(Dense):
    """One layer, ``softplus(W x + b)`` with a given β."""

    def __init__(self, n_in: int, n_out: int, beta: float) -> None:
        super().__init__(n_in, n_out, "softplus")
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:  # (n_obs, n_in)
        """Return the layer's output: (n_obs, n_out)."""
        return functional.softplus(functional.linear(x, self.weight, self.bias), beta=self.beta)


class PoissonAutoencoder(nn.Module):
    """Genes → hidden → code → hidden → genes, softplus after each.

    Parameters
    ----------
    n_genes : int
    config : PoissonConfig
    """

    def __init__(self, n_genes: int, config: PoissonConfig) -> None:
        super().__init__()
        sizes = (n_genes, config.n_hidden, config.n_latent, config.n_hidden, n_genes)
        smooth = config.softplus == "smooth"
        layers = [SoftplusLayer(sizes[i], sizes[i + 1], 1.0 if smooth else float(sizes[i + 1])) for i in range(4)]
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(layers[:2])})
        self.decoder = nn.ModuleDict({"layers": nn.ModuleList(layers[2:])})
        self.config = config

    @property
    def layers(self) -> list[SoftplusLayer]:
        """The four layers in order."""
        return [layer for layer in self.modules() if isinstance(layer, SoftplusLayer)]

    def forward(self, x: Tensor) -> Tensor:  # (n_obs, n_genes)
        """Return the reconstruction: (n_obs, n_genes)."""
        for layer in self.layers:
            x = layer(x)
        return x

    def as_model(self) -> EncoderDecoder:
        """Return the weights as arrays."""
        arrays = {name: value.detach().cpu().numpy().copy() for name, value in self.state_dict().items()}
        return EncoderDecoder.from_arrays(arrays, softplus=self.config.softplus, loss=self.config.loss)


def poisson_loss(x: Tensor, y: Tensor, loss: Loss) -> Tensor:
    """Return the mean negative log-likelihood of Poisson values, without the term that no weight changes.

    Parameters
    ----------
    x : Tensor of shape (n_obs, n_genes)
        What was measured.
    y : Tensor of shape (n_obs, n_genes)
        The reconstruction.
    loss : {"rate", "log-rate"}
        ``y − x log(y + 10⁻⁸)``, or ``exp(y) − x y`` as in the authors' code.
    """
    values = y - x * (y + 1e-8).log() if loss == "rate" else y.exp() - x * y
    return values.mean()


def overlap_of_units(weight: Tensor) -> Tensor:
    """Return ``‖I − W Wᵀ‖``, 0 where the rows of ``W`` (n_latent, n_hidden) have length 1 and right angles."""
    gram = weight @ weight.T
    difference = torch.eye(len(gram), device=gram.device) - gram
    return (difference.square().sum() + 1e-12).sqrt()  # the norm itself has no slope at 0


def untrained(n_genes: int, config: PoissonConfig, run: Run) -> PoissonAutoencoder:
    """Return a network as it is before training (Xavier's initialisation): what a trained one must beat."""
    net = PoissonAutoencoder(n_genes, config)
    draw_weights(net, generator(run, "weights"))
    return net


@torch.no_grad()
def start_from_means(last: SoftplusLayer, means: Floats, loss: Loss) -> None:
    """Set the biases of a last layer so that every gene begins at its mean; in place.

    Otherwise a network first learns the means, and on a small source may stop there: the loss then stands still.
    """
    wanted = np.log(np.maximum(means, 1e-8)) if loss == "log-rate" else means
    scaled = last.beta * np.maximum(wanted, 1e-4)
    inverse = (scaled + np.log(-np.expm1(-scaled))) / last.beta  # of softplus; stable for large values
    last.bias.copy_(torch.from_numpy(inverse.astype(np.float32)))


def train_poisson(
    X: Any, strata: Ints | None, config: PoissonConfig, *, run: Run, phase: str = "Learn the source's genes"
) -> tuple[EncoderDecoder, TrainingLog]:
    """Train a network to rebuild cells.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_obs, n_genes)
        log(1 + x) values, at least 0.
    strata : ndarray of int, shape (n_obs,), optional
        Cells are held out from each in proportion.
    config : PoissonConfig
    run : Run
    phase : str
        Shown as progress.

    Returns
    -------
    EncoderDecoder
    TrainingLog
        The held-out loss is the Poisson loss alone, without penalties.
    """
    net, means = untrained(X.shape[1], config, run), np.asarray(X.mean(axis=0), dtype=np.float64).ravel()
    start_from_means(net.layers[-1], means, config.loss)
    cells = Cells.split(X, strata, config.held_out, run.rng("held-out cells"))

    def objective(x: Tensor, _: Tensor, noise: torch.Generator | None) -> Tensor:
        loss = poisson_loss(x, net(x), config.loss)
        return loss if noise is None else loss + _penalties(net, config)

    log = train(net, objective, cells, config=config.training, run=run, phase=phase)
    model = net.as_model()
    return (with_rates(model, cells, means, run=run) if config.loss == "log-rate" else model), log


def with_rates(model: EncoderDecoder, cells: Cells, means: Floats, *, run: Run) -> EncoderDecoder:
    """Return a model that was trained in the log form with a last layer of its own that gives expected expression.

    The logarithm of a rate is a softplus there, at least 0, so that no rate is below 1: genes that are hardly expressed
    all come out alike. All other layers, and with them the code, stay as they are.

    Parameters
    ----------
    model : EncoderDecoder
    cells : Cells
        Those it was trained on.
    means : ndarray of shape (n_genes,)
        Where each gene begins.
    run : Run
    """
    hidden = np.concatenate([model.hidden(model.code_of(x)) for x in dense_chunks(cells.X)]).astype(np.float32)
    layer = SoftplusLayer(hidden.shape[1], model.n_genes, model.beta(3))
    draw_weights(layer, generator(run, "weights of the rates"))
    start_from_means(layer, means, "rate")

    def objective(rows: Tensor, index: Tensor, _: torch.Generator | None) -> Tensor:
        return poisson_loss(cells.rows(index.numpy()), layer(rows), "rate")

    train(layer, objective, replace(cells, X=hidden), config=READOUT, run=run, phase="Learn to rebuild expression")
    weight, bias = (part.detach().numpy().copy() for part in (layer.weight, layer.bias))
    return replace(model, weights=(*model.weights[:3], weight), biases=(*model.biases[:3], bias), loss="rate")


def train_several(
    X: Any, strata: Ints | None, configs: Sequence[PoissonConfig], n_networks: int, *, run: Run
) -> tuple[tuple[EncoderDecoder, ...], list[TrainingLog]]:
    """Train networks of every configuration, ``n_networks`` of each, which differ by their seed.

    The first of each is that of :func:`train_poisson`; those with one seed come one after the other.
    """
    out: list[tuple[EncoderDecoder, TrainingLog]] = []
    for i in range(n_networks):
        seeded = run if i == 0 else replace(run, seed=run.random_state(f"network {i}"))
        for config in configs:
            total = n_networks * len(configs)
            named = seeded.within(f"Network {len(out) + 1} of {total}") if total > 1 else seeded
            out.append(train_poisson(X, strata, config, run=named))
    return tuple(model for model, _ in out), [log for _, log in out]


def _penalties(net: PoissonAutoencoder, config: PoissonConfig) -> Tensor:
    parts: Iterable[Tensor] = net.parameters()
    penalty = torch.zeros(())
    if config.orthogonality:
        penalty = penalty + config.orthogonality * overlap_of_units(net.layers[1].weight)
    if config.l1:
        penalty = penalty + config.l1 * torch.stack([part.abs().sum() for part in parts]).sum()
    return penalty
