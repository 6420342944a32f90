"""The θ sweep against recomputing everything for each θ: ``python -m benchmarks.theta_sweep``.

The straightforward way follows the published procedure step by step and keeps nothing between θ values: loadings
by multiplicative updates from a random start, the mixed matrix, its distances over all genes, a full SVD,
scikit-learn's k-means, co-membership matrices, linkage of all cells, and KTA with the centring matrix.

Agreement is checked apart from the clock, because those updates stop short of the optimum: the same steps with
scipy's exact loadings must give our labels (k-means starts differ) and, for our labels, our KTA.

``--large`` measures ours alone, by default on 20,000 cells and 2,000 genes, where SC3 runs on landmarks.
"""

from __future__ import annotations

import argparse
import os
import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # CPU seconds compare only if both use one thread; set before numpy is imported

import numpy as np  # noqa: E402
from scipy.cluster.hierarchy import fcluster, linkage  # noqa: E402
from scipy.optimize import nnls  # noqa: E402
from scipy.sparse import csr_matrix  # noqa: E402
from scipy.spatial.distance import cdist, pdist  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.metrics import adjusted_rand_score  # noqa: E402

from benchmarks.measure import Cost, cost  # noqa: E402
from sctl.methods.transfercluster.preparation import prepare_sweep  # noqa: E402
from sctl.methods.transfercluster.sc3 import Sc3, dimensions  # noqa: E402
from sctl.numerics.class_means import class_means  # noqa: E402
from sctl.preprocess import PreprocessParams, prepare_pair  # noqa: E402
from sctl.run import Run  # noqa: E402
from sctl.simulate import CountModel, simulate_pair  # noqa: E402

THETAS = tuple(round(0.1 * i, 1) for i in range(11))


def problem(n_target: int, n_vars: int) -> tuple[Any, np.ndarray, np.ndarray, int]:
    """Return target (sparse), source profiles, true types and their number, on the paper's simulation."""
    source, target = simulate_pair(
        "complete", n_vars, n_source=1000, n_target=n_target, model=CountModel(effect="node"), run=Run(seed=0)
    )
    params = PreprocessParams.from_dict({"n_top_genes": None})
    pair = prepare_pair(source, target, params, label_key="cell_type").pair
    codes = pair.labels.codes.astype(np.int64)
    H = class_means(pair.source.X, codes, len(pair.labels.categories))
    return pair.target.X, H, pair.target.obs["cell_type"].astype(str).to_numpy(), len(H)


def ours(given: tuple[Any, ...], settings: Sc3) -> list[tuple[np.ndarray, float]]:
    """Sweep as sctl does."""
    X, H, k = given
    sweep = prepare_sweep(X, H, [str(i) for i in range(len(H))], n_clusters=k, settings=settings, run=Run())
    return [(point.clusters, point.kta) for point in sweep.points(THETAS, Run())]


def straightforward(given: tuple[Any, ...], settings: Sc3) -> None:
    """Recompute everything for each θ."""
    X, H, k = given
    dense = X.toarray().astype(np.float64)
    for theta in THETAS:
        mixed = theta * H[_types(dense, H)] + (1 - theta) * dense
        clusters = _sc3(_distances(mixed, settings), k, weighted=settings.weighted)
        _kta(mixed @ mixed.T, clusters)


def compared(given: tuple[Any, ...], settings: Sc3, found: list[tuple[np.ndarray, float]]) -> tuple[float, float]:
    """Return mean ARI between our labels and the textbook's, and the largest difference in KTA of our labels."""
    X, H, k = given
    dense = X.toarray().astype(np.float64)
    z = np.array([nnls(H.T, cell)[0].argmax() for cell in dense])
    agreement, gaps = [], []
    for theta, (clusters, kta) in zip(THETAS, found, strict=True):
        mixed = theta * H[z] + (1 - theta) * dense
        agreement.append(
            adjusted_rand_score(clusters, _sc3(_distances(mixed, settings), k, weighted=settings.weighted))
        )
        gaps.append(abs(kta - _kta(mixed @ mixed.T, clusters)))
    return float(np.mean(agreement)), max(gaps)


def _distances(mixed: np.ndarray, settings: Sc3) -> np.ndarray:
    return np.asarray(cdist(mixed, mixed, "correlation" if settings.distances == ("pearson",) else "euclidean"))


def _types(X: np.ndarray, H: np.ndarray) -> np.ndarray:
    """Strongest loading after multiplicative updates: at most 100 rounds, stopping at 0.1 % change."""
    W = np.abs(np.random.default_rng(0).normal(size=(len(X), len(H)))) + 1e-10
    before = np.abs(X - W @ H).mean()
    for _ in range(100):
        W *= (X @ H.T) / (W @ H @ H.T)
        error = np.abs(X - W @ H).mean()
        if 0 <= before - error <= 1e-3 * before:
            break
        before = error
    return np.asarray(W.argmax(axis=1))


