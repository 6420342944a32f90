"""What scArches and its rivals say of a task's targets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
from anndata import AnnData
from typing_extensions import override

from benchmarks.paper_scarches.experiments import STUDY, TYPE, Task
from sctl.data import UNASSIGNED, ReferenceMapping
from sctl.methods.scarches import ScArches
from sctl.numerics.neighbors import ReferenceIndex
from sctl.run import Run

N_COMPONENTS = 50
"""For neighbours."""
N_FOR_CLASSIFIER = 30
"""For logistic regression, as in the baseline of the data."""
MOST_DOUBT = 0.5
"""Beyond this, rivals and the paper's settings leave a cell without a label."""
WAYS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    ", no training": {"surgery_epochs": 0},
    ", input layers": {"trainable": "input"},
    ", all weights": {"trainable": "all"},
}
"""What surgery may change, by what is added to the method's name."""


@dataclass(frozen=True)
class Mapped:
    """One target beside a reference.

    Parameters
    ----------
    likeliest : ndarray of shape (n_obs,)
        Type, whether given or not.
    unknown : ndarray of shape (n_obs,)
        Doubt; high where a cell resembles no type.
    called : ndarray of bool, shape (n_obs,)
        Whether the label is given.
    points : ndarray of shape (n_obs, n_dims)
    reference_points : ndarray of shape (n_ref, n_dims)
    """

    likeliest: np.ndarray
    unknown: np.ndarray
    called: np.ndarray
    points: np.ndarray
    reference_points: np.ndarray


@dataclass(frozen=True)
class Answer:
    """What a method says of all targets.

    Parameters
    ----------
    name : str
    parts : tuple of Mapped
    fit, map : float
        CPU seconds for the reference, and for the targets.
    facts : dict
        Trained parameters, drift and the like, where there are such.
    """

    name: str
    parts: tuple[Mapped, ...]
    fit: float
    map: float
    facts: dict[str, Any] = field(default_factory=dict)


class Watched(ScArches):
    """scArches that shows where the reference's cells were when a target was compared with them."""

    @override
    def _mapped(self, network: Any, data: Any, run: Run) -> Any:
        z, space = super()._mapped(network, data, run)
        self.reference_points_ = space.index.points
        return z, space


def scarches(task: Task, seed: int) -> list[Answer]:
    """Our settings: one reference, and surgery that may change more and more of it."""
    method, seconds = _fitted(Watched(batch_key=STUDY), task, seed)
    return [_by_surgery(f"scarches{name}", method, way, task, seed, seconds) for name, way in WAYS.items()]


def paper_trvae(task: Task, seed: int) -> list[Answer]:
    """The paper's network with mean squared error and MMD, its vote and its doubt."""
    return _as_paper("paper-trvae", task, seed)


def paper_cvae(task: Task, seed: int) -> list[Answer]:
    """The paper's network of counts, its vote and its doubt."""
    return _as_paper("paper-cvae", task, seed)


def pca(task: Task, seed: int) -> list[Answer]:
    """Principal components of the reference, and the neighbours in them."""
    from sklearn.decomposition import PCA  # noqa: PLC0415 - here and below as in the package

    start = time.process_time()
    X = task.reference.X.toarray()
    model = PCA(min(N_COMPONENTS, *X.shape), svd_solver="randomized", random_state=seed).fit(X)
    points = model.transform(X)
    fitted = time.process_time()
    parts = tuple(_by_neighbours(task, points, model.transform(target.X.toarray())) for target in task.targets)
    return [Answer("PCA + kNN", parts, fitted - start, time.process_time() - fitted)]


def harmony(task: Task, seed: int) -> list[Answer]:
    """Principal components of reference and target together, Harmony between datasets, and the neighbours."""
    start = time.process_time()
    parts = tuple(_by_harmony(task, target, seed) for target in task.targets)
    return [Answer("Harmony + kNN", parts, 0.0, time.process_time() - start)]


def logistic(task: Task, seed: int) -> list[Answer]:
    """Logistic regression on principal components, each gene standardised on each side on its own."""
    from sklearn.decomposition import PCA  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    start = time.process_time()
    X = _standardised(task.reference)
    model = PCA(min(N_FOR_CLASSIFIER, *X.shape), svd_solver="randomized", random_state=seed).fit(X)
    points = model.transform(X)
    classifier = LogisticRegression(max_iter=2000).fit(points, task.reference.obs[TYPE].astype(str))
    fitted = time.process_time()
    parts = []
    for target in task.targets:
        z = model.transform(_standardised(target))
        parts.append(_voted(classifier.classes_.astype(object), classifier.predict_proba(z), z, points))
    return [Answer("logistic regression", tuple(parts), fitted - start, time.process_time() - fitted)]


METHODS: Mapping[str, Callable[[Task, int], list[Answer]]] = {
    "pca": pca,
    "harmony": harmony,
    "logistic": logistic,
    "scarches": scarches,
    "paper-trvae": paper_trvae,
    "paper-cvae": paper_cvae,
}
"""Everything that can be run, by name."""


