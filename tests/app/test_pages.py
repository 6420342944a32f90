"""Every page from ``app.py``, with and without data, as a visitor meets it."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from sctl import jobs
from sctl.errors import SctlError
from sctl.jobs.tasks import compute
from sctl.preprocess import log_normalize
from sctl.project import Project
from sctl.simulate import toy_counts
from sctl.ui.frame import steps
from sctl.ui.home import home
from sctl.ui.preprocess import filters
from sctl.ui.widgets import uploads

ROOT = Path(__file__).parents[2]

KEYS = [step.key for step in steps.ALL]
NEEDING_DATA = [step for step in steps.PIPELINE if step is not steps.DATA]


@pytest.fixture
def project(projects):
    """A project with a small pair, nothing computed."""
    source, target = toy_counts()
    made = Project.create("Toy")
    made.put_input("source", source, {"filename": "source.h5ad"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    made.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    return made


def texts(app: AppTest) -> str:
    """Everything a page says."""
    shown = [*app.title, *app.markdown, *app.error, *app.warning, *app.caption, *app.toast]
    return "\n".join(str(element.value) for element in shown).replace("\\", "")


def links(app: AppTest) -> list[str]:
    return [link.value for link in app.sidebar.page_link]


@pytest.mark.parametrize("key", KEYS)
def test_a_page_opens_without_a_project(open_page, key):
    app = open_page(key)
    assert not app.exception
    assert len(app.title) == 1
    assert links(app) == ["Home", "Build a reference", "Trained sources", "Help"]


@pytest.mark.parametrize("step", steps.PIPELINE, ids=lambda step: step.key)
def test_a_page_without_a_project_leads_home(open_page, step):
    app = open_page(step.key)
    assert "No project is open." in texts(app)
    (button,) = [button for button in app.main.button if button.label == "Go to Home"]
    assert button.proto.type == "primary"


@pytest.mark.parametrize("step", NEEDING_DATA, ids=lambda step: step.key)
def test_a_page_without_data_leads_to_the_data(open_page, projects, step):
    app = open_page(step.key, Project.create("Empty").id)
    assert not app.exception
    assert "first" in texts(app)
    assert [b.label for b in app.main.button if b.proto.type == "primary"]


@pytest.mark.parametrize("key", KEYS)
def test_a_page_opens_with_data(open_page, project, key):
    app = open_page(key, project.id)
    assert not app.exception, app.exception
    assert not app.error
    assert "Source · 200 cells × 300 genes" in texts(app)


@pytest.mark.parametrize("key", KEYS)
def test_a_page_has_at_most_one_primary_button(open_page, project, key):
    app = open_page(key, project.id)
    assert len([button for button in app.main.button if button.proto.type == "primary"]) <= 1


def test_the_sidebar_shows_where_each_step_stands(open_page, project):
    compute(project, "preprocess")
    app = open_page("data", project.id)
    icons = {link.value: link.proto.icon for link in app.sidebar.page_link}
    assert icons["Preprocess"] == ":material/check_circle:"
    assert icons["Transfer"] == ":material/radio_button_unchecked:"
    project.set_params("preprocess", {"n_top_genes": 50}, note="Fewer genes")
    app = open_page("data", project.id)
    assert "Preprocess · :orange[out of date]" in links(app)


def test_an_unknown_project_is_explained_and_forgotten(open_page):
    app = open_page("explore", "abcdefghijkl")
    assert "There is no project with this identifier" in texts(app)
    assert "No project is open." in texts(app)
    assert "p" not in app.query_params


@pytest.mark.parametrize("address", ["../../etc", "x", "A" * 12])
def test_an_address_that_is_no_project_does_no_harm(open_page, address):
    app = open_page("data", address)
    assert not app.exception
    assert "not the identifier of a project" in texts(app)


def test_a_new_project_is_named_and_open(open_page):
    app = open_page("home")
    app.text_input(key="project_name").set_value("Pancreas [March]").run()
    app.button(key="new").click().run()
    assert not app.exception
    (info,) = Project.all()
    assert info.name == "Pancreas [March]"
    assert app.title[0].value == steps.DATA.title
    assert app.query_params["p"] == info.id


def test_undo_takes_back_the_last_change(open_page, project):
    project.set_params("preprocess", {"n_top_genes": 50}, note="Fewer genes")
    app = open_page("preprocess", project.id)
    assert app.number_input(key="setting::n_top_genes").value == 50
    app.button(key="undo").click().run()
    assert not app.exception
    assert app.number_input(key="setting::n_top_genes").value == 2000
    assert "Undone: Fewer genes" in texts(app)
    app.button(key="redo").click().run()
    assert app.number_input(key="setting::n_top_genes").value == 50


# -- data ------------------------------------------------------------------------------------------------


def table(values: np.ndarray) -> bytes:
    """A table of genes × cells as .csv."""
    out = io.StringIO()
    out.write("gene," + ",".join(f"cell{i}" for i in range(values.shape[1])) + "\n")
    for number, row in enumerate(values):
        out.write(f"GENE{number}," + ",".join(map(str, row)) + "\n")
    return out.getvalue().encode()


def test_an_upload_becomes_an_input_and_leaves_the_uploader(open_page, projects, rng):
    project = Project.create("New")
    app = open_page("data", project.id)
    app.file_uploader(key="upload_round:target:0").upload("mine.csv", table(rng.poisson(2, (80, 30)))).run()
    assert not app.exception
    assert project.input_info("target")["n_obs"] == 30
    assert project.input_info("target")["filename"] == "mine.csv"
    assert app.file_uploader(key="upload_round:target:1").value in (None, [])
    assert "**mine.csv**" in texts(app)


def test_a_bad_file_is_explained_and_the_earlier_one_kept(open_page, project):
    before = project.input_info("target")["fingerprint"]
    app = open_page("data", project.id)
    app.file_uploader(key="upload_round:target:0").upload("bad.h5ad", b"no HDF5 at all" * 99).run()
    assert not app.exception
    assert len(app.error) == 1
    assert "What you can do" in app.error[0].value
    assert "Your earlier target is still in place" in app.error[0].value
    assert project.input_info("target")["fingerprint"] == before
    app.run()
    assert not app.error  # it is said once


def test_cell_types_come_from_a_separate_table(open_page, project):
    adata = project.input("source")
    rows = "\n".join(f"{name},type{i % 2}" for i, name in enumerate(adata.obs_names))
    app = open_page("data", project.id)
    app.file_uploader(key="labels_round:0").upload("types.csv", f"cell,mine\n{rows}\n".encode()).run()
    assert not app.exception
    assert project.params("data")["label_key"] == "mine"
    assert app.selectbox(key="label_key").value == "mine"


def test_a_repair_is_one_click_and_can_be_undone(open_page, project):
    target = project.input("target")
    target.X[0, 0] = np.nan
    project.put_input("target", target, {"filename": "target.h5ad"})
    before = project.input_info("target")["fingerprint"]
    app = open_page("data", project.id)
    offered = [button for button in app.main.button if button.label.startswith("Fix it")]
    next(button for button in offered if "missing" in button.label).click().run()
    assert not app.exception
    assert np.isfinite(project.input("target").X.toarray()).all()
    assert len([button for button in app.main.button if button.label.startswith("Fix it")]) < len(offered)
    app.button(key="undo").click().run()
    assert project.input_info("target")["fingerprint"] == before


def test_ids_of_the_source_meet_the_table_of_the_target_in_one_click(open_page, project):
    source, target = project.input("source"), project.input("target")
    names, ids = list(target.var_names), [f"ENSG{number:011d}" for number in range(target.n_vars)]
    target.var["gene_ids"] = ids
    source.var_names = [ids[names.index(name)] for name in source.var_names]
    for role, adata in (("source", source), ("target", target)):
        project.put_input(role, adata, {"filename": f"{role}.h5ad"})
    app = open_page("data", project.id)
    assert f"{len(names)} genes bear one name in the source and another in the target" in texts(app)
    next(button for button in app.main.button if "the source's genes as the target does" in button.label).click().run()
    assert not app.exception
    assert set(project.input("source").var_names) == set(names)


def test_all_genes_in_raw_are_offered_and_used_in_one_click(open_page, project):
    target = log_normalize(project.input("target"))
    few = target[:, :120].copy()
    few.layers.clear()
    few.raw = target
    project.put_input("target", few, {"filename": "few.h5ad"})
    app = open_page("data", project.id)
    assert "has 120 genes; the same values of 300 genes are in the file too, under 'raw'" in texts(app)
    next(button for button in app.main.button if button.label == "Fix it: use all genes").click().run()
    assert not app.exception
    assert project.input("target").n_vars == 300


def test_blocked_data_cannot_go_on(open_page, project):
    target = project.input("target")[:5].copy()  # too few cells
    project.put_input("target", target, {"filename": "few.h5ad"})
    app = open_page("data", project.id)
    assert app.button(key="next:data").disabled


def test_server_folders_are_offered_only_where_named(open_page, project, tmp_path, monkeypatch):
    assert not [s for s in open_page("data", project.id).selectbox if s.label == "File on the server"]
    inside, outside = tmp_path / "data", tmp_path / "secret"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / f"{folder.name}.csv").write_bytes(table(np.ones((60, 20), dtype=int)))
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    monkeypatch.setenv("SCTL_DATA_ROOTS", str(inside))
    app = open_page("data", project.id)
    (chosen, _) = [s for s in app.selectbox if s.label == "File on the server"]
    assert chosen.options == ["data.csv"]  # the link leads outside


# -- preprocess ------------------------------------------------------------------------------------------


@pytest.fixture
def limits(open_page, project):
    """The page with the target's histogram of genes per cell."""
    return open_page("preprocess", project.id)


