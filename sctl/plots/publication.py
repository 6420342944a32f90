"""The main figures for print, as PNG, SVG or PDF; drawn by matplotlib, without a browser or a screen."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sctl.errors import ParameterError
from sctl.plots.embedding import label_positions
from sctl.plots.markers import scaled_table
from sctl.plots.palette import ACCENT, GREY, INK, OKABE_ITO, SECOND, as_text, colors_of, is_numeric, natural_order
from sctl.plots.theta import PURE, X_TITLE, Y_TITLE
from sctl.typing import Floats

Format = Literal["png", "svg", "pdf"]

_STYLE: dict[Any, Any] = {
    "font.size": 9, "axes.titlesize": 10, "axes.labelsize": 9, "legend.fontsize": 8, "xtick.labelsize": 8,
    "ytick.labelsize": 8, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "pdf.fonttype": 42, "svg.fonttype": "none",  # text stays text, to be edited
    "text.parse_math": False,  # a $ in somebody's name of a cell type is a $
    "svg.hashsalt": "sctl",  # the same drawing, the same file
}  # fmt: skip
_LABELS_ON_MAP = 15
_RASTER_ABOVE = 5_000  # points; more of them make a vector file too heavy to open


def to_bytes(figure: Figure, file_format: Format = "png", *, dpi: int = 300) -> bytes:
    """Write a matplotlib figure as a file.

    Parameters
    ----------
    figure : matplotlib Figure
    file_format : {"png", "svg", "pdf"}
    dpi : int
        Dots per inch, 50 to 1200; of what is drawn as pixels.

    Returns
    -------
    bytes
        The same for the same figure: no date is written.

    Raises
    ------
    ParameterError
        If the format or the resolution cannot be had.
    """
    undated: Mapping[str, Mapping[str, Any]] = {
        "png": {"Software": None},
        "svg": {"Date": None},
        "pdf": {"CreationDate": None},
    }
    if file_format not in undated:
        raise ParameterError(f"The format is {file_format!r}.", expected=f"It must be one of {list(undated)}.")
    if not 50 <= dpi <= 1200:
        raise ParameterError(f"The resolution is {dpi} dpi.", expected="It must lie between 50 and 1200.")
    buffer = io.BytesIO()
    with rc_context(_STYLE):
        metadata = dict(undated[file_format])
        figure.savefig(buffer, format=file_format, dpi=dpi, bbox_inches="tight", metadata=metadata)
    return buffer.getvalue()


def embedding(
    coords: Floats,
    color: Any,
    *,
    title: str = "",
    color_title: str = "",
    axis_name: str = "UMAP",
    palette: Mapping[str, str] | None = None,
) -> Figure:
    """Draw cells on their map; names (with a legend) or numbers (with a scale) give the colour.

    Parameters
    ----------
    coords : ndarray of shape (n_obs, 2)
    color : sequence of length n_obs
    title, color_title : str
    axis_name : str
        "UMAP", "t-SNE" or "PCA".
    palette : mapping, optional

    Returns
    -------
    matplotlib Figure
    """
    coords, values = np.asarray(coords, dtype=np.float64), np.asarray(color)
    with rc_context(_STYLE):
        figure, axes = _canvas(4.2, 3.8)
        look: dict[str, Any] = {
            "s": float(np.clip(9_000 / max(len(coords), 1), 0.5, 14)),
            "linewidths": 0,
            "rasterized": len(coords) > _RASTER_ABOVE,
        }
        if is_numeric(values):
            order = np.argsort(np.nan_to_num(values, nan=-np.inf), kind="stable")  # the highest on top
            drawn = axes.scatter(coords[order, 0], coords[order, 1], c=values[order], cmap="viridis", **look)
            figure.colorbar(drawn, ax=axes, shrink=0.6, label=color_title)
        else:
            labels = as_text(values)
            _named_points(axes, coords, labels, {**colors_of(labels), **(palette or {})}, look)
            _legend(axes, color_title, n_entries=len(set(labels)))
        axes.set(title=title, xlabel=f"{axis_name} 1", ylabel=f"{axis_name} 2", xticks=[], yticks=[], aspect="equal")
        axes.set_anchor("W")
    return _settled(figure)


def dot_plot(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Draw genes across and groups down: size for the share of expressing cells, colour for the mean.

    Parameters
    ----------
    table : DataFrame
        ``group``, ``gene``, ``mean``, ``share``, from :func:`sctl.analysis.markers.dot_table`.
    title : str

    Returns
    -------
    matplotlib Figure
    """
    groups, genes = list(dict.fromkeys(table["group"])), list(dict.fromkeys(table["gene"]))
    with rc_context(_STYLE):
        figure, axes = _canvas(1.6 + 0.24 * len(genes), 1.2 + 0.26 * len(groups))
        dots = axes.scatter(
            table["gene"].map({gene: place for place, gene in enumerate(genes)}),
            table["group"].map({group: place for place, group in enumerate(groups)}),
            s=table["share"] * 110,
            c=table["mean"],
            cmap="viridis",
            edgecolors="#888888",
            linewidths=0.4,
        )
        _gene_axes(axes, genes, groups)
        axes.set_title(title, loc="left")
        for share in (0.25, 0.5, 1.0):
            axes.scatter([], [], s=share * 110, color="#888888", label=f"{share:.0%}")
        axes.legend(title="Cells", loc="upper left", bbox_to_anchor=(1.0, 1.02), labelspacing=0.9)
        figure.colorbar(dots, ax=axes, location="bottom", label="Mean expression", shrink=0.5, aspect=25, pad=0.02)
    return _settled(figure)


