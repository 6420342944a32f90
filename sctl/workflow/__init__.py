"""The steps from two files to an annotated target, written once: the app and the shell run the same.

Nothing here knows a project or a screen. Each step takes values and a :class:`~sctl.run.Run`, and returns
values; long steps yield what is finished, so that a stop loses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy

if TYPE_CHECKING:
    from sctl.methods.poisson.denoise import denoised, denoised_genes
    from sctl.methods.transfercluster.biology import MAX_P
    from sctl.methods.transfercluster.n_clusters import most_stable
    from sctl.methods.transfercluster.n_clusters import stability as cluster_stability
    from sctl.methods.transfercluster.sweep import ThetaSweep
    from sctl.methods.transfercluster.theta import Criterion, ThetaPoint, choose_theta, sweep_notes
    from sctl.numerics.hyperparameters import Wanted
    from sctl.workflow.analyses import all_analyses, get_analysis
    from sctl.workflow.analyses.base import Analysis, Params
    from sctl.workflow.analyses.explain import (
        ExplainParams,
        ExplanationRequest,
        Reasons,
        explains,
        hallmark_of,
        markers_for,
        reasons,
    )
    from sctl.workflow.analyses.latent import latent_map
    from sctl.workflow.analyses.neighbors import has_neighbors, neighbor_curves
    from sctl.workflow.analyses.repeats import RepeatsParams, cell_groups, compared_methods, repeats
    from sctl.workflow.analyses.search import VALUE as TUNED_VALUE
    from sctl.workflow.analyses.search import (
        SearchParams,
        best_settings,
        first_searchable,
        search_settings,
        searches,
        trials_table,
    )
    from sctl.workflow.analyses.self_tests import Finding, keep_self_test, self_test_tables, self_tests, tests_itself
    from sctl.workflow.analyses.units import CASES as UNIT_CASES
    from sctl.workflow.analyses.units import UnitsParams, has_units, units
    from sctl.workflow.batches import batched, with_batches
    from sctl.workflow.datasets import FILE, joined, read_datasets
    from sctl.workflow.extend import extended, grows, reference_method, save_grown, with_adaptor
    from sctl.workflow.inputs import annotated, find_labels, labels_in_table, repaired, repairs
    from sctl.workflow.n_clusters_scan import (
        ConsensusPoint,
        consensus,
        consensus_sweep,
        estimate_number,
        n_clusters_of,
        numbers_of,
        theta_of,
    )
    from sctl.workflow.pretrained import (
        match_genes,
        prepare_trained,
        renamed,
        save_trained,
        summarised,
        train,
        why_not_saved,
    )
    from sctl.workflow.settings import (
        DEFAULT_METHOD,
        GENES,
        GROUPS,
        MOST_CLUSTERS,
        STEPS,
        UPSTREAM,
        Genes,
        baselines_of,
        complete,
        method_of,
        reduce,
        version,
    )
    from sctl.workflow.source import (
        SourceCheck,
        check_source,
        transferability,
        transferability_grade,
        usual_method,
        with_found_groups,
        without_labels,
    )
    from sctl.workflow.steps import (
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
    from sctl.workflow.warnings import result_warnings
else:
    __getattr__, __dir__ = lazy(__name__)

__all__ = [
    "DEFAULT_METHOD",
    "FILE",
    "GENES",
    "GROUPS",
    "MAPS",
    "MAX_P",
    "MOST_CLUSTERS",
    "STEPS",
    "TUNED_VALUE",
    "UNIT_CASES",
    "UPSTREAM",
    "Analysis",
    "ConsensusPoint",
    "Criterion",
    "ExplainParams",
    "ExplanationRequest",
    "Finding",
    "Genes",
    "Params",
    "Reasons",
    "RepeatsParams",
    "SearchParams",
    "SourceCheck",
    "ThetaPoint",
    "ThetaSweep",
    "UnitsParams",
    "Wanted",
    "all_analyses",
    "annotated",
    "answered",
    "as_sweep",
    "baseline",
    "baselines_of",
    "batched",
    "best_settings",
    "cell_groups",
    "check_source",
    "choose_theta",
    "chosen_theta",
    "cluster_stability",
    "compared_methods",
    "complete",
    "consensus",
    "consensus_sweep",
    "denoised",
    "denoised_genes",
    "estimate_number",
    "explains",
    "explore",
    "extended",
    "find_labels",
    "first_searchable",
    "get_analysis",
    "groups_of",
    "grows",
    "hallmark_of",
    "has_neighbors",
    "has_units",
    "joined",
    "keep_self_test",
    "labels_in_table",
    "latent_map",
    "maps_of",
    "markers_for",
    "match_genes",
    "method_of",
    "most_stable",
    "n_clusters_of",
    "neighbor_curves",
    "numbers_of",
    "prepare",
    "prepare_pair",
    "prepare_sweep",
    "prepare_trained",
    "read_datasets",
    "reasons",
    "reduce",
    "reference_method",
    "renamed",
    "repaired",
    "repairs",
    "repeats",
    "result_warnings",
    "save_grown",
    "save_trained",
    "search_settings",
    "searches",
    "self_test_tables",
    "self_tests",
    "summarised",
    "sweep_notes",
    "tests_itself",
    "theta_of",
    "train",
    "transfer",
    "transferability",
    "transferability_grade",
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
]
