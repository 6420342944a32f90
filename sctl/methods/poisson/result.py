"""What a result of the Poisson autoencoder holds beyond labels, and what of it speaks against the names it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sctl.data import UNASSIGNED, Decoder, Diagnostics, GenesFound, TrainingLog, TransferResult
from sctl.methods.poisson.knn_vote import Votes
from sctl.numerics.encoder_decoder import EncoderDecoder
from sctl.numerics.neighbors import novelty
from sctl.typing import Floats

ENOUGH_FOUND = 0.8
"""With less than this share of the network's genes, a target is remarked on."""
FAR_CELL = 0.99
"""A cell is farther out than this share of the source's own cells."""
FAR_CELLS = 0.1
"""From this share of such cells on there is a warning."""


def labeled(votes: Votes, label_names: tuple[str, ...], X: sparse.csr_matrix, min_confidence: float) -> dict[str, Any]:
    """Return what of a :class:`~sctl.data.TransferResult` follows from the votes of neighbours.

    Parameters
    ----------
    votes : Votes
    label_names : tuple of str
    X : sparse matrix of shape (n_obs, n_genes)
        The target's values of the network's genes: cells without any get no label.
    min_confidence : float
        Neither do cells that are less sure.
    """
    silent: NDArray[np.bool_] = np.asarray(X.sum(axis=1)).ravel() == 0
    confidence = np.where(silent, 0.0, votes.shares[np.arange(len(votes.best)), votes.best])
    labels = np.array(label_names, dtype=object)[votes.best]
    labels[silent | (confidence < min_confidence)] = UNASSIGNED
    matched = np.unique(votes.best)
    return {
        "clusters": np.searchsorted(matched, votes.best),
        "cluster_names": tuple(label_names[kind] for kind in matched),
        "proba": votes.shares[:, matched] / votes.shares[:, matched].sum(axis=1, keepdims=True),
        "labels": labels,
        "label_names": label_names,
        "label_proba": np.where(silent[:, None], 0.0, votes.shares),
        "confidence": confidence,
    }


def arrays_of(
    votes: Votes, network: EncoderDecoder, code: Floats, X: sparse.csr_matrix, typical: Floats
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``obsm`` and ``varm`` of a result, from the first network and the neighbors.

    Parameters
    ----------
    votes : Votes
    network : EncoderDecoder
    code : ndarray of shape (n_obs, n_latent)
        The target's cells by this network.
    X : sparse matrix of shape (n_obs, n_genes)
        The target's values of its genes.
    typical : ndarray of shape (n_source,)
        Distance of each source cell to its neighbors.
    """
    obsm = {
        "rejection": np.column_stack([votes.margin, -votes.entropy, -network.poisson_loss(X)]),
        "novelty": novelty(votes.distance, typical)[:, None],
        "hidden": network.hidden(code).astype(np.float32),
        "labels_by_k": votes.by_k.T.astype(np.int32),
    }
    return obsm, {"decoder": network.readout}


def diagnostics(
    missing: NDArray[np.bool_], votes: Votes, network: EncoderDecoder, log: Mapping[str, Mapping[str, Any]]
) -> Diagnostics:
    """Return how the networks learned, which genes they lack, and what the first rebuilds expression by.

    Parameters
    ----------
    missing : ndarray of bool, shape (n_genes,)
        Genes of the network that the target lacks.
    votes : Votes
    network : EncoderDecoder
        The first.
    log : mapping
        Of the training, by network.
    """
    share = float(1 - missing.mean())
    few = f"Your data have {share:.0%} of the genes that the network knows; the others count as silent."
    return Diagnostics(
        genes=GenesFound(missing=int(missing.sum()), found_share=share),
        warnings=(few,) if share < ENOUGH_FOUND else (),
        training=TrainingLog.of(log),
        rejection_scores=("margin", "entropy", "reconstruction"),
        n_neighbors_tried=tuple(map(int, votes.ks)),
        decoder=Decoder(beta=float(network.beta(3)), loss=network.loss),
    )


def result_warnings(result: TransferResult) -> tuple[str, ...]:
    """Return a sentence where many cells lie farther out than the source's own cells, and get names all the same."""
    distances = result.obsm.get("novelty")
    if distances is None:
        return ()
    n_far = int((distances[:, 0] >= FAR_CELL).sum())
    if n_far < FAR_CELLS * result.n_obs:
        return ()
    return (
        f"{n_far} of your {result.n_obs} cells resemble no cell of the annotated dataset: they lie farther out than "
        f"{FAR_CELL:.0%} of its own cells. Their names are those of the nearest cells, and probably wrong.",
    )
