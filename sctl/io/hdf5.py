"""The HDF5 family: ``.h5ad`` and ``.loom``, told apart by what is inside; 10x files have a module of their own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from anndata._io.specs.registry import IORegistryError  # has no public name, and is a plain Exception
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError, SctlError
from sctl.io import tenx
from sctl.io.cleaning import add_note, one_genome
from sctl.io.contents import refusal
from sctl.io.h5ad_parts import read_in_parts, with_native_numbers, with_words
from sctl.io.hdf5_check import announced, require_likely
from sctl.io.loom_names import cell_table, gene_table
from sctl.io.system import exhausted, require

_SINGLE = "biufSOU"  # kinds of values that a column may hold
_BLOCK = 8_000_000  # values of a dense matrix that are in memory at once
# What HDF5, anndata, pandas and scipy raise where the content is not what they rely on.
_STRANGE = (
    ArithmeticError, AssertionError, AttributeError, IORegistryError, LookupError, MemoryError, OSError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip
_COPIES = 1.5  # of the announced size; reading and converting hold a part twice


def read_hdf5(path: Path, name: str) -> AnnData:
    """Read an HDF5 file of any accepted layout, whatever its ending.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        The name the user knows it by.

    Raises
    ------
    DataError
        If it is damaged, refers to other files, is too large for the memory, or has none of the layouts.
    """
    with _opened(path, name) as file:
        n_bytes = announced(file, name)
        layout = _layout(file, name)
        if layout == "tenx":
            _require_memory(n_bytes, path, name)
            return tenx.read_h5(file, name)
        if layout == "loom":
            return _read_loom(file, name)
    _require_memory(n_bytes, path, name)
    adata = with_native_numbers(_read_h5ad(path, name, in_parts=True))
    with _opened(path, name) as file:
        with_words(adata, file)
    return _with_matrix(adata, name) if adata.X is None else adata


@contextmanager
def opened_hdf5(path: Path, name: str) -> Iterator[h5py.File]:
    """Open a file all of whose data lie in itself; every failure of HDF5 while it is open becomes a ``DataError``."""
    with _opened(path, name) as file:
        announced(file, name)
        yield file


def read_h5ad(path: Path, name: str) -> AnnData:
    """Read an ``.h5ad`` as it is: the one way for all that sctl stores, and that others may have changed.

    Parameters
    ----------
    path : Path
        The file; ``X`` may be empty.
    name : str
        The name the user knows it by.

    Raises
    ------
    DataError
        If it is damaged, refers to other files, points outside of itself, or is too large for the memory.
    """
    with _opened(path, name) as file:
        _require_memory(announced(file, name), path, name)
    return _read_h5ad(path, name)


def _require_memory(n_bytes: int, path: Path, name: str) -> None:
    require(_COPIES * n_bytes, name)
    require_likely(n_bytes, path.stat().st_size, name)


def read_obs(path: Path, name: str) -> pd.DataFrame:
    """Read the table of cells of an ``.h5ad`` alone, as safely as :func:`read_h5ad`.

    Raises
    ------
    DataError
        As :func:`read_h5ad`.
    """
    with opened_hdf5(path, name) as file, _understood(name):
        table = ad.io.read_elem(file["obs"])
        if not isinstance(table, pd.DataFrame):
            raise TypeError("obs is no table")
        return table


@contextmanager
def _opened(path: Path, name: str) -> Iterator[h5py.File]:
    """Open a file; every failure of HDF5 itself while it is open becomes a ``DataError``."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except _STRANGE as error:
        if isinstance(error, SctlError):
            raise
        if isinstance(error, MemoryError):
            raise exhausted(name) from error
        raise DataError(
            f"{name} is a damaged or incomplete HDF5 file.",
            expected="It should open without an error.",
            do="Download or copy it again; the transfer was probably cut off.",
        ) from error


