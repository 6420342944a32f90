"""The method that a project uses, with its settings: what a job computes with."""

from __future__ import annotations

from sctl import workflow
from sctl.methods.base import TransferMethod
from sctl.project import Project, trained_names_in


def method_of(project: Project) -> tuple[TransferMethod, int]:
    """Return the method of a project, with what it has learned where the source is a trained one, and the seed."""
    params, trained = project.params("transfer"), project.trained()
    if trained is None:
        return workflow.method_of(params), int(params["seed"])
    if names := trained_names_in(project.result_dir("preprocess")):
        trained = trained.renamed(names)
    own = params["params"] if params["method"] == trained.method.key else {}
    return trained.configured(own), int(params["seed"])
