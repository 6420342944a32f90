"""What the user selected and added: cells, beside the prepared data they are of, and gene sets, beside a result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from sctl.errors import ProjectError
from sctl.genesets import GeneSets
from sctl.project.checksums import forgotten, is_intact
from sctl.project.files import canonical, digest, read_json, write_json
from sctl.project.folder import Project

_FILE = "selections.json"


def save_selection(project: Project, cells: NDArray[np.bool_], name: str = "") -> None:
    """Keep which cells are selected, or those kept aside under a name; nothing where no data are prepared."""
    bits = {"n_obs": len(cells), "bits": np.packbits(cells).tobytes().hex()}
    _change(project, "cells", {name: bits})


def load_selection(project: Project, n_obs: int, name: str = "") -> NDArray[np.bool_]:
    """Return which cells are selected, or those kept aside under a name; none where nothing readable was kept.  (n_obs,)."""
    none = np.zeros(n_obs, dtype=bool)
    kept: Any = _read(project)["cells"].get(name)
    try:
        known, bits = kept["n_obs"], np.frombuffer(bytes.fromhex(kept["bits"]), dtype=np.uint8)
    except (KeyError, TypeError, ValueError):
        return none
    return np.unpackbits(bits, count=n_obs).astype(bool) if (known, len(bits)) == (n_obs, -(-n_obs // 8)) else none


def save_sides(project: Project, sides: Sequence[str | None]) -> None:
    """Keep the names of the two sides that are compared."""
    _change(project, "sides", dict(zip("AB", sides, strict=True)))


def load_sides(project: Project) -> tuple[str | None, str | None]:
    """Return the names of the two sides that were compared last; None where nothing readable was kept."""
    kept = _read(project)["sides"]
    first, second = (name if isinstance(name := kept.get(side), str) else None for side in "AB")
    return first, second


def _file(project: Project) -> Path:
    return project.result_dir("preprocess") / _FILE


def _read(project: Project) -> dict[str, dict[str, Any]]:
    path = _file(project)
    try:
        value = read_json(path) if path.exists() else {}
    except ProjectError:  # it is written anew with the next selection
        value = {}
    return {part: value[part] if isinstance(value.get(part), dict) else {} for part in ("cells", "sides")}


def _change(project: Project, part: str, entries: dict[str, Any]) -> None:
    path = _file(project)
    if not path.parent.is_dir():
        return
    with FileLock(path.with_suffix(".lock"), timeout=30):
        value = _read(project)
        write_json(path, {**value, part: {**value[part], **entries}})


def keep_gene_sets(project: Project, sets: GeneSets) -> str:
    """Keep gene sets that the user gave, and return their reference."""
    content = sets.to_dict()
    reference = digest(canonical(content))
    path = _sets_file(project, reference)
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
    path = _sets_file(project, reference)
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


def _sets_file(project: Project, reference: str) -> Path:
    return project.result_dir("theta") / "gene_sets" / reference / "sets.json"
