"""Groups that the target shows by itself and the source hides: kinds of cells that the source may lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sctl.methods.transfercluster.biology import cluster_genes, marker_genes
from sctl.typing import Bools, Ints

WITHIN = 0.8
"""Share of a group of θ = 0 that must lie in one group of the chosen θ to count as a part of it."""

FEWEST_CELLS = 5
"""Smaller parts are no evidence of a kind of cells."""

FEWEST_MARKERS = 3
"""Marker genes that the part, and what it is joined with, must each have: damage or depth raise genes on one side only."""

_NAMED = 3  # genes that a sentence names


@dataclass(frozen=True)
class MergedSubpopulation:
    """Cells that are a group of their own at θ = 0, and part of a larger one at the chosen θ.

    Parameters
    ----------
    cluster : int
        The group at the chosen θ.
    cells : ndarray of bool, shape (n_obs,)
        The part.
    n_cells : int
        Cells of the whole group.
    genes, other_genes : tuple of str
        Marker genes of the part against the rest of the group, and of the rest against the part, the clearest first.
    """

    cluster: int
    cells: Bools
    n_cells: int
    genes: tuple[str, ...]
    other_genes: tuple[str, ...]

    @property
    def text(self) -> str:
        """Plain sentences; groups are numbered from 1, as in results."""
        mine, others = (", ".join(genes[:_NAMED]) for genes in (self.genes, self.other_genes))
        return (
            f"Group {self.cluster + 1} may be two kinds of cells: without the source (θ = 0), {int(self.cells.sum()):,} of "
            f"its {self.n_cells:,} cells are a group of their own, with marker genes on both sides ({mine} in these; "
            f"{others} in the others). The source may lack one of the two. Look at these genes on the map, and compare "
            "with θ = 0."
        )


def merged_subpopulations(
    X: Any, var_names: Sequence[str], *, clusters: Ints, labels: NDArray[Any], alone: Ints
) -> tuple[MergedSubpopulation, ...]:
    """Find groups of θ = 0 that the chosen θ joins with others although each has marker genes of its own.

    At the same number of clusters, θ = 0 often divides a large type by how much was measured in its cells, and the
    source rightly joins what was divided. Then only one of both sides has genes that the other lacks. Marker genes
    are those of SC3 (AUROC of 0.85, adjusted p of 0.01), in these cells alone. See ``docs/decisions/0044``.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_obs, n_vars)
        Log-normalised target.
    var_names : sequence of str, length n_vars
    clusters : ndarray of shape (n_obs,)
        At the chosen θ.
    labels : ndarray of shape (n_obs,)
        Names of the cells. A part that mostly bears another name than what it is joined with is not hidden.
    alone : ndarray of shape (n_obs,)
        Clusters at θ = 0.

    Returns
    -------
    tuple of MergedSubpopulation
        By cluster, then by size.

    Examples
    --------
    >>> kinds = np.repeat([0, 1], 20)
    >>> X = np.repeat(np.eye(2), 4, axis=1)[kinds]  # four genes for each kind
    >>> found = merged_subpopulations(X, list("abcdefgh"), clusters=0 * kinds, labels=0 * kinds, alone=kinds)
    >>> [(group.n_cells, group.genes) for group in found]
    [(40, ('e', 'f', 'g', 'h'))]
    """
    found = []
    for cluster, part in joined_parts(clusters, alone):
        whole = clusters == cluster
        rest = whole & ~part
        if _usual(labels[part]) != _usual(labels[rest]):
            continue
        genes, other_genes = _markers(X, var_names, part, rest)
        if min(len(genes), len(other_genes)) >= FEWEST_MARKERS:
            found.append(MergedSubpopulation(cluster, part, int(whole.sum()), genes, other_genes))
    return tuple(found)


def joined_parts(clusters: Ints, alone: Ints) -> list[tuple[int, Bools]]:
    """Return the groups of θ = 0 that lie in each cluster, but for the largest of it, to which they are joined."""
    sizes = np.bincount(alone)
    parts = []
    for cluster in np.unique(clusters[clusters >= 0]):
        inside = np.bincount(alone[clusters == cluster], minlength=len(sizes))
        others = np.argsort(-inside, kind="stable")[1:]
        kept = [group for group in others if inside[group] >= max(FEWEST_CELLS, WITHIN * sizes[group])]
        parts += [(int(cluster), (clusters == cluster) & (alone == group)) for group in kept]
    return parts


def _usual(labels: NDArray[Any]) -> Any:
    names, counts = np.unique(labels, return_counts=True)
    return names[counts.argmax()]


def _markers(X: Any, var_names: Sequence[str], part: Bools, rest: Bools) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the marker genes of both sides, by these cells alone."""
    cells = np.flatnonzero(part | rest)
    table = marker_genes(cluster_genes(X[cells], (~part[cells]).astype(np.int64), var_names))
    mine, others = (tuple(map(str, table.loc[table["cluster"] == side, "gene"])) for side in (0, 1))
    return mine, others
