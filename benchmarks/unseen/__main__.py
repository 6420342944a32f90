"""Every method on data that no constant was set on: ``python -m benchmarks.unseen --data FOLDER``.

Each run has a process of its own and one thread. What the methods said is kept in ``--out`` and not computed again; delete
it after a change of a method. Tables are printed for the tasks of reporting, or with ``--tuning`` for those of tuning.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import pandas as pd  # noqa: E402

from benchmarks.unseen.measures import measured  # noqa: E402
from benchmarks.unseen.peers import PEERS  # noqa: E402
from benchmarks.unseen.rivals import RIVALS  # noqa: E402
from benchmarks.unseen.runs import kept  # noqa: E402
from benchmarks.unseen.tasks import KINDS, tasks  # noqa: E402
from sctl.errors import SctlError  # noqa: E402
from sctl.methods import METHODS  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unseen", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files")
    parser.add_argument("--out", type=Path, default=Path("unseen"), help="folder in which answers are kept")
    parser.add_argument("--quick", action="store_true", help="some pairs of each tissue in place of all")
    parser.add_argument("--tuning", action="store_true", help="the tasks on which constants may be set")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--methods", nargs="+", choices=[*METHODS, *RIVALS, *PEERS])
    parser.add_argument("--peers-python", type=Path, help="Python that has benchmarks/requirements-peers.txt")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--permuted", action="store_true", help="once more with the genes in another order")
    arguments = parser.parse_args()
    methods = arguments.methods or [*METHODS, *RIVALS, *(PEERS if arguments.peers_python else ())]
    rows = []
    for task in tasks(arguments.data, quick=arguments.quick):
        if task.is_for_tuning is not arguments.tuning or task.kind not in arguments.kinds:
            continue
        for method in methods:
            for seed, permuted in [(s, False) for s in arguments.seeds] + [(0, True)] * arguments.permuted:
                try:
                    answer = kept(
                        task,
                        method,
                        arguments.data,
                        arguments.out,
                        seed=seed,
                        permuted=permuted,
                        peers_python=arguments.peers_python,
                    )
                except SctlError:
                    continue
                rows.append({"kind": task.kind, "task": task.name, "method": method, **measured(answer)})
    table = pd.DataFrame(rows)
    pd.set_option("display.width", 250, "display.max_columns", 30, "display.max_rows", 1000)  # type: ignore[call-arg]  # as pandas documents it
    for kind in arguments.kinds:
        of = table[table["kind"] == kind]
        if len(of):
            print(f"\n## {kind}: accuracy\n")
            print(of.pivot_table(index="task", columns="method", values="accuracy").round(3).to_string())
            print(f"\n## {kind}: means over {of['task'].nunique()} tasks\n")
            print(of.drop(columns=["kind", "task"]).groupby("method").mean().round(3).to_string())


if __name__ == "__main__":
    main()
