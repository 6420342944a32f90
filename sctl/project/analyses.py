"""Results of analyses on demand: one store for all of them.

They lie in ``results/<step>/<ref>/<analysis>/<digest>/``, beside the result of a step that they are based on: ``ref`` is
the fingerprint of the step's settings, ``digest`` that of the parameters of the analysis, which lie there as
``params.json``. What else is there follows from the :data:`~sctl.workflow.analyses.base.Form` of the analysis. What is
damaged counts as not there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from sctl.data import TransferResult
from sctl.errors import DataError, ParameterError, ProjectError
from sctl.project import checksums
from sctl.project.checksums import Stamp, is_intact
from sctl.project.files import canonical, digest, read_json, replacing, write_json
from sctl.project.folder import Project
from sctl.project.genes import n_cells
from sctl.project.results import cells_of_result, result_in, save_result
from sctl.project.soundness import require_maps, stored_arrays, stored_table
from sctl.project.steps import locked, unreadable
from sctl.workflow import self_test_tables
from sctl.workflow.analyses import get_analysis
from sctl.workflow.analyses.base import Document, Journal, OwnJournal, Params, Parts, Whole

PARAMS, RESULT, JOURNAL = "params.json", "result", "journal.jsonl"
_DAMAGED = (KeyError, TypeError, ValueError, OverflowError, AttributeError, ParameterError)


def folder(project: Project, name: str, params: Params | None = None) -> Path:
    """Return where the result of an analysis lies under the present settings; it may not exist yet.

    Parameters
    ----------
    project : Project
    name : str
        Of the analysis.
    params : Params, optional
        Those of an analysis that has no fields by default.
    """
    analysis = get_analysis(name)
    params = analysis.params() if params is None else params
    identity = {"params": params.identity(), "settings": {key: _setting(project, key) for key in params.settings()}}
    return project.result_dir(analysis.after) / name / digest(canonical(identity))


def exists(project: Project, name: str) -> bool:
    """Tell whether anything of an analysis is there under the present settings, whatever its parameters."""
    return any((project.result_dir(get_analysis(name).after) / name).glob(f"*/{PARAMS}"))


def stored_params(project: Project, name: str) -> list[Any]:
    """Return the parameters for which an analysis was begun under the present settings, in a fixed order.

    Raises
    ------
    ProjectError
        If a file is damaged.
    """
    analysis = get_analysis(name)
    found = []
    for path in filter(is_intact, (project.result_dir(analysis.after) / name).glob(f"*/{PARAMS}")):
        try:
            params = analysis.params.from_dict(read_json(path))
            present = folder(project, name, params) == path.parent
        except _DAMAGED as error:
            raise unreadable(path) from error
        if present:  # else it is of a truth or a seed that was changed since
            found.append(params)
    return sorted(found, key=lambda params: [str(value or "") for value in params.identity().values()])


def save(project: Project, name: str, params: Params | None, value: Any) -> None:
    """Write a result that is written at once, or a finished part of one."""
    form, directory = get_analysis(name).form, begin(project, name, params)
    if isinstance(form, Journal):
        _append(directory / JOURNAL, form.pack(value))
    elif isinstance(form, Whole):
        _write(directory, form.key(value) if isinstance(form, Parts) else RESULT, form.pack(value))
    else:
        raise TypeError(f"the analysis {name!r} writes its own journal")


def load(project: Project, name: str, params: Params | None = None, *, sound: bool = False) -> Any:
    """Return what is there of a result under the present settings.

    Parameters
    ----------
    project : Project
    name : str
        Of the analysis.
    params : Params, optional
    sound : bool
        Whether parts that are damaged are left out, in place of an error.

    Returns
    -------
    object
        The result; None where it is not there. Of an analysis that yields parts, a tuple of those that are finished.

    Raises
    ------
    ProjectError
        If a file is damaged.
    """
    analysis = get_analysis(name)
    params = analysis.params() if params is None else params
    directory, form = folder(project, name, params), analysis.form
    if isinstance(form, OwnJournal):
        return _own(directory / JOURNAL, form)
    if isinstance(form, Journal):
        return tuple(_lines(directory / JOURNAL, form))
    if not isinstance(form, Parts):
        there = is_intact(directory / PARAMS)
        return _read(project, directory / f"{RESULT}.json", form, params) if there else None
    parts = []
    for path in filter(_is_part, sorted(directory.glob("*.json"))):
        try:
            parts.append(_read(project, path, form, params))
        except ProjectError:
            if not sound:
                raise
    return tuple(part for part in parts if part is not None)


def begin(project: Project, name: str, params: Params | None = None) -> Path:
    """See that the parameters lie beside the result, and return its folder."""
    params = get_analysis(name).params() if params is None else params
    directory = folder(project, name, params)
    directory.mkdir(parents=True, exist_ok=True)
    if not is_intact(directory / PARAMS):
        write_json(directory / PARAMS, params.identity())
    return directory


def journal(project: Project, name: str, params: Params | None = None) -> Path:
    """Return the journal of an analysis that has one; it may not exist yet."""
    return folder(project, name, params) / JOURNAL


def working(
    project: Project, name: str, params: Params | None, check_cancelled: Callable[[], None]
) -> AbstractContextManager[None]:
    """Hold the lock of a result: two processes never compute the same at once; see :func:`.steps.locked`."""
    directory = folder(project, name, params)
    directory.parent.mkdir(parents=True, exist_ok=True)
    return locked(directory.with_suffix(".lock"), check_cancelled)


def version(project: Project, name: str, params: Params | None = None) -> tuple[tuple[str, Stamp | None], ...]:
    """Return a value that differs wherever what :func:`load` returns may differ; empty where nothing is there."""
    files = sorted(folder(project, name, params).glob("[!.]*"))
    return tuple((path.name, checksums.stamp(path)) for path in files if path.name != PARAMS)


# -- private -------------------------------------------------------------------------------------


def _setting(project: Project, key: str) -> Any:
    """Return a further setting on which a result depends; a truth is named by the digest of its content."""
    return project.settings.truth if key == "truth" else project.params("transfer")[key]


def _is_part(path: Path) -> bool:
    return path.name != PARAMS and not path.name.startswith(".")


def _write(directory: Path, stem: str, document: Document) -> None:
    """Write a document; the file that lists its parts comes last, so that what can be found is complete."""
    for table, frame in document.tables.items():
        with replacing(directory / f"{stem}_{table}.csv") as temporary:
            frame.to_csv(temporary, index=False)
    if document.arrays:
        with replacing(directory / f"{stem}.npz") as temporary:
            np.savez_compressed(temporary, **dict(document.arrays))  # type: ignore[arg-type]
    if document.result is not None:
        save_result(directory / f"{stem}.h5ad", document.result)
    listed = {"tables": list(document.tables), "arrays": bool(document.arrays), "result": document.result is not None}
    write_json(directory / f"{stem}.json", {**listed, "facts": dict(document.facts)})


def _read(project: Project, path: Path, form: Whole, params: Params) -> Any:
    """Return what a document holds, None where a part of it is not as it was written."""
    if not is_intact(path):
        return None
    value = read_json(path)
    try:
        tables = {
            str(name): (path.with_name(f"{path.stem}_{name}.csv"), form.columns[name]) for name in value["tables"]
        }
        arrays = path.with_suffix(".npz") if value["arrays"] else None
        result = path.with_suffix(".h5ad") if value["result"] else None
        facts: Mapping[str, Any] = value["facts"]
    except _DAMAGED as error:
        raise unreadable(path) from error
    if not all(map(is_intact, (file for file in (*(file for file, _ in tables.values()), arrays, result) if file))):
        return None
    document = Document(
        facts=facts,
        tables={
            name: stored_table(file, texts=columns.texts, numbers=columns.numbers, least=columns.least)
            for name, (file, columns) in tables.items()
        },
        arrays={} if arrays is None else stored_arrays(arrays),
        result=None if result is None else _result(project, result),
    )
    try:
        return form.unpack(document, params)
    except _DAMAGED as error:
        raise unreadable(path) from error


def _result(project: Project, path: Path) -> Any:
    step = checksums.result_folder(path) or path.parent
    return result_in(path.parent, path.name, cells=cells_of_result(project, step))


def _own(path: Path, form: OwnJournal) -> Any:
    try:
        return form.read(path)
    except DataError as error:
        raise ProjectError(
            "The journal of this search is damaged.",
            expected="It holds a line for everything that the search did.",
            do="Start the search again: it goes on from what can still be read.",
        ) from error


def _lines(path: Path, form: Journal) -> Iterator[Any]:
    """Yield the parts that are finished, also while others are computed; damaged lines count as not there."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
        try:
            yield form.unpack(json.loads(line))
        except (*_DAMAGED, RecursionError):
            continue


def _append(path: Path, line: Mapping[str, Any]) -> None:
    cut_short = path.exists() and path.read_bytes()[-1:] not in (b"", b"\n")  # by a process that was killed
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if cut_short else "") + json.dumps(dict(line)) + "\n")


def load_baselines(project: Project) -> dict[str, TransferResult]:
    """Return the baselines of a sweep that are finished, by method; also while it runs."""
    return {result.method: result for result in load(project, "compare")}


def load_latent_map(project: Project) -> dict[str, np.ndarray[Any, Any]]:
    """Return the map of both datasets in the space that the method learned; empty where none is drawn."""
    maps: dict[str, np.ndarray[Any, Any]] = load(project, "latent") or {}
    if maps:
        require_maps(maps, folder(project, "latent") / "result.npz", n_target=n_cells(project))
    return maps


def load_self_test(project: Project) -> dict[str, dict[str, list[Any]]]:
    """Return a table for each kind of test of the reference, as columns; empty where nothing is finished."""
    return self_test_tables(load(project, "self_test"))
