"""Colours that everybody can tell apart, the look all figures share, and their texts for screen readers.

Okabe & Ito (2008), "Color universal design"; Tol (2021), "Colour schemes", SRON/EPS/TN/09-002.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from sctl.data import UNASSIGNED

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
TOL = (
    "#332288", "#882255", "#44AA99", "#999933", "#AA4499", "#88CCEE", "#DDCC77", "#117733", "#CC6677",
    "#4477AA", "#AA7744", "#771155", "#77AADD", "#DDAA77", "#114477",
)  # fmt: skip
GREY = "#BBBBBB"
"""Unassigned and missing."""

SOURCE_COLOUR, TARGET_COLOUR = OKABE_ITO[1], OKABE_ITO[0]
ACCENT, SECOND, INK, FAINT = OKABE_ITO[0], OKABE_ITO[5], "#333333", "#E5E5E5"
ON_ANY = "#6F7A87"
"""Text and lines beside a map: as readable in the dark theme as in the light one. ``INK`` is for white ground."""
SEQUENTIAL = "Viridis"
DIVERGING = ("#0072B2", "#F7F7F7", "#D55E00")
"""Blue, white, vermilion: lower, equal, higher."""

FONT_SIZE = 13
MISSING = ("", "nan", "None", "<NA>", UNASSIGNED)


def natural_order(names: Iterable[Any]) -> list[str]:
    """Sort as a person would: numbers by value, what is unassigned last.

    Examples
    --------
    >>> natural_order(["10", "9", "unassigned", "beta", "Alpha"])
    ['9', '10', 'Alpha', 'beta', 'unassigned']
    """

    def key(name: str) -> tuple[bool, list[tuple[bool, int, str]], str]:
        parts = (part for part in re.split(r"(\d+)", name.lower()) if part)
        return name in MISSING, [(not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts], name

    return sorted({str(name) for name in names}, key=key)


def colors_of(names: Iterable[Any]) -> dict[str, str]:
    """Give every name its colour; unassigned and missing are grey.

    The same names give the same colours whatever their order or number of cells, so pass all names
    of a project to keep a type's colour on every page.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict
        Name to ``"#RRGGBB"``, in natural order. Beyond 22 names the colours come again.

    Examples
    --------
    >>> colors_of(["beta", "alpha", "unassigned"])
    {'alpha': '#0072B2', 'beta': '#E69F00', 'unassigned': '#BBBBBB'}
    """
    ordered = natural_order(names)
    wheel = OKABE_ITO + TOL
    real = [name for name in ordered if name not in MISSING]
    given = {name: wheel[number % len(wheel)] for number, name in enumerate(real)}
    return {name: given.get(name, GREY) for name in ordered}


def as_text(values: Any) -> NDArray[Any]:
    """Return categories as text, missing ones as ``"unassigned"``.  Shape (n_obs,)."""
    text = np.asarray(values, dtype=object).astype(str)
    return np.where(np.isin(text, MISSING), UNASSIGNED, text)


def is_numeric(values: Any) -> bool:
    """Say whether values are numbers (to be shown on a scale) and not names (to be shown in colours)."""
    return np.asarray(values).dtype.kind in "fiu"


def styled(figure: go.Figure, *, title: str = "", x_title: str = "", y_title: str = "", height: int = 460) -> go.Figure:
    """Give a figure the look all share; returns the same figure."""
    figure.update_layout(
        template="simple_white",
        title={"text": title, "x": 0, "xanchor": "left", "font": {"size": FONT_SIZE + 3}},
        font={"size": FONT_SIZE, "color": ON_ANY},
        hoverlabel={"font": {"size": FONT_SIZE}},
        height=height,
        margin={"l": 10, "r": 10, "t": 48 if title else 36, "b": 10},
        legend={"font": {"size": FONT_SIZE}, "itemsizing": "constant", "tracegroupgap": 2},
    )
    figure.update_xaxes(title_text=x_title or None, automargin=True)
    figure.update_yaxes(title_text=y_title or None, automargin=True)
    return figure


_ALT = {
    "reasons": "Bars of {n_genes} genes: to the right those that speak for {label}, to the left those for {against}.",
    "deletion": "Line chart: preference for {label} after genes are taken out. The genes named above: {salient}; random ones: "
    "{random}.",
    "units": "Heat map: in how many cell types each of {n_sets} pathways is significant for each of {n_units} units.",
    "neighbours": "Line chart: share of cells named rightly for each number of neighbours, in {n_spaces} spaces.",
    "trials": "Lines over parallel axes: {n_trials} trials with the settings tried, and the held-out loss they reached.",
    "embedding": "Map of {n_cells} cells coloured by {color}. Nearby cells have similar expression.",
    "theta": "Line chart: the score by which θ is chosen, at {n_points} strengths of transfer. In use: {best}.",
    "histogram": "Histogram of {metric}. The shaded range, from {low} to {high}, is kept.",
    "violin": "Distributions of {gene} in {n_groups} groups.",
    "dot_plot": "Dot plot of {n_genes} genes in {n_groups} groups: larger dots, more cells; lighter colour, higher expression.",
    "heatmap": "Heat map of {n_genes} genes in {n_groups} groups.",
    "volcano": "Scatter plot of {n_genes} genes: fold change across, evidence upwards. {n_clear} are clearly different.",
    "composition": "Stacked bars: what {n_groups} groups of cells consist of.",
    "sankey": "Flow diagram from {n_left} groups on the left to {n_right} on the right; broader bands, more cells.",
    "confusion": "Table of {n_rows} true types against {n_columns} given labels, coloured by share of the row.",
    "consensus": "Heat map: how often {n_cells} cells fall together, in {n_clusters} clusters along the diagonal; beside it "
    "their silhouettes, {silhouette} on average.",
    "stability": "Dots: how stable each cluster is, for {n_numbers} numbers of clusters. Highest on average at {best}.",
    "eigenvalues": "Dots in falling order; {n_above} lie above the line that chance alone reaches.",
    "confidence": "Histogram of the confidence of {n_cells} cells; {assigned} keep their name at a limit of {threshold}.",
    "kept": "Scatter plot of {n_cells} cells of the {role}: genes against counts. {n_kept} are kept.",
    "mixing": "Two maps of {n_cells} cells coloured by dataset. Before, {before} of a cell's neighbours were of the other "
    "dataset; after, {after}.",
    "training": "Line charts of {n_phases} phases of learning: the error, or the share of cells that change their group, at "
    "every round.",
    "film": "Animated map of {n_cells} cells in {n_snapshots} snapshots: cells of one group draw together.",
    "layers": "Flow diagram from {first} over groups to {last}; broader bands, more cells.",
    "gene_pair": "Two scatter plots of {first} against {second} in {n_cells} cells: before imputation and after it.",
}


def alt_text(figure_kind: str, **facts: Any) -> str:
    """Describe a figure in a sentence or two, for those who do not see it.

    Parameters
    ----------
    figure_kind : str
        embedding, theta, histogram, violin, dot_plot, heatmap, volcano, composition, sankey, confusion,
        consensus, stability, eigenvalues, confidence, kept, mixing, training, film, layers, gene_pair, reasons,
        deletion, trials, units or neighbours.
    **facts
        What the sentence names, e.g. ``n_cells=80, color="cell type"``.

    Examples
    --------
    >>> alt_text("embedding", n_cells=80, color="cell type")
    'Map of 80 cells coloured by cell type. Nearby cells have similar expression.'
    """
    return _ALT[figure_kind].format(**{key: _spoken(value) for key, value in facts.items()})


def _spoken(value: Any) -> str:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)
