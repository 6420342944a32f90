"""The steps from two files to an annotated target, written once: the app and the shell run the same.

Nothing here knows a project or a screen. Each step takes values and a :class:`~sctl.run.Run`, and returns
values; long steps yield what is finished, so that a stop loses nothing.
"""

from __future__ import annotations

from sctl.pipeline.batches import batched, with_batches
from sctl.pipeline.cautions import cautions
from sctl.pipeline.compute import (
    MAPS,
    answered,
    as_sweep,
    baseline,
    chosen_theta,
    explore,
    groups_of,
    maps_of,
    prepare,
    prepare_pair,
    prepare_sweep,
    transfer,
    with_repairs,
)
from sctl.pipeline.datasets import FILE, GENES, Genes, joined, read_datasets
from sctl.pipeline.growing import extended, grows, save_grown, with_adaptor
from sctl.pipeline.inputs import annotated, find_labels, labels_in_table, repaired, repairs
from sctl.pipeline.latent import latent_map
from sctl.pipeline.neighbours import has_neighbours, neighbour_curves
from sctl.pipeline.over_k import (
    ConsensusPoint,
    consensus,
    consensus_sweep,
    estimate_number,
    numbers_of,
    theta_of,
)
from sctl.pipeline.seeds import compared_methods, repeats
from sctl.pipeline.self_tests import keep_self_test, self_tests, tests_itself
from sctl.pipeline.settings import (
    BASELINES,
    DEFAULT_METHOD,
    GROUPS,
    MOST_CLUSTERS,
    NEEDS_SOURCE_CELLS,
    STEPS,
    UPSTREAM,
    baselines_of,
    complete,
    method_of,
    reduce,
    version,
)
from sctl.pipeline.source import (
    SourceCheck,
    check_source,
    transferability,
    usual_method,
    with_found_groups,
    without_labels,
    worth_of,
)
from sctl.pipeline.trained import (
    met,
    prepare_trained,
    renamed,
    save_trained,
    summarised,
    train,
    why_not_saved,
)
from sctl.pipeline.tuning import VALUE as TUNED_VALUE
from sctl.pipeline.tuning import best_settings, search_settings, searches, trials_table
from sctl.pipeline.units import CASES as UNIT_CASES
from sctl.pipeline.units import has_units, units
from sctl.pipeline.why import Reasons, Wondered, explains, hallmark_of, markers_for, reasons

__all__ = [
    "BASELINES",
    "DEFAULT_METHOD",
    "FILE",
    "GENES",
    "GROUPS",
    "MAPS",
    "MOST_CLUSTERS",
    "NEEDS_SOURCE_CELLS",
    "STEPS",
    "TUNED_VALUE",
    "UNIT_CASES",
    "UPSTREAM",
    "ConsensusPoint",
    "Genes",
    "Reasons",
    "SourceCheck",
    "Wondered",
    "annotated",
    "answered",
    "as_sweep",
    "baseline",
    "baselines_of",
    "batched",
    "best_settings",
    "cautions",
    "check_source",
    "chosen_theta",
    "compared_methods",
    "complete",
    "consensus",
    "consensus_sweep",
    "estimate_number",
    "explains",
    "explore",
    "extended",
    "find_labels",
    "groups_of",
    "grows",
    "hallmark_of",
    "has_neighbours",
    "has_units",
    "joined",
    "keep_self_test",
    "labels_in_table",
    "latent_map",
    "maps_of",
    "markers_for",
    "met",
    "method_of",
    "neighbour_curves",
    "numbers_of",
    "prepare",
    "prepare_pair",
    "prepare_sweep",
    "prepare_trained",
    "read_datasets",
    "reasons",
    "reduce",
    "renamed",
    "repaired",
    "repairs",
    "repeats",
    "save_grown",
    "save_trained",
    "search_settings",
    "searches",
    "self_tests",
    "summarised",
    "tests_itself",
    "theta_of",
    "train",
    "transfer",
    "transferability",
    "trials_table",
    "units",
    "usual_method",
    "version",
    "why_not_saved",
    "with_adaptor",
    "with_batches",
    "with_found_groups",
    "with_repairs",
    "without_labels",
    "worth_of",
]
