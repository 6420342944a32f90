"""Which files belong to one matrix, as Cell Ranger, STARsolo, kb-python, alevin-fry, Parse and others name them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl.errors import DataError
from sctl.genes import identifier_kind
from sctl.io.contents import damaged_gzip
from sctl.io.table import opened

_TEXTS = (".tsv", ".csv", ".txt", ".bed")
# What stands for the matrix itself at the end of its name; before it stands the sample.
_MATRIX = re.compile(r"(?:count_?matrix|matrix|umi_?counts?|counts?|dge|quants_mat|mat|cells_x_genes)$")
_CELLS = re.compile(r"barcode|cell|quants_mat_rows|colnames|samples|obs")
_GENES = re.compile(r"feature|gene|quants_mat_cols|rownames|peaks")
_SYMBOLS = re.compile(r"names?\b|symbols?\b|id_to_name")
_PASSED_OVER = re.compile(r"prefix|metrics|summary|doublet|scrublet|whitelist|readme|\.ec\.")
_CELLS_FIRST = re.compile(r"cells_x_genes|count_matrix|dge|quants_mat")
_PEAK = re.compile(r"(?:chr)?\w{1,20}[:_-]\d+[_-]\d+")
_HEADERS = {
    "id": re.compile(r"(?i)gene_?ids?|feature_?ids?|ensembl\w*|accession|ids?"),
    "name": re.compile(r"(?i)gene_?(?:short_?)?names?|gene_?symbols?|symbols?|names?|genes?|feature_?names?"),
    "genome": re.compile(r"(?i)genome"),
    "types": re.compile(r"(?i)feature_?types?|types?"),
}
_CELL_HEADER = re.compile(r"(?i)bc_wells|barcodes?|cells?(?:[ _.]?(?:id|name|barcode)s?)?|x|v1")


@dataclass(frozen=True)
class Triple:
    """The files of one sample; ``names`` holds the symbols of genes where they are in a file of their own."""

    matrix: Path
    barcodes: Path
    features: Path
    names: Path | None = None

    @property
    def cells_first(self) -> bool:
        """Whether the rows of such a matrix are cells, where its sizes do not tell."""
        return _CELLS_FIRST.search(_plain(self.matrix)) is not None


def find_triples(files: Iterable[Path]) -> list[Triple]:
    """Return the samples among some files: each ``.mtx`` with the barcodes and genes named like it.

    Names may have anything before the words, as in ``GSM123_matrix.mtx.gz``, and may be packed.
    """
    listed = sorted(files)
    found = []
    for matrix in matrices(listed):
        near = [file for file in listed if file.parent == matrix.parent and _plain(file).endswith(_TEXTS)]
        alone = len([other for other in matrices(listed) if other.parent == matrix.parent]) == 1
        triple = _triple(matrix, near, alone=alone)
        if triple is not None:
            found.append(triple)
    return found


def matrices(files: Iterable[Path]) -> list[Path]:
    """Return the matrices among some files; counts of transcripts' classes are none."""
    return [file for file in files if _plain(file).endswith(".mtx") and "tcc" not in _plain(file)]


def _triple(matrix: Path, near: list[Path], *, alone: bool) -> Triple | None:
    stem = _plain(matrix).removesuffix(".mtx")
    begin = _MATRIX.sub("", stem)
    rests: dict[Path, str] = {}
    for file in near:
        plain = _plain(file)
        if _PASSED_OVER.search(plain.removeprefix(begin)):
            continue
        if stem.endswith("quants_mat"):
            rests[file] = plain  # the words of alevin-fry are 'quants_mat_rows' and 'quants_mat_cols'
        elif stem and plain.startswith(stem):
            rests[file] = plain[len(stem) :]
        elif alone or plain.startswith(begin):
            rests[file] = plain.removeprefix(begin)
    genes = [file for file, rest in rests.items() if _GENES.search(rest)]
    cells = [file for file, rest in rests.items() if _CELLS.search(rest) and file not in genes]
    if not alone:
        genes = [file for file in genes if _begins(rests[file], _GENES, strict=begin == "" or not genes)]
        cells = [file for file in cells if _begins(rests[file], _CELLS, strict=True)]
    symbols = [file for file in genes if _SYMBOLS.search(rests[file]) and len(genes) > 1]
    ids = [file for file in genes if file not in symbols]
    features, barcodes = (
        _likeliest(ids or symbols, rests, ("feature", "gene")),
        _likeliest(cells, rests, ("barcode", "cell")),
    )
    if features is None or barcodes is None:
        return None
    names = symbols[0] if len(symbols) == 1 and symbols[0] != features else None
    return Triple(matrix, barcodes, features, names)


