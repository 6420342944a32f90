"""The page on which a reference is built from annotated datasets, without a target."""

from __future__ import annotations

import io

import numpy as np
import pytest

from sctl import jobs
from sctl.project import Project, as_reference, load_self_test, trained_file
from sctl.sharing import Library, load_trained
from sctl.ui.widgets import uploads
from sctl.workflow import joined

QUICK = {"epochs": 2, "surgery_epochs": 1}


def fine(app):
    assert not app.exception, app.exception
    assert not app.error, [item.value for item in app.error]
    return app


def texts(app) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "metric", "toast")
    shown = [item for kind in kinds for item in getattr(app, kind)]
    return "\n".join(f"{getattr(item, 'label', '')} {item.value}" for item in shown).replace("\\", "")


def press(app, label: str):
    next(button for button in app.main.button if button.label == label).click()
    return fine(app.run())


@pytest.fixture
def project(projects, source) -> Project:
    out = Project.create("Atlas")
    out.put_input("source", source, {"filename": "source.h5ad"})
    out.set_params("data", {"label_key": "cell_type", "batch_key": "donor"}, note="Columns")
    out.set_params("transfer", {"method": "scarches", "params": QUICK}, note="Quick")
    return out


def test_without_a_project_one_is_started(open_page):
    app = press(fine(open_page("reference")), "Start")
    assert "Annotated datasets" in texts(app)
    button = next(item for item in app.main.button if item.label == "Build the reference")
    assert button.disabled


def test_a_reference_is_built_tested_and_used_without_a_target(open_page, project, target, monkeypatch):
    started = []
    real = jobs.submit
    monkeypatch.setattr(jobs, "submit", lambda *given: started.append(real(*given)))
    app = fine(open_page("reference", project.id))
    assert "**2 datasets** by the column donor: donor 1, donor 2" in texts(app)
    press(app, "Build the reference")
    assert started[0].kind == "reference"
    assert started[0].wait(180).status == "done", started[0].log
    assert {point.series for point in started[0].measurements} >= {"Learn the reference"}
    view = as_reference(project)
    assert project.input_info("target") is None
    assert [step for step in ("preprocess", "transfer") if project.latest_result_dir(step)] == []
    assert load_self_test(view)["datasets"]["dataset"] == ["donor 1", "donor 2"]
    saved = load_trained(trained_file(view))
    assert saved.method.self_test_["types"]["type"] == list(saved.label_names)
    shown = texts(fine(open_page("reference", project.id)))
    assert "The reference is ready: Atlas" in shown
    assert "of these names are right" in shown
    assert "Of a type it had never seen, it noticed" in shown
    app = press(fine(open_page("reference", project.id)), "Put it into the library")
    assert [entry.name for entry in Library().entries()] == ["Atlas.sctl"]
    press(app, "Map cells onto it")
    other = next(Project.open(info.id) for info in Project.all() if info.name == "Mapped onto Atlas")
    other.put_input("target", target, {"filename": "target.h5ad"})
    for step in ("preprocess", "transfer"):
        jobs.compute(other, step)
    assert "trained one already" in texts(fine(open_page("reference", other.id)))


def test_the_projects_own_results_are_others(project, target):
    view = as_reference(project)
    project.put_input("target", target, {"filename": "target.h5ad"})
    assert as_reference(project).fingerprint("transfer") == view.fingerprint("transfer")
    assert project.fingerprint("transfer") != view.fingerprint("transfer")
    project.set_params("transfer", {"method": "itclust"}, note="Another method")
    assert as_reference(project).params("transfer")["method"] == "scarches"
    project.remove_input("source")
    assert as_reference(project) is None


# -- several datasets ------------------------------------------------------------------------------------


class File(io.BytesIO):
    def __init__(self, path):
        super().__init__(path.read_bytes())
        self.name = path.name


def test_several_files_become_one_source(projects, source, target, tmp_path):
    source.write_h5ad(tmp_path / "a.h5ad")
    other = target[:, ::-1].copy()
    other.write_h5ad(tmp_path / "b.h5ad")
    project = Project.create("Two")
    uploads.take(project, "source", [File(tmp_path / "a.h5ad"), File(tmp_path / "b.h5ad")])
    whole = project.input("source")
    assert whole.n_obs == source.n_obs + target.n_obs
    assert set(whole.obs["file"]) == {"a.h5ad", "b.h5ad"}
    shared = source.var_names.intersection(other.var_names)
    assert set(whole.var_names) == set(shared)
    gene, cell = shared[7], target.obs_names[3]
    values = whole[cell, gene].X.toarray()
    np.testing.assert_array_equal(values, target[cell, gene].X.toarray())
    assert project.input_info("source")["filename"] == "a.h5ad + b.h5ad"


def test_datasets_without_a_common_column_get_one(source, target):
    one, other = source.copy(), target.copy()
    one.obs = one.obs[["cell_type"]].rename(columns={"cell_type": "annotation"})
    other.obs = other.obs[["cell_type"]]
    whole = joined({"one": one, "other": other}, labeled=True)
    assert set(whole.obs.columns) == {"file", "annotation", "cell_type", "cell type"}
    types = [*one.obs["annotation"].astype(str), *other.obs["cell_type"].astype(str)]
    assert whole.obs["cell type"].tolist() == types
    assert list(one.obs.columns) == ["annotation"]


def test_counts_and_logarithms_meet_as_linear_values(source, target):
    logs = target.copy()
    logs.X = logs.X.log1p()
    whole = joined({"counts": source, "logs": logs})
    assert (whole.X.data >= 0).all()
    np.testing.assert_allclose(whole[: source.n_obs].X.sum(), source[:, whole.var_names].X.sum(), rtol=1e-3)


def test_a_dataset_without_types_leaves_its_cells_without(source, target):
    bare = target.copy()
    bare.obs = bare.obs[[]]
    whole = joined({"one": source, "other": bare}, labeled=True)
    assert "cell type" not in whole.obs
    assert whole.obs["cell_type"].isna().tolist() == (whole.obs["file"] == "other").tolist()


def test_what_cannot_be_learned_is_said_on_the_page(open_page, projects, source):
    alike = source.copy()
    alike.obs["cell_type"] = "the only type"
    project = Project.create("One type")
    project.put_input("source", alike, {"filename": "source.h5ad"})
    project.set_params("data", {"label_key": "cell_type", "batch_key": None}, note="Column")
    job = jobs.submit(as_reference(project), "reference")
    assert job.wait(120).status == "failed"
    app = open_page("reference", project.id)
    assert not app.exception
    assert "single type" in app.error[0].value
    assert not next(item for item in app.main.button if item.label == "Build the reference").disabled
