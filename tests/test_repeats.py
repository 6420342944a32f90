"""Repeating with other seeds: what is compared, what is kept, what a stop leaves."""

from __future__ import annotations

import pytest

from sctl import jobs, workflow
from sctl.analysis.seed_stability import separation
from sctl.analysis.stability_measures import groups_from
from sctl.analysis.stability_outcomes import Outcome, Separation
from sctl.errors import Cancelled, DataError, ParameterError
from sctl.jobs import tasks
from sctl.project import Project, analyses, export_project, import_project, load_result
from sctl.run import Run
from sctl.workflow import RepeatsParams, cell_groups

ASKED = RepeatsParams(of="truth", one="type A", other="type B")


def outcomes(project, params=ASKED):
    return analyses.load(project, "repeats", params)


def journal(project, params=ASKED):
    return analyses.journal(project, "repeats", params)


@pytest.fixture
def project(tmp_path, monkeypatch, source, target) -> Project:
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    made = Project.create("Toy")
    made.put_input("source", source, {"filename": "source.h5ad"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    made.put_truth(target.obs["cell_type"].astype(str))
    made.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    made.set_params("transfer", {"params": {"theta_step": 0.5, "theta_max": 0.5}}, note="Be quick")
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(made, step)
    return made


def run_job(project, question=ASKED, n_seeds=2, run=None):
    description = {
        "kind": "repeats",
        "settings": project.settings.to_dict(),
        "params": {**question.to_dict(), "n_seeds": n_seeds},
    }
    tasks.run_job(project.root, description, lambda step, low, high: run or Run())


def test_a_job_repeats_every_method_and_keeps_every_outcome(project):
    run_job(project)
    found = outcomes(project)
    keys = ("transfercluster", "targetcluster", "concatenatecluster")
    assert [(item.method, item.seed) for item in found] == [(key, seed) for seed in range(2) for key in keys]
    counts = Separation(found).counts()
    assert counts["seeds"].tolist() == [2, 2, 2]
    assert counts.set_index("method").loc["transfercluster", "separated"] == 2  # the toy's types are easy


def test_outcomes_are_those_of_the_library(pair):
    method = workflow.method_of({"params": {"theta_step": 0.5, "theta_max": 0.5}})
    groups = groups_from(pair.target.obs["cell_type"], "type A", "type C")
    methods = workflow.compared_methods(method)
    found = tuple(workflow.repeats(pair, methods, groups, n_seeds=2, run=Run()))
    assert found == separation(pair, methods, groups, n_seeds=2).outcomes


def test_more_seeds_go_on_from_those_that_are_there(project):
    path = journal(project)
    run_job(project, n_seeds=1)
    first = outcomes(project)
    run_job(project, n_seeds=2)
    assert outcomes(project)[:3] == first
    assert len(outcomes(project)) == 6
    before = path.read_bytes()
    run_job(project, n_seeds=2)  # nothing is left to do
    assert path.read_bytes() == before


def test_a_stop_keeps_what_is_finished(project):
    stopping = Run(cancelled=lambda: len(outcomes(project)) >= 2)
    with pytest.raises(Cancelled):
        run_job(project, n_seeds=5, run=stopping)
    assert len(outcomes(project)) == 2


def test_theta_chosen_by_hand_holds_for_every_seed():
    method = workflow.method_of({"params": {"n_clusters": 3}})
    fixed = workflow.compared_methods(method, 0.3)
    assert list(fixed) == ["transfercluster", "targetcluster", "concatenatecluster"]
    assert fixed["transfercluster"].params["theta"] == 0.3
    assert {one.params["n_clusters"] for one in fixed.values()} == {3}
    assert workflow.compared_methods(method)["transfercluster"].params["theta"] is None
    alone = workflow.compared_methods(workflow.method_of({"method": "targetcluster"}), 0.3)
    assert list(alone) == ["targetcluster", "concatenatecluster"]


def test_groups_of_every_kind(project):
    result, known = load_result(project), project.truth()
    truth = cell_groups(result, "truth", known)
    for kind in ("clusters", "labels"):
        cells = cell_groups(result, kind, known)
        names = sorted(set(cells))
        one, other = RepeatsParams(of=kind, one=names[0], other=names[1]).groups(result, known)
        assert (one.sum(), other.sum()) == tuple((cells == name).sum() for name in names[:2])
    one, _ = ASKED.groups(result, known)
    assert (one == (truth == "type A").to_numpy()).all()
    with pytest.raises(ParameterError, match="No cell belongs"):
        RepeatsParams(of="truth", one="type A", other="nobody").groups(result, known)
    with pytest.raises(ParameterError, match="no groups 'colour'"):
        RepeatsParams(of="colour", one="a", other="b")


def test_the_truth_must_be_known_and_is_part_of_the_question(project):
    here = journal(project)
    project.put_truth(project.truth().replace("type C", "type A"))
    assert journal(project) != here
    with pytest.raises(DataError, match="not known"):
        cell_groups(load_result(project), "truth", None)


def test_a_line_cut_short_is_left_out_and_harms_no_other(project):
    path = journal(project)
    outcome = Outcome("targetcluster", 0, separated=True, total_variation=0.9, n_clusters=4)
    assert outcomes(project) == ()
    analyses.save(project, "repeats", ASKED, outcome)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"method": "targ')
    assert outcomes(project) == (outcome,)
    analyses.save(project, "repeats", ASKED, outcome)
    assert outcomes(project) == (outcome, outcome)
    path.write_bytes(b'{"method": "x"}\n\xff\xfe\n[1]\n')
    assert outcomes(project) == (), "what cannot be read is computed again"


def test_outcomes_travel_with_the_project(project, tmp_path):
    run_job(project, n_seeds=1)
    found = outcomes(project)
    copy = import_project(export_project(project, tmp_path / "p.sctl.zip"))
    assert outcomes(copy) == found
    assert analyses.stored_params(copy, "repeats") == [ASKED]
    damaged = journal(copy).with_name("params.json")
    damaged.write_text('{"of": "colour", "one": "a", "other": "b"}', encoding="utf-8")
    assert analyses.stored_params(copy, "repeats") == [], "what was changed counts as not there"
