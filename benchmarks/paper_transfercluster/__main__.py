"""The command: which experiment, how often, on how many cores, and where to."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # each repeat has one core; set before numpy is imported, and seen by workers

import pandas as pd  # noqa: E402
from joblib import Parallel, delayed  # noqa: E402

from benchmarks.paper_transfercluster import figures, robust, simulated, split, tables  # noqa: E402
from benchmarks.paper_transfercluster.scoring import METHODS, Setting  # noqa: E402

Unit = tuple[Callable[..., list[dict[str, Any]]], dict[str, Any]]


def gathered(units: Iterable[Unit], arguments: argparse.Namespace, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Run independent units and write their rows as they come, in order; or read those of an earlier run.

    Parameters
    ----------
    units : iterable of (function, keyword arguments)
        Importable by name, of plain values: within ``joblib.parallel_config(backend="dask")`` they go to a cluster.
    arguments : Namespace
        ``jobs``, ``out``, ``from_rows``.
    name : str
        Of the CSV file, which is replaced.
    columns : sequence of str
        Its columns.

    Returns
    -------
    DataFrame
    """
    path = arguments.out / f"{name}.csv"
    if arguments.from_rows:
        return pd.read_csv(path)
    path.unlink(missing_ok=True)
    units = list(units)
    done = []
    found = Parallel(n_jobs=arguments.jobs, return_as="generator")(
        delayed(function)(**given) for function, given in units
    )
    for number, rows in enumerate(found, start=1):
        tables.write_rows(rows, path, columns)
        done += rows
        print(f"{number} of {len(units)}", file=sys.stderr, flush=True)
    return pd.DataFrame(done)


def run_simulated(arguments: argparse.Namespace) -> None:
    """Figure 2."""
    setting = Setting(published=arguments.published, found_k=arguments.found_k, concatenate=not arguments.fast)
    given = {
        "sizes": tuple(arguments.sizes),
        "n_vars": arguments.genes,
        "n_source": arguments.source_cells,
        "values": arguments.values,
        "effect": arguments.effect,
        "setting": setting,
    }
    units = [
        (simulated.one_repeat, {"overlap": overlap, "seed": seed, **given})
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.repeats)
        for overlap in arguments.overlaps
    ]
    name = "simulated_" + ("published" if arguments.published else arguments.values)
    name += "_gene" if arguments.effect == "gene" else ""
    rows = gathered(units, arguments, name, simulated.COLUMNS)
    by = ["overlap", "cells"]
    found = tables.summary(rows, by).sort_values(by, key=_in_order(simulated.OVERLAPS), kind="stable")
    print(tables.wide(found, by, _taking_part(rows)))
    print("\n" + tables.refusals(rows))
    figures.curves(found, arguments.out / f"{name}.svg", panels="overlap", methods=METHODS)


def run_split(arguments: argparse.Namespace) -> None:
    """Figure 3."""
    setting = Setting(published=arguments.published, found_k=arguments.found_k, concatenate=not arguments.fast)
    given = {"folder": arguments.data, "sizes": tuple(arguments.sizes), "setting": setting}
    units = [
        (split.one_repeat, {"dataset": dataset, "truth": truth, "overlap": overlap, "seed": seed, **given})
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.repeats)
        for dataset in split.DATASETS
        for truth in arguments.truths
        for overlap in split.OVERLAPS
    ]
    rows = gathered(units, arguments, "split", split.COLUMNS)
    by = ["data", "truth", "overlap", "cells"]
    found = tables.summary(rows, by).sort_values(by, kind="stable")
    print(tables.wide(found, by, _taking_part(rows)))
    print("\n" + tables.refusals(rows))
    for number, ((data, truth), own) in enumerate(found.groupby(["data", "truth"], sort=False)):
        path = arguments.out / f"split_{number}.svg"
        figures.curves(own, path, panels="overlap", methods=METHODS, title=f"{data}, {truth} labels")


def run_robustness(arguments: argparse.Namespace) -> None:
    """Table 1."""
    last = arguments.first_seed + arguments.seeds
    blocks = [range(first, min(first + 20, last)) for first in range(arguments.first_seed, last, 20)]
    given = {"folder": arguments.data, "n_cells": arguments.cells}
    units = [
        (robust.one_block, {"question": question, "variant": variant, "method": method, "seeds": seeds, **given})
        for question in robust.QUESTIONS
        for variant in robust.VARIANTS
        for method in robust.METHODS
        for seeds in blocks
    ]
    rows = gathered(units, arguments, "robustness", robust.COLUMNS)
    print(tables.separated(rows))


def _taking_part(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(method for method in METHODS if method in set(rows["method"]))


def _in_order(names: tuple[str, ...]) -> Callable[[pd.Series], pd.Series]:
    """Return a sort key: names in this order, numbers by value."""
    return lambda column: column.map({name: i for i, name in enumerate(names)}) if column.dtype == object else column


def _of_simulations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeats", type=int, default=12, help="simulations of each overlap; the paper's are 100")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(simulated.SIZES))
    parser.add_argument("--overlaps", nargs="+", default=list(simulated.OVERLAPS), choices=simulated.OVERLAPS)
    parser.add_argument("--genes", type=int, default=10_000)
    parser.add_argument("--source-cells", type=int, default=1000)
    parser.add_argument("--values", default="log", choices=["log", "raw"], help="as sctl prepares them, or counts")
    parser.add_argument(
        "--effect", default="node", choices=["node", "gene"], help="one change for a type, or for each gene"
    )


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper_transfercluster")
    experiments = parser.add_subparsers(dest="experiment", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--out", type=Path, default=Path("paper_transfercluster"), help="folder of rows and figures")
    shared.add_argument("--jobs", type=int, default=1, help="processes")
    shared.add_argument("--first-seed", type=int, default=0)
    shared.add_argument("--from-rows", action="store_true", help="only tables and figures, of the rows that are there")
    first = experiments.add_parser("simulated", parents=[shared], help="Figure 2: three overlaps, 10 to 800 cells")
    _of_simulations(first)
    first.set_defaults(run=run_simulated)
    real = argparse.ArgumentParser(add_help=False)
    real.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files of the real data")
    second = experiments.add_parser("split", parents=[shared, real], help="Figure 3: a real dataset cut in two")
    second.add_argument("--repeats", type=int, default=5, help="cuts of each kind; the paper's are 100")
    second.add_argument("--sizes", type=int, nargs="+", default=list(split.SIZES))
    second.add_argument("--truths", nargs="+", default=list(split.TRUTHS), choices=split.TRUTHS)
    second.set_defaults(run=run_split)
    third = experiments.add_parser("robustness", parents=[shared, real], help="Table 1: two close groups, many seeds")
    third.add_argument("--seeds", type=int, default=100, help="runs of each method; the paper's are 1000")
    third.add_argument("--cells", type=int, default=300, help="size of the targets")
    third.set_defaults(run=run_robustness)
    for sub in (first, second):
        sub.add_argument("--published", action="store_true", help="the released code's settings in place of ours")
        sub.add_argument("--found-k", action="store_true", help="find the number of clusters; else it is the true one")
        sub.add_argument("--fast", action="store_true", help="leave ConcatenateCluster out")
    return parser.parse_args()


def main() -> None:
    """Run one experiment."""
    arguments = parsed()
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