def _layout(file: h5py.File, name: str) -> str:
    if "mod" in file:
        raise refusal("h5mu", name)
    if "cell.names" in file or "assays" in file:
        raise refusal("h5seurat", name)
    if "obs" in file and "var" in file:
        return "h5ad"
    if isinstance(file.get("matrix"), h5py.Dataset):
        return "loom"
    if tenx.is_h5(file):
        return "tenx"
    raise DataError(
        f"{name} is an HDF5 file of an unknown layout; at its top are {sorted(map(str, file))[:8]}.",
        expected="An .h5ad, a 10x 'feature_barcode_matrix' .h5, or a .loom was expected.",
        do="Export the counts in one of these forms.",
    )


def _read_h5ad(path: Path, name: str, *, in_parts: bool = False) -> AnnData:
    """Read an ``.h5ad`` whole; where that fails, part by part if wanted."""
    with _understood(name):
        with warnings.catch_warnings():
            # Names that are not unique are reported by the pre-flight, with a way to repair them.
            warnings.filterwarnings("ignore", message=".*names are not unique")
            # An older layout that still can be read is no concern of the user's.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.filterwarnings("ignore", category=ad.OldFormatWarning)
            try:
                adata = ad.read_h5ad(path)
            except _STRANGE as error:
                if not in_parts or isinstance(error, MemoryError):
                    raise
                adata = _in_parts(path, name, error)
        _require_sound(adata)
        return adata


def _in_parts(path: Path, name: str, reason: Exception) -> AnnData:
    """Read what can be read; where that is too little, the first reason is the one to name."""
    try:
        return read_in_parts(path, name)
    except _STRANGE:
        raise reason from None


@contextmanager
def _understood(name: str) -> Iterator[None]:
    """Turn whatever the parts of an ``.h5ad`` raise as they are read into words."""
    try:
        yield
    except _STRANGE as error:
        if isinstance(error, SctlError):
            raise
        if isinstance(error, MemoryError):
            raise exhausted(name) from error
        raise DataError(
            f"{name} has the .h5ad form, but a part of it cannot be read ({_short(error)}).",
            expected="A file written by a recent version of anndata was expected (0.8 or later is safe).",
            do="Open it with the program that wrote it, and write it again: adata.write_h5ad('data.h5ad').",
        ) from error


def _require_sound(adata: AnnData) -> None:
    """Raise ``ValueError`` where a sparse matrix points outside itself: compiled code would follow, and crash."""
    parts: list[Any] = [adata.X, *([] if adata.raw is None else [adata.raw.X, *adata.raw.varm.values()])]
    for slots in (adata.layers, adata.obsm, adata.obsp, adata.varm, adata.varp):
        parts.extend(slots.values())
    parts.append(adata.uns)
    while parts:
        part = parts.pop()
        if sparse.issparse(part):
            part.check_format(full_check=True)
        elif isinstance(part, Mapping):
            parts.extend(part.values())


def _with_matrix(adata: AnnData, name: str) -> AnnData:
    """Put into ``X``, which is empty, the layer that is called like counts, or else ``raw``, or the only layer."""
    counts, raw = _called_counts(adata, name), adata.raw
    if counts is not None:
        adata.X, place = adata.layers[counts], f"the layer '{counts}'"
    elif raw is not None:
        adata = AnnData(raw.X, obs=adata.obs, var=raw.var, obsm=dict(adata.obsm), uns=dict(adata.uns))
        place = "'raw'"
    elif len(adata.layers) == 1:
        key = next(iter(adata.layers))
        adata.X, place = adata.layers[key], f"the layer '{key}'"
    else:
        raise DataError(
            f"{name} has no matrix X; its layers are {sorted(map(str, adata.layers))}.",
            expected="The expression values were expected in X.",
            do="Put the counts there, in Python with adata.X = adata.layers['...'], and write it again.",
        )
    adata.uns["read_notes"] = f"{name} has no matrix X; the values of {place} were taken."
    return adata


