"""A type that the reference lacks: ``python -m benchmarks.unseen_type --data FOLDER``.

The task on which the public packages were measured: a reference of Baron's donors 1 and 2 without alpha cells; Baron's
donor 4 and Segerstolpe as targets, with alpha cells; 1,194 shared genes. A good method names the other cells and tells the
alpha cells from them at once.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from anndata import AnnData  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from sctl.data import UNASSIGNED  # noqa: E402
from sctl.io import read  # noqa: E402
from sctl.methods.scarches import ScArches  # noqa: E402
from sctl.numerics.neighbors import ReferenceIndex, Weighting  # noqa: E402
from sctl.numerics.normalize import log_normalized  # noqa: E402
from sctl.run import Run  # noqa: E402

UNSEEN = "alpha"


@dataclass(frozen=True)
class Task:
    """Reference with ``obs["type"]`` and ``obs["donor"]``; targets without labels, and their truth."""

    reference: AnnData
    targets: tuple[AnnData, ...]
    truths: tuple[np.ndarray, ...]


def load(folder: Path) -> Task:
    """Read both files and cut them as described above."""
    baron, segerstolpe = (read(folder / f"{name}.h5ad") for name in ("baron_human124_hvg2000", "segerstolpe_hvg2000"))
    genes = baron.var_names.intersection(segerstolpe.var_names)
    types, donors = baron.obs["cell_type_harmonised"].astype(str), baron.obs["donor"].astype(str)
    seen = (donors != "human4") & (types != UNSEEN)
    reference = _prepared(baron[seen.to_numpy(), genes])
    reference.obs["type"], reference.obs["donor"] = types[seen].to_numpy(), donors[seen].to_numpy()
    sides = baron[(donors == "human4").to_numpy(), genes], segerstolpe[:, genes]
    truths = tuple(side.obs["cell_type_harmonised"].astype(str).to_numpy() for side in sides)
    return Task(reference, tuple(map(_prepared, sides)), truths)


def _prepared(adata: AnnData) -> AnnData:
    out = AnnData(log_normalized(adata.X), obs=pd.DataFrame(index=adata.obs_names), var=adata.var[[]].copy())
    out.layers["counts"] = adata.X.copy()
    return out


def by_scarches(task: Task, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Measure scArches."""
    start = time.process_time()
    method = ScArches(batch_key="donor", **settings).fit(task.reference, "type", Run(seed=seed))
    fitted = time.process_time()
    results = [method.transfer(target, Run(seed=seed)) for target in task.targets]
    done = time.process_time()
    names = np.array(method.label_names_, dtype=object)
    likeliest = np.concatenate([names[result.label_proba.argmax(axis=1)] for result in results])
    unknown = np.concatenate([result.obsm["novelty"][:, 0] for result in results])
    flagged = np.concatenate([result.labels == UNASSIGNED for result in results])
    seen = len(method.log_["train"]) * round(0.9 * task.reference.n_obs)
    return {
        **judged(task, likeliest, unknown, flagged),
        "drift": max(mapping.drift for result in results if (mapping := result.diagnostics.mapping)),
        "fit CPU s": fitted - start,
        "map CPU s": done - fitted,
        "cells per CPU s": seen / (fitted - start),
    }


def by_pca(task: Task, weighting: Weighting) -> dict[str, Any]:
    """Measure 50 principal components of the reference and the neighbours in them: what must be beaten."""
    from sklearn.decomposition import PCA  # noqa: PLC0415 - as everywhere

    start = time.process_time()
    names, codes = np.unique(task.reference.obs["type"].astype(str), return_inverse=True)
    pca = PCA(50, random_state=0).fit(task.reference.X.toarray())
    index = ReferenceIndex(pca.transform(task.reference.X.toarray()), codes, len(names))
    votes = [index.query(pca.transform(target.X.toarray()), weighting) for target in task.targets]
    ambiguity = np.concatenate([vote.ambiguity for vote in votes])
    likeliest = np.concatenate([names[vote.proba.argmax(axis=1)] for vote in votes])
    return {**judged(task, likeliest, ambiguity, ambiguity > 0.5), "fit CPU s": time.process_time() - start}


def judged(task: Task, likeliest: np.ndarray, unknown: np.ndarray, flagged: np.ndarray) -> dict[str, float]:
    """Compare with the truth."""
    truth = np.concatenate(task.truths)
    new = truth == UNSEEN
    right = likeliest == truth
    return {
        "accuracy": float(right[~new].mean()),
        "macro": float(np.mean([right[truth == name].mean() for name in np.unique(truth[~new])])),
        "accuracy of called": float(right[~new & ~flagged].mean()),
        "unknown, shared": float(flagged[~new].mean()),
        "unknown, alpha": float(flagged[new].mean()),
        "AUROC": float(roc_auc_score(new, unknown)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--presets", nargs="+", default=["sctl"], choices=["sctl", "paper-trvae", "paper-cvae"])
    arguments = parser.parse_args()
    task = load(arguments.data)
    rows = [{"method": "PCA + neighbours", **by_pca(task, "deviation")}]
    for preset in arguments.presets:
        for seed in arguments.seeds:
            rows.append({"method": f"scArches {preset}, seed {seed}", **by_scarches(task, {"preset": preset}, seed)})
            print(rows[-1], flush=True)
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
