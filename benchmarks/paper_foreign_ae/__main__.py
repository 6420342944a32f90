"""The experiments: ``python -m benchmarks.paper_foreign_ae --data FOLDER [--part transfer|pathways|deletion|speed]``.

With ``--out`` rows are added to a table as they come, and those of earlier calls are not repeated; ``--tables`` prints it.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # before numpy is imported

import pandas as pd  # noqa: E402

from benchmarks.paper_foreign_ae import reasons, tables  # noqa: E402
from benchmarks.paper_foreign_ae.pathways import DATASETS, counted  # noqa: E402
from benchmarks.paper_foreign_ae.transfer import PAIRS, transferred  # noqa: E402
from sctl.errors import SctlWarning  # noqa: E402

Rows = Iterable[dict[str, Any]]


def main() -> None:
    given = _arguments()
    warnings.simplefilter("ignore", SctlWarning)
    kept = None if given.out is None else given.out / f"{given.part}.csv"
    if given.tables:
        assert kept is not None
        print(tables.text(given.part, pd.read_csv(kept)))
        return
    work: dict[str, Callable[[], Rows]] = {
        "transfer": lambda: _transfer(given, _done(kept)),
        "pathways": lambda: _pathways(given),
        "deletion": lambda: _deletion(given),
        "speed": reasons.timed,
    }
    rows = []
    for row in work[given.part]():
        rows.append(row)
        print(row, flush=True)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            old = [pd.read_csv(kept)] if kept.exists() else []
            pd.concat([*old, pd.DataFrame([row])], ignore_index=True).to_csv(kept, index=False)
    if kept is not None or rows:
        print(tables.text(given.part, pd.DataFrame(rows) if kept is None else pd.read_csv(kept)))


def _done(kept: Path | None) -> set[tuple[str, int]]:
    if kept is None or not kept.exists():
        return set()
    found = pd.read_csv(kept)
    return set(zip(found["pair"], found["seed"], strict=True))


def _transfer(given: argparse.Namespace, done: set[tuple[str, int]]) -> Rows:
    chosen = PAIRS if given.pairs is None else [PAIRS[number] for number in given.pairs]
    for seed in given.seeds:
        for pair in chosen:
            if (pair.name, seed) not in done:
                yield from transferred(pair, given.data, given.genes, seed, orthogonality=given.orthogonality)


def _pathways(given: argparse.Namespace) -> Rows:
    chosen = DATASETS if given.pairs is None else [DATASETS[number] for number in given.pairs]
    for seed in given.seeds:
        for pair in chosen:
            yield from counted(pair, given.data, seed, n_units=given.units, least=given.least)


def _deletion(given: argparse.Namespace) -> Rows:
    chosen = reasons.PAIRS if given.pairs is None else [reasons.PAIRS[number] for number in given.pairs]
    for seed in given.seeds:
        for pair in chosen:
            yield from reasons.checked(pair, given.data, seed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files")
    parser.add_argument("--part", choices=("transfer", "pathways", "deletion", "speed"), default="transfer")
    parser.add_argument("--genes", choices=("variable", "hallmark", "all"), default="variable")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--pairs", type=int, nargs="+", help="numbers of pairs or datasets, from 0")
    parser.add_argument("--orthogonality", action="store_true", help="train without the constraint, too (transfer)")
    parser.add_argument("--units", type=int, default=25, help="how many units of the code are compared with pathways")
    parser.add_argument("--least", type=int, default=5, help="smallest number of cells of a type that is looked at")
    parser.add_argument("--out", type=Path, help="folder in which tables are kept")
    parser.add_argument("--tables", action="store_true", help="only print what --out holds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
