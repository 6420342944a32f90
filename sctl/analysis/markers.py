"""Marker genes: which genes are higher in a group of cells than elsewhere.

Wilcoxon rank-sum (Mann-Whitney) test with tie correction, after Soneson & Robinson (2018), "Bias,
robustness and scalability in single-cell differential expression analysis", Nature Methods 15:255.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import false_discovery_control

from sctl.errors import DataError, ParameterError
from sctl.numerics.ranksum import rank_sum
from sctl.run import Run
from sctl.typing import Floats, Ints, Matrix

REST = "rest"
"""The reference that stands for all other cells."""

FEW_CELLS = 15
"""Groups below this size get a warning."""

COLUMNS = (
    "group", "gene", "log2_fold_change", "p_value", "p_adjusted",
    "share_in", "share_out", "mean_in", "mean_out", "auroc", "score",
)  # fmt: skip


def rank_markers(
    X: Matrix,  # noqa: N803 - a matrix
    groups: Sequence[Any] | NDArray[Any] | pd.Categorical | pd.Series,
    var_names: Sequence[str] | pd.Index,
    *,
    reference: str = REST,
    run: Run | None = None,
) -> pd.DataFrame:
    """Compare every group of cells with all others, or with one reference group, gene by gene.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression (log1p of counts per 10,000).
    groups : sequence of length n_obs
        Group of each cell; cells with a missing group are left out altogether.
    var_names : sequence of str, length n_vars
    reference : str
        ``"rest"``, or the name of the group that all others are compared with.
    run : Run, optional

    Returns
    -------
    DataFrame
        One row per group and gene, the group's best first: ``group``, ``gene``, ``log2_fold_change`` (of
        mean counts per 10,000), ``p_value`` (two-sided), ``p_adjusted`` (Benjamini-Hochberg within the
        group), ``share_in`` and ``share_out`` (of cells with a value above 0), ``mean_in`` and ``mean_out``
        (of ``X``), ``auroc`` (chance that a cell of the group has more than one outside; 0.5 = no
        difference) and ``score`` (z of the test; positive = higher in the group; rows are sorted by it).
        Groups of fewer than 2 cells, or with fewer than 2 to compare with, are missing
        (:func:`marker_warnings` says so).

    Raises
    ------
    DataError
        If lengths do not fit, or no two groups can be compared.
    ParameterError
        If the reference is no group.
    Cancelled
        If the run was stopped.

    Examples
    --------
    >>> X = np.array([[3.0, 0.0], [4.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    >>> table = rank_markers(X, ["a", "a", "b", "b"], ["up", "flat"])
    >>> table.loc[table["group"] == "a", ["gene", "auroc"]].values.tolist()
    [['up', 1.0], ['flat', 0.5]]
    """
    run = run or Run()
    _check(X, groups, var_names)
    codes, names = _coded(groups)
    sizes = np.bincount(codes[codes >= 0], minlength=len(names))
    if reference != REST and reference not in names:
        raise ParameterError(f"There is no group {reference!r}.", expected=f"There are {names}.", do="Choose one.")
    columns = X.tocsc() if sparse.issparse(X) else np.asarray(X)
    tables = []
    for rows, label_codes, wanted in _comparisons(codes, names, sizes, reference):
        result = rank_sum(columns[rows], label_codes, len(wanted), run=run)
        for number, code in enumerate(wanted):
            one = {key: values[number] for key, values in result.items()}
            tables.append(_table(names[code], np.asarray(var_names), one))
    if not tables:
        raise DataError(
            "No two groups can be compared.",
            expected="At least two groups with two or more cells each are needed.",
            do="Choose a coarser grouping.",
        )
    return pd.concat(tables, ignore_index=True)


def compare_selections(
    X: Matrix,  # noqa: N803 - a matrix
    mask_a: NDArray[np.bool_],
    mask_b: NDArray[np.bool_] | None,
    var_names: Sequence[str] | pd.Index,
    *,
    run: Run | None = None,
) -> pd.DataFrame:
    """Compare selection A of cells with selection B, or with all cells outside A.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression.
    mask_a : ndarray of bool, shape (n_obs,)
    mask_b : ndarray of bool, shape (n_obs,), or None
        None compares with all other cells.
    var_names : sequence of str, length n_vars
    run : Run, optional

    Returns
    -------
    DataFrame
        As :func:`rank_markers`, with one group ``"A"``.

    Raises
    ------
    DataError
        If a cell is in both selections, or one of them holds fewer than 2 cells.
    """
    mask_a = np.asarray(mask_a, dtype=bool)
    mask_b = ~mask_a if mask_b is None else np.asarray(mask_b, dtype=bool)
    n_both = int((mask_a & mask_b).sum())
    if n_both:
        raise DataError(
            f"{n_both} cells are in both selections.",
            expected="A cell can be on one side of a comparison only.",
            do="Take them out of one selection.",
        )
    if min(mask_a.sum(), mask_b.sum()) < 2:
        raise DataError(
            f"Selection A has {mask_a.sum()} cells and B has {mask_b.sum()}.",
            expected="Each needs at least two.",
            do="Select more cells.",
        )
    sides = np.where(mask_a, 0, np.where(mask_b, 1, -1)).astype(np.int64)
    groups = pd.Categorical.from_codes(sides.tolist(), categories=pd.Index(["A", "B"]))
    return rank_markers(X, groups, var_names, reference="B", run=run)


def top_markers(
    table: pd.DataFrame, n: int = 10, *, max_p_adjusted: float = 0.05, min_log2_fold_change: float = 0.5
) -> pd.DataFrame:
    """The first ``n`` genes of each group that are clearly higher in it.

    Parameters
    ----------
    table : DataFrame
        From :func:`rank_markers`.
    n : int
    max_p_adjusted : float
    min_log2_fold_change : float

    Returns
    -------
    DataFrame
        Rows of ``table``, best first in each group; a group without such genes is missing.
    """
    good = table[(table["p_adjusted"] <= max_p_adjusted) & (table["log2_fold_change"] >= min_log2_fold_change)]
    return good.groupby("group", sort=False).head(n).reset_index(drop=True)


def dot_table(
    X: Matrix,  # noqa: N803 - a matrix
    groups: Sequence[Any] | NDArray[Any] | pd.Categorical | pd.Series,
    genes: Sequence[str],
    *,
    var_names: Sequence[str] | pd.Index,
) -> pd.DataFrame:
    """Mean expression and share of expressing cells of some genes in every group.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_obs, n_vars)
        Log-normalised expression.
    groups : sequence of length n_obs
    genes : sequence of str
        Genes to show, in order; each once.
    var_names : sequence of str, length n_vars

    Returns
    -------
    DataFrame
        ``group``, ``gene``, ``mean`` (of ``X``), ``share`` (of cells with a value above 0).

    Raises
    ------
    DataError
        If a gene is missing or lengths do not fit.
    """
    _check(X, groups, var_names)
    genes = list(dict.fromkeys(map(str, genes)))
    where = pd.Index(np.asarray(var_names, dtype=str)).get_indexer(pd.Index(genes, dtype=str))
    missing = [gene for gene, place in zip(genes, where, strict=True) if place < 0]
    if missing:
        raise DataError(
            f"{len(missing)} genes are not in the data, e.g. {missing[0]!r}.",
            expected="Only measured genes can be shown.",
            do="Check the spelling; human symbols are in capitals.",
        )
    codes, names = _coded(groups)
    chosen = X[:, where]
    means, shares = (_group_means(part, codes, len(names)) for part in (chosen, (chosen > 0).astype(np.float64)))
    return pd.DataFrame(
        {
            "group": np.repeat(names, len(genes)),
            "gene": np.tile(genes, len(names)),
            "mean": means.ravel(),
            "share": shares.ravel(),
        }
    )


def marker_warnings(groups: Sequence[Any] | NDArray[Any] | pd.Categorical | pd.Series) -> tuple[str, ...]:
    """Say what a reader of a marker table must know.

    Parameters
    ----------
    groups : sequence of length n_obs
        As passed to :func:`rank_markers`.

    Returns
    -------
    tuple of str
        Sentences; the last two always apply.

    Examples
    --------
    >>> marker_warnings(["a"] * 20 + ["b"])[0]
    'b has a single cell and was left out.'
    """
    sizes = pd.Series(groups).astype(object).value_counts().sort_index(key=lambda index: index.astype(str))
    single = [str(name) for name, size in sizes.items() if size == 1]
    few = [f"{name} ({size})" for name, size in sizes.items() if 1 < size < FEW_CELLS]
    texts = []
    if single:
        verb = "has a single cell and was" if len(single) == 1 else "have a single cell each and were"
        texts.append(f"{', '.join(single)} {verb} left out.")
    if few:
        texts.append(f"Few cells, so markers are uncertain: {', '.join(few)}. {FEW_CELLS} or more are advised.")
    return (
        *texts,
        "The groups were found in the same data that is tested here, so p-values are optimistic: read them as a ranking.",
        "Cells of one donor are not independent replicates: a claim about donors or conditions needs several of them.",
    )


def _check(X: Matrix, groups: Any, var_names: Any) -> None:  # noqa: N803 - a matrix
    if X.shape != (len(groups), len(var_names)):
        raise DataError(
            f"The matrix has {X.shape[0]} cells and {X.shape[1]} genes.",
            expected=f"There are groups for {len(groups)} cells and names of {len(var_names)} genes.",
            do="Pass the groups and names of the same dataset.",
        )


def _coded(groups: Any) -> tuple[Ints, list[str]]:
    """Return the group of each cell as a number (-1 = missing) and the names, in order of the categories."""
    series = pd.Series(groups)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.cat.remove_unused_categories()
        return series.cat.codes.to_numpy(dtype=np.int64), [str(name) for name in series.cat.categories]
    codes, names = pd.factorize(series.to_numpy(dtype=object), sort=True)
    return codes, [str(name) for name in names]


def _comparisons(
    codes: Ints, names: list[str], sizes: Ints, reference: str
) -> Iterator[tuple[NDArray[np.intp], Ints, list[int]]]:
    """Yield rows, their codes (position in ``wanted``, the rest beyond) and the groups ``wanted``."""
    usable = [code for code, size in enumerate(sizes) if size >= 2]
    if reference == REST:
        rows = np.flatnonzero(codes >= 0)
        usable = [code for code in usable if len(rows) - sizes[code] >= 2]
        place = np.full(len(names), len(usable))
        place[usable] = np.arange(len(usable))
        if usable:
            yield rows, place[codes[rows]], usable
        return
    base = names.index(reference)
    for code in usable:
        if code != base and base in usable:
            rows = np.flatnonzero((codes == code) | (codes == base))
            yield rows, np.where(codes[rows] == code, 0, 1), [code]


def _table(name: str, var_names: NDArray[Any], result: dict[str, Floats]) -> pd.DataFrame:
    """Lay out one group, best gene first; equal scores in the order of the genes."""
    order = np.argsort(-result["score"], kind="stable")
    columns = {key: values[order] for key, values in result.items()}
    adjusted = false_discovery_control(result["p_value"])[order]  # Benjamini and Hochberg
    table = pd.DataFrame({"group": name, "gene": var_names[order].astype(str), **columns, "p_adjusted": adjusted})
    return table[list(COLUMNS)]


def _group_means(values: Matrix, codes: Ints, n_groups: int) -> Floats:
    """Mean of the rows of every group: shape (n_groups, n_columns)."""
    known = np.flatnonzero(codes >= 0)
    member = sparse.csr_matrix(
        (np.ones(len(known)), (codes[known], known)), shape=(n_groups, len(codes))
    )  # (n_groups, n_obs)
    sums = member @ values
    return np.asarray((sums.toarray() if sparse.issparse(sums) else sums) / np.bincount(codes[known])[:, None])
