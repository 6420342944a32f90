"""Published peers with the settings of their manuals, in an environment of their own.

``requirements-peers.txt`` says what is in it. :func:`asked` writes the shared genes of a pair, log1p of counts per 10,000 as our
methods see them, to a file and starts this module in the other environment; that writes what the peer said to a second file.
Nothing of sctl is imported here, since it is not there. A source of these tasks is one batch, so that nothing is integrated first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.measure import cost

ROOT = Path(__file__).parents[2]
UNASSIGNED = "unassigned"
N_GENES = 2_000
N_MADS = 3
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Given:
    """What a peer gets.

    Parameters
    ----------
    source, target : csr_matrix of shape (n_obs, n_vars)
        log1p of counts per 10,000 over the shared genes.
    genes : ndarray of str, shape (n_vars,)
    labels : ndarray of str, shape (n_source,)
    """

    source: sparse.csr_matrix
    target: sparse.csr_matrix
    genes: np.ndarray
    labels: np.ndarray

    def write(self, path: Path) -> None:
        """Write it as a file that any version of NumPy reads."""
        sides = {
            f"{role} {part}": getattr(side, part)
            for role, side in (("source", self.source), ("target", self.target))
            for part in ("data", "indices", "indptr", "shape")
        }
        np.savez(path, genes=self.genes.astype(str), labels=self.labels.astype(str), **sides)

    @classmethod
    def read(cls, path: Path) -> Given:
        """Return what :meth:`write` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            source, target = (
                sparse.csr_matrix(
                    tuple(stored[f"{role} {part}"] for part in ("data", "indices", "indptr")),
                    shape=tuple(stored[f"{role} shape"]),
                )
                for role in ("source", "target")
            )
            return cls(source, target, stored["genes"], stored["labels"])


@dataclass(frozen=True)
class Said:
    """What a peer says; larger ``unknown`` is less of a type of the source. ``is_probability`` is about ``confidence``."""

    labels: np.ndarray
    confidence: np.ndarray
    unknown: np.ndarray
    is_probability: bool = True


@dataclass(frozen=True)
class Peer:
    """``function`` takes what is given and a seed; ``packages`` are imported before time is counted.

    What numba compiles is counted, each time anew: most of the seconds of ingest and of CellTypist's majority.
    """

    function: Callable[[Given, int], Said]
    packages: tuple[str, ...]


class PeerFailed(Exception):
    """The other environment did not answer."""


def asked(name: str, given: Given, python: Path, *, seed: int = 0) -> dict[str, Any]:
    """Run a peer in the environment of ``python``, on one thread, and return the parts of its answer.

    Raises
    ------
    PeerFailed
        With the end of what the peer printed.
    """
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / "given.npz", Path(folder) / "said.npz"]
        given.write(paths[0])
        command = [str(python.absolute()), "-m", "benchmarks.unseen.peers", name, *map(str, paths), str(seed)]
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode or not paths[1].exists():
            raise PeerFailed(f"{name}: {done.stderr.strip()[-500:]}")
        with np.load(paths[1], allow_pickle=False) as stored:
            return {
                **{part: stored[part] for part in ("labels", "confidence", "unknown", "clusters")},
                "types": tuple(map(str, stored["types"])),
                "facts": json.loads(str(stored["facts"])),
            }


def celltypist(given: Given, seed: int, *, voting: bool = False) -> Said:
    """CellTypist: two-pass training with its choice of genes; the best match, or the majority of its over-clustering."""
    import celltypist as package  # noqa: PLC0415 - here and below: only in the other environment

    model = package.train(
        _adata(given.source, given),
        labels=given.labels,
        feature_selection=len(given.genes) > 300,  # it takes 300 of each type
        random_state=seed,
    )
    said = package.annotate(_adata(given.target, given), model=model, majority_voting=voting)
    by = "majority_voting" if voting else "predicted_labels"
    obs = said.to_adata(insert_conf_by=by).obs
    highest = said.probability_matrix.max(axis=1).to_numpy()
    return Said(obs[by].to_numpy(dtype=str), obs["conf_score"].to_numpy(dtype=float), 1 - highest)


def symphonypy(given: Given, seed: int, *, repaired: bool = False) -> Said:
    """Symphony: its reference without Harmony's step, 5 nearest neighbors, distance of each cell to the reference.

    It does not say how sure a label is, so the share of votes of the same neighbors is taken. Version 0.2.4 keeps the means of
    clusters without Harmony's step where the correction of the target needs sums, as there are with that step and in the package
    for R; ``repaired`` puts sums there.
    """
    import scanpy as sc  # noqa: PLC0415
    import symphonypy as sp  # noqa: PLC0415
    from sklearn.neighbors import KNeighborsClassifier  # noqa: PLC0415

    np.random.seed(seed)  # noqa: NPY002 - what its k-means draws from
    source, target = _variable(_adata(given.source, given)), _adata(given.target, given)
    sc.pp.scale(source, max_value=10)
    sc.pp.pca(source, n_comps=min(30, source.n_obs - 1), zero_center=False)
    sp.tl.map_embedding(target, source)
    if repaired:
        source.uns["harmony"]["C"] = source.uns["harmony"]["R"] @ source.obsm["X_pca"]
        sp.tl.map_embedding(target, source)
    sp.tl.per_cell_confidence(target, source, ref_basis_adjusted="X_pca")
    sp.tl.transfer_labels_kNN(target, source, "label", ref_basis="X_pca")
    classifier = KNeighborsClassifier().fit(source.obsm["X_pca"], source.obs["label"])
    votes = classifier.predict_proba(target.obsm["X_pca_harmony"]).max(axis=1)
    return Said(target.obs["label"].to_numpy(dtype=str), votes, target.obs["symphony_per_cell_dist"].to_numpy())


