"""Runs as Markdown: every method on every experiment, and ItClust against the earlier trial."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.paper_itclust.experiments import EXPERIMENTS, WITHHELD
from benchmarks.paper_itclust.runs import COSTS, QUALITY

ALLOWED_LOSS = 0.02
"""How much worse than the trial an experiment may be."""


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean ± sd over seeds, one row for each experiment and method, experiments in their order."""
    groups = runs.groupby(["experiment", "method"], sort=False)
    mean, sd = groups[[*QUALITY, *COSTS]].mean(), groups[[*QUALITY, *COSTS]].std(ddof=1).fillna(0.0)
    text = pd.DataFrame({name: [*map(_spread(str(name)), mean[name], sd[name])] for name in mean}, index=mean.index)
    text.insert(0, "seeds", groups["seed"].nunique())
    order = {name: place for place, name in enumerate([*EXPERIMENTS, *WITHHELD])}
    text = text.reset_index()
    return text.iloc[text["experiment"].map(order).argsort(kind="stable")]


def against_trial(runs: pd.DataFrame, method: str) -> tuple[pd.DataFrame, str]:
    """Compare a method with the trial, and say whether it is better on average and nowhere much worse.

    Returns
    -------
    table : DataFrame
        One row for each experiment that the trial had: accuracy, with names by majority, and ARI.
    verdict : str
    """
    mean = runs[runs["method"] == method].groupby("experiment")[["accuracy", "majority", "ARI", "CPU s"]].mean()
    rows, gaps = [], []
    for name, experiment in EXPERIMENTS.items():
        if experiment.trial is None or name not in mean.index:
            continue
        ours, trial = mean.loc[name], experiment.trial
        pairs = {"accuracy": trial.accuracy, "majority": trial.majority, "ARI": trial.ari}
        gaps.append({"experiment": name, **{key: ours[key] - value for key, value in pairs.items()}})
        cells = {key: f"{ours[key]:.3f} ({value:.3f})" for key, value in pairs.items()}
        rows.append({"experiment": name, **cells, "CPU s": f"{ours['CPU s']:.1f}"})
    return pd.DataFrame(rows), _verdict(pd.DataFrame(gaps), method)


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown."""
    lines = [list(map(str, table.columns)), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _verdict(gaps: pd.DataFrame, method: str) -> str:
    if gaps.empty:
        return f"No run of {method!r} to compare with the trial."
    sentences = []
    for measure in ("accuracy", "majority", "ARI"):
        worse = gaps[gaps[measure] < -ALLOWED_LOSS]
        which = ", ".join(f"{row['experiment']} ({row[measure]:+.3f})" for _, row in worse.iterrows()) or "none"
        mean = gaps[measure].mean()
        sentences.append(
            f"{measure}: {mean:+.3f} on average over {len(gaps)}, worse by more than {ALLOWED_LOSS} on: {which}."
        )
    return f"{method} less the trial. " + " ".join(sentences)


def _spread(name: str) -> Callable[[float, float], str]:
    digits = {"CPU s": 1, "wall s": 1, "MB": 0}.get(name, 3)

    def text(mean: float, sd: float) -> str:
        return "" if np.isnan(mean) else f"{mean:.{digits}f} ± {sd:.{digits}f}"

    return text
