"""The page of trained sources: keep, use, remove, fetch and publish."""

from __future__ import annotations

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from sctl.errors import DataError
from sctl.jobs.tasks import compute
from sctl.project import Project
from sctl.sharing import Library, load_trained, save_model


@pytest.fixture(autouse=True)
def shelf(tmp_path, monkeypatch):
    folder = tmp_path / "shelf"
    monkeypatch.setenv("SCTL_LIBRARY", str(folder))
    return folder


@pytest.fixture
def filled(shelf, model_file):
    Library().add(model_file)
    return shelf


@pytest.fixture
def service(zenodo_server, monkeypatch):
    """Both Zenodos are one server of this computer."""
    for name in ("SITE", "SANDBOX"):
        monkeypatch.setattr(f"sctl.sharing.zenodo.{name}", zenodo_server.url)
    return zenodo_server


def texts(app: AppTest) -> str:
    kinds = (app.title, app.markdown, app.error, app.warning, app.caption, app.info, app.success, app.toast)
    return "\n".join(str(element.value) for kind in kinds for element in kind).replace("\\", "")


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.main.button if button.label == label).click().run()
    assert not app.exception, app.exception
    return app


def test_an_empty_library_says_how_to_fill_it(open_page):
    app = open_page("library")
    assert not app.exception
    assert "The library is empty" in texts(app)
    assert "pickles" in texts(app)


def test_a_model_is_shown_with_its_facts_and_card(open_page, filled):
    app = open_page("library")
    assert not app.exception
    said = texts(app)
    for fact in ("toy.sctl", "TargetCluster", "200 cells", "4 types", "300 genes", "no cell of the source"):
        assert fact in said
    assert any("# TargetCluster model with 4 cell types" in item.value for item in app.code)


def test_broken_files_stand_beside_good_ones_and_can_be_removed(open_page, filled):
    (filled / "broken.sctl").write_text("hello")
    app = open_page("library")
    assert "broken.sctl is no model" in texts(app)
    assert "toy.sctl" in texts(app)
    app.button(key="remove:broken.sctl").click().run()
    assert not app.exception
    assert [entry.name for entry in Library().entries()] == ["toy.sctl"]


def test_an_upload_is_checked(open_page, shelf, model_file):
    app = open_page("library")
    app.file_uploader[0].upload("notes.sctl", b"hello").run()
    assert not app.exception
    assert "The library is as it was" in texts(app)
    app.file_uploader[0].upload("mine.sctl", model_file.read_bytes()).run()
    assert not app.exception
    assert [entry.name for entry in Library().entries()] == ["mine.sctl"]


def test_it_becomes_the_source_of_a_project_and_undo_takes_it_back(open_page, filled):
    project = Project.create("Mine")
    app = open_page("library", project.id)
    press(app, "Use in this project as source")
    assert project.trained().n_source == 200
    project.undo()
    assert project.input_info("source") is None


def test_a_model_that_cannot_be_used_leaves_the_project_as_it_was(open_page, filled, monkeypatch):
    project = Project.create("Mine")

    def refuse(*_: object, **__: object) -> None:
        raise DataError("toy.sctl holds a model that this version of sctl does not know.")

    monkeypatch.setattr(Project, "put_trained", refuse)
    app = open_page("library", project.id)
    next(button for button in app.button if button.label == "Use in this project as source").click().run()
    assert not app.exception
    assert [str(item.value) for item in app.error if "does not know" in str(item.value)]
    assert project.input_info("source") is None


def test_without_a_project_one_is_started(open_page, filled):
    press(open_page("library"), "Start a project with it")
    (info,) = Project.all()
    assert Project.open(info.id).has_trained


def test_what_a_project_has_learned_is_added(open_page, shelf, projects, source, target):
    project = Project.create("Mine/Ten donors")
    project.put_input("source", source, {"filename": "atlas.h5ad"})
    project.put_input("target", target, {"filename": "target.h5ad"})
    project.set_params("data", {"label_key": "cell_type"}, note="Choose the labels")
    project.set_params("transfer", {"method": "targetcluster", "params": {"n_init": 2}}, note="Choose")
    for step in ("preprocess", "transfer", "theta"):
        compute(project, step)
    press(open_page("library", project.id), "Add what this project has learned")
    assert [entry.name for entry in Library().entries()] == ["Mine-Ten-donors.sctl"]


def test_among_many_one_is_found_by_gene(open_page, filled, model_file):
    trained = load_trained(model_file)
    for number in range(5):
        save_model(trained.method, filled / f"copy-{number}", seed=number, source=trained.summary)
    app = open_page("library")
    app.text_input(key="library_find").set_value(f"copy-3 {trained.genes[0]}").run()
    assert not app.exception
    assert "1 of 6 trained sources" in texts(app)


