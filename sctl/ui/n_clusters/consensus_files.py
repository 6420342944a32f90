"""What the page on the number of groups has found, as tables to take away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sctl.project import Project, load_estimate
from sctl.ui.frame import results
from sctl.ui.n_clusters import consensus_results


def tables(project: Project) -> dict[str, pd.DataFrame]:
    """Return everything about all numbers of groups that are finished for the answer shown; empty where none is.

    Parameters
    ----------
    project : Project

    Returns
    -------
    dict of str to DataFrame
        ``cells`` (a column for each number), ``groups``, ``estimate``, ``markers``, ``differing_genes`` and
        ``unusual_cells``, the last three with the number in ``n_groups``.
    """
    seen = consensus_results.seen(project)
    numbers = consensus_results.finished(seen)
    if not numbers or seen.fingerprint("theta") != project.fingerprint("theta"):
        return {}
    parts = [_of_one(seen, number) for number in numbers]
    joined = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
    estimate = load_estimate(seen)
    found = {} if estimate is None else {"estimate": _estimate(estimate)}
    return {"cells": consensus_results.partitions(seen), **found, **joined}


def groups(project: Project, number: int) -> pd.DataFrame:
    """Return a row for each group at one number of groups.

    Parameters
    ----------
    project : Project
    number : int
        One that is finished.

    Returns
    -------
    DataFrame
        ``cluster``, ``n_cells``, ``label`` (of most cells), ``silhouette`` (mean) and ``stability``, as a share of the
        largest there can be.
    """
    found, over = consensus_results.point(project, number), consensus_results.over_k(project)
    called = consensus_results.names(project, found)
    labels = pd.Series(results.result(project).labels.astype(str)).groupby(found.clusters)
    own = pd.Series(found.silhouettes).groupby(found.clusters[found.compared]).mean()
    held = sorted(called)
    return pd.DataFrame(
        {
            "cluster": [called[one] for one in held],
            "n_cells": np.bincount(found.clusters)[held],
            "label": labels.agg(lambda values: values.mode().iloc[0]).reindex(held).to_numpy(),
            "silhouette": own.reindex(held).to_numpy(),
            "stability": over.stability[number] / (over.highest or 1.0),
        }
    )


def _of_one(project: Project, number: int) -> dict[str, pd.DataFrame]:
    found = consensus_results.point(project, number)
    called = {**consensus_results.names(project, found), -1: ""}
    cells = consensus_results.cells(project, found)
    both = {"markers": found.marker_genes(), "differing_genes": found.differing_genes()}
    named = {name: table.assign(cluster=table["cluster"].map(called)) for name, table in both.items()}
    far = cells[cells["outlier_score"] > 0].sort_values("outlier_score", ascending=False, kind="stable")
    whole = {"groups": groups(project, number), **named, "unusual_cells": far}
    return {name: _numbered(table, number) for name, table in whole.items()}


def _numbered(table: pd.DataFrame, number: int) -> pd.DataFrame:
    out = table.copy()
    out.insert(0, "n_groups", number)
    return out


def _estimate(found: dict[str, Any]) -> pd.DataFrame:
    values = np.asarray(found["eigenvalues"], dtype=np.float64)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(values) + 1),
            "eigenvalue": values,
            "threshold": found["threshold"],
            "above": values > found["threshold"],
        }
    )
