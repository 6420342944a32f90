"""A project is a folder on disk: inputs, settings with undo, results by fingerprint."""

from __future__ import annotations

from sctl.project.building import as_reference
from sctl.project.bundle import export_project, import_project
from sctl.project.consensus import load_clusters, load_consensus, load_estimate, numbers_in
from sctl.project.curves import load_curves, save_curves
from sctl.project.explanations import (
    WhyQuestion,
    keep_gene_sets,
    load_gene_sets,
    load_reasons,
    save_reasons,
    why_questions,
)
from sctl.project.files import projects_root
from sctl.project.folder import Project, ProjectInfo
from sctl.project.genes import gene, gene_names, mean_of_genes, target_names
from sctl.project.repairs import annotated, fix_to_dict, repairs_in, requested, save_trained_names, trained_names_in
from sctl.project.results import (
    load_baselines,
    load_embeddings,
    load_markers,
    load_pair,
    load_points,
    load_report,
    load_result,
    load_sweep,
    load_target,
    load_target_all,
    trained_file,
)
from sctl.project.searches import SearchQuestion, has_searches, load_search
from sctl.project.seed_stability import (
    Question,
    add_outcome,
    cells_of,
    note_question,
    outcomes_file,
    outcomes_in,
    questions,
)
from sctl.project.selections import load_selection, load_sides, save_selection, save_sides
from sctl.project.self_tests import add_part, done_parts, load_self_test
from sctl.project.settings import ROLES, STEPS, UPSTREAM, Settings
from sctl.project.source_check import load_source_check, save_source_check
from sctl.project.steps import State
from sctl.project.units import UnitsQuestion, has_units, load_units, save_units

__all__ = [
    "ROLES",
    "STEPS",
    "UPSTREAM",
    "Project",
    "ProjectInfo",
    "Question",
    "SearchQuestion",
    "Settings",
    "State",
    "UnitsQuestion",
    "WhyQuestion",
    "add_outcome",
    "add_part",
    "annotated",
    "as_reference",
    "cells_of",
    "done_parts",
    "export_project",
    "fix_to_dict",
    "gene",
    "gene_names",
    "has_searches",
    "has_units",
    "import_project",
    "keep_gene_sets",
    "load_baselines",
    "load_clusters",
    "load_consensus",
    "load_curves",
    "load_embeddings",
    "load_estimate",
    "load_gene_sets",
    "load_markers",
    "load_pair",
    "load_points",
    "load_reasons",
    "load_report",
    "load_result",
    "load_search",
    "load_selection",
    "load_self_test",
    "load_sides",
    "load_source_check",
    "load_sweep",
    "load_target",
    "load_target_all",
    "load_units",
    "mean_of_genes",
    "note_question",
    "numbers_in",
    "outcomes_file",
    "outcomes_in",
    "projects_root",
    "questions",
    "repairs_in",
    "requested",
    "save_curves",
    "save_reasons",
    "save_selection",
    "save_sides",
    "save_source_check",
    "save_trained_names",
    "save_units",
    "target_names",
    "trained_file",
    "trained_names_in",
    "why_questions",
]
