"""What jobs compute on demand, beside the steps: each analysis loads what it needs, and keeps what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sctl import workflow
from sctl.errors import DataError, ParameterError
from sctl.jobs import reference
from sctl.jobs.method import method_of
from sctl.project import (
    Project,
    Question,
    SearchQuestion,
    UnitsQuestion,
    WhyQuestion,
    add_outcome,
    load_gene_sets,
    load_pair,
    load_reasons,
    load_result,
    load_source_check,
    load_units,
    note_question,
    outcomes_in,
    save_curves,
    save_reasons,
    save_source_check,
    save_units,
    trained_file,
)
from sctl.project.checksums import is_intact
from sctl.project.results import BASELINES, save_result
from sctl.project.searches import mend_journal
from sctl.project.steps import locked
from sctl.run import Run
from sctl.sharing import load_model

Part = Callable[[float, float], Run]
"""Gives the run of a part of an analysis, which takes the bar from one share of it to another."""


def compare(project: Project, part: Part, _: Mapping[str, Any]) -> None:
    """Compute the baselines of a sweep that are not there yet."""
    method, seed = method_of(project)
    if workflow.as_sweep(method) is None:
        return
    folder = project.result_dir("transfer") / BASELINES
    folder.mkdir(exist_ok=True)
    with locked(folder.with_suffix(".lock"), reference.waiting(part)):
        todo = [key for key in workflow.baselines_of(method) if not is_intact(folder / f"{key}.h5ad")]
        if not todo:
            return
        first = replace(part(0.0, 0.0), seed=seed).within("For comparison")
        pair = workflow.with_found_groups(load_pair(project), method, first)
        for number, key in enumerate(todo):
            run = replace(part(number / len(todo), (number + 1) / len(todo)), seed=seed).within("For comparison")
            save_result(folder / f"{key}.h5ad", workflow.baseline(pair, key, method, run))


def check_source(project: Project, part: Part, _: Mapping[str, Any]) -> None:
    """Tell of what use the source is, unless that is known; a source that cannot be measured stops nothing."""
    if load_source_check(project) is not None:
        return
    pair = load_pair(project)
    try:
        found = workflow.check_source(pair, workflow.usual_method(pair.label_key), part(0.0, 1.0))
    except (DataError, ParameterError) as error:
        found = workflow.SourceCheck(why_not=str(error))
    save_source_check(project, found)


def repeats(project: Project, part: Part, params: Mapping[str, Any]) -> None:
    """Repeat the clustering with other seeds, keeping every outcome as it comes; those that are there are not repeated."""
    method, _ = method_of(project)
    question = Question.from_dict(params["question"])
    path = note_question(project, question)
    methods = workflow.compared_methods(method, workflow.chosen_theta(method, project.params("theta")["theta"]))
    with locked(path.with_suffix(".lock"), reference.waiting(part)):
        done = {(outcome.method, outcome.seed) for outcome in outcomes_in(path)}
        n_seeds, groups, pair = int(params["n_seeds"]), question.groups(project), load_pair(project)
        for outcome in workflow.repeats(pair, methods, groups, n_seeds=n_seeds, run=part(0.0, 1.0), done=done):
            add_outcome(path, outcome)


def explain(project: Project, part: Part, params: Mapping[str, Any]) -> None:
    """Say why cells have their label, unless that is known."""
    question = WhyQuestion.from_dict(params["question"])
    if load_reasons(project, question) is not None:
        return
    method, seed = method_of(project)
    path = trained_file(project)
    if path is not None:
        method = load_model(path)
    found = workflow.reasons(
        load_pair(project),
        method,
        load_result(project),
        workflow.ExplanationRequest(question.places(project), question.against),
        run=replace(part(0.0, 1.0), seed=seed),
        sets=load_gene_sets(project, question.sets) if question.sets else None,
    )
    save_reasons(project, question, found)


def search(project: Project, part: Part, params: Mapping[str, Any]) -> None:
    """Go on with a search for settings; every trial is in its journal as it ends."""
    question = SearchQuestion.from_dict(params["question"])
    method = workflow.method_of({"method": question.method, "params": question.params})
    path = question.journal(project)
    path.parent.mkdir(exist_ok=True)
    with locked(path.with_suffix(".lock"), reference.waiting(part)):
        mend_journal(path)
        run = replace(part(0.0, 1.0), seed=int(project.params("transfer")["seed"]))
        workflow.search_settings(load_pair(project), method, question.wanted, run=run, journal=path)


def units(project: Project, part: Part, params: Mapping[str, Any]) -> None:
    """Look for the pathways of a code's units, unless they are known."""
    question = UnitsQuestion.from_dict(params["question"])
    if load_units(project, question) is not None:
        return
    method, seed = method_of(project)
    path = trained_file(project)
    found = workflow.units(
        load_pair(project),
        method if path is None else load_model(path),
        n_units=question.n_units,
        run=replace(part(0.0, 1.0), seed=seed),
        sets=load_gene_sets(project, question.sets) if question.sets else None,
    )
    save_units(project, question, found)


def neighbors(project: Project, part: Part, _: Mapping[str, Any]) -> None:
    """Compare labels with the truth for every number of neighbours."""
    truth = project.truth()
    if truth is None:
        raise DataError("The true types of the target are not known.", do="Choose a target whose types are known.")
    method, seed = method_of(project)
    run = replace(part(0.0, 1.0), seed=seed)
    save_curves(project, workflow.neighbor_curves(load_pair(project), method, load_result(project), truth, run=run))


def self_test(project: Project, part: Part, _: Mapping[str, Any]) -> None:
    """Test the reference that the project learned."""
    method, seed = method_of(project)
    reference.check_reference(project, load_pair(project), method, seed, part)


def latent(project: Project, part: Part, _: Mapping[str, Any]) -> None:
    """Draw the map in the space that the method learned."""
    reference.draw_latent(project, int(project.params("transfer")["seed"]), part)


ON_DEMAND: Mapping[str, Callable[[Project, Part, Mapping[str, Any]], None]] = {
    "compare": compare,
    "source": check_source,
    "repeats": repeats,
    "explain": explain,
    "search": search,
    "self_test": self_test,
    "units": units,
    "neighbours": neighbors,
    "latent": latent,
}