def test_a_strangers_words_are_not_obeyed(open_page, shelf, model_file, tmp_path):
    trained = load_trained(model_file)
    words = "![x](https://example.org/x.png)"
    path = save_model(trained.method, tmp_path / "x", note=words, source=trained.summary)
    Library().add(path)
    app = open_page("library")
    assert words not in "".join(str(item.value) for item in [*app.markdown, *app.caption])
    assert words in "".join(item.value for item in app.code)


# -- Zenodo ------------------------------------------------------------------------------------------------


def look(app: AppTest, what: str) -> AppTest:
    app.text_input(key="zenodo_asked").set_value(what)
    return press(app, "Look")


def test_a_record_is_fetched_into_the_library(open_page, service, model_file):
    service.put("7", {"atlas.sctl": model_file.read_bytes()}, creators=[{"person_or_org": {"name": "Doe, Jane"}}])
    app = look(open_page("library"), "10.5281/zenodo.7")
    assert "Doe, Jane" in texts(app)
    press(app, "Fetch into the library")
    assert not app.error, texts(app)
    assert [entry.name for entry in Library().entries()] == ["atlas.sctl"]
    assert not list((Library().folder / ".downloads").iterdir())


def test_words_find_records_and_one_without_a_model_cannot_be_fetched(open_page, service):
    service.put("8", {"model.pt": b"x"})
    app = look(open_page("library"), "pancreas")
    assert "holds no trained source" in texts(app)
    assert not [button for button in app.main.button if button.label == "Fetch into the library"]


@pytest.mark.parametrize(("fault", "said"), [(404, "no such record"), (403, "does not allow")])
def test_refusals_are_shown(open_page, service, fault, said):
    service.faults.append(("GET /records/7", fault))
    app = look(open_page("library"), "7")
    assert said in texts(app)


def test_a_damaged_download_does_not_come_in(open_page, service, model_file):
    service.put("7", {"atlas.sctl": model_file.read_bytes()})
    service.faults.append(("GET /records/7/files", "other"))
    app = press(look(open_page("library"), "7"), "Fetch into the library")
    assert "checksum is wrong" in texts(app)
    assert Library().entries() == []


def filled_in(app: AppTest, token: str) -> AppTest:
    app.text_input(key="zenodo_token:the sandbox").set_value(token)
    app.text_area(key="publish:creators:toy.sctl").set_value("Doe, Jane\n\nRoe, Richard")
    return app.run()


def test_publishing_needs_a_token_and_an_explicit_yes(open_page, filled, service):
    app = open_page("library")
    assert app.button(key="publish:publish").disabled
    assert app.toggle(key="zenodo_sandbox:publish").value
    app = filled_in(app, service.token)
    assert app.button(key="publish:publish").disabled
    assert not app.button(key="publish:draft").disabled
    app.checkbox(key="publish:sure:toy.sctl:Zenodo's sandbox").check().run()
    press(app, "Publish")
    assert not app.error, texts(app)
    ((number, record),) = service.records.items()
    assert record["open"]
    assert len(record["metadata"]["creators"]) == 2
    assert f"Published. DOI: 10.5281/zenodo.{number}" in texts(app)
    assert service.token not in texts(app)


def test_a_yes_to_the_sandbox_is_no_yes_to_zenodo(open_page, filled, service):
    app = filled_in(open_page("library"), service.token)
    app.checkbox(key="publish:sure:toy.sctl:Zenodo's sandbox").check().run()
    app.toggle(key="zenodo_sandbox:publish").set_value(False).run()
    assert not app.exception
    assert app.button(key="publish:publish").disabled
    assert app.text_input(key="zenodo_token:Zenodo").value == ""


def test_checking_sends_nothing_and_a_wrong_token_is_told(open_page, filled, service):
    app = press(filled_in(open_page("library"), service.token), "Check only")
    assert "All is well" in texts(app)
    assert service.records == {}
    app = press(filled_in(app, "wrong"), "Upload as a draft")
    assert "does not accept this token" in texts(app)
    assert "Nothing was published" in texts(app)


def test_an_incomplete_form_is_told(open_page, filled, service):
    app = filled_in(open_page("library"), service.token)
    app.text_area(key="publish:creators:toy.sctl").set_value("").run()
    assert "lacks an author" in texts(press(app, "Upload as a draft"))
    assert service.records == {}


def test_the_servers_own_token_is_for_scripts_only(open_page, filled, service, monkeypatch):
    monkeypatch.setenv("ZENODO_SANDBOX_TOKEN", service.token)
    assert open_page("library").button(key="publish:draft").disabled


def test_the_model_of_a_project_survives_its_removal(open_page, filled):
    project = Project.create("Mine")
    with Library().get("toy.sctl") as path:
        project.put_trained(path, {"filename": "toy.sctl"})
    app = open_page("library", project.id)
    app.button(key="remove:toy.sctl").click().run()
    assert not app.exception
    shutil.rmtree(filled)
    assert project.trained().n_source == 200
