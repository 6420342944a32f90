"""Figures: every function returns one and shows nothing."""

from __future__ import annotations

from sctl.plots.blend import blend, corners, with_legend
from sctl.plots.consensus import consensus_figure, eigenvalue_figure, shown_cells, stability_figure
from sctl.plots.corrections import gene_pair_figure, mixing_figure
from sctl.plots.embedding import embedding_figure, points_in_polygon, selection_mask
from sctl.plots.explanations import deletion_figure, reasons_figure
from sctl.plots.flows import composition_bars, confusion_figure, layered_sankey, sankey_figure
from sctl.plots.markers import dot_plot, heatmap, violin_figure, volcano
from sctl.plots.neighbors import neighbors_figure
from sctl.plots.palette import alt_text, colors_of, natural_order
from sctl.plots.qc import confidence_histogram, histogram_figure, kept_figure
from sctl.plots.search import trials_figure
from sctl.plots.theta import theta_figure
from sctl.plots.training import Curves, training_figure
from sctl.plots.training_live import training_svg
from sctl.plots.trajectory import trajectory_animation
from sctl.plots.units import plain_set, unit_figure

__all__ = [
    "Curves",
    "alt_text",
    "blend",
    "colors_of",
    "composition_bars",
    "confidence_histogram",
    "confusion_figure",
    "consensus_figure",
    "corners",
    "deletion_figure",
    "dot_plot",
    "eigenvalue_figure",
    "embedding_figure",
    "gene_pair_figure",
    "heatmap",
    "histogram_figure",
    "kept_figure",
    "layered_sankey",
    "mixing_figure",
    "natural_order",
    "neighbors_figure",
    "plain_set",
    "points_in_polygon",
    "reasons_figure",
    "sankey_figure",
    "selection_mask",
    "shown_cells",
    "stability_figure",
    "theta_figure",
    "training_figure",
    "training_svg",
    "trajectory_animation",
    "trials_figure",
    "unit_figure",
    "violin_figure",
    "volcano",
    "with_legend",
]
