"""One run of one method on one experiment, and what it is worth."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.measure import cost
from benchmarks.paper_itclust.experiments import Setting, prepared, seed_of
from benchmarks.paper_itclust.rivals import RIVALS, Answer
from sctl.analysis.evaluate import accuracy, adjusted_rand, macro_f1, nmi
from sctl.data import UNASSIGNED, Pair, TransferResult
from sctl.errors import SctlWarning
from sctl.methods import METHODS, get_method
from sctl.methods.base import fit_transfer
from sctl.run import Run

QUALITY = ("accuracy", "shared", "majority", "ARI", "NMI", "macro-F1", "unassigned")
COSTS = ("CPU s", "wall s", "MB")
_HEAVY = ("sklearn.decomposition", "sklearn.linear_model", "sklearn.svm", "sklearn.neighbors")


def methods() -> list[str]:
    """Return the keys of what can be run: the rivals and the methods of the package."""
    return [*RIVALS, *METHODS]


def variant(method: str) -> tuple[str, dict[str, Any]]:
    """Split what is asked for into a method's key and its settings.

    Raises
    ------
    ValueError
        If there is no such method.

    Examples
    --------
    >>> variant("transfercluster:n_clusters=6,criterion=kta")
    ('transfercluster', {'n_clusters': 6, 'criterion': 'kta'})
    """
    key, _, given = method.partition(":")
    if key not in methods() or (given and key in RIVALS):
        raise ValueError(f"{method!r}: choose from {methods()}; only methods of the package take settings")
    pairs = (part.partition("=") for part in given.split(",") if part)
    return key, {name: _value(text) for name, _, text in pairs}


def measured(
    experiment: str, method: str, seed: int, *, folder: str, setting: Setting = "trial"
) -> list[dict[str, Any]]:
    """Run a method once on an experiment, in a process of its own.

    Parameters
    ----------
    experiment : str
    method : str
        A key, with settings where wished: see :func:`variant`.
    seed : int
    folder : str
        Holds the data.
    setting : {"trial", "app"}

    Returns
    -------
    list of dict
        One for each answer: Leiden has its best and its median resolution, ItClust also what it held before and
        after fine-tuning. Costs are those of the whole run.
    """
    for name in (*_HEAVY, *(() if method in RIVALS else ("torch",))):
        import_module(name)  # paid here once, not by each method
    prepare = partial(prepared, experiment, Path(folder), setting, seed_of(experiment, seed))
    pair, truth = prepare()
    spent = cost(prepare, partial(answers, method=method, seed=seed), start="fork")
    known = list(pair.labels.categories)
    rows = [{"method": answer.name, **scores(answer, truth, known)} for answer in spent.value]
    if method == "leiden":
        rows = best_and_median(rows)
    common = {"experiment": experiment, "seed": seed, "setting": setting, "cells": len(truth)}
    used = int(pair.source.var["highly_variable"].sum())
    costs = dict(zip(COSTS, (spent.cpu, spent.wall, spent.memory), strict=True))
    return [{**common, "genes": used, **row, **costs} for row in rows]


def answers(given: tuple[Pair, Any], method: str, seed: int) -> list[Answer]:
    """Return what a method says of the target of a pair."""
    pair, _ = given
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SctlWarning)
        if method in RIVALS:
            return RIVALS[method](pair, Run(seed=seed))
        key, settings = variant(method)
        result = fit_transfer(pair, get_method(key)(**settings), Run(seed=seed))
    return [Answer(method, result.clusters, result.labels), *before_and_after(method, result)]


def before_and_after(method: str, result: TransferResult) -> list[Answer]:
    """Return ItClust's answers before and after fine-tuning, whichever it recommends; none of other methods."""
    kept, found = result.diagnostics.kept, list[Answer]()
    if kept is None:
        return found
    for stage, types in (("before", kept.types.before), ("after", kept.types.after)):
        clusters = result.obsm[f"{stage}_proba"].argmax(axis=1)
        found.append(Answer(f"{method}, {stage}", clusters, np.asarray(types, dtype=object)[clusters]))
    return found


def scores(answer: Answer, truth: np.ndarray, known: list[str]) -> dict[str, float]:
    """Compare an answer with the truth.

    Parameters
    ----------
    answer : Answer
    truth : ndarray of shape (n_obs,)
    known : list of str
        Types that the source has.

    Returns
    -------
    dict
        ``accuracy`` over all cells and ``shared`` over those of a known type, ``majority`` with every cluster
        named by its most frequent true type, ``ARI``, ``NMI``, ``macro-F1``, ``unassigned``. NaN where a method
        gives no names, or no cell has a known type.
    """
    clusters = np.where(_nowhere(answer.clusters), UNASSIGNED, answer.clusters.astype(str))
    groups = {"ARI": adjusted_rand(clusters, truth), "NMI": nmi(clusters, truth), "majority": majority(clusters, truth)}
    if answer.labels is None:
        return dict.fromkeys(QUALITY, np.nan) | groups
    return groups | {
        "accuracy": accuracy(answer.labels, truth),
        "shared": accuracy(answer.labels, truth, among=known) if np.isin(truth, known).any() else np.nan,
        "macro-F1": macro_f1(answer.labels, truth),
        "unassigned": float((answer.labels == UNASSIGNED).mean()),
    }


def majority(clusters: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of cells of the most frequent true type of their cluster; a cell without cluster is wrong.

    Examples
    --------
    >>> majority(np.array(["0", "0", "0", "unassigned"]), np.array(["a", "a", "b", "b"]))
    0.5
    """
    counts = pd.crosstab(clusters, truth).drop(index=UNASSIGNED, errors="ignore")
    return float(counts.max(axis=1).sum() / len(truth))


def best_and_median(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the row with the best ARI, which only the truth can choose, and the median of every column."""
    table = pd.DataFrame(rows)
    best: Mapping[str, Any] = rows[int(table["ARI"].argmax())]
    median: Mapping[Any, Any] = table[list(QUALITY)].median().to_dict()
    name = str(best["method"])
    return [{**best, "method": f"{name}, best"}, {**median, "method": f"{name}, median"}]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _nowhere(clusters: np.ndarray) -> np.ndarray:
    return (clusters == UNASSIGNED) if clusters.dtype == object else (clusters < 0)
