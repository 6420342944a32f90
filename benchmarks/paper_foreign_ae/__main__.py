"""The experiments: ``python -m benchmarks.paper_foreign_ae --data FOLDER [--part transfer|pathways]``."""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

from benchmarks.pairs import RealPair  # noqa: E402
from benchmarks.paper_foreign_ae.pathways import counted  # noqa: E402
from benchmarks.paper_foreign_ae.transfer import FOREIGN, PAIRS, transferred  # noqa: E402
from sctl.errors import SctlWarning  # noqa: E402

DATASETS = (RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"), RealPair("baron_human1", "baron_mouse"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files")
    parser.add_argument("--part", choices=("transfer", "pathways"), default="transfer")
    parser.add_argument("--genes", choices=("variable", "hallmark", "all"), default="variable")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--pairs", type=int, nargs="+", help="numbers of pairs, from 0; the last is the foreign one")
    parser.add_argument("--networks", type=int, default=3, help="1 leaves out several networks together")
    parser.add_argument("--units", type=int, default=25, help="how many units of the code are compared with pathways")
    given = parser.parse_args()
    warnings.simplefilter("ignore", SctlWarning)
    if given.part == "pathways":
        for pair in DATASETS:
            table = counted(pair, given.data, given.seeds, n_units=given.units)
            print(
                table.groupby(["data", "λ", "case"])[["any", "exactly one", "two"]]
                .mean()
                .to_string(float_format="%.1f")
            )
        return
    pairs = [*PAIRS, FOREIGN]
    chosen = pairs if given.pairs is None else [pairs[number] for number in given.pairs]
    table = transferred(chosen, given.data, given.genes, given.seeds, most_networks=given.networks)
    grouped = table.groupby(["pair", "space"], sort=False)[["accuracy", "macro F1", "CPU s"]].agg(["mean", "std"])
    print(grouped.to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()
