"""The store of analyses on demand, and the registry that their jobs follow from."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from sctl.errors import ParameterError, ProjectError
from sctl.jobs.analyses import _Context, _Loaded
from sctl.project import Project, analyses
from sctl.project.files import replacing
from sctl.workflow import Finding, Params, RepeatsParams, SearchParams, SourceCheck, get_analysis
from sctl.workflow.analyses import all_analyses
from sctl.workflow.analyses.base import Inputs
from sctl.workflow.registry import job_kinds, weight


@pytest.fixture
def project(tmp_path, monkeypatch) -> Project:
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    return Project.create("Empty")


def test_every_analysis_has_a_job_that_computes_what_it_is_based_on():
    for name, analysis in all_analyses().items():
        kind = job_kinds()[analysis.follows or name]
        assert kind.parts.index(analysis.after if not analysis.follows else "preprocess") < kind.parts.index(name)
        assert weight(name) > 0
        assert set(analysis.inputs) <= set(Inputs.__annotations__)
    assert set(job_kinds()["everything"].parts) >= {name for name, found in all_analyses().items() if found.follows}


def test_there_is_no_other_analysis():
    with pytest.raises(ParameterError, match="no analysis 'dance'"):
        get_analysis("dance")


def test_what_was_not_computed_is_not_there(project):
    assert analyses.load(project, "source") is None
    assert analyses.load(project, "self_test") == ()
    assert analyses.load(project, "search", SearchParams(method="poissonautoencoder", params={})) is None
    assert not any(analyses.exists(project, name) for name in all_analyses())
    assert analyses.version(project, "source") == ()


def test_a_result_comes_back_with_its_parameters_beside_it(project):
    check = SourceCheck(score=0.5, p_value=0.01, null_scores=(0.1, 0.2), n_types=3)
    analyses.save(project, "source", None, check)
    assert analyses.load(project, "source") == check
    folder = analyses.folder(project, "source")
    assert folder.parent == project.result_dir("preprocess") / "source"
    assert json.loads((folder / "params.json").read_text()) == {}
    before = analyses.version(project, "source")
    analyses.save(project, "source", None, SourceCheck(why_not="It has no types."))
    assert analyses.version(project, "source") != before


def test_a_result_depends_on_the_truth_where_its_parameters_do(project):
    found, known = (RepeatsParams(of=of, one="a", other="b") for of in ("clusters", "truth"))
    for params in (found, known):
        analyses.begin(project, "repeats", params)
    assert analyses.stored_params(project, "repeats") == [found, known]
    project.put_truth(pd.Series({"cell 1": "a", "cell 2": "b"}))
    assert analyses.stored_params(project, "repeats") == [found]


def test_numbers_of_trials_and_of_seeds_go_on_with_the_same_result(project):
    for few, many in (
        (RepeatsParams(of="labels", one="a", other="b", n_seeds=n) for n in (5, 50)),
        (SearchParams(method="poissonautoencoder", params={}, n_trials=n) for n in (5, 50)),
    ):
        name = "repeats" if isinstance(few, RepeatsParams) else "search"
        assert analyses.folder(project, name, few) == analyses.folder(project, name, many)


def test_a_damaged_part_is_left_out_by_whoever_goes_on(project):
    parts = [Finding(number=n, kind="types", name=f"type {n}", rows=({"flagged": 0.5},)) for n in range(3)]
    for part in parts:
        analyses.save(project, "self_test", None, part)
    assert analyses.load(project, "self_test") == tuple(parts)
    path = analyses.folder(project, "self_test") / "001.json"
    path.write_text("{}")
    assert analyses.load(project, "self_test") == (parts[0], parts[2]), "its digest is another"
    analyses.save(project, "self_test", None, parts[1])
    with replacing(path) as temporary:  # with a digest that fits
        temporary.write_text("{}")
    with pytest.raises(ProjectError, match="missing or damaged"):
        analyses.load(project, "self_test")
    assert analyses.load(project, "self_test", sound=True) == (parts[0], parts[2])


def test_an_analysis_gets_what_it_declares_and_nothing_else(project):
    inputs = _Loaded(_Context(project, "source", Params()), {"pair": "a pair"})
    assert inputs["pair"] == "a pair"
    with pytest.raises(KeyError, match="does not declare the input 'truth'"):
        inputs["truth"]
