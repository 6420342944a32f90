"""What a file is, told from its first bytes and its name; and a plain answer for each kind that is not read."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import Literal

from sctl.errors import DataError

Kind = Literal["hdf5", "zip", "tar", "mtx", "text"]

ACCEPTED = (
    ".h5ad", ".h5", ".loom", ".csv", ".tsv", ".txt", ".tab", ".xls", ".csv.gz", ".tsv.gz", ".txt.gz", ".tab.gz",
    ".xls.gz", ".h5ad.gz", ".h5.gz", ".loom.gz", ".mtx", ".mtx.gz", ".zip", ".tar", ".tar.gz", ".tgz",
)  # fmt: skip
"""Endings of the file names that are read; a ``.mtx`` comes with its barcodes and genes, a ``.xls`` must be text inside."""

_FROM_SEURAT = (
    'In R: write.csv(as.matrix(GetAssayData(object, layer = "counts")), "counts.csv")\n'
    '      write.csv(object@meta.data, "labels.csv")\n'
    "Then give these two files: the first is the matrix, the second the table of labels."
)

# kind of file -> what was found, what to do
_REFUSED: dict[str, tuple[str, str]] = {
    "rds": ("an R data file", f"Only R can open it. {_FROM_SEURAT}"),
    "h5seurat": ("a Seurat file in HDF5 form", f"Export it from Seurat. {_FROM_SEURAT}"),
    "excel": ("an Excel workbook", "In Excel choose 'Save as' and 'CSV (comma delimited)', then give that file."),
    "pickle": (
        "a Python pickle",
        "Pickles can run programs when opened, so they are never read. Save it as .h5ad: adata.write_h5ad('data.h5ad').",
    ),
    "numpy": ("a NumPy array", "It holds no names of cells and genes. Save it as .h5ad or as .csv with names."),
    "parquet": ("a Parquet or Feather table", "Save it as .csv: pandas.read_parquet('x').to_csv('x.csv')."),
    "reads": ("a file of sequencing reads", "Run a counting program first, for example Cell Ranger, STARsolo or alevin."),
    "document": ("a document or picture", "Give the table of counts itself."),
    "html": (
        "a web page",
        "The download probably answered with an error or a log-in page. Open the address in a browser and download again.",
    ),
    "json": ("a JSON file", "Give the matrix of counts as .h5ad or .csv."),
    "xml": ("an XML file", "Give the matrix of counts as .h5ad or .csv; XML files from GEO only describe the samples."),
    "packed": ("packed by a program that is not supported", "Unpack it, and give the unpacked file or a .zip of it."),
    "zarr": ("a Zarr store", "Save it as .h5ad: anndata.read_zarr('x').write_h5ad('x.h5ad')."),
    "alevin": (
        "a matrix in the binary form of salmon alevin",
        "Count with alevin-fry, or run alevin with --dumpMtx, and give the matrix.mtx with its lists of cells and genes.",
    ),
    "h5mu": ("a MuData file with several kinds of measurement", "Save its RNA part: mdata['rna'].write_h5ad('rna.h5ad')."),
}  # fmt: skip

_BY_SUFFIX: dict[str, str] = {
    ".rds": "rds", ".rdata": "rds", ".rda": "rds", ".robj": "rds", ".h5seurat": "h5seurat",
    ".xlsx": "excel", ".xls": "excel", ".xlsm": "excel", ".ods": "excel", ".pkl": "pickle", ".pickle": "pickle",
    ".joblib": "pickle", ".npz": "numpy", ".npy": "numpy", ".parquet": "parquet", ".feather": "parquet",
    ".fastq": "reads", ".fq": "reads", ".bam": "reads", ".sam": "reads", ".sra": "reads", ".pdf": "document",
    ".doc": "document", ".docx": "document", ".png": "document", ".jpg": "document", ".jpeg": "document",
    ".html": "html", ".htm": "html", ".json": "json", ".xml": "xml", ".rar": "packed", ".7z": "packed",
    ".bz2": "packed", ".xz": "packed", ".zst": "packed", ".zarr": "zarr", ".h5mu": "h5mu",
}  # fmt: skip

_BY_START: tuple[tuple[bytes, str], ...] = (
    (b"RDX", "rds"), (b"RDA", "rds"), (b"X\n\x00", "rds"), (b"A\n2\n", "rds"), (b"A\n3\n", "rds"),
    (b"\xd0\xcf\x11\xe0", "excel"), (b"\x80\x02", "pickle"), (b"\x80\x03", "pickle"), (b"\x80\x04", "pickle"),
    (b"\x80\x05", "pickle"), (b"\x93NUMPY", "numpy"), (b"PAR1", "parquet"), (b"ARROW1", "parquet"),
    (b"FEA1", "parquet"), (b"BAM\x01", "reads"), (b"%PDF", "document"), (b"\x89PNG", "document"),
    (b"\xff\xd8\xff", "document"), (b"Rar!", "packed"), (b"7z\xbc\xaf", "packed"), (b"BZh", "packed"),
    (b"\xfd7zXZ", "packed"), (b"\x28\xb5\x2f\xfd", "packed"), (b"<?xml", "xml"), (b"{", "json"),
)  # fmt: skip

HDF5 = b"\x89HDF\r\n\x1a\n"
_GZIP = b"\x1f\x8b"
_HEAD = 4096


def suffix_of(name: str) -> str:
    """Return the ending of a name in small letters, with what is under ``.gz``.

    Examples
    --------
    >>> suffix_of("GSM1.Counts.CSV.gz"), suffix_of("a.b.h5ad"), suffix_of("folder")
    ('.csv.gz', '.h5ad', '')
    """
    parts = name.lower().rsplit("/", 1)[-1].split(".")[1:]
    if len(parts) > 1 and parts[-1] == "gz":
        return "." + ".".join(parts[-2:])
    return f".{parts[-1]}" if parts else ""


def is_gzip(path: Path) -> bool:
    """Say whether a file is packed by gzip."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP


