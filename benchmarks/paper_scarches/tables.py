"""Runs as Markdown, and what must hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.paper_scarches.experiments import EXPERIMENTS
from benchmarks.paper_scarches.runs import COSTS, QUALITY

GROUP = ["experiment", "cells", "method"]
_DIGITS = {"MB": 0, "EBM, nats": 2, **dict.fromkeys(("fit CPU s", "map CPU s", "CPU s"), 1)}


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean ± sd over seeds: one row for each experiment, number of cells and method, experiments in their order."""
    columns = [*QUALITY, *COSTS]
    groups = runs.groupby(GROUP, sort=False)
    mean, sd = groups[columns].mean(), groups[columns].std(ddof=1).fillna(0.0)
    text = pd.DataFrame({name: [*map(_spread(name), mean[name], sd[name])] for name in columns}, index=mean.index)
    text.insert(0, "seeds", groups["seed"].nunique())
    text["trained"] = groups["trained"].mean().map(lambda value: "" if np.isnan(value) else f"{value:.0f}")
    return _ordered(text.reset_index())


def wide(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return means of one measure: a row for each experiment, a column for each method; empty where no row has it."""
    table = runs.pivot_table(index=["experiment", "cells"], columns="method", values=measure, sort=False)
    return _ordered(table.map(lambda value: "" if np.isnan(value) else f"{value:.3f}").reset_index())


def against_baseline(runs: pd.DataFrame, method: str = "scarches") -> pd.DataFrame:
    """Compare with logistic regression that was told which types occur on both sides.

    The baseline counts cells of shared types alone; so do "accuracy" and its row here.
    """
    rows = []
    for name, experiment in EXPERIMENTS.items():
        found = runs[(runs["experiment"] == name) & (runs["method"] == method)]
        if experiment.baseline is None or found.empty:
            continue
        mean = found[found["cells"] == found["cells"].max()][["accuracy", "called right", "share called"]].mean()
        gap = mean["accuracy"] - experiment.baseline
        rows.append(
            {"experiment": name, "baseline": f"{experiment.baseline:.3f}", **{key: f"{mean[key]:.3f}" for key in mean.index},
             "accuracy less baseline": f"{gap:+.3f}"}
        )  # fmt: skip
    return pd.DataFrame(rows)


def checks(runs: pd.DataFrame) -> str:
    """Say whether surgery left the reference alone, and trained as many numbers as it should."""
    made = runs[runs["formula"].notna()]
    still = int((made["drift"] == 0).sum())
    counted = int((made["trained"] == made["formula"]).sum())
    return (
        f"Surgery of the new datasets' weights, {len(made)} runs: drift of the reference exactly 0 in {still}, "
        f"trained numbers m (p + q), with counts + m genes, in {counted}."
    )


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown."""
    lines = [list(map(str, table.columns)), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def report(runs: pd.DataFrame) -> str:
    """Return everything as one text."""
    parts = [
        f"### {measure}\n\n{markdown(wide(runs, measure))}" for measure in ("accuracy", "called right", "all cells")
    ]
    if runs["AUROC"].notna().any():
        parts.append(f"### AUROC\n\n{markdown(wide(runs, 'AUROC'))}")
    compared = against_baseline(runs)
    if len(compared):
        parts.append(f"### scArches and the baseline of the data\n\n{markdown(compared)}")
    parts.append(f"### Every measure\n\n{markdown(summary(runs))}")
    return "\n\n".join([*parts, checks(runs)])


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    order = {name: place for place, name in enumerate(EXPERIMENTS)}
    return table.sort_values(
        ["experiment", "cells"],
        key=lambda column: column.map(order) if column.name == "experiment" else column,
        kind="stable",
    ).reset_index(drop=True)


def _spread(name: str) -> Callable[[float, float], str]:
    digits = _DIGITS.get(name, 3)

    def text(mean: float, sd: float) -> str:
        return "" if np.isnan(mean) else f"{mean:.{digits}f} ± {sd:.{digits}f}"

    return text
