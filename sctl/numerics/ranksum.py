"""Wilcoxon rank-sum (Mann-Whitney) tests of many genes at once, with tie correction.

Only stored values of a sparse matrix are sorted: all zeros of a gene share one rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse, special

from sctl.run import Run
from sctl.typing import Doubles, Ints, Matrix

PSEUDOCOUNT = 0.1
"""Counts per 10,000 added to both means of a fold change, so that a gene seen in a single cell shows no huge one."""

_BLOCK = 2_000_000  # stored values ranked at once: some 150 MB of scratch memory


@dataclass(frozen=True)
class RankSums:
    """What rank tests need of every gene, by group of rows.

    Parameters
    ----------
    sizes : ndarray of shape (n_groups,)
        Rows of each group.
    ranks, expressed, total, linear : ndarray of shape (n_groups, n_vars)
        Sums of ranks (ties share their mean), of presence, of values, and of counts per 10,000.
    ties : ndarray of shape (n_vars,)
        Sum of ``t³ − t`` over runs of ``t`` equal values.
    """

    sizes: Doubles
    ranks: Doubles
    expressed: Doubles
    total: Doubles
    linear: Doubles
    ties: Doubles


def rank_sums(X: Matrix, codes: Ints, n_groups: int, *, run: Run) -> RankSums:
    """Rank every column and sum by groups of rows.

    Parameters
    ----------
    X : ndarray, or CSC matrix, of shape (n_obs, n_vars)
        Log-normalised expression: log1p of counts per 10,000.
    codes : ndarray of shape (n_obs,)
        Group of each row, 0 to ``n_groups − 1``.
    n_groups : int
    run : Run
        Told of every block of genes.

    Returns
    -------
    RankSums
    """
    blocks = [
        _sums(sparse.csc_matrix(X[:, first:last]), codes, n_groups)
        for first, last in run.track("Markers", list(pairwise(_column_blocks(X))))
    ]
    sizes = np.bincount(codes, minlength=n_groups).astype(np.float64)
    return RankSums(sizes, *(np.concatenate(parts, axis=-1) for parts in zip(*blocks, strict=True)))


def rank_sum(X: Matrix, codes: Ints, n_groups: int, *, run: Run) -> dict[str, Doubles]:
    """Test each of some groups of rows against all other rows, column by column.

    Parameters
    ----------
    X : ndarray, or CSC matrix, of shape (n_obs, n_vars)
        Log-normalised expression: log1p of counts per 10,000.
    codes : ndarray of shape (n_obs,)
        Group of each row: 0 to ``n_groups - 1``, or ``n_groups`` for rows of no tested group.
    n_groups : int
        How many groups are tested; each has rows, and rows outside.
    run : Run
        Told of every block of genes.

    Returns
    -------
    dict of ndarray of shape (n_groups, n_vars)
        ``log2_fold_change`` of mean counts per 10,000; two-sided ``p_value`` (normal approximation
        without continuity correction); ``share_in``, ``share_out``: of rows above 0; ``mean_in``,
        ``mean_out``: of ``X``; ``auroc`` in [0, 1]; ``score``: z, positive where higher inside.

    Examples
    --------
    >>> X = np.array([[3.0], [2.0], [1.0], [0.0]])
    >>> rank_sum(X, np.array([0, 0, 1, 1]), 1, run=Run())["auroc"].tolist()
    [[1.0]]
    """
    return against_rest(rank_sums(X, codes, n_groups + 1, run=run), n_groups)


def against_rest(sums: RankSums, n_groups: int) -> dict[str, Doubles]:
    """Test each of the first ``n_groups`` groups against all other rows; see :func:`rank_sum`."""
    n_obs = int(sums.sizes.sum())
    size = sums.sizes[:n_groups, None]  # (n_groups, 1)
    rest = n_obs - size
    u = sums.ranks[:n_groups] - size * (size + 1) / 2
    # variance of U under ties: n1 n2 / 12 (N + 1 - sum(t^3 - t) / (N (N - 1)))
    variance = size * rest / 12 * (n_obs + 1 - sums.ties / (n_obs * (n_obs - 1.0)))
    different = variance > 1e-12 * n_obs**3  # a gene with one value in all cells says nothing
    score = np.divide(u - size * rest / 2, np.sqrt(variance.clip(0)), out=np.zeros_like(u), where=different)
    (share_in, share_out), (mean_in, mean_out), (linear_in, linear_out) = (
        (part[:n_groups] / size, (part.sum(axis=0) - part[:n_groups]) / rest)
        for part in (sums.expressed, sums.total, sums.linear)
    )
    fold = (linear_in.clip(0) + PSEUDOCOUNT) / (linear_out.clip(0) + PSEUDOCOUNT)
    return {
        "log2_fold_change": np.log2(fold),
        "p_value": np.minimum(2 * special.ndtr(-np.abs(score)), 1.0),
        "share_in": share_in,
        "share_out": share_out,
        "mean_in": mean_in,
        "mean_out": mean_out,
        "auroc": u / (size * rest),
        "score": score,
    }


def kruskal_wallis(sums: RankSums) -> tuple[Doubles, Doubles]:
    """Test for every column whether the groups differ at all (Kruskal & Wallis 1952), with tie correction.

    Parameters
    ----------
    sums : RankSums
        Groups without rows are left out.

    Returns
    -------
    statistic : ndarray of shape (n_vars,)
        H; 0 for a column with one value only.
    p_value : ndarray of shape (n_vars,)
        By the χ² law with one degree of freedom fewer than groups.

    Examples
    --------
    >>> X = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> statistic, p = kruskal_wallis(rank_sums(X, np.array([0, 0, 1, 1]), 2, run=Run()))
    >>> round(float(statistic[0]), 3), round(float(p[0]), 3)
    (2.4, 0.121)
    """
    held = sums.sizes > 0
    sizes, ranks = sums.sizes[held, None], sums.ranks[held]
    n_obs = float(sizes.sum())
    spread = 1.0 - sums.ties / (n_obs**3 - n_obs)  # 0 where all values are equal
    raw = 12.0 / (n_obs * (n_obs + 1.0)) * (ranks**2 / sizes).sum(axis=0) - 3.0 * (n_obs + 1.0)
    statistic = np.divide(raw, spread, out=np.zeros_like(raw), where=spread > 1e-12).clip(0.0)
    return statistic, np.asarray(special.chdtrc(max(int(held.sum()) - 1, 1), statistic))


def _column_blocks(X: Matrix) -> list[int]:
    """Return the borders of runs of columns with about ``_BLOCK`` stored values each."""
    if isinstance(X, np.ndarray):
        step = max(1, _BLOCK // max(1, X.shape[0]))
        return [*range(0, X.shape[1], step), X.shape[1]]
    wanted = np.arange(0, X.indptr[-1], _BLOCK)
    return [int(border) for border in np.unique([0, *np.searchsorted(X.indptr, wanted), X.shape[1]])]


def _sums(part: Matrix, codes: Ints, n_groups: int) -> tuple[Doubles, Doubles, Doubles, Doubles, Doubles]:
    """Sum ranks, presence, values and counts per 10,000 by group and gene, and count ties by gene.

    Only stored values are sorted; all zeros of a gene share one rank.
    Four arrays of shape (n_groups, n_vars) and one of shape (n_vars,).
    """
    part.eliminate_zeros()
    n_obs, n_vars = part.shape
    stored = np.diff(part.indptr)
    gene = np.repeat(np.arange(n_vars), stored)
    order = np.lexsort((part.data, gene))
    values = part.data[order].astype(np.float64)
    group = codes[part.indices[order]]
    first = np.flatnonzero(np.r_[True, (np.diff(values) != 0) | (np.diff(gene) != 0)][: len(values)])  # of equal values
    length = np.diff(np.r_[first, len(values)]).astype(np.float64)
    zeros = (n_obs - stored).astype(np.float64)
    # mean rank of a run of equal values: those before it in its gene, half the run, and the zeros if they lie below
    rank = first - part.indptr[gene[first]] + (length + 1) / 2 + np.where(values[first] > 0, zeros[gene[first]], 0.0)
    negative = np.bincount(gene, weights=values < 0, minlength=n_vars)
    cell = group * n_vars + gene

    def by_group(weights: Doubles) -> Doubles:
        return np.bincount(cell, weights=weights, minlength=n_groups * n_vars).reshape(n_groups, n_vars).astype(float)

    present = by_group(np.ones_like(values))
    absent = np.bincount(codes, minlength=n_groups)[:, None] - present
    ranks = by_group(np.repeat(rank, length.astype(np.int64))) + absent * (negative + (zeros + 1) / 2)
    ties = np.bincount(gene[first], weights=length**3 - length, minlength=n_vars) + zeros**3 - zeros
    return ranks, by_group((values > 0).astype(np.float64)), by_group(values), by_group(np.expm1(values)), ties
