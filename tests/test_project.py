"""A project on disk: history, fingerprints, states, and what happens to damaged files."""

from __future__ import annotations

import errno
import json
import zipfile
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from sctl.errors import Cancelled, DataError, ParameterError, ProjectError
from sctl.project import (
    STEPS,
    Project,
    export_project,
    import_project,
    load_selection,
    load_sides,
    save_selection,
    save_sides,
)
from sctl.project.files import (
    canonical,
    copy_of,
    digest_of_file,
    is_alive,
    new_id,
    process_mark,
    read_json,
    replacing,
    this_process,
)

SECRET_PATHS = (
    "..",
    "../..",
    "../../etc",
    "/etc",
    "a/../b",
    "",
    ".",
    "aaaaaaaaaaa",
    "AAAAAAAAAAAA",
    "aaaaaaaaaaa\n",
    None,
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    return Project.create("Pancreas")


@pytest.fixture
def cells() -> AnnData:
    counts = np.random.default_rng(0).poisson(1.0, (12, 5)).astype(np.float32)
    obs = pd.DataFrame({"kind": ["a", "b"] * 6}, index=[f"cell{i}" for i in range(12)])
    return AnnData(counts, obs=obs, var=pd.DataFrame(index=list("vwxyz")))


def finish(project: Project, step: str) -> Path:
    with project.working(step) as directory:
        assert directory is not None
    return directory


def test_a_project_is_found_again(project: Project) -> None:
    again = Project.open(project.id)
    assert again == project
    assert (again.name, [info.id for info in Project.all()]) == ("Pancreas", [project.id])
    again.rename("  Islets ")
    assert project.name == "Islets"
    project.delete()
    assert Project.all() == []
    with pytest.raises(ProjectError, match="no project"):
        Project.open(project.id)


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "two\nlines", None])
def test_names_are_one_line(project: Project, name: str) -> None:
    with pytest.raises(ProjectError, match="this name"):
        project.rename(name)


@pytest.mark.parametrize("project_id", SECRET_PATHS)
def test_an_identifier_is_never_a_path(project: Project, project_id: str) -> None:
    with pytest.raises(ProjectError, match="not the identifier"):
        Project.open(project_id)


def test_the_one_used_last_comes_first(project: Project) -> None:
    other = Project.create("Second")
    other.set_params("data", {"label_key": "b"}, note="b")
    project.set_params("data", {"label_key": "a"}, note="a")
    assert [info.name for info in Project.all()] == ["Pancreas", "Second"]


def test_inputs_survive_and_are_not_changed(project: Project, cells: AnnData) -> None:
    before = cells.copy()
    project.put_input("source", cells, {"filename": "cells.csv"})
    assert cells.obs["kind"].dtype == before.obs["kind"].dtype  # writing makes categories of strings
    stored = Project.open(project.id).input("source")
    np.testing.assert_array_equal(stored.X, cells.X)
    assert list(stored.obs["kind"]) == list(cells.obs["kind"])
    info = project.input_info("source")
    assert info is not None
    assert (info["n_obs"], info["n_vars"], info["filename"], info["values"]) == (12, 5, "cells.csv", "counts")
    assert project.input_info("target") is None
    with pytest.raises(ProjectError, match="no target yet"):
        project.input("target")


def test_undo_and_redo_cover_everything(project: Project, cells: AnnData) -> None:
    labels = pd.Series(["alpha/beta", "NA"], index=["c1", "c2"])
    project.put_input("source", cells, {}, note="Load the source")
    project.set_params("data", {"label_key": "kind"}, note="Choose the labels")
    project.set_params("theta", {"theta": 0.3}, note="Set θ to 0.3")
    project.set_labels(labels, note="Rename a type")
    project.remove_input("source")
    assert project.input_info("source") is None

    assert [project.undo() for _ in range(6)] == [
        "Remove the source", "Rename a type", "Set θ to 0.3", "Choose the labels", "Load the source", None,
    ]  # fmt: skip
    assert (project.can_undo, project.can_redo) == (None, "Load the source")
    assert project.params("theta") == {"theta": None, "answer": None}
    assert project.labels() is None

    assert [project.redo() for _ in range(4)][-1] == "Rename a type"
    assert project.params("theta") == {"theta": 0.3, "answer": None}
    assert project.params("data")["label_key"] == "kind"
    assert project.input("source").n_obs == 12
    kept = project.labels()
    assert kept is not None
    assert kept.to_dict() == labels.to_dict()