def heatmap(table: pd.DataFrame, *, scale: bool = True, title: str = "") -> Figure:
    """Draw the mean expression of genes (across) in groups (down).

    Parameters
    ----------
    table : DataFrame
        ``group``, ``gene``, ``mean``, from :func:`sctl.analysis.markers.dot_table`.
    scale : bool
        Whether each gene goes from 0, its lowest mean, to 1, its highest.
    title : str

    Returns
    -------
    matplotlib Figure
    """
    wide = scaled_table(table, scale=scale)
    with rc_context(_STYLE):
        figure, axes = _canvas(1.6 + 0.22 * wide.shape[1], 1.2 + 0.24 * len(wide))
        image = axes.imshow(wide.to_numpy(), cmap="viridis", aspect="auto", interpolation="nearest")
        _gene_axes(axes, list(wide.columns), list(wide.index))
        axes.set_title(title, loc="left")
        label = "Relative to the gene's range" if scale else "Mean expression"
        figure.colorbar(image, ax=axes, location="bottom", label=label, shrink=0.5, aspect=25, pad=0.02)
    return _settled(figure)


def violins(
    values: Floats, groups: Any, *, gene: str = "", palette: Mapping[str, str] | None = None, title: str = ""
) -> Figure:
    """Draw how a value is distributed in every group.

    Parameters
    ----------
    values : ndarray of shape (n_obs,)
    groups : sequence of str, length n_obs
    gene : str
        Name of the value.
    palette : mapping, optional
    title : str

    Returns
    -------
    matplotlib Figure
        A group whose values are all alike is a line; the white dot is the median.
    """
    labels = as_text(groups)
    names = natural_order(labels)
    colors = {**colors_of(names), **(palette or {})}
    with rc_context(_STYLE):
        figure, axes = _canvas(1.4 + 0.5 * len(names), 2.8)
        for place, name in enumerate(names):
            own = np.asarray(values, dtype=np.float64)[labels == name]
            if np.ptp(own) > 0:
                parts: dict[str, Any] = axes.violinplot(own, positions=[place], widths=0.85, showextrema=False)
                parts["bodies"][0].set(facecolor=colors[name], edgecolor=INK, linewidth=0.5, alpha=0.9)
            else:
                axes.plot([place - 0.4, place + 0.4], [own[0], own[0]], color=colors[name], linewidth=2)
            axes.plot(place, np.median(own), "o", color="white", markeredgecolor=INK, markersize=4, markeredgewidth=0.6)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set(ylabel=gene, title=title)
    return _settled(figure)


