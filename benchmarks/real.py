"""Every real pair with every method: ``python -m benchmarks.real --data FOLDER``.

Each run has a process of its own and one thread. Memory is what the method needed above the loaded data.
Accuracy counts every target cell with a known type; "shared" only those whose type the source has.
"""

from __future__ import annotations

import argparse
import os
import warnings
from functools import partial
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from benchmarks.measure import cost  # noqa: E402
from benchmarks.pairs import PAIRS, RealPair  # noqa: E402
from sctl.analysis.evaluate import accuracy, adjusted_rand, nmi  # noqa: E402
from sctl.errors import SctlWarning  # noqa: E402
from sctl.methods import METHODS, get_method  # noqa: E402
from sctl.methods.base import fit_transfer  # noqa: E402
from sctl.run import Run  # noqa: E402


def prepared(pair: RealPair, folder: Path) -> tuple[Any, np.ndarray]:
    """Read and prepare a pair in this process."""
    warnings.simplefilter("ignore", SctlWarning)
    return pair.prepared(folder)


def scored(given: tuple[Any, np.ndarray], key: str, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Run a method and compare with the truth."""
    pair, truth = given
    result = fit_transfer(pair, get_method(key)(**settings), Run(seed=seed))
    known = ~pd.isna(truth)
    curve = result.diagnostics.theta
    return {
        "cells": result.n_obs,
        "types": len(set(truth[known])),
        "k": len(result.cluster_names),
        "θ": f"{curve.theta:.1f}" if curve is not None else "",
        "ARI": adjusted_rand(result.clusters, truth),
        "NMI": nmi(result.clusters, truth),
        "accuracy": accuracy(result.labels, truth),
        "shared": accuracy(result.labels, truth, among=list(result.label_names)),
        "confidence": float(result.confidence.mean()),
    }


def table(folder: Path, keys: list[str], seeds: list[int]) -> pd.DataFrame:
    """Return one row for each pair and method, averaged over seeds; rows are printed as they come."""
    rows = []
    for pair in PAIRS:
        for key in keys:
            runs = [cost(partial(prepared, pair, folder), partial(scored, key=key, settings={}, seed=s)) for s in seeds]
            first = runs[0].value
            mean = {name: float(np.mean([run.value[name] for run in runs])) for name in MEASURES}
            rows.append({
                "pair": pair.name, "method": key, **first, **mean,
                "CPU s": float(np.mean([run.cpu for run in runs])), "MB": max(run.memory for run in runs),
            })  # fmt: skip
            print(rows[-1], flush=True)
    return pd.DataFrame(rows)


MEASURES = ("ARI", "NMI", "accuracy", "shared", "confidence")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    rows = table(arguments.data, arguments.methods, arguments.seeds)
    print("\n" + rows.to_string(index=False, float_format="{:.3f}".format))
    best = rows.pivot(index="pair", columns="method", values="ARI")
    if {"transfercluster", "targetcluster", "concatenatecluster"} <= set(best):
        baseline = best[["targetcluster", "concatenatecluster"]].max(axis=1)
        wins = int((best["transfercluster"] >= baseline - 1e-9).sum())
        print(f"\nTransferCluster is at least as good as the better baseline (ARI) on {wins} of {len(best)} pairs.")


if __name__ == "__main__":
    main()
