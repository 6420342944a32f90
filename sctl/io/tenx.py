"""What 10x Genomics writes: ``.h5`` of versions 2 and 3, and folders of matrix, barcodes and genes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError
from sctl.genes import GENE_EXPRESSION
from sctl.io.contents import damaged_gzip
from sctl.io.genomes import add_note, one_genome
from sctl.io.mtx import read_mtx
from sctl.io.table import opened


@dataclass(frozen=True)
class Triple:
    """The three files of one sample."""

    matrix: Path
    barcodes: Path
    features: Path


def is_h5(file: h5py.File) -> bool:
    """Say whether an open HDF5 file has a layout of 10x Genomics."""
    return bool(_genomes(file)) or {"barcodes", "data", "features"} <= set(file.get("matrix", ()))


def read_h5(file: h5py.File, name: str) -> AnnData:
    """Read an open 10x file of version 2 or 3; of several kinds of features, gene expression is kept.

    Raises
    ------
    DataError
        If the parts do not fit together, or there is no gene expression in it.
    """
    try:
        return one_genome(_read_v3(file["matrix"], name) if "matrix" in file else _read_v2(file), name)
    except DataError:
        raise
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise DataError(
            f"{name} looks like a 10x file, but its parts do not fit together.",
            expected="Barcodes, features and a sparse matrix of matching sizes were expected.",
            do="Download it again, or give the folder with matrix.mtx.gz, barcodes.tsv.gz and features.tsv.gz.",
        ) from error


def find_triples(files: Iterable[Path]) -> list[Triple]:
    """Return the samples among some files: each ``.mtx`` with the barcodes and genes named like it.

    Names may have anything before and after the words, as in ``GSM123_matrix.mtx.gz``, and may be packed.
    """
    listed = sorted(files)
    matrices = [file for file in listed if _plain(file).endswith(".mtx")]
    triples = []
    for matrix in matrices:
        near = [
            file for file in listed if file.parent == matrix.parent and _plain(file).endswith((".tsv", ".csv", ".txt"))
        ]
        barcodes = _nearest(matrix, near, ("barcode", "cells", "cell"), alone=len(matrices) == 1)
        features = _nearest(matrix, near, ("feature", "genes", "gene"), alone=len(matrices) == 1)
        if barcodes is not None and features is not None and barcodes != features:
            triples.append(Triple(matrix, barcodes, features))
    return triples


def read_triples(files: Sequence[Path], name: str) -> AnnData:
    """Read the one sample among some files.

    Raises
    ------
    DataError
        If there is none, more than one, or its files do not fit together.
    """
    triples = find_triples(files)
    if len(triples) > 1:
        raise DataError(
            f"{name} holds {len(triples)} samples: {', '.join(_told_apart([t.matrix for t in triples])[:5])}.",
            expected="One sample was expected: a matrix, its barcodes and its genes.",
            do="Give the three files of one sample; of Cell Ranger's two folders, the one called 'filtered'.",
        )
    if not triples:
        there = ", ".join(sorted(file.name for file in files)[:8]) or "nothing"
        raise DataError(
            f"{name} has no complete 10x sample; there is {there}.",
            expected="matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv) were expected, packed by gzip or not.",
            do="Give the three files together, in a folder, an archive, or all at once.",
        )
    return _read_triple(triples[0])


def _told_apart(files: list[Path]) -> list[str]:
    """Return names of files, with their folder where they would be the same."""
    names = [file.name for file in files]
    return names if len(set(names)) == len(names) else [f"{file.parent.name}/{file.name}" for file in files]


def _plain(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")


def _nearest(matrix: Path, files: list[Path], words: tuple[str, ...], *, alone: bool) -> Path | None:
    """Return the file that has one of the words and begins as the matrix does; alone, the beginning may differ."""
    prefix = _plain(matrix).split("matrix")[0].removesuffix(".mtx")
    for word in words:
        found = [file for file in files if word in _plain(file)]
        same = [file for file in found if _plain(file).split(word)[0] == prefix]
        chosen = same or (found if alone else [])
        if len(chosen) == 1:
            return chosen[0]
    return None


def _read_triple(triple: Triple) -> AnnData:
    matrix: Any = read_mtx(triple.matrix)
    barcodes = _read_columns(triple.barcodes)
    features = _read_columns(triple.features)
    # A header is one line more than the matrix has.
    sizes = {len(barcodes), len(features)}
    if not sizes & set(matrix.shape) and {len(barcodes) - 1, len(features) - 1} == set(matrix.shape):
        barcodes, features = barcodes.iloc[1:], features.iloc[1:]
    if matrix.shape == (len(features), len(barcodes)):
        matrix = matrix.T
    elif matrix.shape != (len(barcodes), len(features)):
        raise DataError(
            f"{triple.matrix.name} is {matrix.shape[0]:,} × {matrix.shape[1]:,}, but {triple.features.name} lists "
            f"{len(features):,} genes and {triple.barcodes.name} {len(barcodes):,} cells.",
            expected="The three files must come from the same sample.",
            do="Look for the files that belong together; one may be cut off.",
        )
    table = {"gene_ids": features[0].to_numpy()}
    if features.shape[1] > 2:
        table["feature_types"] = features[2].to_numpy()
    names = features[1] if features.shape[1] > 1 else features[0]
    var = pd.DataFrame(table, index=pd.Index(names.astype(str).to_numpy()))
    obs = pd.DataFrame(index=pd.Index(barcodes[0].astype(str).to_numpy()))
    adata = AnnData(sparse.csr_matrix(matrix, dtype=np.float32), obs=obs, var=var)
    return one_genome(_gene_expression(adata, triple.matrix.name), triple.matrix.name)


def _read_columns(path: Path) -> pd.DataFrame:
    """Return the columns of a list of barcodes or genes as text."""
    separator = "," if ".csv" in path.name.lower() else "\t"
    try:
        with opened(path) as stream:
            table = pd.read_csv(stream, sep=separator, header=None, dtype=str, keep_default_na=False, comment=None)
    except pd.errors.EmptyDataError:
        return pd.DataFrame({0: pd.Series([], dtype=str)})
    except (EOFError, zlib.error, OSError) as error:
        raise damaged_gzip(path.name) from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name} is no plain list of names.",
            expected="One barcode or gene per line was expected, columns separated by tabs.",
            do="Take the file as Cell Ranger wrote it.",
        ) from error
    return table


def _gene_expression(adata: AnnData, name: str) -> AnnData:
    """Keep gene expression where a file holds other features too, and say so in ``uns["read_notes"]``."""
    types = adata.var.get("feature_types")
    if types is None or (types == GENE_EXPRESSION).all() or GENE_EXPRESSION not in set(types):
        if types is not None and len(types) and not types.astype(str).isin([GENE_EXPRESSION, ""]).any():
            raise DataError(
                f"{name} holds {', '.join(sorted(set(types.astype(str)))[:4])}, but no gene expression.",
                expected=f"Features of the type {GENE_EXPRESSION!r} were expected.",
                do="Give the file of the gene expression library.",
            )
        return adata
    others = types[types != GENE_EXPRESSION].value_counts()
    kept = adata[:, (types == GENE_EXPRESSION).to_numpy()].copy()
    listed = ", ".join(f"{count:,} features of {kind}" for kind, count in others.items())
    add_note(kept, f"{name} also holds {listed}; only gene expression was taken.")
    return kept


def _read_v3(group: h5py.Group, name: str) -> AnnData:
    features = group["features"]
    var = pd.DataFrame({"gene_ids": _strings(features["id"])}, index=pd.Index(_strings(features["name"])))
    for key, column in (("feature_type", "feature_types"), ("genome", "genome")):
        if key in features:
            var[column] = _strings(features[key])
    return _gene_expression(AnnData(_csr(group), obs=_cells(group), var=var), name)


def _read_v2(file: h5py.File) -> AnnData:
    """Read a file with one group per genome; of several, the cells have the genes of all."""
    parts = []
    for genome in _genomes(file):
        group = file[genome]
        table = {"gene_ids": _strings(group["genes"]), "genome": genome}
        var = pd.DataFrame(table, index=pd.Index(_strings(group["gene_names"])))
        parts.append(AnnData(_csr(group), obs=_cells(group), var=var))
    if len(parts) == 1:
        parts[0].var = parts[0].var.drop(columns="genome")
        return parts[0]
    cells = pd.Index(pd.unique(np.concatenate([part.obs_names for part in parts])))
    matrices = []
    for part in parts:
        place = (np.ones(part.n_obs, dtype=np.float32), (cells.get_indexer(part.obs_names), np.arange(part.n_obs)))
        matrices.append(sparse.csr_matrix(place, shape=(len(cells), part.n_obs)) @ part.X)
    return AnnData(
        sparse.hstack(matrices, format="csr"),
        obs=pd.DataFrame(index=cells),
        var=pd.concat([part.var for part in parts]),
    )


def _genomes(file: h5py.File) -> list[str]:
    parts = {"barcodes", "data", "indices", "indptr", "genes", "gene_names"}
    return [str(key) for key in file if isinstance(file[key], h5py.Group) and parts <= set(file[key])]


def _cells(group: h5py.Group) -> pd.DataFrame:
    return pd.DataFrame(index=pd.Index(_strings(group["barcodes"])))


def _csr(group: h5py.Group) -> sparse.csr_matrix:
    """Return cells × genes: the file's columns are cells, so its compressed columns are our rows."""
    n_vars, n_obs = (int(size) for size in group["shape"][()])
    parts = (np.asarray(group["data"][()], dtype=np.float32), group["indices"][()], group["indptr"][()])
    matrix = sparse.csr_matrix(parts, shape=(n_obs, n_vars))
    matrix.check_format(full_check=True)
    matrix.sort_indices()
    return matrix


def _strings(dataset: h5py.Dataset) -> NDArray[np.object_]:
    values = [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in dataset[()]]
    return np.array(values, dtype=object)
