"""Curves over the number of target cells, as in the paper's figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sctl.plots.publication import to_bytes

COLOURS = ("#0072B2", "#009E73", "#D55E00", "#E69F00", "#CC79A7", "#999999")
MARKERS = ("s", "^", "o", "v", "D", "")


def curves(found: pd.DataFrame, path: Path, *, panels: str, methods: Sequence[str], title: str = "") -> None:
    """Draw mean ARI with 95 % intervals against the number of target cells, a panel for each value of a column."""
    names = list(dict.fromkeys(found[panels]))
    figure = Figure(figsize=(3.1 * len(names) + 1.6, 3.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for panel, name in zip(axes, names, strict=True):
        own = found[found[panels] == name]
        for method, color, marker in zip(methods, COLOURS, MARKERS, strict=False):
            line = own[own["method"] == method].sort_values("cells")
            if line.empty:
                continue
            style = {"color": color, "marker": marker or None, "linestyle": "-" if marker else "--"}
            panel.errorbar(
                line["cells"], line["mean"], line["half"], capsize=2, markersize=4, linewidth=1.2, label=method, **style
            )
        ticks = sorted(own["cells"].unique())
        panel.set(title=str(name), xlabel="target cells", xscale="log", ylim=(-0.05, 1.05))
        panel.set_xticks(ticks, [str(tick) for tick in ticks], fontsize=6, rotation=45)
        panel.minorticks_off()
    axes[0].set_ylabel("adjusted Rand index")
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.suptitle(title)
    path.write_bytes(to_bytes(figure, "svg"))
