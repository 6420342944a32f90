"""Labels by the votes of the nearest neighbours, for one number of neighbours and for all that the paper compares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sctl.numerics.neighbors import vote_shares, winners, winners_over_k
from sctl.typing import Floats, Ints

MOST_NEIGHBOURS = 25
"""The paper compares all numbers of neighbours from 2 to this."""


@dataclass(frozen=True)
class Votes:
    """What the neighbours of some cells say.

    Parameters
    ----------
    shares : ndarray of shape (n_obs, n_labels)
        Of the votes; rows sum to one.
    best : ndarray of int, shape (n_obs,)
        The label with most votes.
    distance : ndarray of shape (n_obs, k)
        To the neighbours that voted.
    ks : range
        Numbers of neighbours, from 2.
    by_k : ndarray of int, shape (len(ks), n_obs)
        The label for each of them.
    """

    shares: Floats
    best: Ints
    distance: Floats
    ks: range
    by_k: Ints

    @property
    def margin(self) -> Floats:
        """Share of the best label less that of the next: (n_obs,)."""
        ordered = np.sort(np.hstack([np.zeros((len(self.shares), 1)), self.shares]), axis=1)
        out: Floats = ordered[:, -1] - ordered[:, -2]
        return out

    @property
    def entropy(self) -> Floats:
        """Of the shares, in nats: (n_obs,)."""
        out: Floats = -np.sum(self.shares * np.log(np.maximum(self.shares, 1e-12)), axis=1)
        return out


def votes_on(index: Ints, distance: Floats, labels: Ints, *, n_labels: int, n_neighbors: int) -> Votes:
    """Count the votes of neighbours.

    Parameters
    ----------
    index, distance : ndarrays of shape (n_obs, n_neighbors)
        From :func:`~sctl.numerics.neighbors.nearest`.
    labels : ndarray of int, shape (n_reference,)
    n_labels : int
    n_neighbors : int
        How many vote, or all there are.
    """
    n_neighbors = min(n_neighbors, index.shape[1])
    shares = vote_shares(index[:, :n_neighbors], labels, n_labels)
    ks = range(2, min(MOST_NEIGHBOURS, index.shape[1]) + 1)
    return Votes(
        shares,
        winners(shares, index[:, :n_neighbors], labels),
        distance[:, :n_neighbors],
        ks,
        winners_over_k(index, labels, n_labels, ks),
    )
