"""A whole project as one ``.zip``: data only, so that opening a stranger's can do no harm."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sctl.errors import DataError, ProjectError
from sctl.io import opened_hdf5, read_h5ad
from sctl.io.archive import unpack
from sctl.io.system import system_errors
from sctl.project import checksums
from sctl.project.files import digest_of_file, new_id, not_writable, projects_root
from sctl.project.folder import Project
from sctl.project.history import History
from sctl.project.steps import DAMAGED, DONE, FAILED, STARTED, damage, finished
from sctl.sharing import read_manifest
from sctl.workflow import reduce

SUFFIX = ".sctl.zip"
_REF = "[0-9a-f]{16}"
_FILES = re.compile(
    rf"project\.json|history\.json|inputs/{_REF}\.(h5ad|csv|json|sctl)"
    rf"|results/[a-z]+/{_REF}/([A-Za-z0-9_]+/)*[A-Za-z0-9_.]+\.(json|jsonl|csv|npz|h5|h5ad|sctl)"
)

_OF_A_PROCESS = {STARTED, FAILED, DAMAGED}
"""What a folder of results says of the work on it, here and now; damaged files are not given away."""


def export_project(project: Project, path: Path) -> Path:
    """Write a project with its inputs, settings, history and results into one file; a step under way resumes.

    Parameters
    ----------
    project : Project
    path : Path
        Where to; replaced if it exists.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    ProjectError
        If both copies of the project's name or settings are damaged.
    DataError
        If the disk is full, or the folder cannot be written to.
    """
    project.restore()
    partial = path.with_name(f".part-{path.name}")
    try:
        with (
            system_errors(f"{path.name} cannot be written"),
            zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            for file in sorted(_files_of(project)):
                archive.write(file, file.relative_to(project.root).as_posix())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def import_project(path: Path) -> Project:
    """Open a copy of a project that :func:`export_project` wrote, under a new identifier.

    Raises
    ------
    ProjectError
        If the file is no project, is damaged, or holds anything that a project does not.
    """
    root = projects_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".import-", dir=root))
    except OSError as error:
        raise not_writable(root) from error
    try:
        _unpack_into(path, folder)
        Project(folder).checked()
        _check_settings(folder)
        project = Project(root / new_id())
        folder.replace(project.root)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return project


def _files_of(project: Project) -> Iterator[Path]:
    yield from (project.root / "project.json", project.root / "history.json")
    yield from (file for file in (project.root / "inputs").glob("*") if _belongs(project.root, file))
    for file in (project.root / "results").rglob("*"):
        unfinished = file.name == DONE and not finished(file.parent)
        if file.name not in _OF_A_PROCESS and not unfinished and _is_sound(file) and _belongs(project.root, file):
            yield file


def _is_sound(file: Path) -> bool:
    """Tell whether a file can be given away: damaged ones stay behind, to be computed again."""
    return file.is_file() and (not checksums.is_listed_kind(file) or checksums.is_intact(file))


def _belongs(root: Path, file: Path) -> bool:
    return _FILES.fullmatch(file.relative_to(root).as_posix()) is not None


def _unpack_into(path: Path, folder: Path) -> None:
    try:
        files = unpack(path, folder, name="The project file")
    except (DataError, OSError) as error:
        raise _refused(str(error)) from error
    for file in files:
        if not _belongs(folder, file):
            raise _refused(f"The file holds {file.relative_to(folder).as_posix()!r}, which is no part of a project.")
        if file.suffix in (".h5", ".h5ad"):
            _check_hdf5(file)
        if file.suffix == ".sctl":
            _check_model(file)
        if file.parent.name == "inputs" and file.suffix != ".json" and digest_of_file(file) != file.stem:
            raise _refused("A dataset in the file was changed after it was stored.")
    for result in folder.glob("results/*/*"):
        _check_sums(result)


def _check_sums(folder: Path) -> None:
    """Refuse a result whose files are not those that were written."""
    changed = [file.name for file in checksums.files_of(folder) if not checksums.is_intact(file)]
    changed = changed or [name for name in [damage(folder)] if name]
    if changed:
        raise _refused(f"The result {changed[0]!r} in the file was changed after it was computed, or is damaged.")


def _check_hdf5(file: Path) -> None:
    """Refuse a file that shows what lies in other files of this computer, and a dataset that cannot be read."""
    try:
        if file.parent.name == "inputs":
            read_h5ad(file, file.name)
        else:
            with opened_hdf5(file, file.name):
                pass
    except DataError as error:
        raise _refused(error.found) from error


def _check_model(file: Path) -> None:
    """Refuse a trained source that cannot be read."""
    try:
        read_manifest(file)
    except DataError as error:
        raise _refused(error.found) from error


def _check_settings(folder: Path) -> None:
    """Refuse settings that sctl would not have stored: the pages rely on what they find."""
    for change in History.load(folder / "history.json").changes:
        for step, params in change.settings.params.items():
            try:
                reduce(step, params)
            except (ValueError, TypeError, AttributeError) as error:
                raise _refused(f"The settings of the step {step!r} in the file are no settings of sctl.") from error


def _refused(found: str) -> ProjectError:
    return ProjectError(
        found,
        expected=f"A project is opened from a {SUFFIX} file that sctl has written, as it is.",
        do="Save the project again on the computer it comes from, and open that file.",
    )
