"""Repeating with other seeds: what is compared, what is kept, what a stop leaves."""

from __future__ import annotations

import pytest

from sctl import jobs, workflow
from sctl.analysis.seed_stability import separation
from sctl.analysis.stability_measures import groups_from
from sctl.analysis.stability_outcomes import Outcome, Separation
from sctl.errors import Cancelled, ParameterError, ProjectError
from sctl.jobs import tasks
from sctl.project import (
    Project,
    Question,
    add_outcome,
    cells_of,
    export_project,
    import_project,
    outcomes_file,
    outcomes_in,
    questions,
)
from sctl.run import Run

ASKED = Question(of="truth", one="type A", other="type B")


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
        "params": {"question": question.to_dict(), "n_seeds": n_seeds},
    }
    tasks.run_job(project.root, description, lambda step, low, high: run or Run())


def test_a_job_repeats_every_method_and_keeps_every_outcome(project):
    run_job(project)
    found = outcomes_in(outcomes_file(project, ASKED))
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
    path = outcomes_file(project, ASKED)
    run_job(project, n_seeds=1)
    first = outcomes_in(path)
    run_job(project, n_seeds=2)
    assert outcomes_in(path)[:3] == first
    assert len(outcomes_in(path)) == 6
    before = path.read_bytes()
    run_job(project, n_seeds=2)  # nothing is left to do
    assert path.read_bytes() == before


def test_a_stop_keeps_what_is_finished(project):
    path = outcomes_file(project, ASKED)
    stopping = Run(cancelled=lambda: len(outcomes_in(path)) >= 2)
    with pytest.raises(Cancelled):
        run_job(project, n_seeds=5, run=stopping)
    assert len(outcomes_in(path)) == 2


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
    truth = cells_of(project, "truth")
    for kind in ("clusters", "labels"):
        names = sorted(set(cells_of(project, kind)))
        one, other = Question(of=kind, one=names[0], other=names[1]).groups(project)
        assert (one.sum(), other.sum()) == tuple((cells_of(project, kind) == name).sum() for name in names[:2])
    one, _ = ASKED.groups(project)
    assert (one == (truth == "type A").to_numpy()).all()
    with pytest.raises(ParameterError, match="No cell belongs"):
        Question(of="truth", one="type A", other="nobody").groups(project)
    with pytest.raises(ParameterError, match="no groups 'colour'"):
        Question(of="colour", one="a", other="b")


def test_the_truth_must_be_known_and_is_part_of_the_question(project):
    here = outcomes_file(project, ASKED)
    project.put_truth(project.truth().replace("type C", "type A"))
    assert outcomes_file(project, ASKED) != here
    with pytest.raises(ProjectError, match="not known"):
        cells_of(Project.create("Other"), "truth")


def test_a_line_cut_short_is_left_out_and_harms_no_other(tmp_path):
    path = tmp_path / "x.jsonl"
    outcome = Outcome("targetcluster", 0, separated=True, total_variation=0.9, n_clusters=4)
    assert outcomes_in(path) == ()
    add_outcome(path, outcome)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"method": "targ')
    assert outcomes_in(path) == (outcome,)
    add_outcome(path, outcome)
    assert outcomes_in(path) == (outcome, outcome)
    path.write_bytes(b'{"method": "x"}\n\xff\xfe\n[1]\n')
    assert outcomes_in(path) == (), "what cannot be read is asked again"


def test_outcomes_travel_with_the_project(project, tmp_path):
    run_job(project, n_seeds=1)
    found = outcomes_in(outcomes_file(project, ASKED))
    copy = import_project(export_project(project, tmp_path / "p.sctl.zip"))
    assert outcomes_in(outcomes_file(copy, ASKED)) == found
    assert questions(copy) == [ASKED]
    damaged = outcomes_file(copy, ASKED).with_suffix(".json")
    damaged.write_text('{"of": "colour", "one": "a", "other": "b"}', encoding="utf-8")
    assert questions(copy) == [], "what was changed counts as not there"