def head(path: Path, n_bytes: int = _HEAD, *, name: str = "") -> bytes:
    """Return the first bytes of a file, unpacked where it is packed by gzip.

    Raises
    ------
    DataError
        If the packed file is damaged.
    """
    if not is_gzip(path):
        with path.open("rb") as stream:
            return stream.read(n_bytes)
    try:
        with gzip.open(path) as stream:
            return stream.read(n_bytes)
    except (OSError, EOFError, zlib.error) as error:
        raise damaged_gzip(name or path.name) from error


def damaged_gzip(name: str) -> DataError:
    """Return the error for a gzip file that cannot be unpacked to its end."""
    return DataError(
        f"{name} is a damaged or incomplete gzip file.",
        expected="It should unpack without an error.",
        do="Download or copy it again; the transfer was probably cut off.",
    )


def refusal(kind: str, name: str) -> DataError:
    """Return the error for a known kind of file that is not read."""
    found, do = _REFUSED[kind]
    return DataError(f"{name} is {found}.", expected="This kind of file is not read here.", do=do)


def kind_of(path: Path, name: str) -> Kind:
    """Tell what a file holds.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        The name the user knows it by.

    Returns
    -------
    {"hdf5", "zip", "tar", "mtx", "text"}

    Raises
    ------
    DataError
        If the file is empty or of a kind that is not read; each kind has its own text.
    """
    suffix = suffix_of(name)
    start = head(path, name=name)
    if not start.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise DataError(
            f"{name} is empty." if not start else f"{name} holds nothing but blanks.",
            expected="A table of counts was expected.",
            do="Export or download it again.",
        )
    if start.startswith(_GZIP):
        raise DataError(
            f"{name} is packed by gzip twice, one time within the other.",
            expected="A file that is packed once, or not at all, was expected.",
            do="Unpack it once, and give what comes out (its name may have to end in .gz again).",
        )
    if start.startswith(HDF5) and suffix.removesuffix(".gz") not in (".h5seurat", ".h5mu"):
        return "hdf5"
    refused = _refused_kind(start, suffix)
    if refused:
        raise refusal(refused, name)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if start[257:262] == b"ustar":
        return "tar"
    if not _called_excel(start, suffix):
        _check_name(suffix, name)
    if b"\x00" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"{name} is a binary file of an unknown kind.",
            expected=f"Files ending in {', '.join(ACCEPTED)} are read.",
            do="Export the counts in one of these forms.",
        )
    return "mtx" if start.startswith(b"%%MatrixMarket") else "text"


def _refused_kind(start: bytes, suffix: str) -> str | None:
    plain = suffix.removesuffix(".gz")
    if plain in _BY_SUFFIX and not _called_excel(start, suffix):
        return _BY_SUFFIX[plain]
    if re.match(rb"\s*<(?:!doctype\s+html|html|head|body)", start.removeprefix(b"\xef\xbb\xbf"), re.IGNORECASE):
        return "html"
    if start.startswith(b"PK\x03\x04") and b"[Content_Types].xml" in start:
        return "excel"
    if start.startswith(b"PK\x03\x04") and b".npy" in start[:200]:
        return "numpy"
    return next((kind for magic, kind in _BY_START if start.startswith(magic)), None)


def _called_excel(start: bytes, suffix: str) -> bool:
    """Say whether a text is only called like a workbook, as tables on GEO often are."""
    if _BY_SUFFIX.get(suffix.removesuffix(".gz")) != "excel" or start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return False
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return b"\x00" not in start and not start.startswith(
        (b"PK", b"\xd0\xcf\x11\xe0", b"\t\x08", b"\t\x04", b"\t\x00", b"\t\x02")
    )


def _check_name(suffix: str, name: str) -> None:
    """Refuse a text whose name promises another kind of file, and names that promise nothing."""
    plain = suffix.removesuffix(".gz")
    if plain in (".h5ad", ".h5", ".loom"):
        raise DataError(
            f"{name} ends in {plain}, but it is not an HDF5 file inside.",
            expected="Such a file begins with the HDF5 signature.",
            do="It was probably renamed or the download failed. Export or download it again.",
        )
    if plain in (".zip", ".tar", ".tgz") or suffix == ".tar.gz":
        raise DataError(
            f"{name} ends in {suffix}, but it is no archive inside.",
            expected="A .zip or .tar.gz archive was expected.",
            do="Pack the files again, or give them as they are.",
        )
    if suffix not in ACCEPTED:
        raise DataError(
            f"{name} has an unknown ending{f' ({suffix})' if suffix else ''}.",
            expected=f"Files ending in {', '.join(ACCEPTED)} are read.",
            do="If it is a table, rename it so that it ends in .csv or .tsv; otherwise export it in one of these forms.",
        )
