"""What the experiments found, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

ORDER = (
    "encoded", "complex only", "simple only", "encoded, λ = 0", "encoded, distance", "random", "random, distance", "PCA",
    "PCA, cosine", "raw", "raw, cosine", "majority",
)  # fmt: skip
SHOWN_K = (2, 5, 10, 15, 20, 25)


def text(part: str, rows: pd.DataFrame) -> str:
    """Return the tables of one part."""
    if part == "transfer":
        return "\n\n".join([_wide(rows, "accuracy"), _wide(rows, "macro F1"), _by_k(rows), _costs(rows)])
    if part == "pathways":
        keys = ["data", "units", "types", "case", "λ"]
        values = ["any", "one", "two", "any, each ranking", "one, each ranking"]
        groups = rows.groupby(keys, dropna=False, sort=False)
        table = groups[values].agg(_spread).reset_index()
        table.insert(5, "seeds", groups["seed"].nunique().to_numpy())
        return _markdown(table)
    if part == "deletion":
        table = rows.groupby(["pair", "method"], sort=False)[["salient", "random"]].agg(_spread).reset_index()
        return _markdown(table)
    return _markdown(rows)


def _wide(rows: pd.DataFrame, measure: str) -> str:
    """Return mean ± standard deviation over seeds: a row for each pair, a column for each space."""
    table = rows.pivot_table(index="pair", columns="space", values=measure, aggfunc=_spread, sort=False)
    table = table[[name for name in ORDER if name in table]]
    table.insert(0, "seeds", rows.groupby("pair")["seed"].nunique())
    return f"{measure}:\n\n{_markdown(table.reset_index())}"


def _by_k(rows: pd.DataFrame) -> str:
    shown = rows[rows["space"].isin(["encoded", "random", "PCA", "raw"])]
    columns = [f"k{n_neighbors}" for n_neighbors in SHOWN_K]
    table = shown.groupby(["pair", "space"], sort=False)[columns].mean()
    return f"accuracy by k:\n\n{_markdown(table.map('{:.3f}'.format).reset_index())}"


def _costs(rows: pd.DataFrame) -> str:
    table = rows[rows["space"] == "encoded"].groupby("pair", sort=False)["CPU s"].mean()
    return f"CPU seconds of training both networks:\n\n{_markdown(table.map('{:.0f}'.format).reset_index())}"


def _spread(values: pd.Series) -> str:
    known = values.dropna()
    if not len(known):
        return ""
    digits = 3 if known.abs().max() < 2 and not (known == known.round()).all() else 1
    mean, sd = known.mean(), known.std(ddof=1)
    return f"{mean:.{digits}f}" + (f" ± {sd:.{digits}f}" if np.isfinite(sd) and sd > 0 else "")


def _markdown(table: pd.DataFrame) -> str:
    def line(cells: Sequence[object]) -> str:
        return (
            "| " + " | ".join("" if isinstance(cell, float) and np.isnan(cell) else str(cell) for cell in cells) + " |"
        )

    rows = [line(list(table.columns)), line(["---"] * table.shape[1])]
    return "\n".join([*rows, *(line(list(row)) for row in table.itertuples(index=False))])
