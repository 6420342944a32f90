"""What sets clusters apart in genes: markers, genes that differ, outlying cells, and groups that the source has merged.

Markers follow SC3. Unlike :mod:`sctl.analysis.markers`, which lists every gene for every group, a gene here belongs to one
cluster: the one in which it ranks highest (Kiselev et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError
from sctl.numerics.outliers import FEW_CELLS, outlier_scores
from sctl.numerics.ranksum import RankSums, against_rest, kruskal_wallis, rank_sums
from sctl.run import Run
from sctl.typing import Bools, Doubles, Floats, Ints, Matrix

__all__ = ["FEW_CELLS", "cluster_genes", "differing_genes", "marker_genes", "outlier_scores"]


NO_CLUSTER = -1
"""Stands for the cluster of a gene that ranks equally high in several."""

MIN_AUROC, MAX_P = 0.85, 0.01
"""What SC3 asks of a marker gene."""


def cluster_genes(
    X: Matrix,
    clusters: Ints,
    var_names: Any,
    *,
    run: Run | None = None,
) -> pd.DataFrame:
    """Test every gene for belonging to one cluster, and for differing between clusters at all.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression.
    clusters : ndarray of shape (n_obs,)
        Numbers from 0.
    var_names : sequence of str, length n_vars
    run : Run, optional

    Returns
    -------
    DataFrame
        One row per gene, in their order: ``gene``; ``cluster`` in which its mean rank is highest (−1 where several
        share it); ``auroc`` of that cluster against all other cells, ``p_value`` of the rank-sum test between them
        and ``p_adjusted``; ``kruskal``, ``kruskal_p`` and ``kruskal_p_adjusted`` of the Kruskal-Wallis test over all
        clusters. Adjusted are p-values by Holm, over genes.

    Raises
    ------
    DataError
        If lengths do not fit, or there are fewer than two clusters.

    Examples
    --------
    >>> X = np.array([[3.0, 0.0], [4.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    >>> cluster_genes(X, np.array([1, 1, 0, 0]), ["up", "flat"])[["gene", "cluster", "auroc"]].values.tolist()
    [['up', 1, 1.0], ['flat', -1, 0.5]]
    """
    if X.shape != (len(clusters), len(var_names)):
        raise DataError(
            f"The matrix has {X.shape[0]} cells and {X.shape[1]} genes.",
            expected=f"There are clusters of {len(clusters)} cells and names of {len(var_names)} genes.",
            do="Pass the clusters and names of the same dataset.",
        )
    held, codes = np.unique(clusters, return_inverse=True)
    if len(held) < 2:
        raise DataError(
            "There is a single cluster.", expected="Genes are compared between clusters.", do="Ask for two or more."
        )
    columns = X.tocsc() if sparse.issparse(X) else np.asarray(X)
    sums = rank_sums(columns, codes.ravel(), len(held), run=run or Run())
    best, tied = _highest(sums)
    tests = against_rest(sums, len(held))
    genes = np.arange(len(best))
    p_value = tests["p_value"][best, genes]
    statistic, kruskal_p = kruskal_wallis(sums)
    return pd.DataFrame(
        {
            "gene": np.asarray(var_names, dtype=str),
            "cluster": np.where(tied, NO_CLUSTER, held[best]),
            "auroc": tests["auroc"][best, genes],
            "p_value": p_value,
            "p_adjusted": _holm(p_value),
            "kruskal": statistic,
            "kruskal_p": kruskal_p,
            "kruskal_p_adjusted": _holm(kruskal_p),
        }
    )


def _holm(p_values: Doubles) -> Doubles:
    """Adjust p-values so that with the given probability not a single one is wrong (Holm 1979)."""
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415 - imports scipy.stats, which takes seconds

    return np.asarray(multipletests(p_values, method="holm")[1])


def _highest(sums: RankSums) -> tuple[Ints, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return the group of the highest mean rank for each gene, and whether several share it."""
    means: Floats = sums.ranks / sums.sizes[:, None]
    best: Ints = means.argmax(axis=0)
    return best, (np.isclose(means, means.max(axis=0), rtol=1e-12, atol=0.0)).sum(axis=0) > 1


def marker_genes(table: pd.DataFrame, *, min_auroc: float = MIN_AUROC, max_p_adjusted: float = MAX_P) -> pd.DataFrame:
    """Return the marker genes of each cluster, the one that tells it apart best first.

    Parameters
    ----------
    table : DataFrame
        From :func:`cluster_genes`.
    min_auroc : float
        In [0.5, 1]; SC3 asks for 0.85.
    max_p_adjusted : float
        SC3 asks for 0.01.

    Returns
    -------
    DataFrame
        Rows of ``table`` by cluster.
    """
    good = (table["cluster"] != NO_CLUSTER) & (table["auroc"] >= min_auroc) & (table["p_adjusted"] <= max_p_adjusted)
    found = table[good].sort_values(["cluster", "auroc", "p_value"], ascending=[True, False, True], kind="stable")
    return found.reset_index(drop=True)


def differing_genes(table: pd.DataFrame, *, max_p_adjusted: float = MAX_P) -> pd.DataFrame:
    """Return the genes that differ between clusters, the clearest first.

    Parameters
    ----------
    table : DataFrame
        From :func:`cluster_genes`.
    max_p_adjusted : float

    Returns
    -------
    DataFrame
        Rows of ``table``.
    """
    found = table[table["kruskal_p_adjusted"] <= max_p_adjusted]
    return found.sort_values("kruskal", ascending=False, kind="stable").reset_index(drop=True)


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
