"""An ``.h5ad`` part by part, where a part of it cannot be read: what else is in it is read all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from anndata._io.specs.registry import IORegistryError  # has no public name, and is a plain Exception
from anndata.experimental import read_dispatched
from numpy.typing import NDArray
from scipy import sparse

from sctl.genes import listed
from sctl.io.cleaning import add_note

_SPARSE = {"csr_matrix": sparse.csr_matrix, "csc_matrix": sparse.csc_matrix}
_OPTIONAL = ("uns", "obsm", "varm", "obsp", "varp")  # a layer may hold the counts
_LEFT_OUT = object()  # stands for what cannot be read


def read_in_parts(path: Path, name: str) -> AnnData:
    """Read an ``.h5ad``, leaving out what has no known form, unless it is a matrix or a name.

    Text in another encoding than UTF-8 is read as Latin-1, as of older programs on Windows, and numbers in the order of bytes of
    another kind of computer as what they are.

    Parameters
    ----------
    path : Path
        The file, whose parts were looked through before (see :mod:`sctl.io.hdf5_check`).
    name : str
        The name the user knows it by.

    Returns
    -------
    AnnData
        ``uns["read_notes"]`` says what was left out or read in another encoding.

    Raises
    ------
    Exception
        Whatever reading the matrix, the names or the tables raises.
    """
    parts = _Parts()
    with h5py.File(path, "r") as file:
        if "raw.X" in file or not isinstance(file["obs"], h5py.Group):
            raise ValueError("a layout from before anndata 0.7")
        slots = {key: parts.read(file[key]) for key in ("X", "obs", "var", "layers", *_OPTIONAL) if key in file}
        raw = {key: parts.read(file["raw"][key]) for key in file.get("raw", ())}
    adata = AnnData(**slots)
    if raw:
        adata.raw = AnnData(X=raw["X"], var=raw["var"], obs=pd.DataFrame(index=adata.obs_names))
    if parts.recoded:
        add_note(adata, f"Some text in {name} is not in UTF-8 ({listed(parts.recoded, 4)}); it was read as Latin-1.")
    if parts.left_out:
        add_note(adata, f"A part of {name} cannot be read and was left out: {listed(parts.left_out, 4)}.")
    return adata


class _Parts:
    """Reads elements one by one, and remembers what could not be read."""

    def __init__(self) -> None:
        self.recoded: list[str] = []
        self.left_out: list[str] = []

    def read(self, element: Any) -> Any:
        """Return an element, or ``_LEFT_OUT`` for one that cannot be read and may be missing."""
        try:
            return read_dispatched(element, self._element)
        except IORegistryError:  # of an unknown form; what is damaged raises other errors, and is never left out
            above, *inner = element.name.strip("/").split("/")
            if above not in _OPTIONAL or not inner:
                raise
            self.left_out.append(element.name.strip("/"))
            return _LEFT_OUT

    def _element(self, read: Any, _: str, element: Any, *, iospec: Any) -> Any:
        if iospec.encoding_type == "dataframe" and iospec.encoding_version != "0.1.0":
            return self._table(element)
        if isinstance(element, h5py.Group) and iospec.encoding_type in ("dict", ""):
            found = {str(key): self.read(element[key]) for key in element}
            return {key: value for key, value in found.items() if value is not _LEFT_OUT}
        if iospec.encoding_type in _SPARSE:
            values, indices, indptr = (native(element[key][()]) for key in ("data", "indices", "indptr"))
            shape = tuple(int(size) for size in element.attrs["shape"])
            return _SPARSE[iospec.encoding_type]((values, indices, indptr), shape=shape)
        try:
            return read(element)
        except UnicodeDecodeError:
            if not isinstance(element, h5py.Dataset):
                raise
            self.recoded.append(element.name.strip("/"))
            return _decoded(element[()])

    def _table(self, group: Any) -> pd.DataFrame:
        columns = {}
        for key in group.attrs["column-order"]:
            try:
                values = self.read(group[key])
            except IORegistryError:
                values = _LEFT_OUT
            if values is _LEFT_OUT:
                self.left_out.append(group[key].name.strip("/"))
            else:
                columns[str(key)] = values
        heading = group.attrs["_index"]
        index = pd.Index(self.read(group[heading]), name=None if heading == "_index" else heading)
        return pd.DataFrame(columns, index=index)


def _decoded(values: Any) -> Any:
    """Return bytes as text: UTF-8 where they are, else Latin-1, which has a letter for each."""
    if isinstance(values, str):
        return values
    if isinstance(values, bytes):
        try:
            return values.decode("utf-8")
        except UnicodeDecodeError:
            return values.decode("latin-1")
    return np.array([_decoded(item) for item in values.ravel()], dtype=object).reshape(values.shape)


def native(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers in the order of bytes of this computer."""
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def with_native_numbers(adata: AnnData) -> AnnData:
    """Bring all numbers of a dataset into the order of bytes of this computer, in place: pandas and scipy know no other."""
    for table in (adata.obs, adata.var):
        for place, (key, dtype) in enumerate(zip(table.columns, table.dtypes, strict=True)):
            if isinstance(dtype, np.dtype) and not dtype.isnative:
                table[key] = native(table.iloc[:, place].to_numpy())
    slots: tuple[Any, ...] = (adata.layers, adata.obsm, adata.varm, adata.obsp, adata.varp)
    for slot in slots:
        for key, value in list(slot.items()):
            if isinstance(value, np.ndarray) and not value.dtype.isnative:
                slot[key] = native(value)
    if isinstance(adata.X, np.ndarray) and not adata.X.dtype.isnative:
        adata.X = native(adata.X)
    return adata


def with_words(adata: AnnData, file: h5py.File) -> AnnData:
    """Replace numbers by the words that a file keeps for them in a group of its own, in place.

    SeuratDisk and anndata 0.7 write a column of types as numbers beside ``__categories``; the former without the reference from
    one to the other, so that anndata reads the numbers.
    """
    for table, key in ((adata.obs, "obs"), (adata.var, "var")):
        group = file[key]
        words: Any = group.get("__categories") if isinstance(group, h5py.Group) else None
        for column in words if isinstance(words, h5py.Group) else ():
            values = table[column].to_numpy() if column in table else np.empty(0)
            if values.dtype.kind not in "iu" or not isinstance(words[column], h5py.Dataset):
                continue
            known = pd.Index(_decoded(np.asarray(words[column][()]).astype(object)).astype(str))
            if len(values) and known.is_unique and values.min() >= -1 and values.max() < len(known):
                table[column] = pd.Categorical.from_codes(values.astype(np.intp).tolist(), known)
    return adata
