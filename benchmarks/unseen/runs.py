"""Run methods on tasks, and keep what they said, so that a table can be drawn again without another run."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.measure import cost
from benchmarks.unseen.peers import PEERS, Given, PeerFailed, asked
from benchmarks.unseen.rivals import RIVALS
from benchmarks.unseen.tasks import Task
from sctl.errors import ParameterError, SctlError, SctlWarning
from sctl.methods import METHODS, get_method
from sctl.run import Run
from sctl.workflow import transfer


@dataclass(frozen=True)
class Answer:
    """What one method said of one task.

    Parameters
    ----------
    labels : ndarray of str, shape (n_obs,)
    confidence : ndarray of shape (n_obs,)
    unknown : ndarray of shape (n_obs,)
        The larger, the less the cell is of a type of the source.
    clusters : ndarray of int, shape (n_obs,)
    truth : ndarray of object, shape (n_obs,)
    types : tuple of str
        Of the source.
    facts : dict
        CPU seconds, memory, what the method says of the source.
    """

    labels: np.ndarray
    confidence: np.ndarray
    unknown: np.ndarray
    clusters: np.ndarray
    truth: np.ndarray
    types: tuple[str, ...]
    facts: dict[str, Any]


def run(task: Task, method: str, folder: Path, *, seed: int = 0, permuted: bool = False) -> Answer:
    """Run one method, one of ours or a rival, on one task in a process of its own with one thread."""
    done = cost(partial(_prepared, task, folder, permuted=permuted), partial(_answer, method=method, seed=seed))
    parts, truth = done.value
    facts = {**parts.pop("facts"), "CPU s": done.cpu, "MB": done.memory}
    return Answer(**parts, truth=truth, facts=facts)


def run_peer(
    task: Task, name: str, folder: Path, python: Path | None, *, seed: int = 0, permuted: bool = False
) -> Answer:
    """Run one published peer on one task in its own environment; ``python`` is that of the environment.

    Raises
    ------
    ParameterError
        If there is no ``python``, or it did not answer.
    """
    if python is None:
        raise ParameterError(
            f"{name} runs in an environment of its own.",
            expected="Its Python is known.",
            do="Say where it is with --peers-python.",
        )
    given, truth = _given(task, folder, permuted=permuted)
    try:
        return Answer(**asked(name, given, python, seed=seed), truth=truth)
    except PeerFailed as error:
        raise ParameterError(
            str(error), expected="The peer answers.", do="Install benchmarks/requirements-peers.txt."
        ) from error


def kept(  # noqa: PLR0913 - what a run depends on
    task: Task,
    method: str,
    folder: Path,
    out: Path,
    *,
    seed: int = 0,
    permuted: bool = False,
    peers_python: Path | None = None,
) -> Answer:
    """Return the answer that lies in ``out``, else run the method and put it there."""
    name = f"{task.name}~{method}~{seed}{'p' if permuted else ''}".replace("/", "-")
    path = out / f"{name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        begun = time.time()
        try:
            if method in PEERS:
                answer = run_peer(task, method, folder, peers_python, seed=seed, permuted=permuted)
            else:
                answer = run(task, method, folder, seed=seed, permuted=permuted)
        except SctlError as error:
            print(f"{name}: {error}", flush=True)
            raise
        _write(answer, path)
        print(f"{name}: {time.time() - begun:.0f} s", flush=True)
    return _read(path)


def _prepared(task: Task, folder: Path, *, permuted: bool) -> tuple[Any, np.ndarray]:
    warnings.simplefilter("ignore", SctlWarning)
    pair, truth = task.prepared(folder)
    if permuted:
        order = np.random.default_rng(1).permutation(pair.source.n_vars)
        pair = type(pair)(
            source=pair.source[:, order].copy(), target=pair.target[:, order].copy(), label_key=pair.label_key
        )
    return pair, truth


def _answer(given: tuple[Any, np.ndarray], method: str, seed: int) -> tuple[dict[str, Any], np.ndarray]:
    pair, truth = given
    if method not in METHODS:
        return RIVALS[method](pair, seed), truth
    result = transfer(pair, get_method(method)(), Run(seed=seed))
    parts = {
        "labels": result.labels.astype(str),
        "confidence": result.confidence,
        "unknown": result.obs.get("unknown", 1 - result.confidence),
        "clusters": result.clusters,
        "types": tuple(map(str, result.label_names)),
        "facts": {},
    }
    return parts, truth


@lru_cache(maxsize=1)
def _given(task: Task, folder: Path, *, permuted: bool) -> tuple[Given, np.ndarray]:
    """Prepare a task once for all peers that are asked one after the other."""
    with warnings.catch_warnings():
        pair, truth = _prepared(task, folder, permuted=permuted)
    given = Given(
        source=sparse.csr_matrix(pair.source.X),
        target=sparse.csr_matrix(pair.target.X),
        genes=pair.source.var_names.to_numpy(dtype=str),
        labels=np.asarray(pair.labels).astype(str),
    )
    return given, truth


def _write(answer: Answer, path: Path) -> None:
    truth = pd.Series(answer.truth).fillna("").astype(str).to_numpy(dtype=str)
    with path.with_suffix(".part").open("wb") as file:
        np.savez_compressed(
            file,
            labels=answer.labels.astype(str),
            confidence=answer.confidence,
            unknown=answer.unknown,
            clusters=answer.clusters,
            truth=truth,
            types=np.array(answer.types, dtype=str),
            facts=json.dumps(answer.facts),
        )
    path.with_suffix(".part").rename(path)


def _read(path: Path) -> Answer:
    with np.load(path, allow_pickle=False) as stored:
        return Answer(
            labels=stored["labels"],
            confidence=stored["confidence"],
            unknown=stored["unknown"],
            clusters=stored["clusters"],
            truth=stored["truth"],
            types=tuple(stored["types"]),
            facts=json.loads(str(stored["facts"])),
        )