def kept(app: AppTest) -> str:
    return next(metric.value for metric in app.metric if metric.label == "Cells kept (target)")


def test_by_default_every_cell_is_kept(limits):
    assert not limits.exception
    n = kept(limits).split(" of ")
    assert n[0] == n[1]
    assert limits.number_input(key="low:target:n_genes").value is None


def test_typing_a_limit_counts_and_moves_the_handles(limits, project):
    genes = (project.input("target").X > 0).sum(axis=1)
    limit = int(np.median(np.asarray(genes)))
    limits.number_input(key="low:target:n_genes").set_value(limit).run()
    assert not limits.exception
    expected = int((np.asarray(genes).ravel() >= limit).sum())
    assert kept(limits).startswith(f"{expected:,} of ")
    low, _ = limits.session_state["range:target:n_genes"]
    assert abs(low - limit) <= 5
    assert project.params("preprocess")["target"]["thresholds"]["n_genes"] == [limit, None]


def test_handles_that_were_not_moved_change_no_limit(limits, project, monkeypatch):
    """The browser tells of handles that rest, too, with another button; a limit may lie between two rests."""
    limits.number_input(key="low:target:n_genes").set_value(33).run()
    low, high = limits.session_state["range:target:n_genes"]
    assert low != 33
    metric = next(metric for metric in filters.METRICS if metric.name == "n_genes")
    monkeypatch.setattr(filters.shell, "current", lambda: project)
    for moved_to, expected in ((low, 33), (high - 1, int(high - 1))):
        here = SimpleNamespace(of=lambda *_, ends=(moved_to, high): SimpleNamespace(get=lambda: ends))
        with monkeypatch.context() as patch:
            patch.setattr(filters.state, "RANGE", here)
            filters._slide("target", metric)
        assert project.params("preprocess")["target"]["thresholds"]["n_genes"] == [expected, None]


