"""What datasets that are put together keep of their own: values, tables, arrays and remarks, as far as they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from sctl.preflight import Finding, apply_fix
from sctl.qc.values import log_base, value_kind
from sctl.workflow.inputs import repaired as mended

PER_FILE = "per_file"
"""Where ``uns`` keeps what datasets do not agree on, by the name of the dataset."""


def match_genes(parts: Sequence[AnnData]) -> tuple[list[AnnData], list[AnnData], bool]:
    """Bring the genes of datasets to the names of the first one's.

    Parameters
    ----------
    parts : sequence of AnnData

    Returns
    -------
    given : list of AnnData
        With the names of the first, and otherwise as they were.
    repaired : list of AnnData
        With counts in ``X`` as well, where they lie elsewhere.
    alike : bool
        Whether counts lie in the same place everywhere, so that they can be taken from there later.
    """
    given, repaired = [parts[0]], [parts[0]]
    applied: list[list[Finding]] = [[] for _ in parts]
    for number, part in enumerate(parts[1:], start=1):
        brought, repaired[0], found = mended(part, repaired[0])
        by_role = {
            role: [f for f in found if f.fix and f.fix.arguments["role"] == role] for role in ("source", "target")
        }
        given[0] = _renamed(given[0], by_role["target"], given[0])
        given.append(_renamed(part, by_role["source"], repaired[0]))
        repaired.append(brought)
        applied[0] += by_role["target"]
        applied[number] = by_role["source"]
    places = [sorted(_places(found)) for found in applied]
    renamed = any(finding.fix and finding.fix.code != "use_counts" for found in applied for finding in found)
    alike = all(place == places[0] for place in places) and not (renamed and "raw" in places[0])
    return given, repaired, alike


def _renamed(part: AnnData, applied: Sequence[Finding], other: AnnData) -> AnnData:
    """Repeat the repairs of names; values stay where they are."""
    for finding in applied:
        if finding.fix is not None and finding.fix.code != "use_counts":
            part = apply_fix(part, finding.fix, other=other)
    return part


def _places(applied: Sequence[Finding]) -> list[str]:
    return [str(f.fix.arguments.get("where")) for f in applied if f.fix is not None and f.fix.code == "use_counts"]


def kinds_of(parts: Sequence[AnnData]) -> list[str]:
    """Return what each matrix holds, logarithms with their base."""
    kinds: list[str] = [value_kind(part.X) for part in parts]
    return [
        f"logarithms to base {log_base(part.X)}" if kind == "log" else kind
        for part, kind in zip(parts, kinds, strict=True)
    ]


def pieces(parts: Sequence[AnnData], cells: Sequence[pd.DataFrame], matrices: Sequence[Any] | None) -> list[AnnData]:
    """Return datasets that go together cell by cell: only slots that all have, in the same shape.

    Parameters
    ----------
    parts : sequence of AnnData
    cells : sequence of DataFrame
        Their tables of cells, whose index names the cells.
    matrices : sequence of matrix, optional
        To be used in the place of ``X``.
    """
    shared = {slot: _shared(parts, slot) for slot in ("obsm", "layers", "obsp")}
    out = []
    for number, (part, table) in enumerate(zip(parts, cells, strict=True)):
        piece = AnnData(
            X=part.X if matrices is None else matrices[number],
            obs=table[[]],
            var=pd.DataFrame(index=part.var_names),
            **{slot: {name: getattr(part, slot)[name] for name in names} for slot, names in shared.items()},
        )
        if all(each.raw is not None for each in parts):
            piece.raw = part.raw.to_adata()
        out.append(piece)
    return out


def _shared(parts: Sequence[AnnData], slot: str) -> list[str]:
    """Return the names that a slot has everywhere; of arrays of cells, those of one width."""
    found = []
    for name in getattr(parts[0], slot):
        values = [getattr(part, slot)[name] for part in parts if name in getattr(part, slot)]
        alike = slot != "obsm" or len({(type(value).__name__, *value.shape[1:]) for value in values}) == 1
        if len(values) == len(parts) and alike:
            found.append(str(name))
    return found


def cell_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables of cells below each other; a column that is one of categories everywhere stays one."""
    tables = [table.copy() for table in tables]
    for name in tables[0].columns:
        columns = [table[name] for table in tables if name in table]
        if len(columns) < len(tables) or not all(isinstance(c.dtype, pd.CategoricalDtype) for c in columns):
            continue
        categories = list(dict.fromkeys(value for column in columns for value in column.cat.categories))
        for table in tables:
            table[name] = pd.Categorical(table[name].astype(object), categories=categories)
    return pd.concat(tables)


_KINDS = frozenset({"feature_types", "feature_type", "genome"})


def gene_columns(parts: Sequence[AnnData], genes: pd.Index) -> pd.DataFrame:
    """Return the columns of the genes that all datasets have and in which none contradicts another.

    What says that a row is no gene, or of which species it is, counts also where only some have it.
    """
    table = pd.DataFrame(index=genes)
    for name in dict.fromkeys(column for part in parts for column in part.var.columns):
        having = [part for part in parts if name in part.var]
        if len(having) < len(parts) and name not in _KINDS:
            continue
        whole = pd.concat([part.var[name].astype(object) for part in having])
        by_gene = whole.groupby(level=0, sort=False)
        if (by_gene.nunique(dropna=False) <= 1).all():
            table[name] = by_gene.first().reindex(genes).infer_objects()
    return table


def shared_notes(parts: Mapping[str, AnnData]) -> dict[str, Any]:
    """Return what ``uns`` holds: where all agree as it is, and else by dataset in ``uns["per_file"]``."""
    first, *others = parts.values()
    same = {
        name: value
        for name, value in first.uns.items()
        if all(name in other.uns and _equal(value, other.uns[name]) for other in others)
    }
    own = {
        file: {name: value for name, value in part.uns.items() if name not in same and name != "read_notes"}
        for file, part in parts.items()
    }
    same.pop("read_notes", None)
    kept = {file: values for file, values in own.items() if values}
    return {**same, **({PER_FILE: kept} if kept else {})}


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two values of ``uns`` are the same."""
    same = type(one) is type(other)
    if same and isinstance(one, Mapping):
        same = set(one) == set(other) and all(_equal(one[name], other[name]) for name in one)
    elif same and isinstance(one, (list, tuple)):
        same = len(one) == len(other) and all(map(_equal, one, other))
    elif same and isinstance(one, (pd.DataFrame, pd.Series, pd.Index)):
        same = bool(one.equals(other))
    elif same and sparse.issparse(one):
        same = one.shape == other.shape and (one != other).nnz == 0
    elif same:
        try:
            same = bool(np.array_equal(one, other))
        except (TypeError, ValueError):
            same = False
    return same
