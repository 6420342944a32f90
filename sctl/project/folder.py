"""A project is a folder: inputs, settings with their history, results by fingerprint, jobs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd
from anndata import AnnData
from filelock import FileLock

from sctl.errors import ProjectError
from sctl.project import inputs as stored
from sctl.project import steps
from sctl.project.checksums import stamp
from sctl.project.files import check_id, copy_of, new_id, not_writable, projects_root
from sctl.project.history import History
from sctl.project.metadata import HEAD, ProjectMetadata, is_readable
from sctl.project.settings import ROLES, Settings, check_role, check_step
from sctl.project.steps import State
from sctl.sharing import TrainedSource, load_trained


@dataclass(frozen=True)
class ProjectInfo:
    """One line of the list of projects; ``problem`` says why a damaged one cannot be opened."""

    id: str
    name: str
    created: float
    modified: float
    problem: str = ""


@dataclass(frozen=True)
class Project:
    """A folder on disk, and the settings that hold in it.

    Holds no data itself: every question is answered from disk, so that the app's pages, its jobs and a
    restarted server see the same. With ``pinned`` settings it answers as of a moment in the past, which
    is how a job keeps working on what it was started for.

    Examples
    --------
    >>> project = Project.create("Pancreas")  # doctest: +SKIP
    >>> project.set_params("theta", {"theta": 0.5}, note="Set θ to 0.5")  # doctest: +SKIP
    >>> project.undo()  # doctest: +SKIP
    'Set θ to 0.5'
    """

    root: Path
    pinned: Settings | None = None

    # -- the folder ------------------------------------------------------------------------------

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

    # -- settings and their history --------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What the user has chosen."""
        return self.pinned or self._history.settings

    def at(self, settings: Settings) -> Project:
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

    def at_last_result(self, step: str) -> Project | None:
        """Return the project as of the settings under which a step was last finished, or None where it never was.

        The present settings come first, then earlier ones back in history, then what was undone. All results
        that the returned view loads belong together.
        """
        for settings in (self.settings, *(() if self.pinned else self._history.nearest())):
            if steps.finished(self.at(settings).result_dir(step)):
                return self if settings == self.settings else self.at(settings)
        return None

    def answers(self) -> list[Project]:
        """Return a view for every method whose result for the data as prepared now is there, the present method first.

        Of several results of a method, the one of the settings nearest in history is taken.
        """
        found: dict[str, Project] = {}
        prepared = self.fingerprint("preprocess")
        for settings in (self.settings, *self._history.nearest()):
            view = self.at(settings)
            if view.fingerprint("preprocess") == prepared and steps.finished(view.result_dir("theta")):
                found.setdefault(view.params("transfer")["method"], view)
        return list(found.values())

    # -- inputs and labels -----------------------------------------------------------------------

    def put_input(self, role: str, adata: AnnData, origin: Mapping[str, Any], *, note: str = "") -> None:
        """Store a dataset as source or target; ``origin`` says where it came from (``filename``, ...)."""
        check_role(role)
        with stored.put_dataset(self._inputs, adata, origin) as file:
            self._change(lambda settings: settings.with_input(role, file.reference), note or f"Load the {role}", file)

    def change_input(self, role: str, adata: AnnData, change: Mapping[str, Any], *, note: str) -> None:
        """Store what became of a dataset; the dataset as it was given is kept, and what has changed it since.

        Parameters
        ----------
        role : {"source", "target"}
        adata : AnnData
            The dataset after the change.
        change : mapping
            As JSON: ``{"fix": {...}}`` for a repair, ``{"labels": name}`` for a table of cell types.
        note : str
        """
        self.put_input(role, adata, self.changed_origin(role, change), note=note)

    def changed_origin(self, role: str, change: Mapping[str, Any]) -> dict[str, Any]:
        """Return where an input comes from after one more change; see :meth:`change_input`."""
        infos = {name: self.input_info(name) or {} for name in ROLES}
        info, number = infos[role], sum(len(other.get("changes", ())) for other in infos.values())
        made = {"given": stored.given_of(self._inputs, self._reference(role))}
        changes = [*info.get("changes", ()), {**change, "number": number}]
        return {**stored.origin_of(info), **made, "changes": changes}

    def given(self, role: str) -> AnnData:
        """Read the source or the target as it was given, before any repair.

        Raises
        ------
        ProjectError
            If there is none.
        """
        return stored.dataset(self._inputs, stored.given_of(self._inputs, self._reference(role)))

    def put_file(
        self, role: str, path: Path, facts: Mapping[str, Any], origin: Mapping[str, Any], *, note: str = ""
    ) -> None:
        """Store a dataset that another process has read and written; see :mod:`sctl.jobs.isolated`."""
        check_role(role)
        with stored.put_file(self._inputs, path, facts, origin) as file:
            self._change(lambda settings: settings.with_input(role, file.reference), note or f"Load the {role}", file)

    def put_trained(self, path: Path, origin: Mapping[str, Any], *, note: str = "") -> None:
        """Store the file of a trained source in the place of the source, and take over how it was set up.

        Method and settings become those of the file, and so does the seed.

        Raises
        ------
        DataError
            If the file is no trained source; the project is then as it was.
        """
        trained = load_trained(path)
        params = {"method": trained.method.key, "params": dict(trained.method.params), "seed": trained.seed}
        keys = {"label_key": stored.LABEL_KEY, "batch_key": None}
        with stored.put_model(self._inputs, path, trained, origin) as file:
            self._change(
                lambda settings: (
                    settings.with_input("source", file.reference)
                    .with_params("data", keys)
                    .with_params("transfer", params)
                ),
                note or "Use a trained source",
                file,
            )

    def trained(self) -> TrainedSource | None:
        """Return the trained source, or None where the source is a dataset or there is none."""
        reference = self.settings.inputs.get("source")
        return None if reference is None else stored.model(self._inputs, reference)

    @property
    def has_trained(self) -> bool:
        """Whether the source is a trained one; told without reading it."""
        reference = self.settings.inputs.get("source")
        return reference is not None and stored.is_model(self._inputs, reference)

    def input(self, role: str) -> AnnData:
        """Read the source or the target.

        Raises
        ------
        ProjectError
            If there is none.
        """
        return stored.dataset(self._inputs, self._reference(role))

    def input_info(self, role: str) -> dict[str, Any] | None:
        """Return what is known of an input, in milliseconds, or None where there is none.

        Returns
        -------
        dict
            ``fingerprint``, ``n_obs``, ``n_vars``, ``values`` (see :func:`sctl.qc.values.value_kind`),
            ``species``, ``obs_columns``, ``bytes``, ``added`` and what ``origin`` said.
        """
        reference = self.settings.inputs.get(check_role(role))
        return None if reference is None else stored.info(self._inputs, reference)

    def remove_input(self, role: str) -> None:
        """Take the source or the target out of the project; undo brings it back."""
        self._change(lambda settings: settings.with_input(role, None), f"Remove the {role}")

    def put_truth(self, truth: pd.Series) -> None:
        """Keep true labels of the target aside, by cell; no method sees them."""
        with stored.put_series(self._inputs, truth) as file:
            self._change(lambda settings: replace(settings, truth=file.reference), "Add the true labels", file)

    def truth(self) -> pd.Series | None:
        """Return the true labels by cell, or None."""
        reference = self.settings.truth
        return None if reference is None else stored.series(self._inputs, reference)

    def set_labels(self, labels: pd.Series | None, *, note: str = "Edit labels") -> None:
        """Set the user's final labels by cell, or drop them; undo brings back the earlier ones."""
        if labels is None:
            self._change(lambda settings: replace(settings, labels=None), note)
            return
        with stored.put_series(self._inputs, labels) as file:
            self._change(lambda settings: replace(settings, labels=file.reference), note, file)

    def labels(self) -> pd.Series | None:
        """Return the user's final labels by cell, or None where nothing was edited."""
        reference = self.settings.labels
        return None if reference is None else stored.series(self._inputs, reference)

    # -- results ---------------------------------------------------------------------------------

    def fingerprint(self, step: str) -> str:
        """Return the name of the step's result under the present settings."""
        return self.settings.fingerprint(step)

    def result_dir(self, step: str) -> Path:
        """Return the folder of the step's result under the present settings; it may not exist yet."""
        return self.root / "results" / check_step(step) / self.fingerprint(step)

    def latest_result_dir(self, step: str) -> Path | None:
        """Return the folder of the present result, else of the newest older one, else None."""
        return steps.latest(self.result_dir(step))

    def version(self, step: str = "") -> tuple[object, ...]:
        """Return a value that differs wherever what is read of a step may differ: between projects, and in time.

        Parameters
        ----------
        step : str
            Empty for what is read of the project's inputs, which are named by their content.

        Returns
        -------
        tuple
            The folder of the project; with a step, also the fingerprint of its settings, the result that is there, and
            when that was finished.
        """
        root = str(self.root)
        if not step:
            return (root,)
        found = self.latest_result_dir(step)
        return root, self.fingerprint(step), *(() if found is None else (found.name, stamp(found / steps.DONE)))

    def require(self, step: str) -> Path:
        """Return the folder of the present result, else of the newest older one.

        Raises
        ------
        ProjectError
            If the step was never finished.
        """
        directory = self.latest_result_dir(step)
        if directory is None and (name := self.damage(step)):
            raise steps.damaged_result(self.result_dir(step) / name)
        if directory is None:
            raise ProjectError("This step has not been run yet.", do=f"Run the step {step.capitalize()!r} first.")
        return directory

    def state(self, step: str) -> State:
        """Tell where a step stands; ``"stale"`` means a result exists, but for other settings."""
        if check_step(step) == "data":
            return "done" if set(self.settings.inputs) == set(ROLES) else "todo"
        return steps.state(self.result_dir(step))

    def failure(self, step: str) -> dict[str, str] | None:
        """Return what went wrong in a failed step (``type``, ``found``, ``expected``, ``do``), or None."""
        return steps.failure(self.result_dir(step))

    def damage(self, step: str) -> str:
        """Return the name of a damaged file of the step's present result, empty where none is known.

        A damaged result counts as not there: running the step again computes what is damaged.
        """
        return steps.damage(self.result_dir(step))

    def working(
        self, step: str, check_cancelled: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[Path | None]:
        """Compute a step: enter its folder, or None where it is finished; see :func:`.steps.working`."""
        return steps.working(self.result_dir(step), check_cancelled)

    # -- private ---------------------------------------------------------------------------------

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

    def _reference(self, role: str) -> str:
        reference = self.settings.inputs.get(check_role(role))
        if reference is None:
            raise stored.missing(role)
        return reference

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


def _info(project: Project) -> ProjectInfo:
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
