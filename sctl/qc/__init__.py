"""How good the cells are: quality metrics, thresholds on them, and what a threshold would cost."""

from __future__ import annotations

from sctl.qc.droplets import EmptyDroplets, empty_droplets
from sctl.qc.histograms import Histogram, expression_histogram, histogram
from sctl.qc.losses import kept_by, warnings_for
from sctl.qc.metrics import qc_metrics
from sctl.qc.thresholds import Limits, Preset, Thresholds, keep, suggest

__all__ = [
    "EmptyDroplets",
    "Histogram",
    "Limits",
    "Preset",
    "Thresholds",
    "empty_droplets",
    "expression_histogram",
    "histogram",
    "keep",
    "kept_by",
    "qc_metrics",
    "suggest",
    "warnings_for",
]
