"""Several files as one side: the loose files of one sample, or datasets that are put together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from anndata import AnnData, concat

from sctl.errors import DataError
from sctl.io import read, read_many
from sctl.preflight import label_candidates, named_labels
from sctl.preprocess import linearised
from sctl.workflow import joining
from sctl.workflow.settings import Genes

FILE = "file"
"""Column of the cells with the dataset that each comes from."""
LABEL = "cell type"
"""Column of the types, where datasets call theirs differently."""
MIN_SHARED = 50
_PART_OF_A_SAMPLE = re.compile(r"\.mtx(\.gz)?$|(barcodes|features)[^/]*\.tsv(\.gz)?$")


def read_datasets(
    paths: Sequence[Path | str],
    *,
    names: Sequence[str] | None = None,
    genes: Genes = "shared",
    labeled: bool = False,
) -> AnnData:
    """Read one side of an analysis, whatever it consists of.

    Parameters
    ----------
    paths : sequence of Path or str
        One dataset; the loose files of one 10x sample; or several datasets, which are put together.
    names : sequence of str, optional
        The names the user knows them by, in the same order, where they lie under others.
    genes : {"shared", "union"}
    labeled : bool
        Of several datasets, see :func:`joined`.

    Raises
    ------
    DataError
        If a file cannot be read, or the datasets do not go together.
    """
    known = list(names) if names is not None else [Path(path).name for path in paths]
    loose = any(_PART_OF_A_SAMPLE.search(name.lower()) for name in known)
    if len(paths) == 1 or loose:
        return read_many(paths, names=known)
    if len(set(known)) < len(known):
        raise _twice(known)
    return joined(
        {name: read(path, name=name) for path, name in zip(paths, known, strict=True)}, genes=genes, labeled=labeled
    )


def joined(parts: Mapping[str, AnnData], *, genes: Genes = "shared", labeled: bool = False) -> AnnData:
    """Put datasets together, one below the other, each as it was given.

    Genes are brought to the names of the first one's, through orthologs where species differ. With ``"union"`` a gene
    that a dataset lacks is 0 in it; scaled within the column ``"file"`` that is the average, and so says nothing.

    Parameters
    ----------
    parts : mapping of str to AnnData
        Datasets by name, two or more. Columns of the cells need not agree; what a dataset lacks is missing.
    genes : {"shared", "union"}
    labeled : bool
        Whether types are looked for. Where no column that may hold them is common to all datasets that have one, the
        likeliest of each becomes ``obs["cell type"]``, if the names of the columns show that they hold types.

    Returns
    -------
    AnnData
        Values as they are where all datasets hold the same kind, and else brought to a linear scale, which
        ``uns["read_notes"]`` says. ``obs["file"]`` is the name of each cell's dataset. A cell name that occurs twice
        gets the dataset's number. Layers, maps and ``raw`` that all have are kept, and so are columns of the genes and
        remarks that do not contradict each other; other remarks lie in ``uns["per_file"]``.

    Raises
    ------
    DataError
        If values cannot be used, or fewer than 50 genes are shared.
    """
    given, repaired, alike = joining.match_genes(list(parts.values()))
    kinds = joining.kinds_of(given)
    as_given = alike and len(set(kinds)) == 1
    used = given if as_given else repaired
    n_shared = len(set(used[0].var_names).intersection(*(part.var_names for part in used[1:])))
    if n_shared < MIN_SHARED:
        raise _unknown_types(list(parts), n_shared)
    cells = [_with_file(part.obs, name) for name, part in zip(parts, used, strict=True)]
    _distinguish(cells)
    applied = f"{_SCALED}{_name_types(used, cells)}" if labeled else ""
    pieces = joining.pieces(used, cells, None if as_given else [linearised(part).X for part in used])
    out: AnnData = concat(pieces, join="inner" if genes == "shared" else "outer", fill_value=0, pairwise=True)
    out.obs = joining.cell_tables(cells).astype({FILE: "category"})
    out.var = joining.gene_columns(used, out.var_names)
    out.uns = joining.shared_notes(parts)
    any_has = len(set().union(*(part.var_names for part in used)))
    out.uns["read_notes"] = (
        f"{len(parts)} datasets were put together. They share {n_shared:,} genes, and any has {any_has:,}: "
        f"{out.n_vars:,} are used. The column '{FILE}' says which cell is of which dataset.{applied}"
        f"{'' if as_given else _brought_together(list(parts), kinds)}"
    )
    notes = [str(part.uns["read_notes"]) for part in parts.values() if "read_notes" in part.uns]
    out.uns["read_notes"] = " ".join([out.uns["read_notes"], *notes])
    return out


_SCALED = (
    f" Each dataset is scaled on its own only where that column is chosen as the sample (--batch-key {FILE}), which helps "
    "where they hold the same types."
)


def _with_file(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a table of cells with the name of their dataset; a column of that name is kept under another."""
    kept = f"{FILE} as given"
    return table.rename(columns={FILE: kept}).assign(**{FILE: name})


def _brought_together(names: Sequence[str], kinds: Sequence[str]) -> str:
    """Return what to tell the user of values that could not stay as they were."""
    held = "; ".join(f"{name}: {kind}" for name, kind in zip(names, kinds, strict=True))
    if len(set(kinds)) == 1:
        return " Their counts lie in different places: they were put into one."
    return f" Their values are of different kinds ({held}): all were brought to a linear scale."


def _name_types(parts: Sequence[AnnData], tables: Sequence[pd.DataFrame]) -> str:
    """Bring types under one name where no name is common, in place; return what to tell the user."""
    known = [columns for part in parts if (columns := label_candidates(part))]
    if not known or set(known[0]).intersection(*known[1:]):
        return ""
    found = [named_labels(part) for part in parts]
    if any(label_candidates(part) and not named for part, named in zip(parts, found, strict=True)):
        return " Which columns hold their cell types is not sure, and they have none in common: name them alike."
    for columns, table in zip(found, tables, strict=True):
        if columns:
            table[LABEL] = table[columns[0]].astype(object)
    return f" Their cell types have no column in common; the likeliest of each is in '{LABEL}'."


def _distinguish(tables: Sequence[pd.DataFrame]) -> None:
    """Give cells whose name occurs in more than one table the number of their table; in place."""
    everyone = pd.Index([str(name) for table in tables for name in table.index])
    again = set(everyone[everyone.duplicated()])
    for number, table in enumerate(tables, start=1):
        table.index = pd.Index([f"{name}-{number}" if name in again else str(name) for name in table.index])


def _twice(names: Sequence[str]) -> Exception:
    again = next(name for name in names if list(names).count(name) > 1)
    return DataError(f"{again} was given twice.", expected="Each dataset once.", do="Leave one of them out.")


def _unknown_types(names: Sequence[str], n_shared: int) -> Exception:
    return DataError(
        f"{', '.join(names)} share {n_shared} genes.",
        expected=f"Datasets that are put together share {MIN_SHARED} or more.",
        do="Give them the same kind of gene names, or use them one at a time.",
    )
