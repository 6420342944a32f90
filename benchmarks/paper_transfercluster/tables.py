"""Means with 95 % intervals, as Markdown, and figures of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from sctl.analysis.stability_outcomes import wilson


def summary(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return of every group and method the mean ARI, half its 95 % interval (Student's t) and the runs."""

    def half(values: pd.Series) -> float:
        n = int(values.count())
        return float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")

    grouped = rows.groupby([*by, "method"], sort=False)["ARI"]
    return grouped.agg(mean="mean", half=half, runs="count").reset_index()


def wide(found: pd.DataFrame, by: Sequence[str], methods: Sequence[str]) -> str:
    """Return a Markdown table with a column for each method: mean ± half the interval."""
    lines = ["| " + " | ".join([*by, *methods]) + " |", "|" + "---|" * (len(by) + len(methods))]
    for key, group in found.groupby(list(by), sort=False):
        own = group.set_index("method")
        cells = [_cell(own, method) for method in methods]
        lines.append("| " + " | ".join([*map(str, key), *cells]) + " |")
    return "\n".join(lines)


def _cell(own: pd.DataFrame, method: str) -> str:
    if method not in own.index or own.loc[method, "runs"] == 0:
        return "refused"
    mean, half = own["mean"][method], own["half"][method]
    return f"{mean:.3f}" if np.isnan(half) else f"{mean:.3f} ± {half:.3f}"


def refusals(rows: pd.DataFrame) -> str:
    """Return which runs were refused and why, as a Markdown list; empty if none was."""
    if "refused" not in rows or rows["refused"].isna().all():
        return ""
    found: Mapping[Any, int] = rows[rows["refused"].notna()].groupby(["cells", "refused"]).size().to_dict()
    return "\n".join(f"- {cells} cells, {count} times: {reason}" for (cells, reason), count in found.items())


def separated(rows: pd.DataFrame) -> str:
    """Return how many runs told the groups apart, with a 95 % interval (Wilson), as a Markdown table."""
    methods = list(dict.fromkeys(rows["method"]))
    lines = ["| question | values | " + " | ".join(methods) + " |", "|" + "---|" * (2 + len(methods))]
    for (question, variant), own in rows.groupby(["question", "variant"], sort=False):
        cells = [_counted(own[own["method"] == method]) for method in methods]
        lines.append(f"| {question} | {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _counted(own: pd.DataFrame) -> str:
    """Return hits of trials, the interval, and how far apart the groups are on average; empty where nothing was run."""
    if own.empty:
        return ""
    hits = int(own["separated"].astype(bool).sum())
    low, high = wilson(hits, len(own))
    return f"{hits} of {len(own)} ({low:.0%} to {high:.0%}); {own['total_variation'].mean():.2f}"


def write_rows(rows: Sequence[Mapping[str, object]], path: Path, columns: Sequence[str]) -> None:
    """Append rows to a CSV file, always with the same columns; what a row lacks is left empty."""
    pd.DataFrame(rows).reindex(columns=list(columns)).to_csv(path, mode="a", header=not path.exists(), index=False)
