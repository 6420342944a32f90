"""Deep embedding of a source: stacked denoising pretraining, then clusters learned from labels (ItClust's first half)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sctl.numerics.networks import Activation, Autoencoder, SoftAssignment, draw_weights, dropped
from sctl.numerics.training import Cells, TrainingConfig, TrainingLog, generator, one_thread, train
from sctl.run import Run
from sctl.typing import Floats, Ints

_SIZES = ((20_000, (128, 32)), (10_000, (64, 32)), (5_000, (32, 16)), (2_000, (128,)), (500, (64,)))
"""More source cells than the number: these layers (Supplementary Table 2 of the paper)."""
_CHUNK = 4096  # cells that are embedded at a time


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """How the autoencoder learns before it is shown labels.

    Parameters
    ----------
    dropout : float
        Share of a layer's input that is set to zero at random.
    code, output : str
        Activations of the embedding and of the reconstruction.
    layers, whole : TrainingConfig
        For each layer on its own, and then for all together.
    decays : int
        Each is repeated so often with a learning rate ten times smaller.
    """

    dropout: float = 0.2
    code: Activation = "tanh"
    output: Activation = "linear"
    layers: TrainingConfig = field(default_factory=TrainingConfig)
    whole: TrainingConfig = field(default_factory=TrainingConfig)
    decays: tuple[int, int] = (0, 0)


@dataclass(frozen=True, kw_only=True)
class SourceTraining:
    """How the network learns the source's types.

    Parameters
    ----------
    training : TrainingConfig
    dropout : float
        Share of the genes hidden from the network at random.
    reconstruction : float
        Weight of the reconstruction in the loss.
    """

    training: TrainingConfig = field(default_factory=TrainingConfig)
    dropout: float = 0.0
    reconstruction: float = 0.0


class EmbeddingNet(nn.Module):
    """An autoencoder whose embedding is divided into clusters.

    Parameters
    ----------
    autoencoder : Autoencoder
    centroids : Tensor of shape (n_clusters, n_latent)
    """

    def __init__(self, autoencoder: Autoencoder, centroids: Tensor) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.head = SoftAssignment(centroids)

    def forward(self, x: Tensor) -> Tensor:  # (n_obs, n_vars)
        """Return the probabilities of the clusters: (n_obs, n_clusters)."""
        out: Tensor = self.head(self.autoencoder.encoder(x))
        return out

    def loss(self, x: Tensor, p: Tensor, *, reconstruction: float = 0.0, noisy: Tensor | None = None) -> Tensor:
        """Return KL(p‖q), plus the weighted error of the reconstruction.

        Parameters
        ----------
        x : Tensor of shape (n_obs, n_vars)
        p : Tensor of shape (n_obs, n_clusters)
        reconstruction : float
            Weight of the mean squared error.
        noisy : Tensor, optional
            What the encoder sees instead of ``x``.
        """
        z = self.autoencoder.encoder(x if noisy is None else noisy)  # (n_obs, n_latent)
        loss = divergence(p, self.head(z))
        if reconstruction > 0:
            loss = loss + reconstruction * (self.autoencoder.decoder(z) - x).square().mean()
        return loss


def layer_widths(n_obs: int) -> tuple[int, ...]:
    """Return the widths of the hidden layers for a source of ``n_obs`` cells, the embedding last.

    Examples
    --------
    >>> layer_widths(1937), layer_widths(30_000), layer_widths(100)
    ((64,), (128, 32), (16,))
    """
    return next((widths for limit, widths in _SIZES if n_obs > limit), (16,))


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return the mean over cells of KL(p‖q) = Σ p log(p / q), both (n_obs, n_clusters)."""
    tiny = 1e-7
    return (p * (p.clamp(min=tiny).log() - q.clamp(min=tiny).log())).sum(1).mean()


def pretrain(
    widths: tuple[int, ...], cells: Cells, config: Pretraining, *, run: Run
) -> tuple[Autoencoder, list[TrainingLog]]:
    """Train a stacked denoising autoencoder, layer by layer and then as a whole.

    Parameters
    ----------
    widths : tuple of int
        Of the layers after the genes, the embedding last.
    cells : Cells
    config : Pretraining
    run : Run

    Returns
    -------
    Autoencoder
    list of TrainingLog
    """
    sizes = (cells.X.shape[1], *widths)
    net = Autoencoder(sizes, code=config.code, output=config.output)
    draw_weights(net, generator(run, "weights"))
    logs, inner = [], cells
    for i in range(len(widths)):
        logs += _train_layer(net, i, inner, config, run)
        if i + 1 < len(widths):
            inner = replace(cells, X=_outputs(net.encoder.layers[i], inner, config.layers.device))

    def error(x: Tensor, _: Tensor, __: torch.Generator | None) -> Tensor:
        loss: Tensor = (net(x) - x).square().mean()
        return loss

    for step, training in enumerate(_decaying(config.whole, config.decays[1])):
        logs.append(train(net, error, cells, config=training, run=run, phase=_named("Learn all layers", step)))
    return net, logs