def test_a_new_change_forgets_what_was_undone(project: Project) -> None:
    project.set_params("theta", {"theta": 0.3}, note="0.3")
    project.undo()
    project.set_params("theta", {"theta": 0.4}, note="0.4")
    assert (project.can_undo, project.can_redo) == ("0.4", None)


def test_a_change_to_the_same_is_no_change(project: Project) -> None:
    project.set_params("theta", {"theta": None}, note="nothing")
    project.set_params("preprocess", project.params("preprocess"), note="nothing")
    assert project.can_undo is None


def test_files_nobody_can_come_back_to_are_deleted(project: Project, cells: AnnData) -> None:
    project.put_input("source", cells, {})
    project.undo()
    assert len(list(project.root.glob("inputs/*.h5ad"))) == 1  # redo needs it
    project.set_params("theta", {"theta": 0.4}, note="0.4")
    assert list(project.root.glob("inputs/*")) == []


@pytest.mark.parametrize(
    ("step", "params"),
    [
        ("theta", {"theta": 1.5}),
        ("theta", {"theta": "much"}),
        ("data", {"label_key": ["a", "b"]}),
        ("transfer", {"seed": -1}),
        ("theta", {"thetta": 0.5}),
        ("markers", {"groups": "moons"}),
        ("preprocess", {"n_top_genes": -1}),
        ("transfer", {"method": "magic"}),
        ("transfer", {"params": {"n_clusters": -3}}),
        ("transfer", {"params": {"colour": 1}}),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_changes(project: Project, step: str, params: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        project.set_params(step, params, note="wrong")
    assert project.can_undo is None


def test_a_fingerprint_follows_its_upstream_alone(project: Project) -> None:
    def fingerprints() -> dict[str, str]:
        return {step: project.fingerprint(step) for step in STEPS}

    before = fingerprints()
    project.set_params("theta", {"theta": 0.3}, note="θ")
    after_theta = fingerprints()
    project.set_params("data", {"label_key": "kind"}, note="labels")
    after_data = fingerprints()
    changed = {step for step in STEPS if before[step] != after_theta[step]}
    assert changed == {"theta", "markers", "consensus"}
    assert all(after_theta[step] != after_data[step] for step in STEPS)
    project.undo()
    project.undo()
    assert fingerprints() == before


def test_states_run_from_todo_to_stale_and_back(project: Project) -> None:
    assert project.state("transfer") == "todo"
    with project.working("transfer"):
        assert project.state("transfer") == "running"
    assert project.state("transfer") == "done"
    with project.working("transfer") as again:
        assert again is None  # nothing to do
    done = project.result_dir("transfer")
    project.set_params("transfer", {"seed": 1}, note="seed")
    assert project.state("transfer") == "stale"
    assert project.latest_result_dir("transfer") == done
    project.undo()
    assert project.state("transfer") == "done"


def test_a_change_makes_exactly_what_follows_stale(project: Project) -> None:
    for step in STEPS[1:]:
        finish(project, step)
    project.set_params("theta", {"theta": 0.2}, note="θ")
    assert {step: project.state(step) for step in STEPS[1:]} == {
        "preprocess": "done", "transfer": "done", "theta": "stale", "explore": "done", "markers": "stale",
        "consensus": "stale",
    }  # fmt: skip


def test_a_failed_step_says_why_until_it_is_tried_again(project: Project) -> None:
    with pytest.raises(DataError), project.working("explore"):
        raise DataError("Too few cells.", expected="Three.", do="Load more.")
    assert project.state("explore") == "failed"
    assert project.failure("explore") == {
        "type": "DataError", "found": "Too few cells.", "expected": "Three.", "do": "Load more.",
    }  # fmt: skip
    half = project.result_dir("explore") / "half"
    with pytest.raises(Cancelled), project.working("explore"):  # noqa: PT012 - what comes before the stop is the point
        half.write_text("kept")
        raise Cancelled
    assert (project.state("explore"), project.failure("explore")) == ("todo", None)
    assert half.exists()


def test_a_step_whose_process_died_is_not_running(project: Project) -> None:
    directory = project.result_dir("explore")
    directory.mkdir(parents=True)
    mark = this_process()
    for dead in ({**mark, "started": mark["started"] - 60}, {"pid": 2**22 + 1, "started": 0.0}, {"pid": "x"}):
        (directory / "started.json").write_text(json.dumps(dead))
        assert project.state("explore") == "todo"
    (directory / "started.json").write_text(json.dumps(mark))
    assert project.state("explore") == "running"


def test_a_pinned_project_is_of_its_moment(project: Project) -> None:
    pinned = project.at(project.settings)
    before = pinned.result_dir("transfer")
    project.set_params("transfer", {"seed": 1}, note="seed")
    assert pinned.result_dir("transfer") == before != project.result_dir("transfer")
    with pytest.raises(ProjectError, match="cannot change"):
        pinned.set_params("theta", {"theta": 0.1}, note="no")


@pytest.mark.parametrize("name", ["project.json", "history.json"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"schema": 99}',
        '{"schema": 1}',
        '{"schema": 1, "position": 5, "changes": [], "name": 3}',
        "\x00\xff",
    ],
)
def test_tampered_files_are_errors_of_the_project(project: Project, name: str, text: str) -> None:
    for path in (project.root / name, copy_of(project.root / name)):
        path.write_text(text)
    with pytest.raises(ProjectError):
        Project.open(project.id)
    (info,) = Project.all()
    assert info.problem


@pytest.mark.parametrize("reference", ["../../../secret", "x" * 16, 5, "0" * 15, None])
def test_a_reference_is_never_a_path(project: Project, cells: AnnData, reference: object) -> None:
    project.put_input("source", cells, {})
    path = project.root / "history.json"
    value = json.loads(path.read_text())
    value["changes"][-1]["settings"]["inputs"]["source"] = reference
    for each in (path, copy_of(path)):
        each.write_text(json.dumps(value))
    with pytest.raises(ProjectError):
        project.input("source")


def test_a_damaged_dataset_is_an_error_of_the_project(project: Project, cells: AnnData) -> None:
    project.put_input("source", cells, {})
    (path,) = project.root.glob("inputs/*.h5ad")
    path.write_bytes(b"not a dataset")
    with pytest.raises(ProjectError, match="damaged"):
        project.input("source")
    path.unlink()
    with pytest.raises(ProjectError, match="damaged"):
        project.input_info("source")


def write(path: Path, content: bytes) -> None:
    """Write a file of a result as steps do, which lists it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def test_a_bundle_brings_everything_back(project: Project, cells: AnnData, tmp_path: Path) -> None:
    project.put_input("target", cells, {"filename": "a.h5ad"})
    project.put_truth(cells.obs["kind"])
    project.set_params("theta", {"theta": 0.3}, note="θ")
    directory = finish(project, "transfer")
    write(directory / "sweep.npz", b"1234")
    copy = import_project(export_project(project, tmp_path / "p.sctl.zip"))
    assert copy.id != project.id
    assert (copy.name, copy.settings, copy.can_undo) == (project.name, project.settings, "θ")
    assert copy.state("transfer") == "done"
    assert (copy.result_dir("transfer") / "sweep.npz").read_bytes() == b"1234"
    np.testing.assert_array_equal(copy.input("target").X, cells.X)
    truth = copy.truth()
    assert truth is not None
    assert truth.tolist() == cells.obs["kind"].tolist()


def test_a_bundle_holds_every_kind_of_result_by_rule(project: Project, cells: AnnData, tmp_path: Path) -> None:
    project.put_input("target", cells, {"filename": "a.h5ad"})
    kept = [
        "units/0123456789abcdef/result.json",
        "search/0123456789abcdef/journal.jsonl",
        "compare/0123456789abcdef/x.csv",
        "something_new/0123456789abcdef/b.npz",
        "something/newer/still/c.csv",
        "a.csv",
    ]
    directory = finish(project, "transfer")
    for name in kept:
        write(directory / name, b"{}")
    learned = project.root / "results" / "transfer" / "0123456789abcdef"  # a reference that was learned alone
    learned.mkdir(parents=True)
    write(learned / "self_test.json", b"{}")
    (learned / "started.json").write_bytes(b"{}")
    (learned / ".part-x.json").write_bytes(b"{}")
    copy = import_project(export_project(project, tmp_path / "p.sctl.zip"))
    for name in kept:
        assert (copy.result_dir("transfer") / name).read_bytes() == b"{}"
    found = sorted(path.name for path in (copy.root / "results" / "transfer" / learned.name).iterdir())
    assert found == ["files.json", "self_test.json"]


@pytest.mark.parametrize(
    "member",
    ["../evil.json", "/etc/passwd", "inputs/run.py", "jobs/abc/job.json", "results/transfer/0/x.pkl", "a.json"],
)
def test_a_bundle_with_anything_else_is_refused(project: Project, tmp_path: Path, member: str) -> None:
    path = export_project(project, tmp_path / "p.sctl.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, "{}")
    with pytest.raises(ProjectError):
        import_project(path)
    assert [info.id for info in Project.all()] == [project.id]
    assert list(project.root.parent.glob(".import-*")) == []


def test_a_bundle_with_other_data_is_refused(project: Project, cells: AnnData, tmp_path: Path) -> None:
    project.put_input("source", cells, {})
    (path,) = project.root.glob("inputs/*.h5ad")
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ProjectError, match="changed after"):
        import_project(export_project(project, tmp_path / "p.sctl.zip"))


def rewritten(path: Path, **contents: str | bytes) -> Path:
    """Replace files of a bundle; two underscores stand for a dot."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, **{key.replace("__", "."): value for key, value in contents.items()}}.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("found", "contents"),
    [
        ("project.json", {"project__json": '{"schema": 1, "name": "a", "created": 1e400}'}),
        ("project.json", {"project__json": '{"schema": 1, "name": "a", "created": -1}'}),
        ("history.json", {"history__json": "[" * 100_000}),
    ],
)
def test_a_bundle_that_somebody_wrote_by_hand_is_refused(
    project: Project, tmp_path: Path, found: str, contents: dict[str, str]
) -> None:
    path = rewritten(export_project(project, tmp_path / "p.sctl.zip"), **contents)
    with pytest.raises(ProjectError, match=f"{found} of this project is missing or damaged"):
        import_project(path)


@pytest.mark.parametrize(
    "wrong", [{"transfer": {"method": "../x"}}, {"data": {"label_key": [1]}}, {"explore": {"x": 1}}]
)
def test_a_bundle_with_settings_that_nobody_could_choose_is_refused(
    project: Project, tmp_path: Path, wrong: dict[str, dict[str, object]]
) -> None:
    project.set_params("theta", {"theta": 0.3}, note="θ")
    history = read_json(project.root / "history.json")
    history["changes"][0]["settings"]["params"] = wrong  # even where only undo would bring it back
    path = rewritten(export_project(project, tmp_path / "p.sctl.zip"), history__json=json.dumps(history))
    with pytest.raises(ProjectError, match=f"step '{next(iter(wrong))}'"):
        import_project(path)


def test_a_bundle_whose_data_lie_in_files_of_this_computer_is_refused(
    project: Project, cells: AnnData, tmp_path: Path
) -> None:
    project.put_input("source", cells, {})
    (stored,) = project.root.glob("inputs/*.h5ad")
    with h5py.File(stored, "r+") as file:
        file["stolen"] = h5py.ExternalLink("/somewhere/secret.h5", "/X")
    forged = stored.with_stem(digest_of_file(stored))
    stored.rename(forged)
    with pytest.raises(ProjectError, match="refers to data in other files"):
        import_project(export_project(project, tmp_path / "p.sctl.zip"))


def test_a_folder_of_projects_that_cannot_be_written_is_said(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export_project(project, tmp_path / "p.sctl.zip")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "file" / "projects"))
    for action in (Project.create, lambda: import_project(path)):
        with pytest.raises(ProjectError, match="Set SCTL_PROJECTS"):
            action()
    assert Project.all() == []