def test_limits_in_the_wrong_order_are_explained_and_not_kept(limits, project):
    limits.number_input(key="low:target:n_genes").set_value(200).run()
    limits.number_input(key="high:target:n_genes").set_value(100).run()
    assert not limits.exception
    assert "two numbers, the lower one first" in limits.error[0].value
    assert limits.number_input(key="high:target:n_genes").value is None


def test_presets_and_reset(limits, project):
    limits.button(key="preset:target:strict").click().run()
    assert not limits.exception
    assert project.params("preprocess")["target"]["thresholds"]["n_genes"] != [None, None]
    reset = next(button for button in limits.main.button if button.label.startswith("Reset"))
    reset.click().run()
    assert project.params("preprocess")["target"]["thresholds"]["n_genes"] == [None, None]


def test_a_label_that_is_lost_is_warned_of(open_page, project):
    app = open_page("preprocess", project.id)
    app.session_state["side"] = "source"
    app.run()
    genes = np.sort(np.asarray((project.input("source").X > 0).sum(axis=1)).ravel())
    app.number_input(key="low:source:n_genes").set_value(int(genes[-20])).run()
    assert any("of the cells are kept" in warning.value for warning in app.warning)


def test_preparing_starts_a_job_and_leads_on(open_page, project):
    app = open_page("preprocess", project.id)
    app.button(key="run:prepare").click().run()
    assert not app.exception
    (job,) = jobs.jobs_of(project)
    state_now = job.wait(60)
    assert state_now.status == "done", job.log
    app = open_page("preprocess", project.id)
    assert not app.exception
    assert app.button(key="next:preprocess").label == "Go on to Transfer"
    assert any(metric.label == "Genes used" for metric in app.metric)


