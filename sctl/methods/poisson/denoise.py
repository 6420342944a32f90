"""Denoised expression: what a method's network makes of each cell, computed for the genes that are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl.data import TransferResult
from sctl.errors import DataError, ParameterError
from sctl.numerics.encoder_decoder import expressed

LAYER = "denoised"


def has_denoised(result: TransferResult) -> bool:
    """Tell whether the method's network rebuilds expression."""
    return "hidden" in result.obsm and "decoder" in result.varm and result.diagnostics.decoder is not None


def denoised_genes(result: TransferResult) -> tuple[str, ...]:
    """Return the genes that can be had denoised: those that the network learned."""
    if not has_denoised(result):
        return ()
    known = np.isfinite(np.asarray(result.varm["decoder"], dtype=np.float64)).all(axis=1)
    return tuple(result.var_names[place] for place in np.flatnonzero(known))


def denoised(result: TransferResult, genes: Sequence[str]) -> pd.DataFrame:
    """Return the denoised expression of some genes.

    A result keeps the network's last layer but one, and the weights that lead from it to each gene, so that a large
    target costs no more than the genes that are looked at.

    Parameters
    ----------
    result : TransferResult
    genes : sequence of str

    Returns
    -------
    DataFrame of shape (n_obs, n_genes), float32
        On the scale of the prepared data, log(1 + x).

    Raises
    ------
    DataError
        If the method makes none.
    ParameterError
        If the network does not know one of the genes.
    """
    settings = result.diagnostics.decoder
    if settings is None or not has_denoised(result):
        raise DataError(
            f"The result of {result.method} holds no denoised expression.",
            expected="Methods whose network rebuilds expression make it.",
            do="Choose the Poisson autoencoder on the Transfer page.",
        )
    known = set(denoised_genes(result))
    unknown = [gene for gene in genes if gene not in known]
    if unknown:
        raise ParameterError(
            f"The network did not learn {unknown[0]!r}.",
            expected=f"It learned {len(known):,} genes.",
            do="Choose one of these, or let the method learn from all genes.",
        )
    places = pd.Index(result.var_names).get_indexer(pd.Index(list(genes)))
    values = expressed(
        np.asarray(result.obsm["hidden"], dtype=np.float64),
        np.asarray(result.varm["decoder"], dtype=np.float64)[places],
        beta=settings.beta,
        loss=settings.loss,
    )
    return pd.DataFrame(values.astype(np.float32), result.obs_names, list(genes))


def with_denoised(target: AnnData, result: TransferResult) -> AnnData:
    """Return a copy of the target with the denoised expression as a layer, ``"denoised"``.

    Parameters
    ----------
    target : AnnData
        The result's cells.
    result : TransferResult

    Returns
    -------
    AnnData
        Genes that the network did not learn are NaN in the layer, which is dense: four bytes for each cell and gene.

    Raises
    ------
    DataError
        If the method makes none, or cells differ.
    """
    known = [gene for gene in denoised_genes(result) if gene in target.var_names]
    values = denoised(result, known)
    if not target.obs_names.equals(values.index):
        raise DataError(
            f"The target has {target.n_obs:,} cells, the result {len(values):,}, or their names differ.",
            expected="Both must be of the same cells in the same order.",
            do="Take the target's cells by the result's obs_names first.",
        )
    out = target.copy()
    layer = np.full(target.shape, np.nan, dtype=np.float32)
    layer[:, target.var_names.get_indexer(pd.Index(known))] = values.to_numpy()
    out.layers[LAYER] = layer
    return out
