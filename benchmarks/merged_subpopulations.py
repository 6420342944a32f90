"""Does a warning of hidden groups come where it should: ``python -m benchmarks.merged_subpopulations --data FOLDER``.

Targets of 300 cells of the real pairs are clustered with as many clusters as they have types, with the whole source and
with one type left out of it at a time. A group of θ = 0 that the chosen θ joins with others of the same name is *two
kinds* where the most frequent true types on both sides differ. Prints a Markdown table: how many such parts there were,
and of how many the result warns.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from anndata import AnnData  # noqa: E402

from benchmarks.pairs import PAIRS, RealPair  # noqa: E402
from sctl.errors import SctlWarning  # noqa: E402
from sctl.methods.transfercluster import TransferCluster  # noqa: E402
from sctl.methods.transfercluster.biology import joined_parts, merged_subpopulations  # noqa: E402
from sctl.methods.transfercluster.theta import choose_theta  # noqa: E402
from sctl.preprocess import prepare_pair  # noqa: E402
from sctl.run import Run  # noqa: E402

N_CELLS = 300
N_LEFT_OUT = 3
"""The commonest types of the target are left out of the source, one at a time."""


def judged(pair: RealPair, sides: tuple[AnnData, AnnData, pd.Series], seed: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each part that the chosen θ joins with others."""
    source, target, truth = sides
    chosen = np.sort(Run(seed=seed).rng("small target").permutation(target.n_obs)[:N_CELLS])
    given = prepare_pair(source, target[chosen].copy(), label_key=pair.label_key).pair
    known = truth.reindex(given.target.obs_names).astype(str).to_numpy(dtype=object)
    method: Any = TransferCluster(n_clusters=len(set(known)), n_permutations=0)
    run = Run(seed=seed)
    sweep = method.fit(given.source, given.label_key, run).prepare_sweep(given.target, run)
    points = list(sweep.points(method.thetas, run))
    result = method.result_at(sweep, given.target.obs_names, choose_theta(points), points)
    alone = points[0].clusters
    found = merged_subpopulations(
        given.target.X, list(given.target.var_names), clusters=result.clusters, labels=result.labels, alone=alone
    )
    said = {group.cells.tobytes() for group in found}
    for cluster, part in joined_parts(result.clusters, alone):
        rest = (result.clusters == cluster) & ~part
        types, names = ([pd.Series(of[cells]).mode()[0] for cells in (part, rest)] for of in (known, result.labels))
        if names[0] != names[1]:
            continue
        yield {"two kinds": types[0] != types[1], "warned": part.tobytes() in said, "types": " / ".join(types)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files of the real pairs")
    parser.add_argument("--seeds", type=int, default=2, help="draws of the target's cells")
    parser.add_argument("--rows", type=Path, help="where to write every part, as .csv")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", SctlWarning)
    rows, runs = [], []
    for pair in PAIRS:
        source, target, truth = pair.load(arguments.data)
        types = source.obs[pair.label_key].astype(str)
        shared = [kind for kind in truth.astype(str).value_counts().index if kind in set(types)]
        for left_out in (None, *shared[:N_LEFT_OUT]) if types.nunique() > 2 else (None,):
            kept = source[(types != left_out).to_numpy()].copy()
            for seed in range(arguments.seeds):
                case = {"pair": pair.name, "left out": left_out or "", "seed": seed}
                found = list(judged(pair, (kept, target, truth), seed))
                runs.append(case)
                rows += [{**case, **row} for row in found]
    print(
        table(
            pd.DataFrame(runs), pd.DataFrame(rows, columns=["pair", "left out", "seed", "two kinds", "warned", "types"])
        )
    )
    if arguments.rows is not None:
        pd.DataFrame(rows).to_csv(arguments.rows, index=False)


def table(runs: pd.DataFrame, rows: pd.DataFrame) -> str:
    """Return a Markdown table with a row for each pair: runs, and warned of all parts, by what they truly are."""
    lines = ["| pair | runs | two kinds: warned of | one kind: warned of |", "|---|---|---|---|"]
    for name, here in [*runs.groupby("pair", sort=False), ("**all**", runs)]:
        own = rows if name == "**all**" else rows[rows["pair"] == name]
        cells = []
        for truly in (True, False):
            of = own[own["two kinds"] == truly]
            cells.append(f"{int(of['warned'].sum())} of {len(of)}")
        lines.append(f"| {name} | {len(here)} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