def test_no_zip_is_no_project(project: Project, tmp_path: Path) -> None:
    (tmp_path / "p.sctl.zip").write_bytes(b"hello")
    with pytest.raises(ProjectError):
        import_project(tmp_path / "p.sctl.zip")


def test_identifiers_differ_and_processes_are_recognised() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
    assert is_alive(this_process())
    assert not is_alive(process_mark(2**22 + 1))
    assert canonical({"b": np.float64(0.5), "a": (1,)}) == '{"a":[1],"b":0.5}'


# -- two tabs ------------------------------------------------------------------------------------------------


@pytest.fixture
def another_tab(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody changes the same project in the very moment before this tab gets hold of it."""
    seen: list[str] = []
    lock = Project._lock

    def interrupted(self: Project):
        if not seen:
            seen.append("changed")
            Project(project.root).set_params("preprocess", {"target": {"min_genes": 3}}, note="Change in another tab")
        return lock(self)

    monkeypatch.setattr(Project, "_lock", interrupted)
    return seen


LABELS = pd.Series(["a", "b"] * 6, index=[f"cell{i}" for i in range(12)])
GIVEN = {
    "input": (
        lambda project, cells, _: project.put_input("source", cells, {}),
        lambda project: project.input("source"),
    ),
    "truth": (lambda project, *_: project.put_truth(LABELS), lambda project: project.truth()),
    "labels": (lambda project, *_: project.set_labels(LABELS), lambda project: project.labels()),
    "trained": (lambda project, _, model: project.put_trained(model, {}), lambda project: project.trained()),
}


@pytest.mark.parametrize("what", GIVEN)
def test_another_tab_never_deletes_what_was_just_given(project, cells, another_tab, model_file, what):
    give, take = GIVEN[what]
    give(project, cells, model_file)
    assert another_tab == ["changed"]
    assert take(project) is not None
    assert project.params("preprocess")["target"]["min_genes"] == 3, "both changes hold"
    assert not [path for path in (project.root / "inputs").iterdir() if path.name.startswith(".")]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(project, cells, monkeypatch):
    full = OSError(errno.ENOSPC, "no space left")
    monkeypatch.setattr(ad.io, "write_h5ad", lambda *_, **__: (_ for _ in ()).throw(full))
    with pytest.raises(DataError, match="the disk is full"):
        project.put_input("source", cells, {})
    assert list((project.root / "inputs").iterdir()) == []
    assert project.can_undo is None


def test_a_step_that_finds_the_disk_full_says_so(project, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "no space left", "/secret/place")

    with pytest.raises(OSError, match="no space left"), project.working("theta"):
        full()
    assert project.failure("theta") == {
        "type": "DataError",
        "found": "What was computed cannot be written: the disk is full.",
        "expected": "",
        "do": "Delete what you no longer need, or use another disk.",
    }
    monkeypatch.setattr("sctl.project.steps.described", full)  # no mark can be written either
    with pytest.raises(OSError, match="no space left"), project.working("transfer"):
        full()
    assert project.state("transfer") == "todo"


def test_a_project_that_cannot_be_saved_for_want_of_space_says_so(project, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr("zipfile.ZipFile.write", full)
    with pytest.raises(DataError, match=r"toy\.sctl\.zip cannot be written: the disk is full"):
        export_project(project, tmp_path / "toy.sctl.zip")
    assert list(tmp_path.glob("*.zip")) == []


def test_what_a_job_writes_into_a_deleted_project_is_no_project(project):
    view = project.at(project.settings)
    project.delete()
    finish(view, "preprocess")
    assert Project.all() == []


# -- what is one act for undo ------------------------------------------------------------------------


def test_what_follows_from_an_act_is_taken_back_with_it(project: Project, cells: AnnData) -> None:
    project.set_params("theta", {"theta": 0.5}, note="Set θ to 0.5")
    with project.one_act():
        project.put_input("source", cells, {}, note="Load the source")
        project.set_params("data", {"label_key": "kind"}, note="Choose the column")
        with project.one_act():
            project.put_truth(cells.obs["kind"])
    assert (project.can_undo, project.params("data")["label_key"]) == ("Load the source", "kind")
    assert project.undo() == "Load the source"
    assert (project.settings.inputs, project.truth(), project.can_undo) == ({}, None, "Set θ to 0.5")
    assert project.redo() == "Load the source"
    assert project.truth() is not None
    assert project.params("data")["label_key"] == "kind"


def test_undo_begins_after_what_a_project_came_with(project: Project, cells: AnnData) -> None:
    with project.one_act(undoable=False):
        project.put_input("source", cells, {})
        project.set_params("data", {"label_key": "kind"}, note="Choose the column")
    assert (project.can_undo, project.can_redo) == (None, None)
    assert project.undo() is None
    assert project.input("source").n_obs == cells.n_obs
    project.set_params("theta", {"theta": 0.5}, note="Set θ to 0.5")
    assert project.undo() == "Set θ to 0.5"
    assert project.can_undo is None


def test_an_act_without_a_change_and_one_that_fails_keep_the_history(project: Project) -> None:
    project.set_params("theta", {"theta": 0.5}, note="Set θ to 0.5")
    with project.one_act(undoable=False):
        pass
    assert project.can_undo == "Set θ to 0.5"

    def change_twice() -> None:
        with project.one_act():
            project.set_params("theta", {"theta": 0.6}, note="Set θ to 0.6")
            project.set_params("theta", {"theta": 7}, note="Set θ to 7")

    with pytest.raises(ParameterError):
        change_twice()
    assert project.undo() == "Set θ to 0.6"


# -- what is selected and compared -------------------------------------------------------------------


def test_selections_and_sides_are_the_projects(project: Project, tmp_path: Path) -> None:
    cells = np.arange(13) % 3 == 0
    save_selection(project, cells, "A")  # nothing is prepared, so that there are no cells to select
    assert not load_selection(project, 13, "A").any()
    finish(project, "preprocess")
    save_selection(project, cells, "A")
    save_selection(project, ~cells)
    save_sides(project, ("Selection A", None))
    copy = import_project(export_project(project, tmp_path / "p.sctl.zip"))
    for kept in (Project.open(project.id), copy):
        np.testing.assert_array_equal(load_selection(kept, 13, "A"), cells)
        np.testing.assert_array_equal(load_selection(kept, 13), ~cells)
        assert not load_selection(kept, 13, "B").any()
        assert not load_selection(kept, 12, "A").any()  # of other cells
        assert load_sides(kept) == ("Selection A", None)
    project.set_params("preprocess", {"n_top_genes": 50}, note="Fewer genes")
    assert load_sides(project) == (None, None)  # of data that were prepared otherwise
    project.undo()
    assert load_sides(project) == ("Selection A", None)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"cells": [], "sides": 3}', '{"cells": {"": 3}, "sides": {"A": 3}}',
     '{"cells": {"": {"n_obs": 13, "bits": "xyz"}}}', '{"cells": {"": {"n_obs": 13, "bits": "ff"}}}',
     '{"cells": {"": {"n_obs": "13", "bits": "ffff"}}}'],
)  # fmt: skip
def test_a_damaged_selection_is_none(project: Project, text: str) -> None:
    (finish(project, "preprocess") / "selections.json").write_text(text)
    assert not load_selection(project, 13).any()
    assert load_sides(project) == (None, None)
    save_selection(project, np.ones(13, dtype=bool))
    assert load_selection(project, 13).all()


# -- what a result belongs to, and what is left of a killed process ----------------------------------


def test_another_version_computes_anew(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {step: project.fingerprint(step) for step in STEPS}
    finish(project, "preprocess")
    monkeypatch.setattr("sctl.project.settings.workflow.version", lambda: "another version")
    assert not {project.fingerprint(step) for step in STEPS} & set(before.values())
    assert project.state("preprocess") == "stale"


def test_unfinished_files_of_a_killed_process_are_removed(project: Project) -> None:
    directory = project.result_dir("transfer")
    (directory / "points").mkdir(parents=True)
    left = [directory / ".part-abc.h5ad", directory / "points" / ".part-def.json"]
    kept = [directory / "sweep.npz", directory / "points" / "0.json"]
    for path in left:
        path.write_text("x")
    for path in kept:
        write(path, b"x")
    with project.working("transfer") as found:
        assert found == directory
        assert [path.exists() for path in (*left, *kept)] == [False, False, True, True]