def missing(method: str) -> bool:
    """Return whether a method needs a package that is not there."""
    return method == "harmony" and find_spec("harmonypy") is None


def _fitted(method: Watched, task: Task, seed: int) -> tuple[Watched, float]:
    start = time.process_time()
    method.fit(task.reference, TYPE, Run(seed=seed))
    return method, time.process_time() - start


def _by_surgery(
    name: str, method: Watched, way: Mapping[str, Any], task: Task, seed: int, seconds: float
) -> Answer:  # fmt: skip
    before = {key: getattr(method, key) for key in way}
    for key, value in way.items():
        setattr(method, key, value)
    start, parts, found = time.process_time(), [], []
    for target in task.targets:
        result = method.transfer(target, Run(seed=seed))
        mapping = result.diagnostics.mapping
        assert mapping is not None
        found.append(mapping)
        names = np.array(method.label_names_, dtype=object)
        column = 0 if method.find_new_types else 1  # the paper's only doubt is that between types
        parts.append(
            Mapped(
                names[result.label_proba.argmax(axis=1)],
                result.obsm["novelty"][:, column],
                result.labels != UNASSIGNED,
                result.embedding,
                _as_given(task.reference, method.reference_points_),
            )
        )
    spent = time.process_time() - start
    for key, value in before.items():
        setattr(method, key, value)
    facts = {
        "trained": max(mapping.n_trained for mapping in found),
        "weights": max(mapping.n_weights for mapping in found),
        "drift": max(mapping.drift for mapping in found),
        "formula": max(_formula(method, mapping) for mapping in found) if way == {} else np.nan,
    }
    return Answer(name, tuple(parts), seconds, spent, facts)


def _as_given(reference: AnnData, points: np.ndarray) -> np.ndarray:
    """Return the points in the order of the file: scArches has its cells in the order of their names."""
    out = np.empty_like(points)
    out[np.argsort(reference.obs_names.to_numpy(dtype=str), kind="stable")] = points
    return out


def _formula(method: ScArches, mapping: ReferenceMapping) -> int:
    """Return m (p + q), and where counts are modelled a dispersion for each gene.

    The paper's ``m`` new conditions, ``p`` and ``q`` neurons in the first layers of encoder and decoder. It writes
    ``(n + m)(p + q)``, with the ``n`` conditions of the reference, which by its equations 3 to 6 are left alone.
    """
    shape = method.network_.architecture
    n_new = len(mapping.conditions) - len(method.conditions_)
    own = shape.hidden[0] + shape.hidden[-1]
    return n_new * (own + (shape.n_vars if shape.likelihood in {"nb", "zinb"} else 0))


def _as_paper(preset: Any, task: Task, seed: int) -> list[Answer]:
    settings: dict[str, Any] = {"weighting": "paper", "find_new_types": False, "max_ambiguity": MOST_DOUBT}
    method, seconds = _fitted(Watched(batch_key=STUDY, preset=preset, **settings), task, seed)
    return [_by_surgery(preset, method, {}, task, seed, seconds)]


def _by_neighbours(task: Task, points: np.ndarray, z: np.ndarray) -> Mapped:
    names, codes = np.unique(task.reference.obs[TYPE].astype(str), return_inverse=True)
    votes = ReferenceIndex(points, codes, len(names)).query(z, "deviation")
    return _voted(names.astype(object), votes.proba, z, points)


def _by_harmony(task: Task, target: AnnData, seed: int) -> Mapped:
    from harmonypy import run_harmony  # noqa: PLC0415 - an extra
    from sklearn.decomposition import PCA  # noqa: PLC0415

    n = task.reference.n_obs
    X = np.vstack([task.reference.X.toarray(), target.X.toarray()])
    points = PCA(min(N_COMPONENTS, *X.shape), svd_solver="randomized", random_state=seed).fit_transform(X)
    studies = np.concatenate([task.reference.obs[STUDY].astype(str), "target " + target.obs[STUDY].astype(str)])
    found = _oriented(
        run_harmony(points, _table(studies), STUDY, verbose=False, random_state=seed, ncores=1).Z_corr, len(X)
    )
    return _by_neighbours(task, found[:n], found[n:])


def _table(studies: np.ndarray) -> Any:
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame({STUDY: studies})


def _oriented(found: Any, n: int) -> np.ndarray:
    """Return one row a cell; older releases have one column a cell."""
    values = np.asarray(found, dtype=np.float64)
    return np.ascontiguousarray(values if len(values) == n else values.T)


def _voted(names: np.ndarray, proba: np.ndarray, z: np.ndarray, points: np.ndarray) -> Mapped:
    doubt = 1.0 - proba.max(axis=1)
    return Mapped(names[proba.argmax(axis=1)], doubt, doubt <= MOST_DOUBT, z, points)


def _standardised(adata: AnnData) -> np.ndarray:
    X = adata.X.toarray().astype(np.float64)
    spread = X.std(axis=0)
    return np.asarray((X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
