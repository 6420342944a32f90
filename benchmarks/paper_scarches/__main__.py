"""scArches' experiments and its rivals: ``python -m benchmarks.paper_scarches [EXPERIMENT ...] --data FOLDER``.

Every run has one thread and a process of its own, forked when the data are ready. ``throughput`` is an experiment of its
own: cells per CPU second of our training loop and of a naive one. With ``--out`` runs are kept, and joined with those
of earlier calls.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # before numpy is imported

import pandas as pd  # noqa: E402
from joblib import Parallel, delayed  # noqa: E402

from benchmarks.paper_scarches import throughput  # noqa: E402
from benchmarks.paper_scarches.answers import METHODS, missing  # noqa: E402
from benchmarks.paper_scarches.experiments import EXPERIMENTS  # noqa: E402
from benchmarks.paper_scarches.runs import measured  # noqa: E402
from benchmarks.paper_scarches.tables import report  # noqa: E402

_KEY = ["experiment", "cells", "method", "seed"]


def main(given: list[str] | None = None) -> None:
    arguments = _arguments(given)
    wanted = arguments.experiments or [*EXPERIMENTS, "throughput"]
    if "throughput" in wanted:
        _show(
            throughput.text(throughput.measured(str(arguments.data), arguments.first_seed)),
            arguments.out,
            "throughput.md",
        )
    tasks = _tasks(arguments, [name for name in wanted if name != "throughput"])
    if tasks:
        _show(report(_made(arguments, tasks)), arguments.out, "table.md")


def _tasks(arguments: argparse.Namespace, experiments: list[str]) -> list[tuple[str, str, int]]:
    absent = [method for method in arguments.methods if missing(method)]
    for method in absent:
        print(f"{method} is left out: pip install 'sctl[benchmarks]' brings what it needs.", file=sys.stderr)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    methods = [method for method in arguments.methods if method not in absent]
    return [(experiment, method, seed) for experiment in experiments for seed in seeds for method in methods]


def _made(arguments: argparse.Namespace, tasks: list[tuple[str, str, int]]) -> pd.DataFrame:
    """Return the runs that were asked for and those of earlier calls, which are written as they come."""
    work = Parallel(n_jobs=arguments.jobs, return_as="generator")(
        delayed(measured)(*task, folder=str(arguments.data)) for task in tasks
    )
    path = None if arguments.out is None else arguments.out / "runs.csv"
    runs = pd.read_csv(path) if path is not None and path.exists() else pd.DataFrame(columns=_KEY)
    for task, rows in zip(tasks, work, strict=True):
        print(*task, file=sys.stderr, flush=True)
        new = pd.DataFrame(rows)
        runs = pd.concat([runs, new]).drop_duplicates(_KEY, keep="last", ignore_index=True) if len(runs) else new
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            runs.to_csv(path, index=False)
    return runs


def _show(text: str, out: Path | None, name: str) -> None:
    print(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text + "\n", encoding="utf-8")


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper_scarches", description=__doc__.splitlines()[0])
    names = [*EXPERIMENTS, "throughput"]
    parser.add_argument("experiments", nargs="*", choices=[*names, []], metavar="EXPERIMENT", help=", ".join(names))
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--out", type=Path, help="folder for every run (.csv) and the tables (.md)")
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