def _sc3(D: np.ndarray, k: int, *, weighted: bool) -> np.ndarray:
    spread = D.std(axis=0)
    S = (D - D.mean(axis=0)) / np.where(spread > 0, spread, 1)
    _, values, right = np.linalg.svd(S)
    rank = int((values > values[0] * len(D) * np.finfo(float).eps).sum())
    vectors = right[:rank].T * (values[:rank] / values[0] if weighted else 1.0)
    consensus = np.zeros_like(D)
    runs = dimensions(len(D))
    for d in runs:
        labels = KMeans(k, n_init=10, max_iter=10_000, random_state=0).fit_predict(vectors[:, : min(d, rank)])
        consensus += labels[:, None] == labels
    return np.asarray(fcluster(linkage(pdist(consensus / len(runs)), "complete"), k, "maxclust"))


def _kta(K: np.ndarray, clusters: np.ndarray) -> float:
    n = len(K)
    centring = np.eye(n) - 1 / n

    def hat(kernel: np.ndarray) -> np.ndarray:
        kernel = centring @ kernel @ centring
        scale = np.sqrt(np.diagonal(kernel))
        return np.asarray(kernel / scale[:, None] / scale)

    a, b = hat(K), hat((clusters[:, None] == clusters).astype(float))
    return float(np.trace(a @ b) / np.sqrt(np.trace(a @ a) * np.trace(b @ b)))


SETTINGS = {
    "published (Euclid, plain eigenvectors)": Sc3(distances=("euclidean",), weighted=False),
    "default (Pearson, weighted eigenvectors)": Sc3(),
}


def large(n_target: int, n_vars: int) -> None:
    """Print what our sweep of a large target costs, and how its clusters agree with the true types."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        truth = _save(path, n_target, n_vars)
        found = cost(partial(_load, path), partial(ours, settings=Sc3()))
    right = [adjusted_rand_score(truth, clusters) for clusters, _ in found.value]
    print(f"11 θ, {n_vars} genes, one thread, memory above the data\n\ncells | CPU s | MB | ARI, least to most over θ")
    print(f"{n_target:5d} | {found.cpu:5.1f} | {found.memory:4.0f} | {min(right):.3f} to {max(right):.3f}")


def _load(path: Path) -> tuple[Any, ...]:
    with np.load(path, allow_pickle=False) as file:
        X = csr_matrix((file["data"], file["indices"], file["indptr"]), shape=tuple(file["shape"]))
        return X, file["H"], int(file["k"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[100, 400, 1000])
    parser.add_argument("--genes", type=int, default=10_000)
    parser.add_argument(
        "--large", type=int, nargs="*", metavar="N", help="cells (20,000) and genes (2,000), ours alone"
    )
    arguments = parser.parse_args()
    if arguments.large is not None:
        large(*(*arguments.large, *(20_000, 2000)[len(arguments.large) :]))
        return
    warnings.simplefilter("ignore", category=ConvergenceWarning)  # fewer distinct points than clusters at θ = 1
    print(f"11 θ, {arguments.genes} genes, one thread, memory above the data")
    for name, settings in SETTINGS.items():
        print(
            f"\n{name}\ncells | CPU s ours | per-θ CPU s | ratio | MB ours | per-θ MB | share | ARI between | max ΔKTA"
        )
        for n_target in arguments.cells:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "problem.npz"
                _save(path, n_target, arguments.genes)
                fast = cost(partial(_load, path), partial(ours, settings=settings))
                slow = cost(partial(_load, path), partial(straightforward, settings=settings))
                agreement = compared(_load(path), settings, fast.value)
            _show(n_target, fast, slow, agreement)


def _save(path: Path, n_target: int, n_vars: int) -> np.ndarray:
    """Write a problem and return the true types."""
    X, H, truth, k = problem(n_target, n_vars)
    np.savez(path, data=X.data, indices=X.indices, indptr=X.indptr, shape=X.shape, H=H, k=k)
    return truth


def _show(n_target: int, fast: Cost, slow: Cost, agreement: tuple[float, float]) -> None:
    print(
        f"{n_target:5d} | {fast.cpu:10.2f} | {slow.cpu:11.2f} | {slow.cpu / fast.cpu:5.0f} | {fast.memory:7.0f} |"
        f" {slow.memory:8.0f} | {fast.memory / slow.memory:5.2f} | {agreement[0]:11.3f} | {agreement[1]:.0e}",
        flush=True,
    )


if __name__ == "__main__":
    main()
