"""A project is a folder on disk: inputs, settings with undo, results by fingerprint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl._lazy import lazy

if TYPE_CHECKING:
    from sctl.project.analyses import load_baselines, load_latent_map, load_self_test
    from sctl.project.base import ProjectInfo
    from sctl.project.building import as_reference
    from sctl.project.bundle import export_project, import_project
    from sctl.project.consensus import load_clusters, load_consensus, load_estimate, numbers_in
    from sctl.project.files import projects_root
    from sctl.project.folder import Project
    from sctl.project.genes import gene, gene_names, mean_of_genes, target_names
    from sctl.project.repairs import annotated, fix_to_dict, repairs_in, requested, save_trained_names, trained_names_in
    from sctl.project.results import (
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
    from sctl.project.selections import (
        keep_gene_sets,
        load_gene_sets,
        load_selection,
        load_sides,
        save_selection,
        save_sides,
    )
    from sctl.project.settings import ROLES, STEPS, UPSTREAM, Settings
    from sctl.project.steps import State
else:
    __getattr__, __dir__ = lazy(__name__)

__all__ = [
    "ROLES",
    "STEPS",
    "UPSTREAM",
    "Project",
    "ProjectInfo",
    "Settings",
    "State",
    "annotated",
    "as_reference",
    "export_project",
    "fix_to_dict",
    "gene",
    "gene_names",
    "import_project",
    "keep_gene_sets",
    "load_baselines",
    "load_clusters",
    "load_consensus",
    "load_embeddings",
    "load_estimate",
    "load_gene_sets",
    "load_latent_map",
    "load_markers",
    "load_pair",
    "load_points",
    "load_report",
    "load_result",
    "load_selection",
    "load_self_test",
    "load_sides",
    "load_sweep",
    "load_target",
    "load_target_all",
    "mean_of_genes",
    "numbers_in",
    "projects_root",
    "repairs_in",
    "requested",
    "save_selection",
    "save_sides",
    "save_trained_names",
    "target_names",
    "trained_file",
    "trained_names_in",
]
