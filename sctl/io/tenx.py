"""What 10x Genomics writes: ``.h5`` of versions 2 and 3, and folders of matrix, barcodes and genes."""

from __future__ import annotations

from collections.abc import Sequence
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
from sctl.io.cleaning import add_note, one_genome
from sctl.io.mtx import read_mtx
from sctl.io.parts import Triple, are_peaks, cell_table, find_triples, gene_table, is_header, matrices, read_columns


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
        return one_genome(_filled(_read_v3(file["matrix"], name) if "matrix" in file else _read_v2(file), name), name)
    except DataError:
        raise
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise DataError(
            f"{name} looks like a 10x file, but its parts do not fit together.",
            expected="Barcodes, features and a sparse matrix of matching sizes were expected.",
            do="Download it again, or give the folder with matrix.mtx.gz, barcodes.tsv.gz and features.tsv.gz.",
        ) from error


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
            f"{name} holds {len(triples)} samples: {', '.join(_distinguished([t.matrix for t in triples])[:5])}.",
            expected="One sample was expected: a matrix, its barcodes and its genes.",
            do="Give the three files of one sample; of Cell Ranger's two folders, the one called 'filtered'.",
        )
    if not triples:
        if error := _incomplete(files, name):
            raise error
        there = ", ".join(sorted(file.name for file in files)[:8]) or "nothing"
        raise DataError(
            f"{name} has no complete 10x sample; there is {there}.",
            expected="matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv) were expected, packed by gzip or not.",
            do="Give the three files together, in a folder, an archive, or all at once.",
        )
    return _read_triple(triples[0])


def _incomplete(files: Sequence[Path], name: str) -> DataError | None:
    """Return the error for sets of files that are known, but hold no counts of genes of their own."""
    found = matrices(files)
    if not found and any("tcc" in file.name.lower() for file in files):
        return DataError(
            f"{name} counts classes of transcripts (TCC), not genes.",
            expected="The matrix 'cells_x_genes' was expected, with its barcodes and genes.",
            do="Run kb count without --tcc, and give what it writes.",
        )
    if any(file.name.lower().removesuffix(".gz").endswith(".bed") for file in files):
        return _peaks(name)
    if len(found) > 1 and len({file.parent for file in found}) == 1:
        return DataError(
            f"{name} holds {len(found)} matrices of the same cells: {', '.join(sorted(file.name for file in found)[:6])}.",
            expected="One matrix with its barcodes and genes was expected.",
            do="Give the matrix you want together with the files of barcodes and genes alone.",
        )
    return None


def _distinguished(files: list[Path]) -> list[str]:
    """Return names of files, with their folder where they would be the same."""
    names = [file.name for file in files]
    return names if len(set(names)) == len(names) else [f"{file.parent.name}/{file.name}" for file in files]


def _read_triple(triple: Triple) -> AnnData:
    matrix: Any = read_mtx(triple.matrix)
    name = triple.matrix.name
    (barcodes, cell_header), (features, gene_header) = _lists(triple, matrix.shape)
    sizes = len(features), len(barcodes)
    if matrix.shape == sizes[::-1] and (matrix.shape != sizes or triple.cells_first):
        matrix = matrix.T
    if matrix.shape != sizes:
        raise DataError(
            f"{name} is {matrix.shape[0]:,} × {matrix.shape[1]:,}, but {triple.features.name} lists "
            f"{sizes[0]:,} genes and {triple.barcodes.name} {sizes[1]:,} cells.",
            expected="The three files must come from the same sample.",
            do="Look for the files that belong together; one may be cut off.",
        )
    if are_peaks(features[0]) or triple.features.name.lower().removesuffix(".gz").endswith(".bed"):
        raise _peaks(name)
    names = None if triple.names is None else read_columns(triple.names)
    obs, var = cell_table(barcodes, cell_header), gene_table(features, names, gene_header)
    adata = AnnData(sparse.csr_matrix(matrix.T, dtype=np.float32), obs=obs, var=var)
    if sizes[0] == sizes[1]:
        taken = "cells" if triple.cells_first else "genes"
        add_note(
            adata,
            f"{name} has as many rows as columns, so that its sizes do not tell genes from cells; the rows were taken for "
            f"{taken}, as programs that name it so write it.",
        )
    adata = _spliced_and_ambiguous(_gene_expression(adata, name), name)
    return one_genome(_filled(adata, name), name)


def _lists(triple: Triple, shape: tuple[int, int]) -> tuple[tuple[pd.DataFrame, list[str] | None], ...]:
    """Return cells and genes, each with its header where it has one: such a list is one line longer than the matrix."""
    tables = read_columns(triple.barcodes), read_columns(triple.features)
    for headed in ((False, False), (True, True), (False, True), (True, False)):
        lengths = [len(table) - has for table, has in zip(tables, headed, strict=True)]
        neither = all(headed) and not {len(table) for table in tables} & set(shape)
        sure = neither or all(is_header(table) for table, has in zip(tables, headed, strict=True) if has)
        if sure and sorted(lengths) == sorted(shape):
            return tuple(
                (table.iloc[1:].reset_index(drop=True), [str(item) for item in table.iloc[0]]) if has else (table, None)
                for table, has in zip(tables, headed, strict=True)
            )
    return tuple((table, None) for table in tables)


def _spliced_and_ambiguous(adata: AnnData, name: str) -> AnnData:
    """Add up what alevin-fry counts apart: a gene's own reads and those that may be of its introns ("-A")."""
    ids = pd.Index(adata.var["gene_ids"].astype(str))
    genes = ids[~ids.str.endswith(("-U", "-A"))]
    places = [ids.get_indexer(genes + ending) for ending in ("", "-U", "-A")] if ids.is_unique else []
    if len(genes) * 3 != adata.n_vars or any((place < 0).any() for place in places):
        return adata
    spliced, unspliced, ambiguous = (adata.X[:, place] for place in places)
    kept = adata[:, places[0]].copy()
    kept.X, kept.layers["unspliced"] = sparse.csr_matrix(spliced + ambiguous), sparse.csr_matrix(unspliced)
    add_note(
        kept,
        f"{name} counts spliced, unspliced and ambiguous reads apart: spliced and ambiguous ones were added up, as for whole "
        "cells. Of nuclei the layer 'unspliced' belongs to the counts too.",
    )
    return kept


def _peaks(name: str) -> DataError:
    return DataError(
        f"{name} counts peaks of open chromatin, not genes.",
        expected="Counts of genes were expected.",
        do="Give the gene expression of these cells, or gene activity scores with names of genes.",
    )


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


def _filled(adata: AnnData, name: str) -> AnnData:
    """Leave out barcodes without any count where most have none: of an unfiltered matrix these are nearly all."""
    filled = np.diff(adata.X.indptr) > 0
    if not filled.any() or filled.mean() > 0.5:
        return adata
    kept = adata[filled].copy()
    add_note(
        kept,
        f"{adata.n_obs - kept.n_obs:,} of {adata.n_obs:,} barcodes of {name} have no counts at all; they were left out.",
    )
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
