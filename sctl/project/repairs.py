"""What was repaired on the way to a result: on request on the pages, or by itself when the step was computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from sctl import workflow
from sctl.data import TransferResult
from sctl.preflight import Fix
from sctl.preprocess import Prepared
from sctl.project.files import damaged, read_json, replacing, write_json
from sctl.project.folder import Project
from sctl.project.soundness import stored_arrays

REPAIRS, REPAIRED, TRAINED_NAMES = "repairs.json", "repaired.npz", "trained_names.json"


def save_repairs(directory: Path, prepared: Prepared) -> None:
    """Write the repairs that were made by themselves, and the names of the target's cells and genes after them."""
    fixes = [finding.fix for finding in prepared.repairs if finding.fix is not None]
    write_json(directory / REPAIRS, {"fixes": [fix_to_dict(fix) for fix in fixes]})
    if prepared.target is not None:
        names = {axis: getattr(prepared.target, f"{axis}_names").to_numpy().astype(str) for axis in ("obs", "var")}
        with replacing(directory / REPAIRED) as temporary:
            np.savez_compressed(temporary, **names)


def repairs_in(directory: Path) -> tuple[Fix, ...]:
    """Return the repairs that were made by themselves; none where none were kept."""
    path = directory / REPAIRS
    return tuple(_fixes(read_json(path).get("fixes"), path)) if path.exists() else ()


def save_trained_names(directory: Path, names: Mapping[str, str]) -> None:
    """Write what the genes of a trained source are called after repairs, by their names in its file."""
    write_json(directory / TRAINED_NAMES, names)


def trained_names_in(directory: Path) -> dict[str, str]:
    """Return what the genes of a trained source are called after repairs; none where they keep their names."""
    path = directory / TRAINED_NAMES
    if not path.exists():
        return {}
    names = read_json(path)
    if not all(isinstance(name, str) for name in names.values()):
        raise damaged(path)
    return names


def requested(info: Mapping[str, Any]) -> tuple[Fix, ...]:
    """Return the repairs that were made on request, in order, from what is known of an input."""
    changes = [change["fix"] for change in info.get("changes", ()) if "fix" in change]
    return tuple(_fixes(changes, Path("inputs")))


def annotated(
    project: Project, result: TransferResult, *others: TransferResult, given: AnnData | None = None
) -> AnnData:
    """Return the target's cells as the user gave them, with results in their slots.

    See :func:`sctl.workflow.annotated`.

    Parameters
    ----------
    project : Project
    result : TransferResult
    *others : TransferResult
    given : AnnData, optional
        The target as it was given, where it has been read already; it is not changed.
    """
    directory = project.require("preprocess")
    fixes = [*requested(project.input_info("target") or {}), *repairs_in(directory)]
    given = project.given("target") if given is None else given
    return workflow.annotated(given, fixes, _repaired(project, directory), result, *others)


def _repaired(project: Project, directory: Path) -> AnnData:
    """Return the target after repairs, as far as the names of its cells and genes go."""
    path = directory / REPAIRED
    if not path.exists():
        return project.input("target")
    names = stored_arrays(path)
    if not {"obs", "var"} <= names.keys():
        raise damaged(path)
    return AnnData(obs=pd.DataFrame(index=names["obs"].astype(str)), var=pd.DataFrame(index=names["var"].astype(str)))


def fix_to_dict(fix: Fix) -> dict[str, Any]:
    """Return a repair as JSON values."""
    return {"code": fix.code, "title": fix.title, "arguments": dict(fix.arguments)}


def _fixes(values: object, path: Path) -> Iterator[Fix]:
    if not isinstance(values, list):
        raise damaged(path)
    for value in values:
        match value:
            case {"code": str(code), "title": str(title), "arguments": {"role": "source" | "target"} as arguments}:
                yield Fix(code, title, arguments)
            case _:
                raise damaged(path)
