"""How well found clusters and given labels agree with a known truth.

Three conventions hold throughout. A cell whose *truth* is missing says nothing and is left out. A cell that
was not given a label (missing, or ``"unassigned"``) counts as a wrong answer for labels, since the user is
left without one; ``coverage`` says how many cells have one. For clusters, cells without one form a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import adjusted_rand_score, f1_score, normalized_mutual_info_score

from sctl.data import UNASSIGNED, TransferResult
from sctl.errors import DataError


def adjusted_rand(clusters: ArrayLike, truth: ArrayLike) -> float:
    """Adjusted Rand index: 1 for the same partition, about 0 for an unrelated one.

    Parameters
    ----------
    clusters, truth : array-like of shape (n_obs,)
        Cells without a cluster (missing or "unassigned") form one group; cells without truth are left out.

    Returns
    -------
    float

    Examples
    --------
    >>> adjusted_rand([1, 1, 2, 2], ["a", "a", "b", "b"])
    1.0
    """
    found, known = _known(clusters, truth)
    return float(adjusted_rand_score(known, found))


def nmi(clusters: ArrayLike, truth: ArrayLike) -> float:
    """Normalised mutual information, arithmetic mean of the entropies: in [0, 1].

    Parameters
    ----------
    clusters, truth : array-like of shape (n_obs,)
        As for :func:`adjusted_rand`.

    Returns
    -------
    float

    Examples
    --------
    >>> nmi([1, 1, 2, 2], ["a", "a", "b", "b"])
    1.0
    """
    found, known = _known(clusters, truth)
    return float(normalized_mutual_info_score(known, found))


def accuracy(labels: ArrayLike, truth: ArrayLike, *, among: ArrayLike | None = None) -> float:
    """Share of cells that were given their true type.

    Parameters
    ----------
    labels, truth : array-like of shape (n_obs,)
        A cell without a label counts as wrong; cells without truth are left out.
    among : array-like of str, optional
        Types that could be given (the source's). Cells of other types are left out, since no method that
        only knows the source can name them.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    DataError
        If no cell is left to judge.

    Examples
    --------
    >>> accuracy(["a", "b", "unassigned", "a"], ["a", "b", "b", "new"])
    0.5
    >>> round(accuracy(["a", "b", "unassigned", "a"], ["a", "b", "b", "new"], among=["a", "b"]), 3)
    0.667
    """
    found, known = _known(labels, truth, among)
    return float((found == known).mean())


def macro_f1(labels: ArrayLike, truth: ArrayLike, *, among: ArrayLike | None = None) -> float:
    """Mean over the true types of the harmonic mean of precision and recall: rare types weigh as much as common ones.

    Parameters
    ----------
    labels, truth : array-like of shape (n_obs,)
    among : array-like of str, optional
        As for :func:`accuracy`.

    Returns
    -------
    float
        In [0, 1]. Types that no cell truly has are no classes of their own; giving them is a mistake all the same.

    Examples
    --------
    >>> round(macro_f1(["a", "a", "b", "b"], ["a", "a", "a", "b"]), 3)
    0.733
    """
    found, known = _known(labels, truth, among)
    codes, _ = pd.factorize(np.concatenate([known, found]))  # numbers are compared many times faster than text
    true, given = codes[: len(known)], codes[len(known) :]
    return float(f1_score(true, given, labels=np.unique(true), average="macro", zero_division=0))


def confusion(labels: ArrayLike, truth: ArrayLike) -> pd.DataFrame:
    """Count cells by true type and given label.

    Parameters
    ----------
    labels, truth : array-like of shape (n_obs,)

    Returns
    -------
    DataFrame
        Rows ``truth``, columns ``label``, each sorted by name; a column "unassigned", where there is one,
        comes last.

    Examples
    --------
    >>> confusion(["a", "unassigned"], ["a", "a"]).loc["a"].to_dict()
    {'a': 1, 'unassigned': 1}
    """
    found, known = _known(labels, truth)
    table = pd.crosstab(pd.Series(known, name="truth"), pd.Series(found, name="label"))
    return table[sorted(table.columns, key=lambda name: (name == UNASSIGNED, name))]


def report(result: TransferResult, truth: ArrayLike) -> dict[str, Any]:
    """Judge a result by every measure.

    Parameters
    ----------
    result : TransferResult
    truth : array-like of shape (n_obs,)
        True types in the order of the result's cells; a Series is matched by cell name.

    Returns
    -------
    dict
        ``n_cells`` with known truth; of the clusters ``ari`` and ``nmi``; of the labels ``accuracy`` and
        ``macro_f1`` over all cells, ``accuracy_shared`` and ``macro_f1_shared`` over cells whose true type the
        source has (None where there are none), ``coverage`` the share of cells with a label.

    Raises
    ------
    DataError
        If the truth does not fit the cells.
    """
    if isinstance(truth, pd.Series):
        truth = truth.reindex(result.obs_names).to_numpy()
    clusters = np.where(result.clusters < 0, UNASSIGNED, result.clusters.astype(str))
    found, known = _known(result.labels, truth)
    shared = bool(np.isin(known, result.label_names).any())
    names = list(result.label_names)
    return {
        "n_cells": len(known),
        "ari": adjusted_rand(clusters, truth),
        "nmi": nmi(clusters, truth),
        "accuracy": accuracy(result.labels, truth),
        "macro_f1": macro_f1(result.labels, truth),
        "accuracy_shared": accuracy(result.labels, truth, among=names) if shared else None,
        "macro_f1_shared": macro_f1(result.labels, truth, among=names) if shared else None,
        "coverage": float((found != UNASSIGNED).mean()),
    }


def compare(results: Sequence[TransferResult], truth: ArrayLike | None = None) -> pd.DataFrame:
    """Say how far the answers of several methods on the same cells agree with the first one.

    Parameters
    ----------
    results : sequence of TransferResult
        Of the same cells in the same order; one or more.
    truth : array-like of shape (n_obs,), optional
        True types.

    Returns
    -------
    DataFrame, one row per result
        ``method``, ``named`` (share of cells with a name), ``types`` and ``clusters`` (how many were given), ``same_name``
        (share of all cells that have the name the first result gives them, or none in both), ``same_groups`` (adjusted
        Rand index against the clusters of the first) and, where the truth is known, ``right`` (see :func:`accuracy`).

    Raises
    ------
    DataError
        If the cells differ.
    """
    first = results[0]
    rows = []
    for found in results:
        if not found.obs_names.equals(first.obs_names):
            raise DataError(
                f"The results of {first.method} and {found.method} are of different cells.",
                expected="All must be of the same cells in the same order.",
                do="Run both on the same prepared data.",
            )
        labels = found.labels.astype(str)
        row: dict[str, Any] = {
            "method": found.method,
            "named": float((labels != UNASSIGNED).mean()),
            "types": len(set(labels) - {UNASSIGNED}),
            "clusters": len(np.unique(found.clusters[found.clusters >= 0])),
            "same_name": float((labels == first.labels.astype(str)).mean()),
            "same_groups": adjusted_rand(found.clusters, first.clusters),
        }
        rows.append(row if truth is None else {**row, "right": accuracy(labels, truth)})
    return pd.DataFrame(rows)


def agreement(results: Sequence[TransferResult]) -> NDArray[np.float64]:
    """Return for each cell the share of the other results that give it the name which the first result gives.

    Parameters
    ----------
    results : sequence of TransferResult
        Two or more, of the same cells in the same order.

    Returns
    -------
    ndarray of shape (n_obs,)
        Between 0 and 1.
    """
    first, *others = (found.labels.astype(str) for found in results)
    share: NDArray[np.float64] = np.mean([labels == first for labels in others], axis=0)
    return share


def _known(labels: ArrayLike, truth: ArrayLike, among: ArrayLike | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return labels and truth as text for the cells whose truth is known (and one of some types)."""
    found, known = pd.Series(np.asarray(labels, dtype=object)), pd.Series(np.asarray(truth, dtype=object))
    if len(found) != len(known):
        raise DataError(
            f"There are {len(found)} labels and {len(known)} true types.",
            expected="Every cell needs one of each.",
            do="Compare the same cells, in the same order.",
        )
    judged = known.notna()
    if among is not None:
        judged &= known.astype(str).isin([str(name) for name in np.asarray(among, dtype=object)])
    if not judged.any():
        raise DataError(
            "There is no cell to judge.",
            expected="At least one cell must have a known type"
            + ("." if among is None else " that the source has too."),
            do="Check that the true types use the source's names.",
        )
    text = found.where(found.notna(), UNASSIGNED).astype(str)
    return text[judged].to_numpy(), known[judged].astype(str).to_numpy()
