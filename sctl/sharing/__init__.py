"""Trained models as files: learn from a source once, use it on many targets, give it to others.

Zenodo is in :mod:`sctl.sharing.zenodo` and :mod:`sctl.sharing.fetch`, which are imported by who needs the internet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy

if TYPE_CHECKING:
    from sctl.sharing.adaptor import load_adaptor, save_adaptor
    from sctl.sharing.card import model_card
    from sctl.sharing.levels import LEVELS
    from sctl.sharing.library import Entry, Library
    from sctl.sharing.model_file import ENDING, SCHEMA, load_model, load_trained, read_manifest, save_model
    from sctl.sharing.trained import SourceSummary, TrainedSource
else:
    __getattr__, __dir__ = lazy(__name__)

__all__ = [
    "ENDING",
    "LEVELS",
    "SCHEMA",
    "Entry",
    "Library",
    "SourceSummary",
    "TrainedSource",
    "load_adaptor",
    "load_model",
    "load_trained",
    "model_card",
    "read_manifest",
    "save_adaptor",
    "save_model",
]
