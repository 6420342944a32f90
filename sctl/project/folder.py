"""A project is a folder: inputs, settings with their history, results by fingerprint, jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd
from anndata import AnnData

from sctl.errors import ProjectError
from sctl.project import inputs as stored
from sctl.project import steps
from sctl.project.base import ProjectFolder
from sctl.project.checksums import stamp
from sctl.project.settings import ROLES, check_role, check_step
from sctl.project.steps import State
from sctl.sharing import TrainedSource, load_trained


@dataclass(frozen=True)
class Project(ProjectFolder):
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

    # -- inputs and labels -------------------------------------------------------------------------

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

    def _reference(self, role: str) -> str:
        reference = self.settings.inputs.get(check_role(role))
        if reference is None:
            raise stored.missing(role)
        return reference

    # -- results -----------------------------------------------------------------------------------

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

    def at_last_result(self, step: str) -> Self | None:
        """Return the project as of the settings under which a step was last finished, or None where it never was.

        The present settings come first, then earlier ones back in history, then what was undone. All results
        that the returned view loads belong together.
        """
        for settings in (self.settings, *(() if self.pinned else self._history.nearest())):
            if steps.finished(self.at(settings).result_dir(step)):
                return self if settings == self.settings else self.at(settings)
        return None

    def answers(self) -> list[Self]:
        """Return a view for every method whose result for the data as prepared now is there, the present method first.

        Of several results of a method, the one of the settings nearest in history is taken.
        """
        found: dict[str, Self] = {}
        prepared = self.fingerprint("preprocess")
        for settings in (self.settings, *self._history.nearest()):
            view = self.at(settings)
            if view.fingerprint("preprocess") == prepared and steps.finished(view.result_dir("theta")):
                found.setdefault(view.params("transfer")["method"], view)
        return list(found.values())
