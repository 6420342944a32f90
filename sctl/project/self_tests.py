"""What the tests of a reference have found so far, beside the result that it belongs to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sctl.project.checksums import is_intact
from sctl.project.files import read_json, write_json
from sctl.project.folder import Project
from sctl.project.steps import unreadable

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    from sctl.methods.scarches.self_test import Part

FILE = "self_test.json"
KINDS = ("types", "datasets", "genes")

Tables = dict[str, dict[str, list[Any]]]


def done_parts(project: Project) -> set[tuple[str, str]]:
    """Return kind and name of the tests that are finished under the present settings."""
    return {(str(one["kind"]), str(one["name"])) for one in _entries(project)}


def add_part(project: Project, part: Part, rows: Sequence[Any]) -> None:
    """Keep what a test found."""
    plain = [{key: _plain(value) for key, value in asdict(row).items()} for row in rows]
    write_json(
        project.result_dir("transfer") / FILE,
        {"tests": [*_entries(project), {"kind": part.kind, "name": part.name, "rows": plain}]},
    )


def load_self_test(project: Project) -> Tables:
    """Return a table for each kind of test, as columns; empty where nothing is finished.

    Raises
    ------
    ProjectError
        If the file is damaged.
    """
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    try:
        for one in _entries(project):
            rows[one["kind"]] += one["rows"]
        return {
            kind: {key: [_number(row[key]) for row in found] for key in (found[0] if found else ())}
            for kind, found in rows.items()
        }
    except (KeyError, TypeError) as error:
        raise unreadable(project.result_dir("transfer") / FILE) from error


def _entries(project: Project) -> list[dict[str, Any]]:
    path = project.result_dir("transfer") / FILE
    if not is_intact(path):
        return []
    found = read_json(path).get("tests")
    if not isinstance(found, list):
        raise unreadable(path)
    return found


def _plain(value: Any) -> Any:
    """Return a value in the form that JSON holds; a number that is none becomes null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> Any:
    return math.nan if value is None else value
