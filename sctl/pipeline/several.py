"""Several annotated datasets as one source, each a dataset of its own in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    from anndata import AnnData

DATASET, LABEL = "dataset", "cell type"
"""Columns of the result: the name of each cell's dataset; and its type, where the datasets have no column in common."""
FEWEST_GENES = 50
_LOOSE = (".mtx", ".mtx.gz", ".tsv", ".tsv.gz")
"""Endings of the files of one 10x sample, which are one dataset together."""


def read_source(paths: Sequence[Path | str], *, names: Sequence[str] | None = None) -> AnnData:
    """Read a source: a dataset in one file or in loose ones, or several datasets, which are joined.

    Parameters
    ----------
    paths : sequence of Path or str
    names : sequence of str, optional
        The names the user knows them by, in the same order.

    Raises
    ------
    DataError
        If they cannot be read, or not be joined.
    """
    from sctl.io import read, read_many  # noqa: PLC0415

    known = list(names) if names is not None else [Path(path).name for path in paths]
    loose = any(name.lower().endswith((".mtx", ".mtx.gz")) for name in known)
    if len(paths) == 1 or (loose and all(name.lower().endswith(_LOOSE) for name in known)):
        return read_many(paths, names=known)
    return joined({name: read(path, name=name) for path, name in zip(paths, known, strict=True)})


def joined(datasets: Mapping[str, AnnData]) -> AnnData:
    """Return the cells of several annotated datasets over the genes that all of them have.

    Parameters
    ----------
    datasets : mapping of str to AnnData
        By name. Names of genes are made to meet as for any two datasets. Where some hold counts and others do not, all are
        brought to linear values.

    Returns
    -------
    AnnData of shape (all cells, shared genes)
        ``obs`` has the columns that all datasets have, and :data:`DATASET`; where no column of cell types is among them, the
        likeliest of each becomes :data:`LABEL`.

    Raises
    ------
    DataError
        If a dataset has no column of cell types, or they share too few genes.
    """
    import anndata as ad  # noqa: PLC0415

    from sctl.preprocess import linearised  # noqa: PLC0415
    from sctl.values import value_kind  # noqa: PLC0415

    sides = _met(datasets)
    genes = _shared(sides)
    columns, own = _columns(sides)
    if len({value_kind(side.X) for side in sides.values()}) > 1:
        sides = {name: linearised(side) for name, side in sides.items()}
    parts = []
    for name, side in sides.items():
        part = ad.AnnData(side[:, genes].X.copy(), var=side[:, genes].var.copy(), obs=side.obs[columns].astype(str))
        part.obs[DATASET] = name
        if own:
            part.obs[LABEL] = side.obs[own[name]].astype(str)
        part.obs_names = [f"{name}: {cell}" for cell in side.obs_names]
        parts.append(part)
    return ad.concat(parts, merge="same")


def _met(datasets: Mapping[str, AnnData]) -> dict[str, AnnData]:
    """Return the datasets with names of genes that meet those of the first."""
    from sctl.pipeline.inputs import repaired  # noqa: PLC0415

    names = list(datasets)
    first, sides = datasets[names[0]], {}
    for name in names[1:]:
        sides[name], first, _ = repaired(datasets[name], first)
    return {names[0]: first, **sides}


def _shared(sides: Mapping[str, AnnData]) -> list[str]:
    from sctl.errors import DataError  # noqa: PLC0415

    first, *others = sides.values()
    genes = first.var_names
    for side in others:
        genes = genes.intersection(side.var_names, sort=False)
    if len(genes) < FEWEST_GENES:
        sizes = ", ".join(f"{name} {side.n_vars:,}" for name, side in sides.items())
        raise DataError(
            f"The datasets share {len(genes)} genes ({sizes}).",
            expected=f"At least {FEWEST_GENES} genes under the same names in all of them.",
            do="Give datasets with the same kind of gene names, of human or mouse.",
        )
    return list(map(str, genes))


def _columns(sides: Mapping[str, AnnData]) -> tuple[list[str], dict[str, str]]:
    """Return the columns that all have; and where none of them holds types, the column of each that does."""
    from sctl.errors import DataError  # noqa: PLC0415
    from sctl.preflight import label_candidates  # noqa: PLC0415

    first, *others = sides.values()
    common = [str(c) for c in first.obs.columns if c != DATASET and all(c in side.obs for side in others)]
    likely = {name: label_candidates(side) for name, side in sides.items()}
    bare = [name for name, found in likely.items() if not found]
    if bare:
        raise DataError(
            f"{bare[0]} has no column of cell types.",
            expected="Every dataset of a source must have a column with the type of each cell.",
            do="Leave it out, or add such a column.",
        )
    if any(all(column in found for found in likely.values()) for column in common):
        return common, {}
    return common, {name: found[0] for name, found in likely.items()}
