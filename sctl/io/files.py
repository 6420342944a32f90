"""Write datasets and tell files apart by their content."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from pathlib import Path
from typing import Literal

import anndata as ad
from anndata import AnnData

from sctl.io.storing import storable
from sctl.io.system import system_errors


def fingerprint(path: Path | str) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files of a folder.

    The file is read in blocks, so its size does not matter.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a").write_bytes(b"abc")
    ...     fingerprint(Path(folder, "a"))[:16]
    'ba7816bf8f01cfea'
    """
    path = Path(path)
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in sorted(item for item in path.rglob("*") if item.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()}\0{fingerprint(file)}\n".encode())
    return digest.hexdigest()


def write_h5ad(adata: AnnData, path: Path | str, *, compression: Literal["gzip", "lzf"] = "gzip") -> tuple[str, ...]:
    """Write a dataset; the file appears whole or not at all, and ``adata`` is left as it is.

    What has no form in the file is brought into one that has, see :func:`sctl.io.storing.storable`.

    Parameters
    ----------
    adata : AnnData
    path : Path or str
        Where to; an existing file is replaced.
    compression : {"gzip", "lzf"}
        Small, or quick.

    Returns
    -------
    tuple of str
        What was changed so that it could be written, a sentence each.

    Raises
    ------
    DataError
        If the disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    with system_errors(f"{path.name} cannot be written"):
        whole, notes = storable(adata)
        _write_whole(whole, path, compression)
        return notes


def _write_whole(adata: AnnData, path: Path, compression: Literal["gzip", "lzf"]) -> None:
    # In the same folder, since a file can only be moved in one step within one disk.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        # By default anndata turns strings of the dataset that it writes into categories, in place.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Forward slashes", FutureWarning)  # the user's own names; they read alike
            ad.io.write_h5ad(part, adata, compression=compression, convert_strings_to_categoricals=False)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
