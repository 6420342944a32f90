"""What is known of a source before anything is clustered, beside the prepared data that it was measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sctl.project.checksums import is_intact
from sctl.project.files import read_json, write_json
from sctl.project.folder import Project
from sctl.project.steps import unreadable

if TYPE_CHECKING:
    from sctl.workflow import SourceCheck

CHECK = "source_check.json"


def save_source_check(project: Project, check: SourceCheck) -> None:
    """Write what was measured on the present preparation."""
    write_json(project.result_dir("preprocess") / CHECK, check.to_dict())


def load_source_check(project: Project) -> SourceCheck | None:
    """Return what was measured on the present preparation, or None where nothing was yet."""
    from sctl.workflow import SourceCheck  # noqa: PLC0415 - as in sctl.project.results

    path = project.result_dir("preprocess") / CHECK
    if not is_intact(path):
        return None
    try:
        return SourceCheck.from_dict(read_json(path))
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise unreadable(path) from error
