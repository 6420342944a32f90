"""One run of one method on one experiment, and what it is worth."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.measure import cost
from benchmarks.paper_scarches.answers import METHODS, Answer, Mapped
from benchmarks.paper_scarches.experiments import EXPERIMENTS, STUDY, TYPE, Task, prepared
from benchmarks.paper_scarches.integration import label_purity, mixing_entropies, nearest, neighbourhood_purity
from sctl.analysis.evaluate import macro_f1
from sctl.data import UNASSIGNED
from sctl.errors import SctlWarning
from sctl.run import Run

K = 15
QUALITY = (
    "accuracy", "called right", "share called", "all cells", "macro-F1", "new flagged", "AUROC",
    "EBM", "EBM, nats", "label purity", "neighbourhood purity",
)  # fmt: skip
FACTS = ("trained", "formula", "drift")
COSTS = ("fit CPU s", "map CPU s", "CPU s", "MB")
_HEAVY = ("sklearn.decomposition", "sklearn.linear_model", "sklearn.neighbors", "torch")


def measured(experiment: str, method: str, seed: int, *, folder: str) -> list[dict[str, Any]]:
    """Run a method once on an experiment, in a process of its own.

    Returns
    -------
    list of dict
        One for each number of target cells, and for scArches one for each granularity of surgery, which share their
        reference. Seconds are each answer's own; memory is the peak of the whole run.
    """
    for name in _HEAVY:
        import_module(name)  # paid here once, not by each method
    task = prepared(experiment, Path(folder))
    rows = []
    for size in (*EXPERIMENTS[experiment].sizes, None):
        prepare = partial(_sized, experiment, folder, size, seed)
        spent = cost(prepare, partial(_answers, method=method, seed=seed), start="fork")
        part = sized(task, size, seed)
        common = {"experiment": experiment, "seed": seed, "cells": sum(map(len, part.truths))}
        costs = {"genes": part.reference.n_vars, "MB": spent.memory}
        rows += [{**common, **scores(part, answer), **costs} for answer in spent.value]
    return rows


def sized(task: Task, size: int | None, seed: int) -> Task:
    """Return the task with ``size`` random cells of each target; smaller draws are parts of larger ones."""
    if size is None:
        return task
    kept = [Run(seed=seed).rng("cells of the target").permutation(len(truth))[:size] for truth in task.truths]
    kept = [np.sort(cells) for cells in kept]
    return replace(
        task,
        targets=tuple(target[cells].copy() for target, cells in zip(task.targets, kept, strict=True)),
        truths=tuple(truth[cells] for truth, cells in zip(task.truths, kept, strict=True)),
        before=tuple(before[cells] for before, cells in zip(task.before, kept, strict=True)),
    )


def scores(task: Task, answer: Answer) -> dict[str, Any]:
    """Compare an answer with the truth.

    Returns
    -------
    dict
        Of cells whose type the reference has: ``accuracy`` and ``macro-F1`` of the likeliest type, whether it is
        given or not, and ``share called``. ``called right``: share of right labels among all that are given; one given to
        a cell of a new type is wrong. ``all cells``: a cell is right with the right label, or, if its type is
        new, without one. ``new flagged`` and ``AUROC``: cells of new types, NaN without such. Mixing and purities: means
        over targets, of each target and the reference together, neighbours ``K``.
    """
    truth = np.concatenate(task.truths)
    likeliest, unknown, called = (
        np.concatenate([getattr(part, name) for part in answer.parts]) for name in ("likeliest", "unknown", "called")
    )
    new = ~np.isin(truth, task.reference.obs[TYPE].unique().astype(object))
    right = likeliest == truth
    labels = np.where(called, likeliest, UNASSIGNED)
    return {
        "method": answer.name,
        "accuracy": _mean(right[~new]),
        "called right": _mean(right[called]),
        "share called": _mean(called[~new]),
        "all cells": _mean(np.where(new, labels == UNASSIGNED, labels == truth)),
        "macro-F1": macro_f1(likeliest[~new], truth[~new]),
        "new flagged": _mean(~called[new]),
        "AUROC": float(roc_auc_score(new, unknown)) if 0 < new.sum() < len(new) else float("nan"),
        **_space(task, answer),
        **{name: answer.facts.get(name, np.nan) for name in FACTS},
        "fit CPU s": answer.fit,
        "map CPU s": answer.map,
        "CPU s": answer.fit + answer.map,
    }


def _space(task: Task, answer: Answer) -> dict[str, float]:
    found = [_of_target(task, place, part) for place, part in enumerate(answer.parts)]
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]}


def _of_target(task: Task, place: int, part: Mapped) -> dict[str, float]:
    """Measure how one target and the reference lie together."""
    points = np.vstack([part.reference_points, part.points])
    own = "target " + task.targets[place].obs[STUDY].astype(str)
    studies = np.unique(np.concatenate([task.reference.obs[STUDY].astype(str), own]), return_inverse=True)[1]
    types = np.concatenate([task.reference.obs[TYPE].astype(str), task.truths[place]]).astype(str)
    _, neighbors = nearest(points, K)
    within = np.zeros(len(part.points), dtype=np.int64)
    return {
        "EBM": float(mixing_entropies(neighbors, studies, normalized=True).mean()),
        "EBM, nats": float(mixing_entropies(neighbors, studies, normalized=False).mean()),
        "label purity": label_purity(neighbors, np.unique(types, return_inverse=True)[1]),
        "neighbourhood purity": neighbourhood_purity(task.before[place], part.points, within, K),
    }


def _sized(experiment: str, folder: str, size: int | None, seed: int) -> Task:
    return sized(prepared(experiment, Path(folder)), size, seed)


def _answers(task: Task, method: str, seed: int) -> list[Answer]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SctlWarning)
        return METHODS[method](task, seed)


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
