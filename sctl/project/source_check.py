"""What is known of a source before anything is clustered, beside the prepared data that it was measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl.project.files import damaged, read_json, write_json
from sctl.project.folder import Project

if TYPE_CHECKING:
    from sctl.pipeline import SourceCheck

CHECK = "source_check.json"


def save_source_check(project: Project, check: SourceCheck) -> None:
    """Write what was measured on the present preparation."""
    write_json(project.result_dir("preprocess") / CHECK, check.to_dict())


def load_source_check(project: Project) -> SourceCheck | None:
    """Return what was measured on the present preparation, or None where nothing was yet."""
    from sctl.pipeline import SourceCheck  # noqa: PLC0415 - as in sctl.project.results

    path = project.result_dir("preprocess") / CHECK
    if not path.exists():
        return None
    try:
        return SourceCheck.from_dict(read_json(path))
    except TypeError as error:
        raise damaged(path) from error
