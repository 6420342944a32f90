"""The arrays of a trained Poisson autoencoder in a file, and the check that they belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sctl.errors import DataError
from sctl.numerics.encoder_decoder import EncoderDecoder, Softplus
from sctl.typing import Floats


def network_arrays(models: Sequence[EncoderDecoder], codes: Sequence[Floats]) -> dict[str, Any]:
    """Return the weights of networks, and the codes of the source's cells by each, by name."""
    arrays: dict[str, Any] = {}
    for i, (model, code) in enumerate(zip(models, codes, strict=True)):
        arrays |= {f"{i}.{name}": value for name, value in model.to_arrays().items()} | {f"{i}.code": code}
    return arrays


def networks_in(
    arrays: Mapping[str, Any], n_networks: int, softplus: Softplus
) -> tuple[tuple[EncoderDecoder, ...], tuple[Floats, ...]]:
    """Take back what :func:`network_arrays` returned."""
    parts = [
        {name.removeprefix(f"{i}."): value for name, value in arrays.items() if name.startswith(f"{i}.")}
        for i in range(n_networks)
    ]
    models = tuple(EncoderDecoder.from_arrays(part, softplus=softplus, loss="rate") for part in parts)
    return models, tuple(part["code"] for part in parts)


def require_fitting(
    arrays: Mapping[str, Any], models: Sequence[EncoderDecoder], codes: Sequence[Floats], *, sizes: tuple[int, int, int]
) -> None:
    """Raise ``DataError`` if parts of a model are of other sizes than the networks, or labels of no type.

    Parameters
    ----------
    arrays : mapping
        With ``labels`` and ``typical`` of each source cell, and the ``mean`` of each gene.
    models, codes
        From :func:`networks_in`.
    sizes : tuple of int
        Numbers of genes, of units of a code, and of types.
    """
    n_genes, n_latent, n_types = sizes
    labels, n_cells = arrays["labels"], len(arrays["labels"])
    fits = all(model.n_genes == n_genes for model in models) and len(arrays["mean"]) == n_genes
    fits &= all(code.shape == (n_cells, n_latent) for code in codes) and len(arrays["typical"]) == n_cells
    if not fits or labels.min() < 0 or labels.max() >= n_types:
        raise DataError(
            "The parts of the model do not fit together.",
            expected="As many genes, cells and cell types as the network has places for.",
            do="Save the model again.",
        )
