"""Arrays by name in one ``.npz``, read within the bounds of what its parts announce."""

from __future__ import annotations

import lzma
import math
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sctl.errors import DataError, SctlError
from sctl.io.system import require

MAX_ARRAYS = 10_000
"""Most arrays in a file."""


def read_arrays(path: Path, name: str | None = None) -> dict[str, NDArray[Any]]:
    """Read all arrays of a ``.npz``; what would have to be unpickled is refused.

    Parameters
    ----------
    path : Path
    name : str, optional
        The name the user knows it by.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    DataError
        If the file is damaged, or an array is not as large as its header announces, or there is no memory for them.
    """
    name = name or path.name
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_ARRAYS:
                raise ValueError(f"{len(parts)} parts")
            require(sum(part.file_size for part in parts), name)
            return {part.filename.removesuffix(".npy"): _array(archive, part) for part in parts}
    except (
        ArithmeticError, EOFError, LookupError, MemoryError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
        lzma.LZMAError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        if isinstance(error, SctlError):
            raise
        raise DataError(
            f"{name} is a damaged or incomplete file of arrays.",
            expected="It should hold the arrays that sctl wrote, whole.",
            do="Compute the result again.",
        ) from error


def _array(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> NDArray[Any]:
    """Read one array, after what its header announces was compared with the size of the part."""
    with archive.open(part) as stream:
        shape, dtype, n_header = _header(stream)
        if dtype.hasobject or part.file_size != n_header + math.prod(shape) * dtype.itemsize:
            raise ValueError("the header announces another size")
    with archive.open(part) as stream:
        return np.asarray(npy.read_array(stream, allow_pickle=False))


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, type and the length of the header itself."""
    version = npy.read_magic(stream)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
    with warnings.catch_warnings():  # numpy repairs headers of Python 2, and says so
        warnings.simplefilter("ignore", UserWarning)
        shape, _, dtype = read(stream)
    return shape, dtype, stream.tell()
