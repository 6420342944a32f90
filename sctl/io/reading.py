"""One way in for every accepted file: tell what it is, unpack it where needed, read it, tidy it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError
from sctl.io import archive, tenx
from sctl.io.contents import ACCEPTED, Kind, is_gzip, kind_of, refusal, suffix_of
from sctl.io.hdf5 import read_hdf5
from sctl.io.system import system_errors
from sctl.io.text import read_text


def read(path: Path | str, *, name: str | None = None) -> AnnData:
    """Read a dataset of any accepted form.

    The file is read here, within bounds on what it announces; the app reads files from outside in a process of their own,
    see :mod:`sctl.jobs.isolated`.

    Parameters
    ----------
    path : Path or str
        A file (see :data:`ACCEPTED`), or a folder with the three files of a 10x sample or one accepted file.
    name : str, optional
        The name the user knows it by, where it lies under another; messages and the ending follow it.

    Returns
    -------
    AnnData of shape (n_obs, n_vars)
        ``X`` is CSR in the file's own dtype (float16, which has no sparse form, becomes float32); names are
        strings. Everything else is as in the file. ``uns["read_notes"]`` says what was chosen where there
        was a choice. Names may repeat and values be missing: the pre-flight reports that.

    Raises
    ------
    DataError
        If it cannot be read; the text names what was found, what was expected and what to do.
    """
    path = Path(path)
    name = name or path.name
    with system_errors(f"{name} cannot be read"), warnings.catch_warnings():
        _check_there(path, name)
        # Names that are not unique are reported by the pre-flight, with a way to repair them.
        warnings.filterwarnings("ignore", message=".*names are not unique")
        return _tidy(_read_folder(path, name) if path.is_dir() else _read_file(path, name), name)


def _check_there(path: Path, name: str) -> None:
    """Refuse what is neither a file nor a folder; a pipe would be waited for without end."""
    if not path.exists():
        raise DataError(f"There is no file {name}.", expected="A file or a folder was expected.", do="Check the path.")
    if not path.is_file() and not path.is_dir():
        raise DataError(
            f"{name} is a device or a pipe.",
            expected="A file or a folder was expected.",
            do="Save what comes out of it as a file, and give that.",
        )


def read_many(paths: Sequence[Path | str], *, names: Sequence[str] | None = None) -> AnnData:
    """Read one dataset given as several loose files: matrix, barcodes and genes, as 10x writes them.

    Parameters
    ----------
    paths : sequence of Path or str
        The files; a single one is read as :func:`read` does.
    names : sequence of str, optional
        The names the user knows them by, in the same order, where they lie under others.

    Raises
    ------
    DataError
        If they are not the three files of one sample.
    """
    known = list(names) if names is not None else [Path(path).name for path in paths]
    if len(paths) == 1:
        return read(paths[0], name=known[0])
    with system_errors(f"{known[0]} cannot be read"), tempfile.TemporaryDirectory() as folder:
        # The files are found by their names, so they must lie under the names the user knows.
        links = []
        for path, given in zip(paths, known, strict=True):
            link = Path(folder, Path(given).name)
            if link.exists() or not Path(path).is_file():
                raise DataError(
                    f"{given} was given twice." if link.exists() else f"There is no file {given}.",
                    expected="Each file was expected once.",
                    do="Give the matrix, the barcodes and the genes of one sample.",
                )
            link.symlink_to(Path(path).resolve())
            links.append(link)
        return _gathered(links, " + ".join(known[:4]))


def _gathered(files: list[Path], name: str) -> AnnData:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*names are not unique")
        return _tidy(tenx.read_triples(files, name), name)


def _read_file(path: Path, name: str) -> AnnData:
    if name.lower() == "quants_mat.gz":
        raise refusal("alevin", name)
    kind = kind_of(path, name)
    if kind == "hdf5" and is_gzip(path):
        with tempfile.TemporaryDirectory() as folder:
            return read_hdf5(archive.gunzip(path, Path(folder, "data"), name=name), name)
    if kind == "hdf5":
        return read_hdf5(path, name)
    if kind in ("zip", "tar"):
        return _read_archive(path, name, kind)
    if kind == "mtx":
        raise DataError(
            f"{name} is a matrix without names.",
            expected="Its barcodes.tsv and features.tsv (or genes.tsv) are needed too.",
            do="Give the three files together.",
        )
    return read_text(path, name)


def _read_archive(path: Path, name: str, kind: Kind) -> AnnData:
    with tempfile.TemporaryDirectory() as folder:
        files = archive.unpack(path, Path(folder), name=name)
        if kind == "zip" and Path(folder, "[Content_Types].xml") in files:
            raise refusal("excel", name)
        archive.require_flat([file for file in files if _accepted(file.name)], name)
        return _read_one_of(files, name)


def _read_folder(path: Path, name: str) -> AnnData:
    if (path / ".zgroup").exists() or (path / "zarr.json").exists():
        raise refusal("zarr", name)
    return _read_one_of([file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")], name)


def _read_one_of(files: list[Path], name: str) -> AnnData:
    """Read the one dataset among some files: a 10x sample, or a single accepted file."""
    if not files:
        raise DataError(
            f"{name} holds no files.", expected="A matrix of counts was expected in it.", do="Pack or choose it again."
        )
    if any(file.name.lower().endswith((".mtx", ".mtx.gz")) for file in files):
        return tenx.read_triples(files, name)
    if any(file.name.lower() == "quants_mat.gz" for file in files):
        raise refusal("alevin", name)
    single = [file for file in files if _accepted(file.name)]
    if len(single) == 1:
        return _read_file(single[0], single[0].name)
    if len(files) == 1:
        kind_of(files[0], files[0].name)  # says what is wrong with it
    listed = ", ".join(sorted(file.name for file in single or files)[:6])
    raise DataError(
        f"{name} holds {len(single)} files that could be the matrix: {listed}."
        if single
        else f"{name} holds nothing that can be read; there is {listed}.",
        expected="One matrix, or one set of matrix, barcodes and genes, was expected.",
        do="Give the one file you want.",
    )


def _accepted(name: str) -> bool:
    return suffix_of(name) in ACCEPTED and not name.lower().startswith("readme")


def _tidy(adata: AnnData, name: str) -> AnnData:
    """Bring names and matrix to the form that :func:`read` promises."""
    if not adata.n_obs or not adata.n_vars:
        raise DataError(
            f"{name} holds {adata.n_obs:,} cells and {adata.n_vars:,} genes.",
            expected="At least one of each was expected.",
            do="Check what was exported; a filter may have removed everything.",
        )
    adata.obs_names = _as_text(adata.obs_names)
    adata.var_names = _as_text(adata.var_names)
    X: Any = adata.X  # noqa: N806 - the slot's own name
    if X.dtype.kind not in "biuf":
        raise DataError(
            f"The matrix of {name} holds {X.dtype} rather than numbers.",
            expected="Numbers were expected in X.",
            do="Write the file again with the counts in X.",
        )
    # Of the numbers that files hold, sparse matrices know all but half and extended precision.
    known = X.dtype.kind in "iu" or X.dtype in (np.float32, np.float64)
    matrix = sparse.csr_matrix(X if known else X.astype(np.float32))
    if not matrix.has_canonical_format:
        matrix.sum_duplicates()  # of two entries for one place the sum counts, as everywhere
    if matrix is not X:
        adata.X = matrix
    return adata


def _as_text(names: pd.Index) -> pd.Index:
    text = [item.decode() if isinstance(item, bytes) else str(item) for item in names]
    return pd.Index(text, dtype=object, name=names.name)
