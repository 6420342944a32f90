"""What jobs do: thin, between a project's folder and :mod:`sctl.pipeline`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sctl import pipeline
from sctl.base import TransferMethod
from sctl.project import Project, Settings, load_pair, load_result, load_target_all
from sctl.project.results import (
    BASELINES,
    RESULT,
    SWEEP,
    points_in,
    result_in,
    save_embeddings,
    save_markers,
    save_point,
    save_prepared,
    save_result,
    save_sweep,
    sweep_in,
    target_names,
)
from sctl.run import Run

Begin = Callable[[str, float, float], Run]

TASKS: Mapping[str, tuple[str, ...]] = {
    "prepare": ("preprocess",),
    "transfer": ("preprocess", "transfer", "theta"),
    "theta": ("preprocess", "transfer", "theta"),
    "explore": ("preprocess", "explore"),
    "markers": ("preprocess", "transfer", "theta", "markers"),
    "everything": ("preprocess", "transfer", "theta", "explore", "markers"),
}
"""Kind of job → the steps it sees to, in order; those that are done are left as they are."""

_WEIGHT = {"preprocess": 1.0, "transfer": 3.0, "theta": 0.3, "explore": 4.0, "markers": 1.0}
"""Relative durations, measured on the demo; they only shape the bar."""


def run_job(project_root: Path, description: Mapping[str, Any], begin: Begin) -> None:
    """Do what a job's description says."""
    project = Project(project_root).at(Settings.from_dict(description["settings"]))
    steps = [step for step in TASKS[description["kind"]] if project.state(step) != "done"]
    total = sum(_WEIGHT[step] for step in steps) or 1.0
    start = 0.0
    for step in steps:
        end = start + _WEIGHT[step] / total
        compute(project, step, begin(step, start, end))
        start = end


def compute(project: Project, step: str, run: Run | None = None) -> None:
    """Compute one step here and now, unless it is done; what it is based on must be.

    Meant for steps that take less than a second (a θ chosen by hand); all else is a job.

    Raises
    ------
    SctlError
        What the step itself raises.
    """
    project, run = project.at(project.settings), run or Run()

    def wait() -> None:
        run.report("Waiting for another computation of the same", 0, 0)

    with project.working(step, wait) as directory:
        if directory is not None:
            _COMPUTE[step](project, directory, run)


def _prepare(project: Project, directory: Path, run: Run) -> None:
    params = {**project.params("data"), **project.params("preprocess")}
    save_prepared(directory, pipeline.prepare(project.input("source"), project.input("target"), params, run))


def _transfer(project: Project, directory: Path, run: Run) -> None:
    """Sweep θ if the method does, keeping every θ as it comes; a job that resumes skips what is there."""
    pair, method, run = load_pair(project), *_method_and_run(project, run)
    sweeping = pipeline.as_sweep(method)
    if sweeping is None:
        save_result(directory / RESULT, pipeline.transfer(pair, method, run))
        return
    if not (directory / SWEEP).exists():
        save_sweep(directory, pipeline.prepare_sweep(pair, method, run))
    done = {point.theta: point for point in points_in(directory)}
    for point in sweep_in(directory).points(sweeping.thetas, run, done):
        save_point(directory, point)
    for key in pipeline.BASELINES:
        path = directory / BASELINES / f"{key}.h5ad"
        if not path.exists():
            save_result(path, pipeline.baseline(pair, key, method, run.within("For comparison")))


def _theta(project: Project, directory: Path, run: Run) -> None:
    method, run = _method_and_run(project, run)
    run.report("Taking the result at the chosen θ", 0, 1)
    transferred, sweeping = project.result_dir("transfer"), pipeline.as_sweep(method)
    if sweeping is None:
        result = result_in(transferred)
    else:
        theta, points = project.params("theta")["theta"], points_in(transferred)
        result = sweeping.result_at(sweep_in(transferred), target_names(project), theta, points)
    save_result(directory / RESULT, result)
    run.report("Taking the result at the chosen θ", 1, 1)


def _explore(project: Project, directory: Path, run: Run) -> None:
    save_embeddings(directory, pipeline.explore(load_pair(project), project.params("explore"), run))


def _markers(project: Project, directory: Path, run: Run) -> None:
    from sctl.markers import rank_markers  # noqa: PLC0415

    groups = pipeline.groups_of(load_result(project), project.params("markers")["groups"], project.labels())
    target = load_target_all(project)
    save_markers(directory, rank_markers(target.X, groups.loc[target.obs_names], target.var_names, run=run))


def _method_and_run(project: Project, run: Run) -> tuple[TransferMethod, Run]:
    params = project.params("transfer")
    return pipeline.method_of(params), replace(run, seed=int(params["seed"]))


_COMPUTE: Mapping[str, Callable[[Project, Path, Run], None]] = {
    "preprocess": _prepare,
    "transfer": _transfer,
    "theta": _theta,
    "explore": _explore,
    "markers": _markers,
}