def singler(given: Given, seed: int) -> Said:
    """SingleR with the markers that it advises for single cells; labels that its rule prunes are unassigned.

    What it goes by is no probability: how far the score of the label lies above the median of all scores of the cell. The package
    for Python leaves the pruning out; it is done as in that for R.
    """
    import singler as package  # noqa: PLC0415

    genes = given.genes.tolist()
    said = package.annotate_single(
        *(side.sorted_indices().T for side in (given.target, given.source)),
        given.labels.tolist(),
        test_features=genes,
        ref_features=genes,
        train_args={"marker_method": "auc"},
    )
    names = list(said["scores"].get_column_names())
    scores = np.column_stack([said["scores"].column(name) for name in names])
    labels = np.array(said["best"], dtype=str)
    above = scores[np.arange(len(labels)), [names.index(label) for label in labels]] - np.median(scores, axis=1)
    return Said(np.where(pruned(labels, above), UNASSIGNED, labels), above, -above, is_probability=False)


def pruned(labels: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return which cells lie more than three median absolute deviations below the median of all cells of their label."""
    out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        of = labels == label
        center = np.median(above[of])
        spread = 1.4826 * np.median(np.abs(above[of] - center))  # R's mad(): that of a normal distribution is 1
        out[of] = above[of] < center - N_MADS * spread
    return out


def ingest(given: Given, seed: int) -> Said:
    """Ingest of scanpy: principal components of the variable genes, 15 neighbors; the share of their votes as confidence.

    The map is left out, since no label depends on it.
    """
    import scanpy as sc  # noqa: PLC0415

    source = _variable(_adata(given.source, given))
    target = _adata(given.target, given)[:, source.var_names].copy()
    sc.pp.pca(source, n_comps=min(50, source.n_obs - 1), random_state=seed)
    sc.pp.neighbors(source, random_state=seed)
    mapped = sc.tl.Ingest(source)  # what sc.tl.ingest does, keeping the neighbors
    mapped.fit(target)
    mapped.map_embedding("pca")
    mapped.neighbors(random_state=seed)
    mapped.map_labels("label", "knn")
    labels = mapped.to_adata().obs["label"].to_numpy(dtype=str)
    votes = (given.labels[mapped._indices] == labels[:, None]).mean(axis=1)
    return Said(labels, votes, 1 - votes)


PEERS = {
    "CellTypist": Peer(celltypist, ("celltypist",)),
    "CellTypist, majority": Peer(partial(celltypist, voting=True), ("celltypist",)),
    "symphonypy": Peer(symphonypy, ("symphonypy", "scanpy")),
    "symphonypy, repaired": Peer(partial(symphonypy, repaired=True), ("symphonypy", "scanpy")),
    "SingleR": Peer(singler, ("singler", "scranpy")),
    "scanpy ingest": Peer(ingest, ("scanpy", "umap", "pynndescent")),
}


def _adata(X: sparse.csr_matrix, given: Given) -> Any:
    """Return one side with the names that peers want, and its labels if it is the source."""
    import anndata  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    obs = pd.DataFrame(index=[f"cell {number}" for number in range(X.shape[0])])
    if X is given.source:
        obs["label"] = pd.Categorical(given.labels)
    adata = anndata.AnnData(X=X.copy(), obs=obs, var=pd.DataFrame(index=given.genes.astype(object)))
    adata.uns["log1p"] = {"base": None}  # says that the logarithm was taken
    return adata


def _variable(adata: Any) -> Any:
    import scanpy as sc  # noqa: PLC0415

    sc.pp.highly_variable_genes(adata, n_top_genes=min(N_GENES, adata.n_vars))
    return adata[:, adata.var["highly_variable"]].copy()


def _ready(name: str, path: Path) -> Given:
    warnings.simplefilter("ignore")
    for package in PEERS[name].packages:
        import_module(package)
    return Given.read(path)


def _work(given: Given, *, name: str, seed: int) -> Said:
    return PEERS[name].function(given, seed)


def main(arguments: list[str]) -> None:
    """Answer in the other environment: the peer's name, the file that is given, the file to write, the seed."""
    name, given, path, seed = arguments[0], Path(arguments[1]), Path(arguments[2]), int(arguments[3])
    done = cost(partial(_ready, name, given), partial(_work, name=name, seed=seed))
    said = done.value
    facts = {
        "CPU s": done.cpu,
        "MB": done.memory,
        "is probability": said.is_probability,
        "versions": {package: version(package) for package in _distributions(name)},
    }
    np.savez(
        path,
        labels=said.labels.astype(str),
        confidence=said.confidence.astype(float),
        unknown=said.unknown.astype(float),
        clusters=np.full(len(said.labels), -1),
        types=np.unique(Given.read(given).labels),
        facts=json.dumps(facts),
    )


def _distributions(name: str) -> list[str]:
    return ["umap-learn" if package == "umap" else package for package in PEERS[name].packages]


if __name__ == "__main__":
    main(sys.argv[1:])
