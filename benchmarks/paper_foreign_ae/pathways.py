"""Units with significant pathways, with and without orthogonality, against a random network and shuffled types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pairs import RealPair
from sctl.analysis.enrichment import TypedCells, UnitSettings, unit_pathways
from sctl.genesets import GeneSets, hallmark
from sctl.methods.poisson.autoencoder import PoissonConfig, train_poisson, untrained
from sctl.numerics.encoder_decoder import EncoderDecoder
from sctl.preprocess import PreprocessParams
from sctl.run import Run

STRENGTHS = (0.01, 0.0)
DATASETS = (RealPair("zheng_sorted_pbmc2140", "pbmc3k_seurat"), RealPair("baron_human1", "baron_mouse"))


def counted(pair: RealPair, folder: Path, seed: int, *, n_units: int, least: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each strength of the constraint and each control.

    Cells are those of the pair's source, genes its Hallmark genes. Only the first ``n_units`` units are looked at, and
    types of ``least`` cells or more. The random network is the one that every trained one began as.
    """
    cells, sets = _typed(pair, folder, least)
    settings = UnitSettings(units=tuple(range(n_units)))
    shuffled = replace(cells, types=Run(seed=seed).rng("shuffled types").permutation(cells.types))

    def row(case: str, model: EncoderDecoder, given: TypedCells, strength: float) -> dict[str, Any]:
        found = unit_pathways(model, given, sets, run=Run(seed=seed), settings=settings)
        alone = replace(found, over="ranking")
        return {
            "data": pair.source, "seed": seed, "λ": strength, "case": case, "units": n_units, "types": len(cells.type_names),
            "any": found.n_any, "one": found.n_single, "two": int(found.sharing.get(2, 0)),
            "any, each ranking": alone.n_any, "one, each ranking": alone.n_single,
        }  # fmt: skip

    yield row(
        "random network",
        untrained(cells.X.shape[1], PoissonConfig(loss="rate"), Run(seed=seed)).as_model(),
        cells,
        np.nan,
    )
    for strength in STRENGTHS:
        config = PoissonConfig(loss="rate", orthogonality=strength)
        model, _ = train_poisson(cells.X, cells.types, config, run=Run(seed=seed))
        yield row("trained", model, cells, strength)
        yield row("shuffled types", model, shuffled, strength)


def _typed(pair: RealPair, folder: Path, least: int) -> tuple[TypedCells, GeneSets]:
    prepared, _ = pair.prepared(folder, PreprocessParams())
    names = prepared.source.var_names
    sets = max((hallmark("human"), hallmark("mouse")), key=lambda some: some.contains(names).mean())
    genes, types = sets.contains(names), prepared.labels
    kept = types.isin(types.value_counts().loc[lambda sizes: sizes >= least].index)
    some = types[kept].remove_unused_categories()
    return TypedCells(
        prepared.source[kept, genes].X, tuple(names[genes]), some.codes.astype(np.int64), tuple(some.categories)
    ), sets
