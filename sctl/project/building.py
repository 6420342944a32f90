"""A project's source as a reference to be built: it is learned from alone, and no target is asked for."""

from __future__ import annotations

from dataclasses import replace

from sctl.project.folder import Project
from sctl.workflow import reference_method


def as_reference(project: Project) -> Project | None:
    """Return a view of the project in which the source is its own target, so that it is prepared by itself.

    What is learned, and what tests of it find, lies where the view's transfer would lie; the project's own results are
    others.

    Returns
    -------
    Project or None
        None where there is no source, or a trained one.
    """
    settings = project.settings
    source = settings.inputs.get("source")
    if source is None or project.has_trained:
        return None
    own, prepared, key = project.params("transfer"), project.params("preprocess"), reference_method().key
    chosen = {
        "method": key,
        "params": own["params"] if own["method"] == key else {},
        "seed": own["seed"],
    }
    alone = {**prepared, "target": prepared["source"], "imputation": "none", "batch_correction": "none"}
    view = settings.with_input("target", source).with_params("preprocess", alone).with_params("transfer", chosen)
    return project.at(replace(view, labels=None, truth=None))
