"""Names of cells and genes in a ``.loom`` file, under whatever attribute a program wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sctl.errors import DataError
from sctl.genes import gene_likeness, identifier_kind

# Compared in small letters, without '_', '.', '-' and blanks; the earlier is preferred.
_GENES = (
    "gene", "genename", "genenames", "symbol", "symbols", "genesymbol", "genesymbols", "geneshortname", "featurename",
    "varnames", "genes", "hgncsymbol", "name", "feature", "features", "index",
)  # fmt: skip
_IDS = (
    "accession", "geneids", "geneid", "ensemblids", "ensemblid", "ensembl", "ensemblgeneid", "featureid", "featureids",
    "id", "ids",
)  # fmt: skip
_CELLS = (
    "cellid", "cellids", "obsnames", "cellnames", "cellname", "barcode", "barcodes", "cellbarcode", "cellbarcodes",
    "cells", "cell", "cb", "id", "names", "name", "index",
)  # fmt: skip
_DIFFERENT = 0.5  # share of different values from which on a column may name rows; of few cells types would pass too


def gene_table(columns: Mapping[str, NDArray[Any]], n_vars: int, name: str) -> pd.DataFrame:
    """Return the attributes of genes as a table, named by symbols where there are any; ids go to ``gene_ids``.

    Raises
    ------
    DataError
        If no attribute names genes.
    """
    places = _places(columns)
    found = [places[key] for key in (*_GENES, *_IDS) if key in places and _distinct(columns[places[key]])]
    symbols = [key for key in found if identifier_kind(columns[key]) == "symbol"]
    likely = [key for key in columns if _is_text(columns[key]) and gene_likeness(columns[key]) >= _DIFFERENT]
    chosen = next(iter((*symbols, *found, *likely)), None)
    if chosen is None:
        raise DataError(
            f"{name}: genes have no names; there is {sorted(columns) or 'nothing'}.",
            expected="A column 'Gene' was expected.",
            do="Add the names and write the .loom again, or export an .h5ad.",
        )
    table = pd.DataFrame({key: value for key, value in columns.items() if key != chosen}, index=range(n_vars))
    ids = next((places[key] for key in _IDS if key in places and places[key] != chosen), None)
    ids = ids or next((str(key) for key in table if identifier_kind(table[key].astype(str)) == "ensembl"), None)
    if ids is not None and "gene_ids" not in table:
        table["gene_ids"] = columns[ids].astype(str)
    table.index = pd.Index(columns[chosen].astype(str), dtype=object)
    return table


def cell_table(columns: Mapping[str, NDArray[Any]], n_obs: int) -> tuple[pd.DataFrame, bool]:
    """Return the attributes of cells as a table, and whether they were named there; else they are numbered."""
    places = _places(columns)
    found = (places[key] for key in _CELLS if key in places and len(set(columns[places[key]])) > 0.9 * n_obs)
    chosen = next(found, None)
    table = pd.DataFrame({key: value for key, value in columns.items() if key != chosen}, index=range(n_obs))
    names = np.array([f"cell_{i + 1}" for i in range(n_obs)]) if chosen is None else columns[chosen].astype(str)
    table.index = pd.Index(names, dtype=object)
    return table, chosen is not None


def _places(columns: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    return {"".join(sign for sign in key.lower() if sign not in "_.- "): key for key in reversed(list(columns))}


def _is_text(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "OSU"


def _distinct(values: NDArray[Any]) -> bool:
    return len(set(values)) >= _DIFFERENT * len(values)
