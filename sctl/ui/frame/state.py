"""Every session-state key, typed. The session holds ids and widget values; data lies in the project folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import streamlit as st

T = TypeVar("T")


@dataclass(frozen=True)
class Key(Generic[T]):
    """One entry of the session: its name, which is also a widget's ``key``, and what it is at first.

    Examples
    --------
    >>> Key("colour", "blue").of("left").name
    'colour:left'
    """

    name: str
    default: T

    def of(self, *parts: str) -> Key[T]:
        """Return the entry of one role, metric or gene: ``name:part``."""
        return Key(":".join((self.name, *parts)), self.default)

    def get(self) -> T:
        """Return the value, or the default where there is none."""
        return cast("T", st.session_state.get(self.name, self.default))

    def set(self, value: T) -> None:
        """Write the value; for a widget's key only in a callback or before the widget is drawn."""
        st.session_state[self.name] = value

    def start_with(self, value: T) -> None:
        """Write the value unless there is one already."""
        if self.name not in st.session_state:
            st.session_state[self.name] = value

    def clear(self) -> None:
        """Forget the value."""
        st.session_state.pop(self.name, None)


# The frame
PROJECT = Key("project", "")
"""Id of the open project; also in the address as ``?p=``."""
NOTICES: Key[tuple[Any, ...]] = Key("notices", ())
"""What a callback wants said on the next run; see :mod:`sctl.ui.frame.errors`."""
RENAME = Key("rename", "")
"""The field with the name of the open project."""

# Home
PROJECT_NAME = Key("project_name", "")
BUNDLE_ROUND = Key("bundle_round", 0)
"""Counts uploads of a project; a new number makes a new, empty uploader."""

# Data
UPLOAD_ROUND = Key("upload_round", 0)
JOINED_GENES: Key[str] = Key("joined_genes", "shared")
"""of(role): which genes several datasets keep that are put together."""
LABELS_ROUND = Key("labels_round", 0)
LABEL_KEY: Key[str | None] = Key("label_key", None)
BATCH_KEY: Key[str | None] = Key("batch_key", None)
SERVER_FILE: Key[str | None] = Key("server_file", None)
SIMULATION: Key[Any] = Key("simulation", None)
"""of(name): one setting of simulated data."""

# Preprocess: of(role) or of(role, metric)
SIDE = Key("side", "target")
METRIC = Key("metric", "n_genes")
LOW: Key[float | None] = Key("low", None)
HIGH: Key[float | None] = Key("high", None)
RANGE: Key[tuple[float, float] | None] = Key("range", None)
HISTOGRAM = Key("histogram", 0)
"""Counts the boxes drawn in a histogram; a new number makes a new chart without the old box."""
SPLIT: Key[str | None] = Key("split", None)
SETTING: Key[Any] = Key("setting", None)
"""of(name) or of(role, name): one setting of the preparation."""

# Transfer: of(method, parameter)
METHOD = Key("method", "")
PARAMETER: Key[Any] = Key("parameter", None)
SEARCH_RANGES = Key("search_ranges", "wide")
SEARCH_TRIALS: Key[int] = Key("search_trials", 40)

# θ: of(fingerprint of the sweep)
THETA: Key[float | None] = Key("theta", None)

# Explore
MAP_CELLS = Key("map_cells", "target")
MAP_KIND = Key("map_kind", "umap")
COLOUR = Key("colour", "label")
"""of(pane): what a map is coloured by; see :mod:`sctl.ui.widgets.colors`."""
GENE: Key[str | None] = Key("gene", None)
"""of(pane)"""
GENE_SET: Key[str] = Key("gene_set", "")
"""of(pane): the set whose mean colours a map; empty for genes of one's own choice"""
GENES: Key[list[str]] = Key("genes", [])
"""of(pane): genes of one's own choice"""
PANES = Key("panes", default=False)
DENOISED = Key("denoised", default=False)
SELECTION: Key[Any] = Key("selection", None)
"""of(fingerprint of the preparation) or of(fingerprint, "A"): a :class:`~sctl.ui.frame.selection.Selection`."""
SELECT_MODE = Key("select_mode", "new")
SELECT_ROUND = Key("select_round", 0)
"""Counts changes of the selection; a new number makes a new map without the old lasso."""
SELECT_GROUP: Key[str | None] = Key("select_group", None)
NEW_LABEL: Key[str | None] = Key("new_label", None)
PARTS_OF_SELECTION = Key("parts_of_selection", 2)
"""Into how many groups the selected cells are split."""
MERGED: Key[list[str]] = Key("merged", [])
MERGED_NAME = Key("merged_name", "")
GROUPED_BY = Key("grouped_by", "label")
PARTS = Key("parts", "label")
DATASETS: Key[str] = Key("datasets", "")

