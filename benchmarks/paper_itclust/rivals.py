"""What a careful analyst would try first: classifiers on principal components, centroids, and Leiden.

All see the same variable genes as ItClust, each gene standardised on each side on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from sctl.data import UNASSIGNED, Pair
from sctl.methods.transfercluster.clusterers import neighbor_graph
from sctl.run import Run

N_COMPONENTS = 30
RESOLUTIONS = (0.05, 0.1, *(round(0.2 * step, 1) for step in range(1, 11)))
"""The range of the paper, 0.2 to 2, and two below it, which are in favour of the rival."""
THRESHOLD = 0.7
"""Of scmap: a cell that resembles no centroid so closely is not assigned."""
N_FEATURES = 500
"""Of scmap."""


@dataclass(frozen=True)
class Answer:
    """What a method says of the target cells.

    Parameters
    ----------
    name : str
        Of the method, for the table.
    clusters : ndarray of shape (n_obs,)
        Any values; "unassigned" or -1 where a cell has none.
    labels : ndarray of shape (n_obs,), optional
        Source types; None from a method that only clusters.
    """

    name: str
    clusters: np.ndarray
    labels: np.ndarray | None = None


def logistic(pair: Pair, run: Run) -> list[Answer]:
    """Logistic regression on the source's principal components."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - here, as in the package

    return [_classified("logistic regression", pair, LogisticRegression(max_iter=2000), run)]


def svm(pair: Pair, run: Run) -> list[Answer]:
    """Linear support vector machine on the source's principal components, as in Moana."""
    from sklearn.svm import SVC  # noqa: PLC0415

    return [_classified("linear SVM", pair, SVC(kernel="linear"), run)]


def centroids(pair: Pair, run: Run) -> list[Answer]:
    """Likeness to the medians of the source types, as in scmap-cluster: with its threshold, and without.

    Features are the genes that are absent more often than their mean suggests. A cell's type is the one that
    two of three likenesses (cosine, Pearson, Spearman) agree on; without a threshold, failing that, the cosine's.
    """
    X, Y = (side.X.toarray().astype(np.float64) for side in (pair.source, pair.target))
    labels = np.asarray(pair.labels)
    types = np.unique(labels)
    medians = np.array([np.median(X[labels == name], axis=0) for name in types])
    used = _often_absent(X) & medians.any(axis=0)
    alike = np.array([likeness(Y[:, used], medians[:, used]) for likeness in (_cosine, _pearson, _spearman)])
    best, value = alike.argmax(axis=2), alike.max(axis=2)
    agree = (best[:, None] == best[None]).sum(axis=1)
    chosen = agree.argmax(axis=0)  # the first likeness with the most company; the cosine where there is none
    cells = np.arange(len(Y))
    free = types[best[chosen, cells]].astype(object)
    close = np.where(best == best[chosen, cells], value, -1.0).max(axis=0) > THRESHOLD
    strict = np.where(close & (agree.max(axis=0) > 1), free, UNASSIGNED)
    return [Answer("centroids, 0.7", strict, strict), Answer("centroids", free, free)]


def leiden(pair: Pair, run: Run) -> list[Answer]:
    """Leiden on the neighbours of the target alone, one answer for each resolution."""
    import leidenalg  # noqa: PLC0415 - an extra

    _, scores = _standardised(pair)
    points = _pca(scores, run).transform(scores)
    graph = neighbor_graph(points)
    found = [
        leidenalg.find_partition(
            graph, leidenalg.RBConfigurationVertexPartition, weights="weight", n_iterations=-1,
            resolution_parameter=resolution, seed=run.random_state("leiden"),
        )
        for resolution in RESOLUTIONS
    ]  # fmt: skip
    return [Answer("leiden", np.asarray(part.membership)) for part in found]


RIVALS: Mapping[str, Callable[[Pair, Run], list[Answer]]] = {
    "leiden": leiden,
    "svm": svm,
    "centroids": centroids,
    "logistic": logistic,
}
"""The rivals by name."""


def _classified(name: str, pair: Pair, classifier: Any, run: Run) -> Answer:
    source, target = _standardised(pair)
    pca = _pca(source, run)
    labels = classifier.fit(pca.transform(source), np.asarray(pair.labels)).predict(pca.transform(target))
    return Answer(name, labels.astype(object), labels.astype(object))


def _standardised(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return both sides' variable genes with mean 0 and spread 1 on each side."""
    used = pair.source.var["highly_variable"].to_numpy()
    source, target = (_z(side.X[:, used].toarray().astype(np.float64)) for side in (pair.source, pair.target))
    return source, target


def _z(X: np.ndarray) -> np.ndarray:
    spread = X.std(axis=0)
    return np.asarray((X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _pca(X: np.ndarray, run: Run) -> Any:
    from sklearn.decomposition import PCA  # noqa: PLC0415

    n_components = min(N_COMPONENTS, *X.shape)
    return PCA(n_components, svd_solver="randomized", random_state=run.random_state("pca")).fit(X)


def _often_absent(X: np.ndarray) -> np.ndarray:
    """Mark the genes furthest above the line of absence on expression, both as logarithms."""
    absent = (X == 0).mean(axis=0)
    usable = (absent > 0) & (absent < 1)
    x, y = np.log2(X.mean(axis=0)[usable]), np.log2(absent[usable])
    slope, height = np.polyfit(x, y, 1)
    above = np.full(X.shape[1], -np.inf)
    above[usable] = y - slope * x - height
    marked = np.zeros(X.shape[1], dtype=bool)
    marked[np.argsort(-above, kind="stable")[:N_FEATURES]] = True
    return np.asarray(marked & usable)


def _cosine(cells: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Return cosines of cells with types: (n_cells, n_types); 0 for a cell or type without length."""
    unit = [side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12) for side in (cells, types)]
    return np.asarray(unit[0] @ unit[1].T)


def _pearson(cells: np.ndarray, types: np.ndarray) -> np.ndarray:
    return _cosine(cells - cells.mean(axis=1, keepdims=True), types - types.mean(axis=1, keepdims=True))


def _spearman(cells: np.ndarray, types: np.ndarray) -> np.ndarray:
    return _pearson(rankdata(cells, axis=1), rankdata(types, axis=1))