# -- jobs --------------------------------------------------------------------------------------------------


def test_a_running_job_is_in_the_sidebar_and_can_be_stopped(open_page, project):
    job = jobs.submit(project, "everything")
    app = open_page("help", project.id)
    assert "Running the whole analysis" in texts(app)
    stop = next(button for button in app.sidebar.button if button.label == "Stop")
    stop.click().run()
    assert not app.exception
    assert job.state().status in {"stopped", "done"}
    assert not [button for button in app.sidebar.button if button.label == "Stop"]
    assert "What was finished is kept" in texts(app)


def test_a_failed_step_says_why_and_what_is_left(open_page, project):
    stranger = project.input("target").copy()
    stranger.var_names = [f"OTHER{i}" for i in range(stranger.n_vars)]
    project.put_input("target", stranger, {"filename": "stranger.h5ad"})
    with pytest.raises(SctlError) as caught:
        compute(project, "preprocess")
    app = open_page("preprocess", project.id)
    assert not app.exception
    assert caught.value.found in app.error[0].value.replace("\\", "")
    assert "earlier results are still there" in app.error[0].value
    assert "Preprocess · :red[failed]" in links(app)
    assert not app.button(key="run:prepare").disabled


@pytest.mark.parametrize("package", ["leidenalg", "igraph"])
def test_a_page_says_which_packages_leiden_needs_and_how_to_get_them(open_page, project, monkeypatch, package):
    compute(project, "preprocess")
    project.set_params("transfer", {"params": {"clusterer": "leiden"}}, note="Cluster by Leiden")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SctlError):
        compute(project, "transfer")
    app = open_page("transfer", project.id)
    assert not app.exception
    said = app.error[0].value.replace("\\", "")
    assert "The Leiden clusterer is not installed." in said
    assert "It needs the packages leidenalg and igraph" in said
    assert "`pip install sctl[leiden]`, or choose another clusterer" in said
    assert "earlier results are still there" in said
    run = app.button(key="run:transfer")
    assert run.label == "Run"
    assert not run.disabled, "another clusterer can be chosen and run"


def test_two_projects_do_not_share_fields(open_page, project):
    project.set_params("preprocess", {"n_top_genes": 50}, note="Fewer genes")
    other = Project.create("Other")
    for role in ("source", "target"):
        other.put_input(role, project.input(role), {"filename": role})
    app = open_page("preprocess", project.id)
    app.query_params["p"] = other.id
    app.run()
    assert app.number_input(key="setting::n_top_genes").value == 2000


def test_every_page_but_home_has_a_door_for_a_cold_server():
    doors = {path.stem for path in (ROOT / "pages").glob("*.py")}
    assert doors == {step.key for step in steps.ALL if step is not steps.HOME}


# -- what undo takes back ----------------------------------------------------------------------------


def test_undo_begins_when_the_demo_is_loaded(projects, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(home.shell, "open_project", opened.append)
    monkeypatch.setattr(home.jobs, "start", lambda *_: None)
    home._start_demo()
    demo = Project.open(opened[0])
    assert demo.can_undo is None
    assert demo.state("data") == "done"
    assert demo.params("data")["label_key"] == "cell_type"
    assert demo.truth() is not None


def test_one_click_is_one_step_of_undo(open_page):
    project = Project.create("Mine")
    for role in ("source", "target"):
        uploads.take_demo(project, role)
        assert project.can_undo == f"Load the demo's {role}"
    project.undo()
    assert (set(project.settings.inputs), project.truth()) == ({"source"}, None)
    project.undo()
    assert (project.settings.inputs, project.can_undo) == ({}, None)
