"""Gene sets that the user gave, kept beside the result that they were given for."""

from __future__ import annotations

from pathlib import Path

from sctl.errors import ProjectError
from sctl.genesets import GeneSets
from sctl.project.checksums import forgotten, is_intact
from sctl.project.files import canonical, digest, read_json, write_json
from sctl.project.folder import Project


def keep_gene_sets(project: Project, sets: GeneSets) -> str:
    """Keep gene sets that the user gave, and return their reference."""
    content = sets.to_dict()
    reference = digest(canonical(content))
    path = _file(project, reference)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content)
    return reference


def load_gene_sets(project: Project, reference: str) -> GeneSets:
    """Return gene sets that :func:`keep_gene_sets` kept.

    Raises
    ------
    ProjectError
        If the file is damaged or gone.
    """
    path = _file(project, reference)
    if not is_intact(path):
        raise _lost(path)
    try:
        return GeneSets.from_dict(read_json(path))
    except (KeyError, TypeError, ProjectError) as error:
        raise _lost(path) from error


def _lost(path: Path) -> ProjectError:
    forgotten(path)
    return ProjectError(
        "The gene sets that were added here are missing or damaged.",
        do="Add the file of gene sets again, or choose other sets.",
    )


def _file(project: Project, reference: str) -> Path:
    return project.result_dir("theta") / "gene_sets" / reference / "sets.json"
