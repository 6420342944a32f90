"""From two files as they are to a source and a target that can be used together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from sctl.data import TransferResult, require_cells, write_result
from sctl.errors import DataError
from sctl.preflight import Finding, Fix, Role, apply_fix, inspect, inspect_pair, label_candidates, named_labels


def repaired(source: AnnData, target: AnnData, *, blocks: bool = False) -> tuple[AnnData, AnnData, list[Finding]]:
    """Make names unique and the genes of both meet, where there is one right way to do it.

    Parameters
    ----------
    source, target : AnnData
    blocks : bool
        Whether to repair also what forbids using the data, such as swapped cells and genes.

    Returns
    -------
    source, target : AnnData
        Repaired copies where something was repaired.
    findings : list of Finding
        What was repaired, in order.
    """
    sides: dict[str, AnnData] = {"source": source, "target": target}
    applied: list[Finding] = []

    def next_repair() -> Finding | None:
        alone = [finding for role, adata in sides.items() for finding in inspect(adata, role=cast("Role", role))]
        alone.sort(key=lambda finding: finding.fix is None or finding.fix.code not in _VALUES_FIRST)
        both = list(inspect_pair(sides["source"], sides["target"]))
        done = {(finding.fix.code, finding.fix.arguments["role"]) for finding in applied if finding.fix}
        for finding in [*alone, *both]:
            if finding.fix is None or (finding.fix.code, finding.fix.arguments["role"]) in done:
                continue
            automatic = finding.fix.code in _REPAIR_PAIR if finding in both else repairs(finding)
            if automatic or (blocks and finding.level == "block"):
                return finding
        return None

    while (finding := next_repair()) is not None and finding.fix is not None:
        role = finding.fix.arguments["role"]
        other = sides["target" if role == "source" else "source"]
        sides[role] = apply_fix(sides[role], finding.fix, other=other)
        applied.append(finding)
    return sides["source"], sides["target"], applied


def repairs(finding: Finding) -> bool:
    """Say whether :func:`repaired` mends this finding about one dataset without being asked."""
    return finding.fix is not None and finding.fix.code in _REPAIR_ALONE


_REPAIR_ALONE = {
    "strip_genome", "use_counts", "sum_layers", "plain_names", "sum_genes", "unique_genes", "unique_cells",
}  # fmt: skip
_REPAIR_PAIR = {"use_symbols", "strip_versions", "map_orthologs", "match_case", "match_names"}
REPAIRED_BY_ITSELF = frozenset({*_REPAIR_ALONE, *_REPAIR_PAIR})
"""Codes of the repairs that :func:`repaired` makes without being asked."""
_VALUES_FIRST = ("use_counts", "sum_layers")  # while raw and the layers still bear the names of the genes


def annotated(
    target: AnnData,
    applied: Sequence[Finding | Fix],
    repaired: AnnData,
    result: TransferResult,
    *others: TransferResult,
) -> AnnData:
    """Return the cells of a result as they were given, with the result in its slots.

    Repairs serve the computation alone: values, genes and tables are those of the user again. Two repairs
    stay, since without them there is nothing to write to: swapped cells and genes, and numbered cell names.

    Parameters
    ----------
    target : AnnData
        As it was read.
    applied : sequence of Finding or Fix
        What was repaired in it, in order, by :func:`repaired` or on request.
    repaired : AnnData
        The target after that; only the names of its cells and genes are read.
    result : TransferResult
    *others : TransferResult
        More results of the same cells.

    Returns
    -------
    AnnData
        A copy.

    Raises
    ------
    DataError
        If a cell of the result is not in the target.
    """
    fixes = _fixes_of_target(applied)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*names are not unique")  # the pre-flight has said so
        given = target.T.copy() if any(fix.code == "transpose" for fix in fixes) else target
        require_cells(repaired, result)
        kept = _kept_cells(target, fixes)[repaired.obs_names.get_indexer(result.obs_names)]
        out = given[kept].copy()
        out.obs_names = result.obs_names.rename(given.obs_names.name)
        if _same_columns(given, repaired, [fix.arguments.get("where") for fix in fixes]):
            out.var_names = repaired.var_names  # what a method says of a gene is placed by its name
        for each in (result, *others):
            out = write_result(out, each)
        out.var_names = given.var_names
    out.uns.pop("read_notes", None)  # ours, not the user's
    return out


def _fixes_of_target(applied: Sequence[Finding | Fix]) -> list[Fix]:
    found = [item if isinstance(item, Fix) else item.fix for item in applied]
    return [fix for fix in found if fix is not None and fix.arguments["role"] == "target"]


def _kept_cells(target: AnnData, fixes: Sequence[Fix]) -> NDArray[np.int64]:
    """Return the places of the cells that repairs have left, among those of the target.  (n_repaired,)."""
    swapped = any(fix.code == "transpose" for fix in fixes)
    n_cells = target.n_vars if swapped else target.n_obs
    if not any(fix.code.startswith("drop_") for fix in fixes):
        return np.arange(n_cells)
    numbered = target.copy()
    names = pd.Index([str(place) for place in range(n_cells)])
    if swapped:
        numbered.var_names = names
    else:
        numbered.obs_names = names
    for fix in fixes:
        if fix.code not in _RENAMES:
            numbered = apply_fix(numbered, fix)
    places: NDArray[np.int64] = numbered.obs_names.to_numpy().astype(np.int64)
    return places


_RENAMES = {"unique_cells", "unique_genes", "sum_genes", "plain_names", "strip_genome", *_REPAIR_PAIR}
"""Repairs that leave the cells, and what is known of each but its name, as they are."""


def _same_columns(given: AnnData, repaired: AnnData, counts_from: Sequence[str | None]) -> bool:
    """Say whether repairs have left the genes in their places, whatever they are called now."""
    if "raw" in counts_from and not (given.raw is not None and given.raw.var_names.equals(given.var_names)):
        return False
    return bool(given.n_vars == repaired.n_vars)


def find_labels(source: AnnData, *, required: bool) -> str | None:
    """Return the one column of the source that holds cell types, by its name and the look of its values.

    Raises
    ------
    DataError
        If several might, if whether one does is not sure, or if none does although the method needs them.
    """
    found = label_candidates(source)
    if len(found) == 1 and named_labels(source) == found:
        return found[0]
    if len(found) == 1:
        raise DataError(
            f"Whether the column '{found[0]}' of the source holds the cell types cannot be seen from its name and values.",
            expected=f"The source has {', '.join(map(str, source.obs.columns))}.",
            do=f"Name the column with one name per type of cells, e.g. --label-key {found[0]}.",
        )
    if found:
        raise DataError(
            f"Several columns of the source may hold the cell types: {', '.join(found)}.",
            expected="One of them must be chosen.",
            do=f"Name it, e.g. --label-key {found[0]}.",
        )
    if required:
        raise DataError(
            "No column of the source seems to hold cell types.",
            expected=f"It has {', '.join(map(str, source.obs.columns)) or 'no columns'}.",
            do="Name the column with --label-key, or add --param source_types=found: TransferCluster then finds groups itself.",
        )
    return None


def labels_in_table(source: AnnData, columns: Sequence[str]) -> list[str]:
    """Return the columns of a joined table that hold cell types, the likeliest first.

    Who gives a table of one column means that one, whatever its name; of several their names must show it.

    Parameters
    ----------
    source : AnnData
        With the table joined to its cells.
    columns : sequence of str
        Those of the table.
    """
    if len(columns) == 1:
        return list(columns)
    return [column for column in named_labels(source) if column in columns]
