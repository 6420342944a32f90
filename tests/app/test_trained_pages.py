"""A trained source in a project and on its pages."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from sctl import jobs, workflow
from sctl.errors import DataError, ProjectError
from sctl.jobs.tasks import compute
from sctl.methods import METHODS
from sctl.project import Project, export_project, import_project, load_pair, load_report, load_result, trained_file
from sctl.sharing import load_trained, save_model
from sctl.ui.data import findings, pretrained
from sctl.ui.export import exports
from sctl.ui.frame import caching, steps
from sctl.ui.widgets import uploads

SETTINGS: dict[str, dict[str, float]] = {
    "scarches": {"epochs": 3, "surgery_epochs": 2},
    "itclust": {"n_pretrain_epochs": 2, "dropout": 0.3, "max_refreshes": 5},
    "transfercluster": {"n_init": 2, "theta_step": 0.3, "n_permutations": 9},
}


@pytest.fixture(scope="module")
def learned(tmp_path_factory, source, target) -> Path:
    """A folder of projects in which both methods have been run on a source of cells."""
    root = tmp_path_factory.mktemp("learned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(root))
        for key, settings in SETTINGS.items():
            project = Project.create(key)
            project.put_input("source", source, {"filename": "atlas.h5ad"})
            project.put_input("target", target, {"filename": "target.h5ad"})
            project.set_params("data", {"label_key": "cell_type"}, note="Choose the labels")
            project.set_params("transfer", {"method": key, "params": settings, "seed": 3}, note="Choose")
            for step in ("preprocess", "transfer", "theta"):
                compute(project, step)
            shutil.copyfile(trained_file(project), root / f"{key}.sctl")
            (root / f"{key}.id").write_text(project.id)
    return root


@pytest.fixture(params=SETTINGS)
def key(request) -> str:
    return str(request.param)


@pytest.fixture
def model(learned, key) -> Path:
    return learned / f"{key}.sctl"


@pytest.fixture
def project(projects, model, target) -> Project:
    made = Project.create("From a file")
    made.put_trained(model, {"filename": "atlas.sctl"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    return made


def texts(app: AppTest) -> str:
    shown = [*app.title, *app.markdown, *app.error, *app.warning, *app.caption, *app.info]
    return "\n".join(str(element.value) for element in shown).replace("\\", "")


def test_a_job_gives_the_answer_of_the_run_that_trained_it(learned, key, project, monkeypatch):
    job = jobs.submit(project, "theta")
    assert job.wait(120).status == "done", job.log
    again = load_result(project)
    monkeypatch.setenv("SCTL_PROJECTS", str(learned))
    first = load_result(Project.open((learned / f"{key}.id").read_text()))
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.label_proba, again.label_proba)
    np.testing.assert_array_equal(first.embedding, again.embedding)
    assert first.seed == again.seed == 3
    assert load_pair(project).profiles_only
    assert trained_file(project) is None  # it is there already
    assert load_report(project)["trained"] == {"n_types": 4, "n_compared": 300, "missing": []}


@pytest.mark.parametrize("step", steps.ALL, ids=lambda step: step.key)
def test_every_page_works_with_a_trained_source(open_page, project, step, key):
    wanted = {"explore": (steps.EXPLORE,), "markers": (steps.MARKERS, steps.EXPORT)}
    for name in ("preprocess", "transfer", "theta", "explore", "markers"):
        if step in wanted.get(name, (step,)) and (key, name) != ("itclust", "explore"):  # the same maps
            compute(project, name)
    app = open_page(step.key, project.id)
    assert not app.exception, app.exception
    assert not app.error, texts(app)
    assert "trained on 200 cells" in texts(app)
    if step is steps.TRANSFER:
        assert "Nothing is trained again" in texts(app)
        assert not [button for button in app.main.button if button.label in ("Choose", "Chosen")]
        fields = {str(item.key) for item in [*app.number_input, *app.selectbox, *app.text_input]}
        assert f"parameter:{key}:min_confidence" in fields
        assert not fields & {f"parameter:{key}:{name}" for name in pretrained.settled(project)}
    if step is steps.EXPLORE and key == "transfercluster":
        assert pretrained.NO_CELLS in texts(app)
    if step is steps.PREPROCESS:
        assert "scaled to 10,000 per cell, then log1p" in texts(app)
        assert not [toggle for toggle in app.toggle if "orange line" in toggle.label]
    if step is steps.DATA:
        assert "300 of the 300 genes" in texts(app)
        assert ("and more; see its card" if METHODS[key].array_levels else "but no cells") in texts(app)
    if step is steps.EXPORT:
        assert "is a trained one already" in texts(app)


def test_the_transfer_runs_at_once_from_the_page(open_page, project, monkeypatch, key):
    compute(project, "preprocess")
    started = []
    monkeypatch.setattr(jobs, "submit", lambda project, kind, params=None: started.append(kind))
    app = open_page("transfer", project.id)
    next(button for button in app.main.button if button.label == "Run").click().run()
    assert started == ["everything"]
    chosen = project.params("transfer")
    assert chosen["method"] == key
    assert chosen["params"] | SETTINGS[key] == chosen["params"]


def test_what_was_learned_can_be_saved_from_export(learned, key, open_page, monkeypatch, tmp_path):
    monkeypatch.setenv("SCTL_PROJECTS", str(learned))
    project = Project.open((learned / f"{key}.id").read_text())
    app = open_page("export", project.id)
    assert not app.exception
    content, why_not = pretrained.to_save(project)
    assert why_not == ""
    (tmp_path / "saved.sctl").write_bytes(content or b"")
    assert load_trained(tmp_path / "saved.sctl").n_source == 200


def test_undo_brings_the_dataset_back(projects, source, target, model):
    project = Project.create("Both")
    project.put_input("source", source, {"filename": "source.h5ad"})
    project.set_params("data", {"label_key": "cell_type"}, note="Choose the labels")
    before = project.settings
    project.put_trained(model, {"filename": "atlas.sctl"})
    assert project.has_trained
    assert project.input("source").n_obs == 4
    project.undo()
    assert project.settings == before
    assert not project.has_trained
    assert project.input("source").n_obs == 200
    project.redo()
    assert project.trained().n_source == 200


def test_a_project_with_a_trained_source_can_be_taken_along(project, tmp_path):
    again = import_project(export_project(project, tmp_path / "project.sctl.zip"))
    assert again.trained().label_names == project.trained().label_names
    file = next((project.root / "inputs").glob("*.sctl"))
    file.write_bytes(b"nothing")
    with pytest.raises(ProjectError, match="missing or damaged"):
        project.trained()
    with pytest.raises(ProjectError, match="no model"):
        import_project(export_project(project, tmp_path / "broken.sctl.zip"))


class Upload(io.BytesIO):
    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda content: b"hello", "atlas.sctl is no model"),
        (lambda content: content[:500], "only the beginning"),
        (lambda content: content.replace(b"README", b"READYE"), "holds"),
    ],
    ids=["foreign", "broken off", "changed"],
)
def test_a_file_that_is_none_leaves_the_project_as_it_was(project, model, content, said):
    before = project.settings
    with pytest.raises(DataError, match=said):
        uploads.take(project, "source", [Upload(content(model.read_bytes()), "atlas.sctl")])
    assert project.settings == before


def test_it_belongs_on_the_side_of_the_source_alone(project, model):
    content = model.read_bytes()
    with pytest.raises(DataError, match="as the target"):
        uploads.take(project, "target", [Upload(content, "atlas.sctl")])
    with pytest.raises(DataError, match="together with other files"):
        uploads.take(project, "source", [Upload(content, "atlas.sctl"), Upload(b"x", "y.csv")])


def test_a_strangers_words_are_shown_not_obeyed(open_page, projects, model, tmp_path):
    loaded = load_trained(model)
    path = save_model(loaded.method, tmp_path / "x", note="![look](https://example.org/x.png)", source=loaded.summary)
    project = Project.create("Note")
    project.put_trained(path, {"filename": "x.sctl"})
    app = open_page("data", project.id)
    assert not app.exception
    assert "![look]" not in "".join(str(item.value) for item in [*app.markdown, *app.caption])
    assert "![look](https://example.org/x.png)" in "".join(item.value for item in app.code)


def test_an_upload_and_a_file_of_the_server(projects, model, monkeypatch, tmp_path):
    project = Project.create("Uploads")
    uploads.take(project, "source", [Upload(model.read_bytes(), "atlas.sctl")])
    assert project.input_info("source")["trained"]["n_cells"] == 200
    shutil.copyfile(model, tmp_path / "shelf.sctl")
    monkeypatch.setenv("SCTL_DATA_ROOTS", str(tmp_path))
    assert tmp_path / "shelf.sctl" in uploads.server_files()
    uploads.take_from_server(project, "source", tmp_path / "shelf.sctl")
    assert project.input_info("source")["filename"] == "shelf.sctl"


def test_names_of_genes_are_repaired_in_the_trained_source(open_page, project, target, key):
    shouted = target.copy()
    shouted.var_names = target.var_names.str.upper()
    project.put_input("target", shouted, {"filename": "upper.h5ad"})
    app = open_page("data", project.id)
    assert "0 of the 300 genes" in texts(app)
    next(button for button in app.main.button if button.label.startswith("Fix it: write")).click().run()
    assert not app.exception
    assert "300 of the 300 genes" in texts(app)
    assert set(project.trained().genes) <= set(shouted.var_names)
    assert project.trained().n_source == 200
    project.undo()
    assert not set(project.trained().genes) & set(shouted.var_names)


def test_too_few_genes_stop_before_the_preparation(project, target):
    project.put_input("target", target[:, :100].copy(), {"filename": "panel.h5ad"})
    infos = [project.input_info(role) for role in ("source", "target")]
    report = pretrained.pair_report(project, *infos)
    assert not report.ok
    assert findings.blocked(project)
    with pytest.raises(DataError, match="100 of the 300"):
        compute(project, "preprocess")


def test_the_recipe_names_the_file(project, key, monkeypatch):
    for name in ("preprocess", "transfer", "theta"):
        compute(project, name)
    recipe = exports.recipe_of(project)
    from sctl import export  # noqa: PLC0415

    command = export.command_for(recipe)
    assert "--model atlas.sctl" in command
    assert "--method" not in command
    assert "--source" not in command
    script = export.script_for(recipe)
    compile(script, "script", "exec")
    assert "load_trained(MODEL)" in script
    assert not set(pretrained.settled(project)) & {word.split("=")[0] for word in command.split()}


def test_a_dataset_is_no_trained_source(projects, source):
    project = Project.create("Cells")
    project.put_input("source", source, {"filename": "source.h5ad"})
    assert project.trained() is None
    assert pretrained.settled(project) == {}
    info = project.input_info("source")
    with pytest.raises(ProjectError, match="is a dataset"):
        caching.trained(project, info["fingerprint"])
    assert "needs the cells" in workflow.why_not_saved(workflow.method_of({"method": "concatenatecluster"}), {})
