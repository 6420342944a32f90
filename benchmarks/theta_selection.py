"""Which score chooses θ best: ``python -m benchmarks.theta_selection [--data FOLDER]``.

Each dataset is clustered at θ = 0, 0.1 … 0.9; every score then chooses among the same clusterings, and what counts
is the ARI of its choice. Simulated: the paper's simulator, raw counts and log-normalised values, as many clusters as
there are types. Real pairs: everything by default. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from benchmarks.pairs import PAIRS  # noqa: E402
from sctl.analysis.evaluate import adjusted_rand  # noqa: E402
from sctl.errors import SctlWarning  # noqa: E402
from sctl.methods.transfercluster import TransferCluster  # noqa: E402
from sctl.methods.transfercluster.preparation import N_NULLS, prepare_sweep  # noqa: E402
from sctl.methods.transfercluster.sweep import ThetaSweep  # noqa: E402
from sctl.methods.transfercluster.theta import Criterion, choose_theta  # noqa: E402
from sctl.numerics.class_means import class_means  # noqa: E402
from sctl.preprocess import PreprocessParams, prepare_pair  # noqa: E402
from sctl.run import Run  # noqa: E402
from sctl.simulate import CountModel, simulate_pair  # noqa: E402

THETAS = tuple(round(0.1 * i, 1) for i in range(10))
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
COLUMNS = ["target alone", *CRITERIA, "best θ"]


def scored(sweep: ThetaSweep, truth: np.ndarray) -> dict[str, float]:
    """Return the ARI at the θ of every score, without the source, and at the best θ."""
    points = list(sweep.points(THETAS, Run()))
    right = {point.theta: adjusted_rand(point.clusters, truth) for point in points}
    known = [criterion for criterion in CRITERIA if criterion in points[0].scores]
    chosen: dict[str, float] = {criterion: right[choose_theta(points, criterion)] for criterion in known}
    return {"target alone": right[0.0], **chosen, "best θ": max(right.values())}


def simulated(
    sizes: list[int], seeds: range, n_vars: int, inputs: list[str], *, n_nulls: int
) -> Iterator[dict[str, Any]]:
    """Yield one row for each overlap, seed, size and kind of values."""
    for overlap in ("complete", "incomplete", "none"):
        for seed in seeds:
            model = CountModel(effect="node")
            sides = simulate_pair(overlap, n_vars, n_source=1000, n_target=max(sizes), model=model, run=Run(seed=seed))
            for values in inputs:
                for size in sizes:
                    sweep, truth = _sweep_of(sides[0], sides[1][:size], values, Run(seed=seed), n_nulls)
                    yield {"overlap": overlap, "values": values, "cells": size, **scored(sweep, truth)}


def _sweep_of(source: Any, target: Any, values: str, run: Run, n_nulls: int) -> tuple[ThetaSweep, np.ndarray]:
    X, S, codes, kept = target.X, source.X, source.obs["cell_type"].cat.codes.to_numpy(), target.obs_names
    if values == "log":
        params = PreprocessParams.from_dict({"n_top_genes": None})
        pair = prepare_pair(source, target, params, label_key="cell_type").pair
        X, S, codes, kept = pair.target.X, pair.source.X, pair.labels.codes, pair.target.obs_names
    _, codes = np.unique(codes, return_inverse=True)
    H = class_means(S, codes, int(codes.max()) + 1)
    truth = target.obs.loc[kept, "cell_type"].astype(str).to_numpy()
    names = [str(code) for code in range(len(H))]
    sweep = prepare_sweep(X.astype(float), H, names, n_clusters=len(set(truth)), n_nulls=n_nulls, run=run)
    return sweep, truth


def real(folder: Path, seeds: range, *, n_nulls: int) -> Iterator[dict[str, Any]]:
    """Yield one row for each pair and seed."""
    method = TransferCluster(criterion="null_kta" if n_nulls else "balanced", n_permutations=0)
    for pair in PAIRS:
        given, truth = pair.prepared(folder)
        fitted: Any = method.fit(given.source, given.label_key, Run())
        for seed in seeds:
            yield {"pair": pair.name, **scored(fitted.prepare_sweep(given.target, Run(seed=seed)), truth)}


def shown(rows: list[dict[str, Any]], by: list[str]) -> str:
    """Return mean ARI by dataset as a Markdown table; the last row is the mean of the rows."""
    columns = [column for column in COLUMNS if column in rows[0]]
    table = pd.DataFrame(rows).groupby(by, sort=False)[columns].mean()
    lines = ["| " + " | ".join([*by, *columns]) + " |", "|" + "---|" * (len(by) + len(columns))]
    for name, row in table.iterrows():
        key = [str(part) for part in (name if isinstance(name, tuple) else (name,))]
        lines.append("| " + " | ".join([*key, *(f"{value:.3f}" for value in row)]) + " |")
    mean = [f"**{value:.3f}**" for value in table.mean()]
    return "\n".join([*lines, "| " + " | ".join(["**mean**", *([""] * (len(by) - 1)), *mean]) + " |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the .h5ad files of the real pairs")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--inputs", nargs="+", default=["raw", "log"], choices=["raw", "log"])
    parser.add_argument("--fast", action="store_true", help="leave null_kta out, which takes most of the time")
    parser.add_argument("--rows", type=Path, help="where to write every single run, as .csv")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", SctlWarning)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    n_nulls = 0 if arguments.fast else N_NULLS
    if arguments.data is None:
        rows = list(simulated(arguments.sizes, seeds, arguments.genes, arguments.inputs, n_nulls=n_nulls))
        print(shown(rows, ["overlap", "values", "cells"]) + "\n\n" + shown(rows, ["overlap", "values"]))
    else:
        rows = list(real(arguments.data, seeds, n_nulls=n_nulls))
        print(shown(rows, ["pair"]))
    if arguments.rows is not None:
        pd.DataFrame(rows).to_csv(arguments.rows, index=False)


if __name__ == "__main__":
    main()
