"""What a user would write in ten lines of scikit-learn, on unscaled log values. Each sees what our methods see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from sctl.data import Pair


def _values(adata: Any) -> np.ndarray:
    X = adata.X
    return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)


def _named(classifier: Pipeline, pair: Pair, marked: np.ndarray) -> dict[str, Any]:
    classifier.fit(_values(pair.source)[:, marked], np.asarray(pair.labels).astype(str))
    proba = classifier.predict_proba(_values(pair.target)[:, marked])
    names = classifier.classes_
    return {
        "labels": names[proba.argmax(axis=1)],
        "confidence": proba.max(axis=1),
        "unknown": 1 - proba.max(axis=1),
        "clusters": np.full(len(proba), -1),
        "types": tuple(map(str, names)),
        "facts": {},
    }


def _components(pair: Pair, n: int, seed: int) -> PCA:
    return PCA(min(n, pair.source.n_vars, pair.source.n_obs), random_state=seed)


def logistic_regression(pair: Pair, seed: int) -> dict[str, Any]:
    """Logistic regression on all shared genes."""
    return _named(make_pipeline(LogisticRegression(max_iter=500)), pair, np.ones(pair.source.n_vars, dtype=bool))


def logistic_components(pair: Pair, seed: int) -> dict[str, Any]:
    """Logistic regression on 50 principal components of the variable genes."""
    return _named(make_pipeline(_components(pair, 50, seed), LogisticRegression(max_iter=500)), pair, _variable(pair))


def neighbors(pair: Pair, seed: int) -> dict[str, Any]:
    """15 nearest neighbors in 50 principal components of the variable genes."""
    return _named(make_pipeline(_components(pair, 50, seed), KNeighborsClassifier(15)), pair, _variable(pair))


def support_vectors(pair: Pair, seed: int) -> dict[str, Any]:
    """Linear support vector machine on 30 components, with Platt's probabilities."""
    machine = CalibratedClassifierCV(LinearSVC(), cv=3, ensemble=False)
    return _named(make_pipeline(_components(pair, 30, seed), machine), pair, _variable(pair))


def _variable(pair: Pair) -> np.ndarray:
    return np.asarray(pair.source.var["highly_variable"], dtype=bool)


RIVALS: dict[str, Callable[[Pair, int], dict[str, Any]]] = {
    "logistic regression": logistic_regression,
    "logistic regression, 50 PCs": logistic_components,
    "15 neighbors, 50 PCs": neighbors,
    "linear SVM, 30 PCs": support_vectors,
}