# Markers
MARKERS_OF = Key("markers_of", "clusters")
MARKER_GROUP: Key[str | None] = Key("marker_group", None)
CLEAR_ONLY = Key("clear_only", default=True)
TOP = Key("top", 3)
SIDE_A: Key[str | None] = Key("side_a", None)
SIDE_B: Key[str | None] = Key("side_b", None)

# Number of groups
N_GROUPS: Key[int | None] = Key("n_groups", None)
"""of(fingerprint of the result)"""
TRIED: Key[tuple[int, int]] = Key("tried", (2, 12))
LEAST_AUROC = Key("least_auroc", 0.85)
MOST_P = Key("most_p", 0.01)
MARKERS_OF_GROUP: Key[str | None] = Key("markers_of_group", None)
"""of(number of groups)"""

# Confidence
LIMIT: Key[float] = Key("limit", 0.5)
CELL: Key[str | None] = Key("cell", None)
OTHER_METHOD = Key("other_method", "")
CONFIDENCE_TAB = Key("confidence_tab", "")
REPEATS_OF: Key[str] = Key("repeats_of", "clusters")
REPEATS_ONE: Key[str | None] = Key("repeats_one", None)
REPEATS_OTHER: Key[str | None] = Key("repeats_other", None)
"""of(fingerprint of the result, kind of groups), both."""
REPEATS_SEEDS = Key("repeats_seeds", 20)
STRANGE_BY: Key[list[str]] = Key("strange_by", [])
STRANGE_LIMIT: Key[float] = Key("strange_limit", 2.0)

ANSWER: Key[str] = Key("answer", "after")
"""of(place): whether the groups from before or after sharpening are kept."""

# Explain
EXPLAIN_OF = Key("explain_of", "clusters")
EXPLAIN_NAME: Key[str | None] = Key("explain_name", None)
"""of(kind of cells)"""
EXPLAIN_AGAINST: Key[str | None] = Key("explain_against", None)
EXPLAIN_SETS = Key("explain_sets", "")
UNITS: Key[int] = Key("units", 10)
GMT_ROUND = Key("gmt_round", 0)
"""Counts uploads of gene sets; a new number makes a new, empty uploader."""

# Trained sources
LIBRARY_ROUND = Key("library_round", 0)
LIBRARY_FIND = Key("library_find", "")
ZENODO_SANDBOX = Key("zenodo_sandbox", default=False)
"""of("fetch") and of("publish")"""
ZENODO_TOKEN = Key("zenodo_token", "")
"""of(service): a secret, which lives in the session and is written nowhere."""
ZENODO_ASKED = Key("zenodo_asked", "")
ZENODO_FOUND: Key[Any] = Key("zenodo_found", None)
"""Whether in the sandbox, and the records that were found."""
PUBLISH: Key[Any] = Key("publish", "")
"""of("model") or of(field, model): one field of the form."""

# Export
FIGURE = Key("figure", "")


def forget_project_widgets() -> None:
    """Drop what belongs to the project shown before: everything but the frame's own entries."""
    frame = {PROJECT.name, NOTICES.name, BUNDLE_ROUND.name}
    for name in [str(name) for name in st.session_state if name not in frame]:
        del st.session_state[name]


def forget_settings() -> None:
    """Drop the values of fields that are seeded once, so that they start again from the project; after undo.

    The fields of Data and Preprocess need no such thing: they are filled from the project at every run.
    """
    fields = (METHOD, PARAMETER)
    prefixes = tuple(f"{key.name}:" for key in fields)
    names = {key.name for key in fields}
    for name in [str(name) for name in st.session_state]:
        if name in names or name.startswith(prefixes):
            del st.session_state[name]
