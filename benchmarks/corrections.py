"""Real pairs plain, without batch effect and imputed: ``python -m benchmarks.corrections --data FOLDER``.

ARI of the clusters of each method with its defaults, and what the corrections did to mixing and zeros.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import pandas as pd  # noqa: E402

from benchmarks.pairs import PAIRS, RealPair  # noqa: E402
from sctl.analysis.evaluate import adjusted_rand  # noqa: E402
from sctl.errors import SctlWarning  # noqa: E402
from sctl.methods import METHODS, get_method  # noqa: E402
from sctl.methods.base import fit_transfer  # noqa: E402
from sctl.preprocess import PrepareReport, PreprocessParams, prepare_pair  # noqa: E402
from sctl.run import Run  # noqa: E402

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "combat": {"batch_correction": "combat"},
    "magic": {"imputation": "magic"},
}


def row(pair: RealPair, folder: Path, variant: str, seed: int) -> dict[str, Any]:
    """Prepare a pair in one of the variants and run every method on it."""
    source, target, truth = pair.load(folder)
    params = PreprocessParams.from_dict(VARIANTS[variant])
    prepared = prepare_pair(source, target, params, label_key=pair.label_key)
    known = truth.reindex(prepared.pair.target.obs_names).to_numpy(dtype=object)
    scores = {
        key: adjusted_rand(fit_transfer(prepared.pair, get_method(key)(), Run(seed=seed)).clusters, known)
        for key in ("transfercluster", "targetcluster", "concatenatecluster")
        if key in METHODS
    }
    return {"pair": pair.name, "variant": variant, **scores, **effects(prepared.report)}


def effects(report: PrepareReport) -> dict[str, str]:
    """Say what a correction did, before → after."""
    said = {}
    if report.batch is not None:
        before, after = report.batch.mixing
        said = {"mixing": f"{before:.3f} → {after:.3f}", "set to 0": f"{report.batch.clipped:.2f}"}
    if report.imputation is not None:
        before, after = report.imputation.zeros["target"]
        said = {"zeros of the target": f"{before:.2f} → {after:.2f}"}
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files")
    parser.add_argument("--pairs", type=int, nargs="+", default=list(range(len(PAIRS))), help="their numbers")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", SctlWarning)
    rows = []
    for number in arguments.pairs:
        for variant in VARIANTS:
            rows.append(row(PAIRS[number], arguments.data, variant, arguments.seed))
            print(rows[-1], flush=True)
    print("\n" + pd.DataFrame(rows).fillna("").to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