def train_source(
    net: EmbeddingNet,
    cells: Cells,
    codes: Ints,
    *,
    config: SourceTraining,
    run: Run,
    phase: str = "Learn the cell types",
) -> TrainingLog:
    """Teach a network the clusters that the labels say, encoder and centroids together.

    The paper's text fine-tunes the source as it does the target; its code, and this, minimise KL(P‖Q) where ``P`` is
    the label, almost one for the cell's type.

    Parameters
    ----------
    net : EmbeddingNet
        Its centroids are one for each label, see :func:`class_centroids`.
    cells : Cells
    codes : ndarray of shape (n_obs,)
        Label of every row of ``cells``, held out or not.
    config : SourceTraining
    run : Run
    phase : str
        What is being learned.
    """
    n, device = net.head.centroids.shape[0], config.training.device
    smooth = torch.full((n, n), 1e-5)
    smooth.fill_diagonal_(1.0)
    known = (smooth / smooth.sum(1, keepdim=True)).to(device)
    labels = torch.from_numpy(np.asarray(codes, dtype=np.int64)).to(device)

    def error(x: Tensor, rows: Tensor, noise: torch.Generator | None) -> Tensor:
        noisy = dropped(x, config.dropout, noise)
        return net.loss(x, known[labels[rows]], reconstruction=config.reconstruction, noisy=noisy)

    return train(net, error, cells, config=config.training, run=run, phase=phase)


def class_centroids(z: Floats, codes: Ints, n: int) -> Tensor:
    """Return the mean embedding of each class: (n, n_latent); zero where a class has no cell."""
    sums = np.zeros((n, z.shape[1]))
    np.add.at(sums, codes, z)
    sizes = np.bincount(codes, minlength=n)
    return torch.from_numpy((sums / np.maximum(sizes, 1)[:, None]).astype(np.float32))


def outputs(net: EmbeddingNet, cells: Cells, device: str = "cpu") -> tuple[Floats, Floats]:
    """Return embedding (n_obs, n_latent) and probabilities (n_obs, n_clusters) of all cells, as float64."""
    z = embedded(net.autoencoder, cells, device)
    with torch.no_grad(), one_thread():
        q = net.head(torch.from_numpy(z).to(device)).cpu().numpy().astype(np.float64)
    return z.astype(np.float64), q / q.sum(axis=1, keepdims=True)


def embedded(autoencoder: Autoencoder, cells: Cells, device: str = "cpu") -> NDArray[np.float32]:
    """Return the embedding of all cells: (n_obs, n_latent)."""
    return _outputs(autoencoder.encoder, cells, device)


def weights_of(net: EmbeddingNet) -> dict[str, NDArray[np.float32]]:
    """Return the network's weights by name."""
    return {name: value.detach().cpu().numpy().copy() for name, value in net.state_dict().items()}


def network(weights: Mapping[str, NDArray[np.float32]], *, output: Activation) -> EmbeddingNet:
    """Return the network that has these weights.

    Parameters
    ----------
    weights : mapping
        From :func:`weights_of`.
    output : str
        Activation of the reconstruction.
    """
    n_layers = sum(name.startswith("autoencoder.encoder.") for name in weights) // 2
    shapes = [weights[f"autoencoder.encoder.layers.{i}.weight"].shape for i in range(n_layers)]
    sizes = (shapes[0][1], *(shape[0] for shape in shapes))
    net = EmbeddingNet(Autoencoder(sizes, output=output), torch.zeros(weights["head.centroids"].shape))
    net.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    return net


def _outputs(module: nn.Module, cells: Cells, device: str) -> NDArray[np.float32]:
    n = cells.X.shape[0]
    with torch.no_grad(), one_thread():
        parts = [
            module.to(device)(cells.rows(np.arange(start, min(start + _CHUNK, n)), device)).cpu()
            for start in range(0, n, _CHUNK)
        ]
    out: NDArray[np.float32] = torch.cat(parts).numpy()
    return out


def _train_layer(net: Autoencoder, i: int, cells: Cells, config: Pretraining, run: Run) -> list[TrainingLog]:
    """Train one layer of the encoder with its mirror image, both inputs corrupted; in place."""
    encode, decode = net.encoder.layers[i], net.decoder.layers[len(net.decoder.layers) - 1 - i]
    both = nn.ModuleList([encode, decode])

    def error(x: Tensor, _: Tensor, noise: torch.Generator | None) -> Tensor:
        code = encode(dropped(x, config.dropout, noise))
        loss: Tensor = (decode(dropped(code, config.dropout, noise)) - x).square().mean()
        return loss

    phase = f"Learn layer {i + 1} of {len(net.encoder.layers)}"
    return [
        train(both, error, cells, config=training, run=run, phase=_named(phase, step))
        for step, training in enumerate(_decaying(config.layers, config.decays[0]))
    ]


def _decaying(config: TrainingConfig, times: int) -> Iterator[TrainingConfig]:
    for power in range(times + 1 if config.max_epochs else 0):
        yield replace(config, learning_rate=config.learning_rate / 10**power)


def _named(phase: str, step: int) -> str:
    return phase if step == 0 else f"{phase}, finer ({step})"