def _called_counts(adata: AnnData, name: str) -> str | None:
    """Return the layer that is called counts, or the only one that has the word in its name.

    Raises
    ------
    DataError
        If several might be meant: counts of spliced molecules are counts too.
    """
    like = [str(key) for key in adata.layers if "count" in str(key).lower()]
    exactly = [key for key in like if "".join(filter(str.isalpha, key.lower())) in ("count", "counts")]
    meant = exactly if len(exactly) == 1 else like
    if len(meant) > 1:
        raise DataError(
            f"{name} has no matrix X, and several layers are called counts: {', '.join(map(repr, meant))}.",
            expected="The expression values were expected in X; which of these layers holds them cannot be known.",
            do=f"Put the right one there, in Python with adata.X = adata.layers[{meant[0]!r}], and write it again.",
        )
    return meant[0] if meant else None


def _short(error: Exception) -> str:
    """Return the first line of an error's text, cut to a readable length."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:120]}" if text else type(error).__name__


def _read_loom(file: h5py.File, name: str) -> AnnData:
    """Read a loom file: ``/matrix`` is genes × cells."""
    matrix = file["matrix"]
    if matrix.ndim != 2 or "row_attrs" not in file or "col_attrs" not in file:
        raise DataError(
            f"{name} has a matrix, but not the tables of genes and cells of a .loom file.",
            expected="'row_attrs' (genes) and 'col_attrs' (cells) were expected beside 'matrix'.",
            do="Write it again with loompy, or export it as .h5ad.",
        )
    var = gene_table(_attributes(file["row_attrs"], matrix.shape[0]), matrix.shape[0], name)
    obs, named = cell_table(_attributes(file["col_attrs"], matrix.shape[1]), matrix.shape[1])
    adata = AnnData(_transposed(matrix, name), obs=obs, var=var)
    if not named:
        add_note(adata, f"The cells of {name} have no names; they were numbered in the order of the file.")
    layers = file.get("layers")
    for key in layers if isinstance(layers, h5py.Group) else ():
        if layers[key].shape == matrix.shape:
            adata.layers[str(key)] = _transposed(layers[key], name)
    return one_genome(adata, name)


def _transposed(dataset: h5py.Dataset, name: str) -> sparse.csr_matrix:
    """Read genes × cells in blocks of genes and return cells × genes, sparse, in float32."""
    if dataset.dtype.kind not in "biuf":
        raise DataError(
            f"The values of {name} are no numbers ({dataset.dtype}).",
            expected="A matrix of counts was expected.",
            do="Write it again with loompy, or export it as .h5ad.",
        )
    n_vars, n_obs = dataset.shape
    step = max(1, _BLOCK // max(n_obs, 1))
    blocks, n_bytes = [], 0
    for start in range(0, n_vars, step):
        block = sparse.csc_matrix(np.asarray(dataset[start : start + step], dtype=np.float32).T)
        n_bytes += block.data.nbytes + block.indices.nbytes
        require(n_bytes, name)  # joining the blocks takes them once more
        blocks.append(block)
    return sparse.hstack(blocks, format="csr", dtype=np.float32) if blocks else sparse.csr_matrix((n_obs, n_vars))


def _attributes(group: h5py.Group, length: int) -> dict[str, NDArray[Any]]:
    """Return the attributes that have one value, or a row of one, for each gene or cell; records of several are no columns."""
    found = {}
    for key, item in group.items():
        if isinstance(item, h5py.Dataset) and item.shape in ((length,), (length, 1)) and item.dtype.kind in _SINGLE:
            found[str(key)] = _text(item[()].ravel())
    return found


def _text(values: NDArray[Any]) -> NDArray[Any]:
    """Return bytes as text; other values are unchanged."""
    if values.dtype.kind in "SO":
        decoded = [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in values]
        return np.array(decoded, dtype=object)
    return values
