"""Units with significant pathways, with and without orthogonality, against a random network and shuffled types."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.pairs import RealPair
from sctl.core.poisson_autoencoder import PoissonConfig, train_poisson, untrained
from sctl.enrichment import TypedCells, UnitSettings, with_controls
from sctl.genesets import hallmark
from sctl.preprocess import PreprocessParams
from sctl.run import Run

STRENGTHS = (0.0, 0.01)


def counted(pair: RealPair, folder: Path, seeds: list[int], *, over: str = "all", n_units: int = 25) -> pd.DataFrame:
    """Return a row for each strength of the constraint, seed and control; rows are printed as they come.

    Cells are those of the pair's source, genes its Hallmark genes. Only the first ``n_units`` units are looked at.
    """
    prepared, _ = pair.prepared(folder, PreprocessParams())
    sets = hallmark("human")
    if sets.contains(prepared.source.var_names).mean() < hallmark("mouse").contains(prepared.source.var_names).mean():
        sets = hallmark("mouse")
    kept = sets.contains(prepared.source.var_names)
    X, types = prepared.source[:, kept].X, prepared.labels
    cells = TypedCells(X, tuple(prepared.source.var_names[kept]), types.codes.astype(np.int64), tuple(types.categories))
    rows = []
    for seed in seeds:
        for strength in STRENGTHS:
            config = replace(PoissonConfig(), orthogonality=strength)
            model, _ = train_poisson(X, cells.types, config, run=Run(seed=seed))
            start = untrained(X.shape[1], config, Run(seed=seed)).as_model()
            settings = UnitSettings(units=tuple(range(n_units)), over=over)  # type: ignore[arg-type]
            for name, found in with_controls(model, start, cells, sets, run=Run(seed=seed), settings=settings).items():
                counts = {"any": found.n_any, "exactly one": found.n_single, "two": int(found.sharing.get(2, 0))}
                rows.append({"data": pair.source, "λ": strength, "seed": seed, "case": name, **counts})
                print(rows[-1], flush=True)
    return pd.DataFrame(rows)
