"""The folder of a project: its name, and its settings with their history."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from filelock import FileLock

from sctl.errors import ProjectError
from sctl.project import inputs as stored
from sctl.project.checksums import stamp
from sctl.project.files import check_id, copy_of, new_id, not_writable, projects_root
from sctl.project.history import History
from sctl.project.metadata import HEAD, ProjectMetadata, is_readable
from sctl.project.settings import Settings


@dataclass(frozen=True)
class ProjectInfo:
    """One line of the list of projects; ``problem`` says why a damaged one cannot be opened."""

    id: str
    name: str
    created: float
    modified: float
    problem: str = ""


@dataclass(frozen=True)
class ProjectFolder:
    """A folder on disk, and the settings that hold in it; see :class:`~sctl.project.Project`."""

    root: Path
    pinned: Settings | None = None

    @classmethod
    def create(cls, name: str = "Untitled") -> Self:
        """Make an empty project.

        Raises
        ------
        ProjectError
            If the name is empty or too long, or the folder cannot be written.
        """
        head = ProjectMetadata.of(name)
        project = cls(projects_root() / new_id())
        try:
            project.root.mkdir(parents=True)
        except OSError as error:
            raise not_writable(project.root.parent) from error
        History().save(project._history_file)
        head.save(project.root)
        return project

    @classmethod
    def open(cls, project_id: str) -> Self:
        """Open the project with this identifier.

        Raises
        ------
        ProjectError
            If there is none, it is damaged, or the identifier is not one.
        """
        project = cls(projects_root() / check_id(project_id))
        if not project.root.is_dir():
            raise ProjectError(
                "There is no project with this identifier.",
                expected="It may have been deleted, or belongs to another computer.",
                do="Open a project from the list on the home page.",
            )
        return project.checked()

    def checked(self) -> Self:
        """Return the project if its files can be read, and raise ``ProjectError`` if not."""
        _ = self._head, self._history
        return self

    def restore(self) -> list[str]:
        """See that the project's own files lie there twice, and return a sentence for each that was damaged.

        Raises
        ------
        ProjectError
            If both copies of a file are damaged.
        """
        files = ((self.root / HEAD, ProjectMetadata.from_json), (self._history_file, History.from_json))
        if not any(_is_single(path, parse) for path, parse in files):
            return []
        with self._lock():
            lost = [path for path, parse in files if not is_readable(path, parse)]
            head, history = self._head, self._history
            head.save(self.root)
            history.save(self._history_file)
        last = history.changes[-1].note
        return [_HEAD_RESTORED if path.name == HEAD else _HISTORY_RESTORED.format(note=last) for path in lost]

    @classmethod
    def all(cls) -> list[ProjectInfo]:
        """List all projects, the one used last first, damaged ones (with their ``problem``) at the end."""
        root = projects_root()
        folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
        infos = [_info(cls(path)) for path in folders if _is_id(path.name) and _is_project(path)]
        return sorted(infos, key=lambda info: (bool(info.problem), -info.modified))

    @property
    def id(self) -> str:
        """The identifier: the name of the folder."""
        return self.root.name

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self._head.name

    @property
    def created(self) -> float:
        """When it was made, in seconds since 1970."""
        return self._head.created

    def rename(self, name: str) -> None:
        """Give the project another name."""
        with self._lock():
            self._head.called(name).save(self.root)

    def delete(self) -> None:
        """Delete the folder with all that is in it. Stop its jobs first."""
        gone = self.root.with_name(f".deleted-{self.root.name}")  # at once, not file by file under the eyes of others
        with suppress(OSError):
            self.root.replace(gone)
        for folder in (gone, self.root):
            shutil.rmtree(folder, ignore_errors=True)

    # -- settings and their history ----------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What the user has chosen."""
        return self.pinned or self._history.settings

    def at(self, settings: Settings) -> Self:
        """Return a view of this project as it is under other settings; it cannot be changed."""
        return replace(self, pinned=settings)

    def params(self, step: str) -> dict[str, Any]:
        """Return the parameters of a step, completed with their defaults."""
        return self.settings.of(step)

    def set_params(self, step: str, params: Mapping[str, Any], *, note: str) -> None:
        """Change the parameters of a step.

        Parameters
        ----------
        step : str
        params : mapping
            All of them, or those that are not default; those not named go back to their defaults.
        note : str
            What the user did, as a short plain sentence; the menu says "Undo: ...".
        """
        self._change(lambda settings: settings.with_params(step, params), note)

    @contextmanager
    def one_act(self, *, undoable: bool = True) -> Iterator[None]:
        """Make all changes within the block one for undo, called as the first; see :meth:`.History.merged`.

        Where the block is left by an error, its changes stay single.
        """
        before = self._history
        yield
        with self._lock():
            self._history.merged(before.changes[before.position], undoable=undoable).save(self._history_file)

    def undo(self) -> str | None:
        """Take back the last change and return what it was; None if there is none."""
        with self._lock():
            history = self._history
            history.step(-1).save(self._history_file)
        return history.undone_by_undo

    def redo(self) -> str | None:
        """Do again what was undone and return what it was; None if there is nothing."""
        with self._lock():
            history = self._history
            history.step(+1).save(self._history_file)
        return history.done_by_redo

    @property
    def can_undo(self) -> str | None:
        """What undo would take back (true as a condition), or None."""
        return self._history.undone_by_undo

    @property
    def can_redo(self) -> str | None:
        """What redo would do again (true as a condition), or None."""
        return self._history.done_by_redo

    # -- private -----------------------------------------------------------------------------------

    @property
    def _history_file(self) -> Path:
        return self.root / "history.json"

    @property
    def _inputs(self) -> Path:
        return self.root / "inputs"

    @property
    def _head(self) -> ProjectMetadata:
        return ProjectMetadata.load(self.root)

    @property
    def _history(self) -> History:
        return History.load(self._history_file)

    def _lock(self) -> FileLock:
        return FileLock(self.root / ".lock", timeout=30)

    def _change(self, change: Callable[[Settings], Settings], note: str, file: stored.Stored | None = None) -> None:
        """Change the settings, and place the file that they name from now on, before another tab can change anything."""
        if self.pinned is not None:
            raise ProjectError("A job cannot change the settings of its project.")
        with self._lock():
            if file is not None:
                file.place()
            history = self._history.append(change(self._history.settings), note)
            history.save(self._history_file)
            stored.collect(self._inputs, history.references())


