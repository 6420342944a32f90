"""What jobs do: thin, between a project's folder and :mod:`sctl.workflow`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

from sctl import workflow
from sctl.analysis.embed import warm_up as compile_umap
from sctl.analysis.markers import rank_markers
from sctl.analysis.second_opinion import judged, second_opinion
from sctl.data import Pair
from sctl.jobs import reference
from sctl.jobs.analyses import run_analysis
from sctl.jobs.method import method_of as _method
from sctl.methods.base import TransferMethod, learned
from sctl.project import (
    Project,
    Settings,
    load_pair,
    load_result,
    load_target,
    load_target_all,
    save_trained_names,
    trained_file,
)
from sctl.project.checksums import is_intact
from sctl.project.consensus import ESTIMATE, numbers_in, save_consensus, save_estimate
from sctl.project.files import replacing
from sctl.project.memory import reading_once
from sctl.project.results import (
    OPINION,
    RESULT,
    SWEEP,
    TRAINED,
    embeddings_in,
    keep_latent,
    points_in,
    result_in,
    save_embeddings,
    save_markers,
    save_point,
    save_prepared,
    save_result,
    save_sweep,
    sweep_in,
)
from sctl.project.steps import locked
from sctl.run import Run
from sctl.sharing import load_model
from sctl.workflow.analyses import all_analyses
from sctl.workflow.registry import LEARN, job_kinds, weight

Part = Callable[[float, float], Run]
"""Gives the run of a part of a step, which takes the bar from one share of the step to another."""


def run_job(project_root: Path, description: Mapping[str, Any], begin: Callable[[str, float, float], Run]) -> None:
    """Do what a job's description says.

    Parameters
    ----------
    project_root : Path
    description : mapping
        What :func:`sctl.jobs.submit` wrote.
    begin : callable
        Gives the run of a step that takes the bar from one share of the job to another.
    """
    project = Project(project_root).at(Settings.from_dict(description["settings"]))
    todo = _todo(project, description)
    total = sum(weight(step) for step in todo)
    start = 0.0
    with reading_once():
        for step in todo:
            part = _within(begin, step, start, weight(step) / total)
            if step == LEARN:
                _learn(project, part)
            elif step in all_analyses():
                run_analysis(project, step, description.get("params", {}), part(0.0, 1.0))
            else:
                compute(project, step, part)
            start += weight(step) / total


def _todo(project: Project, description: Mapping[str, Any]) -> list[str]:
    parts = job_kinds()[description["kind"]].parts
    return [part for part in parts if part not in _COMPUTE or project.state(part) != "done"]


def warm_up(project_root: Path, description: Mapping[str, Any]) -> Thread | None:
    """Compile what the first map needs while a job does what comes before, in a thread that ends with the process.

    What is compiled does not touch the results: it draws a map of made-up cells, with a generator of its own.

    Returns
    -------
    Thread or None
        None where the job draws no map, or nothing comes before it.
    """
    todo = _todo(Project(project_root).at(Settings.from_dict(description["settings"])), description)
    if "explore" not in todo[1:]:
        return None
    thread = Thread(target=compile_umap, name="warm-up", daemon=True)
    thread.start()
    return thread


def _within(begin: Callable[[str, float, float], Run], step: str, start: float, length: float) -> Part:
    def part(low: float, high: float) -> Run:
        return begin(step, start + length * low, start + length * high)

    return part


def compute(project: Project, step: str, part: Part | None = None) -> None:
    """Compute one step here and now, unless it is done; what it is based on must be.

    Meant for steps that take a second (a θ chosen by hand); all else is a job.

    Raises
    ------
    SctlError
        What the step itself raises.
    """
    project, run_part = project.at(project.settings), part or (lambda low, high: Run())
    with project.working(step, reference.waiting(run_part)) as directory:
        if directory is not None:
            _COMPUTE[step](project, directory, run_part)


def _prepare(project: Project, directory: Path, part: Part) -> None:
    params = {**project.params("data"), **project.params("preprocess")}
    trained, target, run = project.trained(), project.input("target"), part(0.0, 1.0)
    if trained is not None:
        genes = trained.summary.genes
        trained, target, applied = workflow.match_genes(trained, target)
        if trained.summary.genes != genes:
            save_trained_names(directory, dict(zip(genes, trained.summary.genes, strict=True)))
        prepared = workflow.prepare_trained(trained, target, project.params("preprocess"), run)
    else:
        source, target, applied = workflow.repaired(project.input("source"), target)
        prepared = workflow.prepare(source, target, params, run)
    save_prepared(directory, workflow.with_repairs(prepared, target, applied))


def _transfer(project: Project, directory: Path, part: Part) -> None:
    """Sweep θ if the method does, keeping every θ as it comes; a job that resumes skips what is there."""
    pair, method, seed = load_pair(project), *_method(project)
    method = workflow.with_batches(pair, method)
    sweeping = workflow.as_sweep(method)
    if sweeping is None:
        save_result(directory / RESULT, workflow.transfer(pair, method, replace(part(0.0, 1.0), seed=seed)))
        _keep_trained(project, directory, pair, method)
        if (latent := reference.latent_of(method)) is not None:
            keep_latent(directory, latent)
        return
    keeps = not _why_not_kept(project, pair, method)
    if not is_intact(directory / SWEEP) or (keeps and not is_intact(directory / TRAINED)):
        save_sweep(directory, workflow.prepare_sweep(pair, method, replace(part(0.0, 0.1), seed=seed)))
        _keep_trained(project, directory, pair, method)
    if not is_intact(directory / OPINION) and (opinion := second_opinion(pair, part(0.1, 0.15))) is not None:
        save_result(directory / OPINION, opinion)
    done = {point.theta: point for point in points_in(directory)}
    for point in sweep_in(directory).points(sweeping.thetas, replace(part(0.15, 1.0), seed=seed), done):
        if point.theta not in done:
            save_point(directory, point)


def _keep_trained(project: Project, directory: Path, pair: Pair, method: TransferMethod) -> None:
    """Keep what was learned from a source of cells, so that it can serve other targets."""
    if _why_not_kept(project, pair, method):
        return
    preprocess = project.params("preprocess")
    name = str((project.input_info("source") or {}).get("filename", ""))
    seed = int(project.params("transfer")["seed"])
    with replacing(directory / TRAINED) as temporary:
        workflow.save_trained(temporary, pair, method, preprocess, seed=seed, name=name)


def _why_not_kept(project: Project, pair: Pair, method: TransferMethod) -> str:
    """Say why what was learned cannot be kept; empty where it can."""
    if pair.profiles_only:
        return "The source is a trained one already."
    return workflow.why_not_saved(method, project.params("preprocess"))


def _theta(project: Project, directory: Path, part: Part) -> None:
    run, (method, _) = part(0.0, 1.0), _method(project)
    run.report(_TAKING, 0, 1)
    transferred, sweeping = project.result_dir("transfer"), workflow.as_sweep(method)
    if sweeping is None:
        result = workflow.answered(method, result_in(transferred), project.params("theta")["answer"])
    else:
        theta = workflow.chosen_theta(method, project.params("theta")["theta"])
        sweep, points, target = sweep_in(transferred), points_in(transferred), load_target(project)
        sweeping = workflow.as_sweep(_fitted(project, method)) or sweeping
        result = sweeping.result_at(sweep, target.obs_names, theta, points, target=target)
        if is_intact(transferred / OPINION):
            result = judged(result, result_in(transferred, OPINION))
    save_result(directory / RESULT, result)
    run.report(_TAKING, 1, 1)


def _fitted(project: Project, method: TransferMethod) -> TransferMethod:
    """Return the method with what it learned of the source, which is part of its result."""
    if method.is_pretrained_:
        return method
    path = trained_file(project)
    if path is not None:
        return load_model(path)
    pair = load_pair(project)
    return learned(pair, workflow.with_batches(pair, method), Run(seed=int(project.params("transfer")["seed"])))


_TAKING = "Taking the answer"


def _explore(project: Project, directory: Path, part: Part) -> None:
    """Draw the maps, keeping every one as it comes."""
    pair = load_pair(project)
    names = workflow.maps_of(pair)
    runs = {name: part(place / len(names), (place + 1) / len(names)) for place, name in enumerate(names)}
    maps = embeddings_in(directory)
    done = {name for name in names if name in maps or f"{name}_target" in maps}
    for found in workflow.explore(pair, project.params("explore"), runs, done):
        maps |= found
        save_embeddings(directory, maps)


def _markers(project: Project, directory: Path, part: Part) -> None:
    groups = workflow.groups_of(load_result(project), project.params("markers")["groups"], project.labels())
    target = load_target_all(project)
    table = rank_markers(target.X, groups.loc[target.obs_names], target.var_names, run=part(0.0, 1.0))
    save_markers(directory, table)


def _consensus(project: Project, directory: Path, part: Part) -> None:
    """Look at a range of numbers of clusters, keeping each as it comes; a job that resumes skips what is there."""
    method, seed = _method(project)
    result, target = load_result(project), load_target_all(project)
    run = replace(part(0.1, 1.0), seed=seed)
    run.report("Estimating the number of clusters", 0, 1)
    if not is_intact(directory / ESTIMATE):
        save_estimate(directory, workflow.estimate_number(target))
    transferred = project.result_dir("transfer")
    if is_intact(transferred / SWEEP):
        sweep = sweep_in(transferred)
    else:
        sweep = workflow.consensus_sweep(load_pair(project), method, replace(part(0.0, 0.1), seed=seed))
    params, done = project.params("consensus"), numbers_in(directory)
    for point in workflow.consensus(sweep, result, target, params, run=run, done=done):
        save_consensus(directory, point)


def _learn(project: Project, part: Part) -> None:
    """Learn a reference, unless it is there, and test it. Nothing becomes a result of the project's own steps."""
    method, seed = _method(project)
    params = {**project.params("data"), **project.params("preprocess")}
    pair = workflow.prepare(project.input("source"), project.input("target"), params, part(0.0, 0.05)).pair
    method = workflow.with_batches(pair, method)
    directory = project.result_dir("transfer")
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory / "learn.lock", reference.waiting(part)):
        if trained_file(project) is None:
            learned(pair, method, replace(part(0.05, 0.15), seed=seed))
            _keep_trained(project, directory, pair, method)
    run_analysis(project, "self_test", {}, part(0.15, 1.0), {"pair": pair})


_COMPUTE: Mapping[str, Callable[[Project, Path, Part], None]] = {
    "preprocess": _prepare,
    "transfer": _transfer,
    "theta": _theta,
    "explore": _explore,
    "markers": _markers,
    "consensus": _consensus,
}