def _begins(rest: str, word: re.Pattern[str], *, strict: bool) -> bool:
    """Say whether nothing but signs stands before the word that says what a file is."""
    found = word.search(rest)
    return found is not None and (not strict or not rest[: found.start()].strip("._- "))


def _likeliest(files: list[Path], rests: dict[Path, str], words: tuple[str, ...]) -> Path | None:
    """Return the one file, or of several the one that has the first of the words that only one has."""
    if len(files) == 1:
        return files[0]
    for word in words:
        chosen = [file for file in files if word in rests[file]]
        if len(chosen) == 1:
            return chosen[0]
    return None


def read_columns(path: Path) -> pd.DataFrame:
    """Return the columns of a list of barcodes or genes as text."""
    try:
        with opened(path) as stream:
            first = stream.readline(1 << 16)
        separator = b"\t" if b"\t" in first else b"," if ".csv" in path.name.lower() or b"," in first else b"\t"
        with opened(path) as stream:
            table = pd.read_csv(
                stream, sep=separator.decode(), header=None, dtype=str, keep_default_na=False, comment=None
            )
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


def is_header(table: pd.DataFrame) -> bool:
    """Say whether the first line of a list of cells or genes names its columns."""
    first = [str(item) for item in table.iloc[0]] if len(table) else [""]
    known = any(pattern.fullmatch(first[0]) for pattern in (*_HEADERS.values(), _CELL_HEADER))
    return known or (first[0] == "" and len(first) > 1)


def gene_table(features: pd.DataFrame, names: pd.DataFrame | None, header: list[str] | None) -> pd.DataFrame:
    """Return genes named by symbols where there are any, with ``gene_ids`` and what else the lists say.

    Parameters
    ----------
    features : DataFrame of shape (n_vars, n_columns)
        Ids and symbols in the first two columns, then kinds of features; or as the header says.
    names : DataFrame, optional
        Symbols, one per gene in the same order, or with the id before each.
    header : list of str, optional
    """
    places = {"id": 0, "name": min(1, features.shape[1] - 1), "types": 2, "genome": -1}
    if places["name"] and identifier_kind(features[1]) == "ensembl" != identifier_kind(features[0]):
        places["id"], places["name"] = 1, 0
    if header is not None:
        found = {
            kind: next((i for i, name in enumerate(header) if pattern.fullmatch(name)), None)
            for kind, pattern in _HEADERS.items()
        }
        ids = 0 if found["id"] is None else found["id"]
        places = {
            "id": ids, "name": ids if found["name"] is None else found["name"],
            "types": -1 if found["types"] is None else found["types"],
            "genome": -1 if found["genome"] is None else found["genome"],
        }  # fmt: skip
    table = {"gene_ids": features[places["id"]].to_numpy()}
    for kind, column in (("types", "feature_types"), ("genome", "genome")):
        if 0 <= places[kind] < features.shape[1]:
            table[column] = features[places[kind]].to_numpy()
    symbols = features[places["name"]].astype(str).to_numpy()
    if names is not None:
        symbols = _named(table["gene_ids"], names)
    symbols = np.where(symbols == "", table["gene_ids"], symbols)
    return pd.DataFrame(table, index=pd.Index(symbols, dtype=object))


def _named(ids: NDArray[np.object_], names: pd.DataFrame) -> NDArray[np.object_]:
    if names.shape[1] > 1:
        known = dict(zip(names[0], names[1], strict=True))
        return np.array([known.get(item, item) for item in ids], dtype=object)
    return np.asarray(names[0].to_numpy(dtype=object) if len(names) == len(ids) else ids)


def cell_table(barcodes: pd.DataFrame, header: list[str] | None) -> pd.DataFrame:
    """Return cells with what a list says of them beside their names."""
    rest = {
        str(header[i]) if header is not None else f"column_{i}": barcodes[i].to_numpy()
        for i in range(1, barcodes.shape[1])
    }
    table = pd.DataFrame(rest, index=pd.Index(barcodes[0].astype(str).to_numpy(), dtype=object))
    for column in table.columns:
        numbers = pd.to_numeric(table[column], errors="coerce")
        if numbers.notna().all() and len(numbers):
            table[column] = numbers
    return table


def are_peaks(names: pd.Series) -> bool:
    """Say whether names are places on chromosomes."""
    return bool(len(names)) and bool(names.astype(str).str.fullmatch(_PEAK).mean() > 0.5)


def _plain(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")