_HEAD_RESTORED = "The file with this project's name was damaged. It was restored from its second copy; nothing is lost."
_HISTORY_RESTORED = (
    "The file with this project's settings was damaged. It was restored from its second copy, in which the last change is "
    "“{note}”. If you made another change after that, please make it again."
)


def _is_single(path: Path, parse: Callable[[dict[str, Any]], object]) -> bool:
    """Tell whether one of the two copies of a file is missing or damaged."""
    return not (is_readable(path, parse) and is_readable(copy_of(path), parse))


def _info(project: ProjectFolder) -> ProjectInfo:
    try:
        history = project.checked()._history_file
        written = [known[1] for path in (history, copy_of(history)) if (known := stamp(path))]
        modified = max(written, default=0) / 1e9
        return ProjectInfo(project.id, project.name, project.created, modified)
    except ProjectError as error:
        return ProjectInfo(project.id, project.id, 0.0, 0.0, problem=str(error))


def _is_project(folder: Path) -> bool:
    """Tell a project, be it damaged, from what a job wrote that ended after its project was deleted."""
    files = (folder / HEAD, folder / "history.json")
    return any(path.exists() or copy_of(path).exists() for path in files)


def _is_id(name: str) -> bool:
    try:
        return check_id(name) == name
    except ProjectError:
        return False
