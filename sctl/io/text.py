"""Expression matrices as text: ``.csv``, ``.tsv``, ``.txt``, with genes in rows or in columns."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from sctl.errors import DataError
from sctl.genes import gene_likeness
from sctl.io.contents import damaged_gzip
from sctl.io.memory import require
from sctl.io.table import Layout, is_number, layout_of, opened

_CHUNK = 8_000_000  # values in memory at once as they are parsed: 64 MB
_SEEN = 2_000  # names that are looked at to tell genes from cells
_INDEX = re.compile(
    r"(?i)(?:unnamed.*|index|.*gene.*|.*cell.*|.*barcode.*|.*symbol.*|.*ensembl.*|id|name|x|feature.*|)"
)
_LABELS = re.compile(
    r"(?i)(?:cell[ _.]?)?(?:type|label|cluster|class)s?|(?:seurat_clusters|leiden|louvain|batch|sample|donor)"
)
# What featureCounts writes between the names and the counts.
_ABOUT_GENES = frozenset({"chr", "start", "end", "strand", "length"})
_MAX_NOTES = 20  # columns that are no numbers, beyond which the table is no expression matrix


@dataclass(frozen=True)
class _Columns:
    """What the columns of a table are, as positions: the names of the rows, remarks on them, and values."""

    names: int | None
    notes: tuple[int, ...]
    values: tuple[int, ...]


def read_text(path: Path, name: str) -> AnnData:
    """Read a table of numbers with names of cells and genes.

    Whether genes are in rows or columns is told from the names themselves: known symbols and Ensembl ids.
    Columns that are no numbers (a cell type, a second gene name) go to ``obs`` or ``var``. The table is
    read in parts, and only what is not zero is kept.

    Parameters
    ----------
    path : Path
        The file, packed by gzip or not.
    name : str
        The name the user knows it by.

    Returns
    -------
    AnnData of shape (n_obs, n_vars)
        ``X`` in CSR, float32. ``uns["read_notes"]`` says so where the orientation is only a guess.

    Raises
    ------
    DataError
        If it is no such table; the text says where it fails.
    """
    layout = layout_of(path, name)
    _require_header(layout.header, name)
    columns = _columns(layout, name)
    matrix, rows, notes = _read_parts(path, layout, columns, name)
    names = pd.Index([layout.header[i] for i in columns.values], dtype=object).astype(str)
    genes_in_rows, sure = _genes_in_rows(rows, names, layout.header[columns.names] if columns.names is not None else "")
    table = pd.DataFrame(notes, index=rows)
    if genes_in_rows:
        adata = AnnData(sparse.csr_matrix(matrix.T), obs=pd.DataFrame(index=names), var=table)
    else:
        adata = _without_numbered_labels(AnnData(matrix, obs=table, var=pd.DataFrame(index=names)))
    if not sure:
        adata.uns["read_notes"] = (
            f"The names in {name} do not tell genes from cells; the {'rows' if genes_in_rows else 'columns'} "
            "were taken for genes, since there are more of them."
        )
    return adata


def _require_header(header: tuple[str, ...], name: str) -> None:
    """Refuse a table whose first line holds values; cells may well be called 0, 1, 2."""
    numbers = [field for field in header[1:] if field and is_number(field)]
    counted = len(set(numbers)) == len(numbers) and all(field.isdecimal() for field in numbers)
    if len(numbers) == len(header) - 1 and not (counted and _INDEX.fullmatch(header[0])):
        raise DataError(
            f"{name} has no header: its first line holds values, such as {numbers[0]!r}.",
            expected="The first line should name the cells or the genes.",
            do="Export it with the names of the columns.",
        )


def _columns(layout: Layout, name: str) -> _Columns:
    """Tell names, remarks and values apart by the first rows."""
    width = len(layout.header)
    rows = [row for row in layout.sample if len(row) == width]
    numeric = [sum(is_number(row[i]) for row in rows) * 2 > len(rows) for i in range(width)]
    first = [row[0] for row in rows]
    counted = first in ([str(i) for i in range(len(rows))], [str(i + 1) for i in range(len(rows))])
    has_names = not numeric[0] or bool(_INDEX.fullmatch(layout.header[0])) or counted
    names = 0 if has_names else None
    if counted and _are_names([row[1] for row in rows], numeric=numeric[1]):
        names = 1  # after a column that only counts the rows
    rest = [i for i in range(1 if has_names else 0, width) if i != names]
    about = [i for i in rest if layout.header[i].lower() in _ABOUT_GENES]
    # One column called 'Start' may be a gene; the five of featureCounts together are not.
    dropped = set(about) if len(about) >= 4 else set()
    notes = tuple(i for i in rest if not numeric[i] or i in dropped)
    values = tuple(i for i in rest if numeric[i] and i not in dropped)
    if not values or len(notes) > _MAX_NOTES:
        where = notes[0] if notes else 0
        example = rows[0][where] if rows else ""
        raise DataError(
            f"{name} holds words where numbers were expected, such as {example[:40]!r} in the column "
            f"{layout.header[where]!r}.",
            expected="A matrix of counts was expected: names in the first row and column, numbers elsewhere.",
            do="If this is a table of labels, give it as such; otherwise export the counts alone.",
        )
    return _Columns(names, notes, values)


def _are_names(values: list[str], *, numeric: bool) -> bool:
    """Say whether words of the first rows could name these: none occurs twice."""
    return not numeric and len(set(values)) == len(values) > 1


def _read_parts(
    path: Path, layout: Layout, columns: _Columns, name: str
) -> tuple[sparse.csr_matrix, pd.Index, dict[str, list[str]]]:
    blocks: list[sparse.csr_matrix] = []
    rows: list[str] = []
    notes: dict[str, list[str]] = {layout.header[i] or f"column_{i}": [] for i in columns.notes}
    n_bytes = 0
    for part in _parts(path, layout, columns, name):
        values = _numbers(part, columns, layout, name)
        if values[-1:, -1:].size and np.isnan(values[:, -1]).any():
            _check_widths(path, layout, name)
        block = sparse.csr_matrix(values)
        n_bytes += block.data.nbytes + block.indices.nbytes
        require(n_bytes, name)  # joining the parts takes them once more
        blocks.append(block)
        if columns.names is not None:
            rows += part[columns.names].fillna("NA").str.strip().tolist()
        for key, i in zip(notes, columns.notes, strict=True):
            notes[key] += part[i].fillna("").astype(str).tolist()
    matrix = sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix((0, len(columns.values)))
    if columns.names is None:
        rows = [f"row_{i + 1}" for i in range(matrix.shape[0])]
    return matrix, pd.Index(rows, dtype=object), notes


def _parts(path: Path, layout: Layout, columns: _Columns, name: str) -> Iterator[pd.DataFrame]:
    """Yield the table in parts of whole rows, with positions as column names."""
    width = len(layout.header)
    as_text = dict.fromkeys((*columns.notes, *(() if columns.names is None else (columns.names,))), str)
    try:
        with (
            opened(path) as stream,
            pd.read_csv(
                stream,
                sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
                header=None,
                names=list(range(width)),
                index_col=False,
                skiprows=layout.skip,
                dtype=as_text,
                encoding=layout.encoding,
                encoding_errors="replace",
                chunksize=max(1, _CHUNK // width),
                low_memory=False,
                float_precision="high",
            ) as parts,
        ):
            yield from parts
    except (EOFError, zlib.error, OSError) as error:
        raise damaged_gzip(name) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise _ragged(name, str(error).split("C error: ")[-1].strip()) from error


def _numbers(part: pd.DataFrame, columns: _Columns, layout: Layout, name: str) -> NDArray[np.float32]:
    """Return the values of a part as float32, shape (n_rows, n_values)."""
    frame = part[list(columns.values)]
    words = [int(i) for i in frame.select_dtypes(include="object").columns]
    converted: dict[int, pd.Series] = {}
    for i in words:
        numbers = converted[i] = pd.to_numeric(frame[i], errors="coerce")
        wrong = numbers.isna() & frame[i].notna()
        if wrong.any():
            row = int(np.flatnonzero(wrong.to_numpy())[0])
            named = part.iloc[row][columns.names] if columns.names is not None else f"row {part.index[row] + 1}"
            raise DataError(
                f"{name} holds {str(frame[i].iloc[row])[:40]!r} where a number was expected: in the row {named!r}, "
                f"column {layout.header[i]!r}.",
                expected="Every value must be a number; an empty field or NA stands for a missing one.",
                do="Correct the value, or export the table again.",
            )
    if words:
        frame = pd.DataFrame({i: converted.get(int(i), frame[i]) for i in frame})
    return np.asarray(frame.to_numpy(dtype=np.float32))


def _check_widths(path: Path, layout: Layout, name: str) -> None:
    """Refuse a table with a line that ends too early; pandas fills such lines with missing values."""
    width = len(layout.header)
    with opened(path) as stream:
        for number, line in enumerate(stream):
            text = line.decode("latin-1" if layout.encoding == "utf-16" else layout.encoding, "replace").strip("\r\n")
            if number < layout.skip or layout.encoding == "utf-16" or not text.strip() or '"' in text:
                continue
            fields = len(text.split()) if layout.delimiter == " " else text.count(layout.delimiter) + 1
            if fields < width:
                raise _ragged(name, f"line {number + 1:,} has {fields:,} fields rather than {width:,}")


def _ragged(name: str, detail: str) -> DataError:
    return DataError(
        f"The lines of {name} have different numbers of fields ({detail[:120]}).",
        expected="Every line must have the same number of fields.",
        do="The file may be cut off, or a name may contain the delimiter: export it again with quoted names.",
    )


def _without_numbered_labels(adata: AnnData) -> AnnData:
    """Move columns that are called like labels, and hold whole numbers, from the genes to the table of cells."""
    labels = [i for i, name in enumerate(adata.var_names) if _LABELS.fullmatch(name)]
    for i in labels:
        values = np.asarray(adata.X[:, [i]].todense()).ravel()
        if np.isfinite(values).all() and (values == np.rint(values)).all():
            adata.obs[adata.var_names[i]] = values.astype(np.int64)
    moved = adata.var_names.isin(adata.obs.columns)
    return adata[:, ~moved].copy() if moved.any() else adata


def _genes_in_rows(rows: pd.Index, columns: pd.Index, corner: str) -> tuple[bool, bool]:
    """Say whether the rows are genes, and whether that is sure."""
    in_rows, in_columns = gene_likeness(_some(rows)), gene_likeness(_some(columns))
    if max(in_rows, in_columns) >= 0.05 and in_rows != in_columns:
        return in_rows > in_columns, True
    if re.search(r"(?i)gene|symbol|feature|ensembl", corner):
        return True, True
    if re.search(r"(?i)cell|barcode|sample", corner):
        return False, True
    return len(rows) > len(columns), False


def _some(names: pd.Index) -> pd.Index:
    return names[:: max(1, len(names) // _SEEN)]
