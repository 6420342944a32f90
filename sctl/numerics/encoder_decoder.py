"""A trained autoencoder as arrays: codes, rebuilt expression and saliency by matrix products, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from sctl.typing import Floats

Loss = Literal["rate", "log-rate"]
Softplus = Literal["smooth", "width"]

CHUNK = 1024
"""Cells made dense at a time: 16 MB for 4,000 genes."""

_LAYERS = ("encoder.layers.0", "encoder.layers.1", "decoder.layers.0", "decoder.layers.1")


def softplus(x: Floats, beta: float = 1.0) -> Floats:
    """Return ``log(1 + exp(βx)) / β``, elementwise.

    Examples
    --------
    >>> softplus(np.array([-1000.0, 0.0, 1000.0])).round(3).tolist()
    [0.0, 0.693, 1000.0]
    """
    out: Floats = np.logaddexp(0.0, beta * x) / beta
    return out


@dataclass(frozen=True)
class EncoderDecoder:
    """Two layers from the genes to the code, and two back, each with softplus after it.

    Parameters
    ----------
    weights, biases : tuple of four ndarrays
        ``(n_out, n_in)`` and ``(n_out,)`` of encoder and decoder, from the genes to the genes.
    softplus : {"smooth", "width"}
        β of softplus: 1, or the width of the layer, which makes it almost a ReLU.
    loss : {"rate", "log-rate"}
        Whether the last layer gives the rate of the Poisson distribution or its logarithm.
    width : int, optional
        Of the code as it was trained, where only some of its units are left.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    softplus: Softplus = "smooth"
    loss: Loss = "rate"
    width: int | None = None

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], *, softplus: Softplus, loss: Loss) -> EncoderDecoder:
        """Return the model of what :meth:`to_arrays` gave.

        Raises
        ------
        ValueError
            If one layer does not end where the next begins.
        """
        weights = tuple(np.asarray(arrays[f"{layer}.weight"]) for layer in _LAYERS)
        biases = tuple(np.asarray(arrays[f"{layer}.bias"]) for layer in _LAYERS)
        ends = [weights[0].shape[1], *(len(bias) for bias in biases)]
        if ends[0] != ends[-1] or any(W.shape != (ends[i + 1], ends[i]) for i, W in enumerate(weights)):
            raise ValueError(f"Layers of the shapes {[W.shape for W in weights]} do not follow each other.")
        return cls(weights, biases, softplus, loss)

    def to_arrays(self) -> dict[str, Floats]:
        """Return weights and biases by name."""
        out = {f"{layer}.weight": value for layer, value in zip(_LAYERS, self.weights, strict=True)}
        return out | {f"{layer}.bias": value for layer, value in zip(_LAYERS, self.biases, strict=True)}

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return int(self.weights[0].shape[1])

    @property
    def n_latent(self) -> int:
        """Number of units of the code."""
        return int(self.weights[1].shape[0])

    def of_units(self, units: Sequence[int]) -> EncoderDecoder:
        """Return the model with some units of the code only, in the given order."""
        chosen = np.asarray(units, dtype=np.int64)
        W1, W2, W3, W4 = self.weights
        b1, b2, b3, b4 = self.biases
        # "width" counts the units there were: the slope of the others must not depend on how many are looked at
        return replace(
            self, weights=(W1, W2[chosen], W3[:, chosen], W4), biases=(b1, b2[chosen], b3, b4), width=len(b2)
        )

    def beta(self, layer: int) -> float:
        """Return β of the softplus after a layer, from 0."""
        if self.softplus == "smooth":
            return 1.0
        return float(self.width if layer == 1 and self.width else len(self.biases[layer]))

    def encode(self, X: Any) -> NDArray[np.float32]:
        """Return the code of each cell.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_obs, n_genes)
            log(1 + x) values.

        Returns
        -------
        ndarray of shape (n_obs, n_latent)
            At least 0.
        """
        parts = [softplus(self._inner(x)[1], self.beta(1)) for x in dense_chunks(X)]
        return np.concatenate(parts).astype(np.float32) if parts else np.empty((0, self.n_latent), np.float32)

    def code_of(self, x: Floats) -> Floats:  # (n_obs, n_genes)
        """Return the code of dense cells in full precision, values below 0 as they are: (n_obs, n_latent)."""
        return softplus(self._inner(x)[1], self.beta(1))

    def hidden(self, code: Floats) -> Floats:  # (n_obs, n_latent)
        """Return the decoder's layer between, from which each gene is one product away: (n_obs, n_hidden)."""
        return softplus(code @ self.weights[2].T + self.biases[2], self.beta(2))

    @property
    def readout(self) -> Floats:
        """Weights and, in the last column, biases of the decoder's last layer: (n_genes, n_hidden + 1)."""
        return np.column_stack([self.weights[3], self.biases[3]])

    def decode(self, code: Floats) -> Floats:  # (n_obs, n_latent)
        """Return the denoised expression, on the scale of the input: (n_obs, n_genes)."""
        return expressed(self.hidden(code), self.readout, beta=self.beta(3), loss=self.loss)

    def poisson_loss(self, X: Any) -> Floats:
        """Return each cell's mean over genes of ``y − x log(y + 10⁻⁸)``, ``y`` the denoised values: (n_obs,)."""
        parts = []
        for x in dense_chunks(X):
            y = self.decode(self.encode(x))
            parts.append((y - x * np.log(y + 1e-8)).mean(axis=1))
        return np.concatenate(parts)

    def gradients(self, X: Any, directions: Floats | None = None, *, guided: bool = True) -> Iterator[Floats]:
        """Yield, cell by cell, how each gene moves each unit of the code.

        With ``a₁ = W₁x + b₁``, ``a₂ = W₂ softplus(a₁) + b₂`` and ``σ`` the slope of softplus, the gradient of unit
        ``k`` is ``σ(a₂)ₖ (W₂ₖ ∘ σ(a₁)) W₁``. Guided backpropagation drops what is negative whenever a gradient passes a
        softplus on its way to the input: here the negative weights of ``W₂``, and nothing else, since every slope is
        positive.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_obs, n_genes)
        directions : ndarray of shape (n_directions, n_latent), optional
            Weighted sums of units to take the gradient of; by default each unit by itself.
        guided : bool
            False gives the plain gradient.

        Yields
        ------
        ndarray of shape (n_directions, n_genes)
        """
        W1, W2 = self.weights[0], self.weights[1]
        chosen = np.eye(self.n_latent) if directions is None else np.asarray(directions, dtype=np.float64)
        for x in dense_chunks(X):
            first, second = self._inner(x)
            slopes1, slopes2 = expit(self.beta(0) * first), expit(self.beta(1) * second)
            for slope1, slope2 in zip(slopes1, slopes2, strict=True):
                above = chosen * slope2
                back = (np.maximum(above, 0.0) if guided else above) @ W2
                yield ((np.maximum(back, 0.0) if guided else back) * slope1) @ W1

    def pulled_back(self, X: Any, directions: Floats) -> Floats:
        """Return the plain gradient of one weighted sum of units for each cell.

        Parameters
        ----------
        X : ndarray of shape (n_obs, n_genes)
        directions : ndarray of shape (n_obs, n_latent)
            Weights of the units, a row for each cell.

        Returns
        -------
        ndarray of shape (n_obs, n_genes)
        """
        first, second = self._inner(np.asarray(X))
        back = (directions * expit(self.beta(1) * second)) @ self.weights[1]
        out: Floats = (back * expit(self.beta(0) * first)) @ self.weights[0]
        return out

    def _inner(self, x: Floats) -> tuple[Floats, Floats]:
        """Return what enters the two softplus of the encoder."""
        first = x @ self.weights[0].T + self.biases[0]
        return first, softplus(first, self.beta(0)) @ self.weights[1].T + self.biases[1]


def expressed(hidden: Floats, readout: Floats, *, beta: float, loss: Loss) -> Floats:
    """Return the denoised expression of the genes whose rows of :attr:`EncoderDecoder.readout` are given.

    Parameters
    ----------
    hidden : ndarray of shape (n_obs, n_hidden)
    readout : ndarray of shape (n_genes, n_hidden + 1)
    beta : float
    loss : {"rate", "log-rate"}

    Returns
    -------
    ndarray of shape (n_obs, n_genes)
    """
    out = softplus(hidden @ readout[:, :-1].T + readout[:, -1], beta)
    return np.exp(out) if loss == "log-rate" else out


def dense_chunks(X: Any, size: int = CHUNK) -> Iterator[Floats]:
    """Yield the rows of a matrix, ``size`` at a time, dense and at least 0."""
    for start in range(0, X.shape[0], size):
        part = X[start : start + size]
        yield np.maximum(part.toarray() if sparse.issparse(part) else np.asarray(part), 0.0)
