"""Genes that only the target has, left out, constant or following: ``python -m benchmarks.target_only_genes --data FOLDER``.

Each draw takes other target cells and, where a number of shared genes is given, other genes for the source, while the
target keeps all its own. "shared types" leaves out cells whose type the source does not have.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from anndata import AnnData  # noqa: E402

from benchmarks.pairs import RealPair  # noqa: E402
from sctl.analysis.evaluate import accuracy, adjusted_rand  # noqa: E402
from sctl.data import TARGET_ONLY, Pair  # noqa: E402
from sctl.errors import SctlWarning  # noqa: E402
from sctl.methods.base import fit_transfer  # noqa: E402
from sctl.methods.transfercluster import TransferCluster  # noqa: E402
from sctl.preprocess import prepare_pair  # noqa: E402
from sctl.run import Run  # noqa: E402

MODES: tuple[Literal["shared", "constant", "covariance"], ...] = ("shared", "constant", "covariance")


@dataclass(frozen=True)
class Scarce:
    """A real pair, and how many genes the source is left with that the target has too; None for all."""

    pair: RealPair
    n_genes: int | None = None

    def draw(self, source: AnnData, target: AnnData, n_cells: int, rng: np.random.Generator) -> tuple[AnnData, AnnData]:
        """Return fewer cells of the target, and fewer genes of the source."""
        cells = np.sort(rng.permutation(target.n_obs)[:n_cells])
        if self.n_genes is None:
            return source, target[cells].copy()
        both = np.flatnonzero(source.var_names.isin(target.var_names))
        genes = np.sort(rng.choice(both, self.n_genes, replace=False))
        return source[:, genes].copy(), target[cells].copy()


CASES = (
    Scarce(RealPair("xin_scclassify", "baron_human1")),
    Scarce(RealPair("segerstolpe_hvg2000", "baron_human1")),
    Scarce(RealPair("scmixology_10x_894genes", "scmixology_celseq2_5cl", "cell_type")),
    Scarce(RealPair("scmixology_10x_894genes", "scmixology_dropseq", "cell_type")),
    Scarce(RealPair("baron_human1", "xin_scclassify")),
    Scarce(RealPair("scmixology_celseq2_5cl", "scmixology_10x_894genes", "cell_type")),
    Scarce(RealPair("baron_human1", "segerstolpe_hvg2000"), 100),
    Scarce(RealPair("baron_human1", "segerstolpe_hvg2000"), 300),
    Scarce(RealPair("baron_human1", "segerstolpe_hvg2000"), 500),
    Scarce(RealPair("baron_human1", "segerstolpe_hvg2000"), 800),
    Scarce(RealPair("scmixology_celseq2", "scmixology_dropseq", "cell_type"), 100),
    Scarce(RealPair("scmixology_celseq2", "scmixology_dropseq", "cell_type"), 300),
    Scarce(RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"), 100),
    Scarce(RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"), 300),
    Scarce(RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"), 500),
    Scarce(RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"), 800),
    Scarce(RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat")),
    Scarce(RealPair("baron_mouse", "baron_human1")),
)


def compared(pair: Pair, truth: np.ndarray, n_clusters: int | None, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the scores of every mode on one draw."""
    for mode in MODES:
        start = time.process_time()
        method = TransferCluster(target_genes=mode, n_permutations=0, n_clusters=n_clusters)
        result = fit_transfer(pair, method, Run(seed=seed))
        theta = result.diagnostics.theta
        assert theta is not None
        known = np.isin(truth.astype(str), list(result.label_names))
        yield {
            "mode": mode,
            "k": len(result.cluster_names),
            "θ": theta.theta,
            "ARI": adjusted_rand(result.clusters, truth),
            "shared types": adjusted_rand(result.clusters[known], truth[known]),
            "accuracy": accuracy(result.labels, truth, among=list(result.label_names)),
            "CPU s": time.process_time() - start,
        }


def measured(case: Scarce, folder: Path, *, n_draws: int, n_cells: int, true_k: bool) -> pd.DataFrame:
    """Return the mean over draws, a row for each mode."""
    source, target, truth = case.pair.load(folder)
    rows = []
    for seed in range(n_draws):
        few = case.draw(source, target, n_cells, np.random.default_rng([seed, case.n_genes or 0]))
        pair = prepare_pair(*few, label_key=case.pair.label_key).pair
        types = truth.reindex(pair.target.obs_names).to_numpy(dtype=object)
        k = len(set(types[~pd.isna(types)])) if true_k else None
        own = pair.target.obsm.get(TARGET_ONLY)
        genes = {"genes": int(pair.target.var["highly_variable"].sum()), "own": 0 if own is None else own.shape[1]}
        rows += [{**genes, **scores} for scores in compared(pair, types, k, seed)]
    table = pd.DataFrame(rows).groupby("mode", sort=False).mean().reset_index()
    table.insert(0, "pair", case.pair.name)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the .h5ad files")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--cells", type=int, default=300, help="target cells of a draw")
    parser.add_argument("--true-k", action="store_true", help="ask for as many clusters as there are types")
    parser.add_argument("--cases", type=int, nargs="+", default=range(len(CASES)), help="numbers of cases, from 0")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", SctlWarning)
    for number in arguments.cases:
        table = measured(
            CASES[number], arguments.data, n_draws=arguments.draws, n_cells=arguments.cells, true_k=arguments.true_k
        )
        print(table.to_string(index=False, float_format="{:.3f}".format), flush=True)


if __name__ == "__main__":
    main()
