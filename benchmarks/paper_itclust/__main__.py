"""ItClust's experiments and its rivals: ``python -m benchmarks.paper_itclust [EXPERIMENT ...] --data FOLDER``.

Every run has one thread and a process of its own, forked when the data are ready: seconds and memory are the
method's alone, memory what it needed above the loaded data. "accuracy" counts all target cells, "shared" those whose
type the source has, "majority" names every cluster by its most frequent true type; a cell left unassigned is wrong.
With ``--out`` runs are kept, and joined with those of earlier calls.
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

from benchmarks.paper_itclust.experiments import EXPERIMENTS, WITHHELD  # noqa: E402
from benchmarks.paper_itclust.runs import measured, methods, variant  # noqa: E402
from benchmarks.paper_itclust.tables import against_trial, markdown, summary  # noqa: E402

_KEY = ["experiment", "method", "seed", "setting"]


def main(given: list[str] | None = None) -> None:
    arguments = _arguments(given)
    tasks = [
        (experiment, method, seed)
        for experiment in arguments.experiments or EXPERIMENTS
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        for method in arguments.methods
    ]
    work = Parallel(n_jobs=arguments.jobs, return_as="generator")(
        delayed(measured)(*task, folder=str(arguments.data), setting=arguments.setting) for task in tasks
    )
    runs = _kept(arguments.out, arguments.setting)
    for task, rows in zip(tasks, work, strict=True):
        print(*task, file=sys.stderr, flush=True)
        runs = pd.concat([runs, pd.DataFrame(rows)]).drop_duplicates(_KEY, keep="last", ignore_index=True)
        if arguments.out is not None:
            runs.to_csv(arguments.out / f"runs_{arguments.setting}.csv", index=False)
    report = _report(runs, arguments.against)
    print(report)
    if arguments.out is not None:
        (arguments.out / f"table_{arguments.setting}.md").write_text(report + "\n", encoding="utf-8")


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper_itclust", description=__doc__.splitlines()[0])
    parser.add_argument(
        "experiments",
        nargs="*",
        choices=[*EXPERIMENTS, *WITHHELD, []],
        metavar="EXPERIMENT",
        help=f"{', '.join(EXPERIMENTS)}; only where named: {', '.join(WITHHELD)}",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files")
    parser.add_argument(
        "--methods",
        nargs="+",
        default=methods(),
        type=_method,
        help=f"{', '.join(methods())}; with settings as KEY:NAME=VALUE,NAME=VALUE",
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--setting", default="trial", choices=["trial", "app"], help="how the data are prepared")
    parser.add_argument("--against", default="itclust", help="the method to compare with the earlier trial")
    parser.add_argument("--out", type=Path, help="folder for every run (.csv) and the table (.md)")
    return parser.parse_args(given)


def _method(text: str) -> str:
    variant(text)
    return text


def _kept(out: Path | None, setting: str) -> pd.DataFrame:
    """Return the runs of earlier calls."""
    if out is None:
        return pd.DataFrame(columns=_KEY)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"runs_{setting}.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=_KEY)


def _report(runs: pd.DataFrame, against: str) -> str:
    table, verdict = against_trial(runs, against)
    comparison = f"{against} (the trial in brackets)\n\n{markdown(table)}\n\n" if len(table) else ""
    return f"{markdown(summary(runs))}\n\n{comparison}{verdict}"


if __name__ == "__main__":
    main()
