"""Expression matrices as text: ``.csv``, ``.tsv``, ``.txt``, with genes in rows or in columns."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError
from sctl.genes import gene_likeness, genome_prefixes, listed, other_than_genes, without_genome
from sctl.io.cleaning import (
    add_note,
    is_about_genes,
    note_about_genes,
    note_orientation,
    one_genome,
    with_unusual_cells_dropped,
    with_unusual_genes_dropped,
)
from sctl.io.contents import damaged_gzip
from sctl.io.system import require
from sctl.io.table import MISSING, Layout, fields_of, is_number, layout_of, opened, unfolded
from sctl.io.words import Words, require_no_points_between_thousands, require_no_points_in

_CHUNK = 8_000_000  # values in memory at once as they are parsed: 64 MB
_SEEN = 2_000  # names that are looked at to tell genes from cells
_INDEX = re.compile(
    r"(?i)(?:unnamed.*|index|.*gene.*|.*cell.*|.*barcode.*|.*symbol.*|.*ensembl.*|id|name|x|feature.*|)"
)
_MAX_NOTES = 20  # columns that are no numbers, beyond which the table is no expression matrix


@dataclass(frozen=True)
class _Columns:
    """What the columns of a table are, as positions: the names of the rows, remarks on them, and values."""

    names: int | None
    notes: tuple[int, ...]
    values: tuple[int, ...]
    about: tuple[int, ...]  # of the remarks, those that are numbers


@dataclass(frozen=True)
class _Parts:
    """What a table holds: values, remarks on the rows, rows of words by name, and the lines below it."""

    matrix: sparse.csr_matrix
    table: pd.DataFrame
    labels: dict[str, list[str]]
    footer: tuple[str, ...]


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
    words = Words(name, layout.header)
    parts = _read_parts(path, layout, columns, words)
    headings = dict(zip(columns.notes, parts.table.columns, strict=True))
    about = [headings[i] for i in columns.about]
    matrix, table, rows = parts.matrix, _numbers(parts.table, about), parts.table.index
    require_no_points_between_thousands(matrix.data, name)
    names = pd.Index([layout.header[i] for i in columns.values], dtype=object).astype(str)
    long = unfolded(matrix, [rows, *(table[column] for column in table.columns)], name)
    if long is not None:
        matrix, rows, names = long
        table = pd.DataFrame(index=rows)
    genes_in_rows, sure = _genes_in_rows(rows, names, layout.header[columns.names] if columns.names is not None else "")
    labels = pd.DataFrame(parts.labels if long is None else None, index=names)
    if genes_in_rows:
        adata = AnnData(sparse.csr_matrix(matrix.T), obs=labels, var=table)
    else:
        adata = AnnData(matrix, obs=table, var=labels)
    for note in _notes(layout, parts, words):
        add_note(adata, note)
    if long is not None:
        add_note(adata, f"{name} has a line for each count; they were gathered into a matrix of genes and cells.")
    if about and genes_in_rows:
        add_note(adata, note_about_genes(about, name))
    if not sure:
        note_orientation(adata, name, "rows" if genes_in_rows else "columns")
    return one_genome(with_unusual_genes_dropped(with_unusual_cells_dropped(adata, name), name), name)


def _notes(layout: Layout, parts: _Parts, words: Words) -> Iterator[str]:
    """Yield what to say of how a table is written."""
    if layout.titles:
        yield f"Above the header of {words.name} stands {listed(layout.titles, 2)}; it was taken for a title."
    if parts.footer:
        yield f"Below the table of {words.name} stands {listed(parts.footer, 2)}; it was taken for a remark."
    if parts.labels:
        yield f"In {words.name}, {listed(parts.labels)} hold words; they were kept apart from the values."
    if note := words.note():
        yield note


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
    # What may be about cells as well ("total_counts") is told from it once rows and columns are known.
    about_genes = is_about_genes(layout.header) & (other_than_genes(layout.header) == "").to_numpy()
    about = tuple(i for i in rest if numeric[i] and about_genes[i])
    notes = tuple(i for i in rest if not numeric[i] or about_genes[i])
    values = tuple(i for i in rest if numeric[i] and not about_genes[i])
    if not values or len(notes) - len(about) > _MAX_NOTES:
        where = next((i for i in notes if i not in about), 0)
        example = next((row[where] for row in rows if not is_number(row[where])), "")
        require_no_points_in(example, name)
        raise DataError(
            f"{name} holds words where numbers were expected, such as {example[:40]!r} in the column "
            f"{layout.header[where]!r}.",
            expected="A matrix of counts was expected: names in the first row and column, numbers elsewhere.",
            do="If this is a table of labels, give it as such; otherwise export the counts alone.",
        )
    return _Columns(names, notes, values, about)


def _are_names(values: list[str], *, numeric: bool) -> bool:
    """Say whether words of the first rows could name these: none occurs twice."""
    return not numeric and len(set(values)) == len(values) > 1


def _read_parts(path: Path, layout: Layout, columns: _Columns, words: Words) -> _Parts:
    name = words.name
    blocks: list[sparse.csr_matrix] = []
    rows: list[str] = []
    notes: dict[str, list[str]] = dict(zip(_headings(layout, columns.notes), ([] for _ in columns.notes), strict=True))
    n_bytes = n_rows = 0
    footer: tuple[str, ...] | None = None
    for part in _parts(path, layout, columns, name):
        names = _names(part, columns, n_rows)
        values = words.numbers(part[list(columns.values)], pd.Index(names), n_rows)
        n_rows += len(names)
        if footer is None and values[-1:, -1:].size and np.isnan(values[:, -1]).any():
            footer = _footer(path, layout, name)
        block = sparse.csr_matrix(values)
        n_bytes += block.data.nbytes + block.indices.nbytes
        require(n_bytes, name)  # joining the parts takes them once more
        blocks.append(block)
        rows += names
        for key, i in zip(notes, columns.notes, strict=True):
            notes[key] += part[i].fillna("").astype(str).tolist()
    matrix = sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix((0, len(columns.values)))
    table = pd.DataFrame(notes, index=pd.Index(rows, dtype=object))
    kept = np.ones(len(rows), dtype=bool)
    kept[list(words.rows)] = False
    kept[len(rows) - len(footer or ()) :] = False
    last = [line for i, line in enumerate(rows) if not kept[i] and i not in words.rows]
    labels = {rows[i]: fields for i, fields in words.rows.items() if i < len(rows) - len(footer or ())}
    return _Parts(matrix if kept.all() else matrix[kept], table[kept], labels, tuple(last))


def _headings(layout: Layout, places: tuple[int, ...]) -> list[str]:
    """Return the headings of some columns, each there once and none empty."""
    found: list[str] = []
    for i in places:
        heading, number = layout.header[i] or f"column_{i}", 1
        free = heading
        while free in found:
            free, number = f"{heading}-{number}", number + 1
        found.append(free)
    return found


def _numbers(table: pd.DataFrame, headings: Sequence[str]) -> pd.DataFrame:
    """Return a table with some columns read as numbers, where they hold nothing else."""
    found = table.copy(deep=False)
    for heading in headings:
        numbers = pd.to_numeric(table[heading].where(~table[heading].isin(MISSING)), errors="coerce")
        if numbers.notna().sum() == (~table[heading].isin(MISSING)).sum():
            found[heading] = numbers
    return found


def _names(part: pd.DataFrame, columns: _Columns, start: int) -> list[str]:
    if columns.names is None:
        return [f"row_{start + i + 1}" for i in range(len(part))]
    return list(part[columns.names].fillna("NA").str.strip())


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


def _footer(path: Path, layout: Layout, name: str) -> tuple[str, ...]:
    """Return the lines below the table that hold a remark alone; refuse a line elsewhere that ends too early.

    pandas fills such lines with missing values.
    """
    if layout.encoding == "utf-16":
        return ()
    width = len(layout.header)
    short: list[tuple[str, DataError]] = []
    with opened(path) as stream:
        for number, line in enumerate(stream):
            text = line.decode(layout.encoding, "replace").strip("\r\n")
            if number < layout.skip or not text.strip() or ('"' in text and not _only_first(text, layout)):
                short = [] if text.strip() else short
                continue
            fields = len(text.split()) if layout.delimiter == " " else text.count(layout.delimiter) + 1
            remark = _only_first(text, layout)
            if short and not remark:
                raise short[0][1]
            if fields < width or remark:
                error = _ragged(name, f"line {number + 1:,} has {fields:,} fields rather than {width:,}")
                if not remark:
                    raise error
                short.append((text.strip(layout.delimiter + ' "'), error))
    return tuple(text for text, _ in short)


def _only_first(text: str, layout: Layout) -> bool:
    """Say whether only the first field of a line holds something, and that is a remark rather than a gene."""
    fields = fields_of(text, layout.delimiter) if layout.delimiter != " " else [text]
    return bool(fields) and not any(fields[1:]) and " " in fields[0].strip()


def _ragged(name: str, detail: str) -> DataError:
    return DataError(
        f"The lines of {name} have different numbers of fields ({detail[:120]}).",
        expected="Every line must have the same number of fields.",
        do="The file may be cut off, or a name may contain the delimiter: export it again with quoted names.",
    )


def _genes_in_rows(rows: pd.Index, columns: pd.Index, corner: str) -> tuple[bool, bool]:
    """Say whether the rows are genes, and whether that is sure."""
    in_rows, in_columns = (gene_likeness(_without_genomes(_some(names))) for names in (rows, columns))
    if max(in_rows, in_columns) >= 0.05 and in_rows != in_columns:
        return in_rows > in_columns, True
    if re.search(r"(?i)gene|symbol|feature|ensembl", corner):
        return True, True
    if re.search(r"(?i)cell|barcode|sample", corner):
        return False, True
    return len(rows) > len(columns), False


def _without_genomes(names: pd.Index) -> pd.Index:
    for genome in set(genome_prefixes(names)) - {""}:
        names = without_genome(names, genome)
    return names


def _some(names: pd.Index) -> pd.Index:
    return names[:: max(1, len(names) // _SEEN)]
