"""How a job runs an analysis on demand: it loads what the analysis takes, and keeps what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from sctl.jobs.method import method_of
from sctl.methods.base import TransferMethod
from sctl.project import Project, analyses, load_gene_sets, load_pair, load_result, load_self_test, trained_file
from sctl.project.files import replacing
from sctl.project.results import latent_in
from sctl.run import Run
from sctl.sharing import load_model
from sctl.workflow import Analysis, Params, get_analysis, keep_self_test
from sctl.workflow.analyses.base import Inputs, Journal, OwnJournal, Parts


def run_analysis(
    project: Project, name: str, params: Mapping[str, Any], run: Run, given: Mapping[str, Any] | None = None
) -> None:
    """Compute what is not there yet of the result of an analysis, and keep it.

    Parameters
    ----------
    project : Project
    name : str
        Of the analysis.
    params : mapping
        Its parameters, as :meth:`~sctl.workflow.analyses.base.Params.to_dict` gave them.
    run : Run
    given : mapping, optional
        Inputs that are known already.
    """
    analysis = get_analysis(name)
    # Other kinds of jobs pass no parameters of the analyses that follow them.
    wanted = analysis.params() if analysis.follows else analysis.params.from_dict(params)
    with analyses.working(
        project, name, wanted, lambda: run.report("Waiting for another computation of the same", 0, 0)
    ):
        _compute(project, analysis, wanted, run, given or {})
        if name in _AFTERWARDS:
            _AFTERWARDS[name](project)


def _compute(project: Project, analysis: Analysis, params: Params, run: Run, given: Mapping[str, Any]) -> None:
    form, name = analysis.form, analysis.name
    if isinstance(form, Journal | OwnJournal):
        analyses.begin(project, name, params)
    if isinstance(form, OwnJournal):
        form.mend(analyses.journal(project, name, params))
    found_in_parts = isinstance(form, Journal | Parts)
    if not found_in_parts and not isinstance(form, OwnJournal) and _is_there(project, name, params):
        return
    seed = int(project.params("transfer")["seed"]) if analysis.seeded else run.seed
    inputs = _Loaded(_Context(project, name, params), given)
    found = analysis.run(cast("Inputs", inputs), params, replace(run, seed=seed))
    if isinstance(form, OwnJournal) or found is None:
        return
    for value in cast("Iterator[Any]", found) if found_in_parts else (found,):
        analyses.save(project, name, params, value)


def _is_there(project: Project, name: str, params: Params) -> bool:
    return analyses.load(project, name, params) is not None


def _save_with_reference(project: Project) -> None:
    """Write what tests of the reference found into its file, which goes on to others."""
    path = trained_file(project)
    if path is not None:
        with replacing(path) as temporary:
            temporary.write_bytes(path.read_bytes())
            keep_self_test(temporary, load_self_test(project))


_AFTERWARDS: Mapping[str, Callable[[Project], None]] = {"self_test": _save_with_reference}
"""What is done with the finished result of an analysis besides keeping it."""


# -- inputs ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Context:
    project: Project
    name: str
    params: Params


class _Loaded(dict[str, Any]):
    """The inputs of an analysis, each loaded when it is first used: whoever finds nothing to do loads nothing."""

    def __init__(self, context: _Context, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self._context = context

    def __missing__(self, key: str) -> Any:
        if key not in get_analysis(self._context.name).inputs:
            raise KeyError(f"the analysis {self._context.name!r} does not declare the input {key!r}")
        self[key] = _LOADERS[key](self._context)
        return self[key]


def _fitted(context: _Context) -> TransferMethod:
    path = trained_file(context.project)
    return method_of(context.project)[0] if path is None else load_model(path)


def _latent(context: _Context) -> Mapping[str, Any] | None:
    project = context.project
    return latent_in(project.result_dir("transfer")) if project.state("theta") == "done" else None


def _gene_sets(context: _Context) -> Any:
    reference = context.params.to_dict().get("sets")
    return load_gene_sets(context.project, reference) if reference else None


_LOADERS: Mapping[str, Callable[[_Context], Any]] = {
    "pair": lambda context: load_pair(context.project),
    "method": lambda context: method_of(context.project)[0],
    "fitted": _fitted,
    "result": lambda context: load_result(context.project),
    "theta": lambda context: context.project.params("theta")["theta"],
    "truth": lambda context: context.project.truth(),
    "gene_sets": _gene_sets,
    "latent": _latent,
    "journal": lambda context: analyses.journal(context.project, context.name, context.params),
    "done": lambda context: analyses.load(context.project, context.name, context.params, sound=True),
}
