"""The Transfer page: of what use the source is, and what to do where nobody labelled it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from sctl import jobs
from sctl.project import Project, analyses
from sctl.ui.transfer import method_choice, source_view
from sctl.workflow import SourceCheck

FIELD = "parameter:transfercluster:n_source_groups"


@pytest.fixture(scope="module")
def template(tmp_path_factory, source, target) -> Path:
    """The folder of a project with prepared data; nobody said which column holds the source's types."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(root))
        project = Project.create("No labels")
        for role, adata in (("source", source), ("target", target)):
            bare = adata.copy()
            bare.obs = bare.obs[[]]
            project.put_input(role, bare, {"filename": f"{role}.h5ad"})
        jobs.compute(project, "preprocess")
        return project.root


@pytest.fixture
def project(template, projects) -> Project:
    shutil.copytree(template, projects / template.name)
    return Project.open(template.name)


@pytest.fixture
def started(monkeypatch) -> list[str]:
    """Kinds of the jobs that were started; none really is."""
    kinds: list[str] = []
    monkeypatch.setattr(jobs, "submit", lambda project, kind, params=None: kinds.append(kind))
    return kinds


def check(**values) -> SourceCheck:
    known = {"score": 0.7, "p_value": 0.01, "null_scores": (0.0, 0.1), "n_types": 4}
    groups = {"tried": (2, 3, 4, 5), "errors": (0.9, 0.6, 0.3, 0.28), "suggested": 4}
    return SourceCheck(**{**known, **groups, **values})


def texts(app) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error")
    return "\n".join(str(item.value) for kind in kinds for item in getattr(app, kind))


def button(app, label: str):
    return next(item for item in app.button if item.label == label)


def fine(app):
    assert not app.exception, app.exception
    return app


def test_a_source_without_labels_can_be_used(open_page, project, started):
    app = fine(open_page("transfer", project.id))
    assert "finds groups in the source, whose cell types are not known" in texts(app)
    assert not [item for item in app.selectbox if item.label == "Types of the source"]  # there is no choice
    assert app.button(key="choose:targetcluster").disabled
    button(app, "Run").click().run()
    fine(app)
    assert started == ["everything"]
    assert project.params("transfer")["params"]["source_types"] == "found"
    assert project.params("transfer")["params"]["n_source_groups"] is None


def test_the_number_of_groups_is_chosen_beside_its_curve(open_page, project, started):
    assert len(open_page("transfer", project.id).get("plotly_chart")) == 0
    analyses.save(project, "source", None, check())
    app = fine(open_page("transfer", project.id))
    assert len(app.get("plotly_chart")) == 2
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))
    assert "The curve bends at 4" in texts(app)
    app.number_input(key=FIELD).set_value(3).run()
    button(fine(app), "Run").click().run()
    assert project.params("transfer")["params"]["n_source_groups"] == 3


def test_a_sweep_that_must_fail_is_not_started_from_its_own_page(open_page, project):
    assert button(open_page("theta", project.id), "Run").disabled
    project.set_params("transfer", {"params": {"source_types": "found"}}, note="Find groups")
    assert not button(open_page("theta", project.id), "Run").disabled


def test_labels_that_come_later_are_used(open_page, project, source):
    project.put_input("source", source, {"filename": "source.h5ad"})
    project.set_params("data", {"label_key": "cell_type"}, note="Cell types")
    jobs.compute(project, "preprocess")
    app = fine(open_page("transfer", project.id))
    assert "finds groups" not in texts(app)
    assert [item.value for item in app.selectbox if item.label == "Types of the source"] == ["labels"]
    assert not [item for item in app.number_input if item.key == FIELD]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"score": 0.7}, "**Yes.**"),
        ({"score": 0.4}, "**In part.**"),
        ({"score": 0.2}, "**Hardly.**"),
        ({"score": 0.2, "p_value": 2 / 3}, "**No.**"),
        ({"why_not": "It has a single type."}, "This could not be found out. It has a single type."),
    ],
)
def test_the_use_of_the_source_is_said_before_anything_is_clustered(open_page, project, values, said):
    analyses.save(project, "source", None, check(**values))
    shown = texts(fine(open_page("transfer", project.id)))
    assert said in shown
    assert ("p = " in shown) == ("why_not" not in values)


def test_the_use_of_the_source_can_be_asked_for(open_page, project, started):
    app = open_page("transfer", project.id)
    button(app, "Find out").click().run()
    fine(app)
    assert started == ["prepare"]


def test_nothing_waits_until_the_use_of_the_source_is_known(project, monkeypatch):
    monkeypatch.setattr(source_view.job_views, "running", lambda project: SimpleNamespace(kind="prepare"))
    assert source_view.is_running(project)
    project.set_params("preprocess", {"n_top_genes": 50}, note="Fewer genes")
    assert not source_view.is_running(project)  # the job is about the data themselves


def test_a_large_target_is_said_to_be_clustered_through_landmarks(open_page, project, monkeypatch):
    assert "follows its nearest. The number" not in texts(open_page("transfer", project.id))
    monkeypatch.setattr(method_choice, "ALL_CELLS_UP_TO", 50)
    app = open_page("transfer", project.id)
    assert "among about 1,000 of its cells" in texts(app)
    field = app.number_input(key="parameter:transfercluster:n_landmarks")
    assert field.value is None
    field.set_value(200).run()
    assert "of its cells" not in texts(fine(app))  # it has 80 only