def theta_curve(
    points: pd.DataFrame,
    *,
    best: float | None = None,
    baselines: Mapping[str, float] | None = None,
    title: str = "",
    y_title: str = Y_TITLE,
) -> Figure:
    """Draw the score that θ is chosen by against θ.

    Parameters
    ----------
    points : DataFrame
        Columns ``theta`` and ``kta`` (the score, whichever it is).
    best : float, optional
        The θ to mark.
    baselines : mapping of str to float, optional
    title : str
    y_title : str
        Name of the score.

    Returns
    -------
    matplotlib Figure
    """
    ordered = points.sort_values("theta", kind="stable")
    inner, pure = ordered[ordered["theta"] < 1], ordered[ordered["theta"] >= 1]
    with rc_context(_STYLE):
        figure, axes = _canvas(4.8, 3.0)
        axes.plot(inner["theta"], inner["kta"], "o-", color=ACCENT, linewidth=2, markersize=5, label="TransferCluster")
        if len(pure):
            axes.plot(
                pure["theta"],
                pure["kta"],
                "D",
                color=ACCENT,
                markerfacecolor="none",
                markersize=7,
                label=f"θ = 1: {PURE}",
            )
        if best is not None and len(ordered):
            height = np.interp(best, ordered["theta"], ordered["kta"])
            ring: dict[str, Any] = {"markerfacecolor": "none", "markersize": 12, "markeredgewidth": 2}
            axes.plot([best], [height], "o", color=SECOND, label=f"chosen: θ = {best:.2f}", **ring)
        for number, (name, level) in enumerate((baselines or {}).items()):
            axes.axhline(level, color=OKABE_ITO[2 + number % 3], linestyle="--", linewidth=1.5, label=name)
        axes.set(xlabel=X_TITLE, ylabel=y_title, title=title, xlim=(-0.04, 1.04), xticks=np.linspace(0, 1, 11))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02))
    return _settled(figure)


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of its own, unknown to pyplot, with one plot; inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _settled(figure: Figure) -> Figure:
    """Lay the figure out once and for all: the engine would move things a little further at every drawing."""
    with rc_context(_STYLE):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _named_points(
    axes: Axes, coords: Floats, labels: NDArray[Any], colors: Mapping[str, str], look: dict[str, Any]
) -> None:
    names = natural_order(labels)
    sizes = pd.Series(labels).value_counts()
    for name in sorted(names, key=lambda name: (colors[name] != GREY, -sizes[name])):  # grey lowest, small types on top
        axes.scatter(coords[labels == name, 0], coords[labels == name, 1], color=colors[name], label=name, **look)
    if 1 < len(names) <= _LABELS_ON_MAP:
        for name, (x, y) in label_positions(coords, labels, character=0.024, line=0.05).items():
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1}
            axes.text(x, y, name, ha="center", va="center", fontsize=8, fontweight="bold", color=INK, bbox=box)


def _legend(axes: Axes, title: str, *, n_entries: int) -> None:
    """Set the legend right of the plot, in natural order, in as many columns as it needs."""
    handles, names = axes.get_legend_handles_labels()
    by_name = dict(zip(names, handles, strict=True))
    order = natural_order(names)
    axes.legend(
        [by_name[name] for name in order], order, title=title or None, loc="upper left", bbox_to_anchor=(1.0, 1.0),
        markerscale=max(1.0, float(np.sqrt(30 / by_name[order[0]].get_sizes()[0]))), ncols=1 + (n_entries - 1) // 18,
        borderaxespad=0.2, handletextpad=0.3,
    )  # fmt: skip


def _gene_axes(axes: Axes, genes: list[str], groups: list[str]) -> None:
    axes.set_xticks(range(len(genes)), genes, rotation=60, ha="right", rotation_mode="anchor", style="italic")
    axes.set_yticks(range(len(groups)), groups)
    axes.set_xlim(-0.7, len(genes) - 0.3)
    axes.set_ylim(len(groups) - 0.4, -0.6)
