"""Jobs as processes: started, watched, stopped, killed, resumed, and never more than allowed at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from filelock import FileLock, Timeout

from sctl import jobs
from sctl.errors import Cancelled, DataError, ParameterError, ProjectError
from sctl.jobs import Job, tasks, worker
from sctl.jobs.job import _last_line
from sctl.jobs.queue import acquire_slot, places
from sctl.jobs.worker import ProgressWriter
from sctl.project import (
    STEPS,
    Project,
    analyses,
    gene,
    gene_names,
    load_baselines,
    load_embeddings,
    load_markers,
    load_pair,
    load_points,
    load_report,
    load_result,
    load_sweep,
    load_target_all,
    target_names,
)
from sctl.project.files import is_alive, write_json
from sctl.run import Measurement, Run
from sctl.workflow.registry import job_kinds

PATIENCE = 60.0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: AnnData, target: AnnData) -> Iterator[Project]:
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setenv("SCTL_MAX_JOBS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    project = Project.create("Toy")
    project.put_input("source", source, {"filename": "source.h5ad"})
    project.put_input("target", target, {"filename": "target.h5ad"})
    project.set_params("data", {"label_key": "cell_type"}, note="Choose the labels")
    yield project
    for job in jobs.running(project):
        job.stop(wait=0)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def pid(job: Job) -> int:
    return int(json.loads((job.root / "pid.json").read_text())["pid"])


def is_running(project: Project, step: str) -> FileLock:
    """While held, no job gets to compute this step."""
    path = project.result_dir(step).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


@pytest.fixture
def all_places_taken(project: Project) -> Iterator[FileLock]:
    """While held, every job of the projects folder has to wait."""
    folder = project.root.parent / ".places"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "0.lock") as lock:
        yield lock


def test_a_job_computes_what_its_step_is_for(project: Project, target: AnnData) -> None:
    job = jobs.submit(project, "prepare")
    state = job.wait(PATIENCE)
    assert (state.status, state.progress, state.error) == ("done", 1.0, None), job.log
    assert project.state("preprocess") == "done"
    pair = load_pair(project)
    assert pair.label_key == "cell_type"
    assert list(pair.target.obs_names) == list(target.obs_names) == list(target_names(project))
    assert load_report(project)["n_cells"]["target"] == [80, 80]
    everything = load_target_all(project)
    name = gene_names(project)[7]
    np.testing.assert_array_equal(gene(project, name), np.asarray(everything[:, name].X.todense()).ravel())
    with pytest.raises(ProjectError, match="no gene 'XYZ'"):
        gene(project, "XYZ")
    assert analyses.load(project, "source").grade == "good"


def test_a_source_that_cannot_be_measured_stops_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise DataError("It has a single type.", do="Choose another column.")

    jobs.compute(project, "preprocess")
    assert analyses.load(project, "source") is None
    monkeypatch.setattr("sctl.workflow.source.check_source", refuse)
    job = {"kind": "prepare", "settings": project.settings.to_dict()}
    tasks.run_job(project.root, job, lambda step, low, high: Run())
    assert analyses.load(project, "source").why_not == "It has a single type. Choose another column."


def test_a_damaged_check_of_the_source_counts_as_none(project: Project) -> None:
    jobs.compute(project, "preprocess")
    path = analyses.begin(project, "source") / "result.json"
    path.write_text('{"unknown": 1}')
    assert analyses.load(project, "source") is None
    write_json(path, {"unknown": 1})  # as another sctl might have done
    with pytest.raises(ProjectError):
        analyses.load(project, "source")
    assert analyses.load(project, "source") is None, "and is measured again"


@pytest.mark.slow
def test_another_process_sees_the_job(project: Project) -> None:
    job = jobs.submit(project, "prepare")
    code = (
        "from sctl.project import Project; from sctl.jobs import jobs_of;"
        f"(job,) = jobs_of(Project.open({project.id!r})); print(job.id, job.wait(60).status)"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.split() == [job.id, "done"]


def test_a_second_submit_is_the_same_job(project: Project, all_places_taken: FileLock) -> None:
    first = jobs.submit(project, "prepare", {"a": 1})
    assert jobs.submit(project, "prepare", {"a": 1}) == first
    assert jobs.submit(project, "prepare") != first
    project.set_params("preprocess", {"n_top_genes": 50}, note="fewer genes")
    assert jobs.submit(project, "prepare", {"a": 1}) != first  # other settings: another job
    assert len(jobs.running(project)) == 3


@pytest.mark.slow
def test_no_more_jobs_than_places(project: Project, all_places_taken: FileLock) -> None:
    first, second = jobs.submit(project, "prepare"), jobs.submit(project, "prepare", {"again": 1})
    assert [job.state().status for job in (first, second)] == ["queued", "queued"]
    all_places_taken.release()
    with is_running(project, "preprocess"):  # keeps whichever runs from ending
        until(lambda: "running" in {first.state().status, second.state().status})
        assert {first.state().status, second.state().status} == {"queued", "running"}
    assert {first.wait(PATIENCE).status, second.wait(PATIENCE).status} == {"done"}
    times = sorted(
        [json.loads(line)["time"] for line in (job.root / "progress.jsonl").read_text().splitlines()]
        for job in (first, second)
    )
    assert times[0][-1] <= times[1][0]  # the second began when the first had ended


def test_a_place_is_waited_for_until_it_is_free(project: Project, all_places_taken: FileLock) -> None:
    looks: list[int] = []

    def check_cancelled(release_at: int, stop_at: int) -> None:
        looks.append(1)
        if len(looks) == release_at:
            all_places_taken.release()
        if len(looks) == stop_at:
            raise Cancelled

    with pytest.raises(Cancelled):
        acquire_slot(project.root.parent, lambda: check_cancelled(0, 3))
    assert len(looks) == 3
    looks.clear()
    with acquire_slot(project.root.parent, lambda: check_cancelled(3, 0)):
        assert len(looks) == 3
        with pytest.raises(Timeout):
            all_places_taken.acquire(timeout=0)
    all_places_taken.acquire(timeout=0)  # given back


@pytest.mark.parametrize("given", ["", "0", "-1", "many"])
def test_places_follow_the_cores_unless_told(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("SCTL_MAX_JOBS", given)
    assert places() == max(1, (os.cpu_count() or 2) - 1)
    monkeypatch.setenv("SCTL_MAX_JOBS", "3")
    assert places() == 3


def test_a_waiting_job_can_be_stopped(project: Project, all_places_taken: FileLock) -> None:
    job = jobs.submit(project, "prepare")
    assert job.stop().status == "stopped"
    assert project.state("preprocess") == "todo"
    assert jobs.running(project) == []
    assert job.stop().status == "stopped"  # once more does no harm


def test_a_job_that_does_not_listen_is_ended(project: Project, all_places_taken: FileLock) -> None:
    job = jobs.submit(project, "prepare")
    until((job.root / "pid.json").exists)
    os.kill(pid(job), signal.SIGSTOP)  # hears neither the stop file nor SIGTERM
    assert job.stop(wait=0.2).status == "stopped"
    assert not is_alive(json.loads((job.root / "pid.json").read_text()))


def test_a_job_ended_within_a_callback_that_drops_exceptions_stops_at_its_next_step(project: Project) -> None:
    code = """
import signal, sys
from sctl.jobs import tasks, worker
def work(root, description, begin):
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException:
        pass  # as callbacks of compiled code do
    begin("preprocess", 0.0, 1.0).report("Next", 0, 1)
    print("went on")
tasks.run_job, tasks.warm_up = work, lambda *_: None
sys.exit(worker.main(sys.argv[1:]))
"""
    root = project.root / "jobs" / "abc"
    root.mkdir(parents=True)
    (root / "job.json").write_text(json.dumps({"kind": "prepare", "settings": {}}))
    ended = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, ""), ended.stderr
    assert json.loads((root / "exit.json").read_text())["status"] == "stopped"


@pytest.mark.slow
def test_a_killed_job_is_lost_and_can_be_started_again(project: Project) -> None:
    with is_running(project, "preprocess"):
        job = jobs.submit(project, "prepare")
        until(lambda: "Waiting" in job.state().stage)
        os.kill(pid(job), signal.SIGKILL)
        until(lambda: not job.state().active)
    state = job.state()
    assert state.status == "lost"
    assert state.error is not None
    assert "Start it again" in str(state.error)
    assert project.state("preprocess") == "todo"
    assert jobs.submit(project, "prepare").wait(PATIENCE).status == "done"


def test_what_is_wrong_with_the_data_is_told(project: Project) -> None:
    project.set_params("data", {"label_key": "colour"}, note="Choose the colour")
    job = jobs.submit(project, "prepare")
    state = job.wait(PATIENCE)
    assert state.status == "failed"
    assert state.error is not None
    assert state.error.type == "DataError"
    assert "colour" in state.error.found
    assert state.error.details == ""
    assert project.state("preprocess") == "failed"
    failure = project.failure("preprocess")
    assert failure is not None
    assert failure["found"] == state.error.found


def test_a_bug_is_told_with_its_traceback(project: Project, all_places_taken: FileLock) -> None:
    job = jobs.submit(project, "prepare")
    description = job.description
    del description["settings"]
    (job.root / "job.json").write_text(json.dumps(description))
    all_places_taken.release()
    state = job.wait(PATIENCE)
    assert state.status == "failed"
    assert state.error is not None
    assert "inside sctl" in state.error.found
    assert "KeyError" in state.error.details


def test_unknown_kinds_are_refused(project: Project) -> None:
    with pytest.raises(ParameterError, match="no job 'dance'"):
        jobs.submit(project, "dance")
    assert set(job_kinds()) >= {"prepare", "transfer", "explain", "reference", "everything"}


def test_half_written_progress_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    assert _last_line(path) == {}
    path.write_text("")
    assert _last_line(path) == {}
    path.write_text('{"done": 1}\n{"done": 2}\n{"don')
    assert _last_line(path) == {"done": 2}
    path.write_text('{"done": 1}\n' + "x" * 10_000)
    assert _last_line(path) == {}


def test_the_worker_speaks_before_it_loads_anything_heavy() -> None:
    code = (
        "import sys, sctl.jobs.worker; print([n for n in ('numpy', 'pandas', 'torch', 'anndata') if n in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


# -- the whole pipeline --------------------------------------------------------------------------

SLOW_SWEEP = {"params": {"theta_step": 0.01, "n_init": 20}}
"""91 values of θ, so that there is time to stop in between."""


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, source: AnnData, target: AnnData
) -> Iterator[tuple[Project, Job]]:
    """A project in which one job ran everything. Do not change its settings but by undoing that again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(tmp_path_factory.mktemp("projects")))
        patch.setenv("OMP_NUM_THREADS", "1")
        project = Project.create("Toy")
        project.put_input("source", source, {})
        project.put_input("target", target, {})
        project.set_params("data", {"label_key": "cell_type"}, note="Choose the labels")
        yield project, jobs.submit(project, "everything")


@pytest.fixture
def whole(finished: tuple[Project, Job]) -> Project:
    project, job = finished
    assert job.wait(120).status == "done", job.log
    return project


@pytest.mark.slow
def test_one_job_runs_everything(whole: Project, target: AnnData) -> None:
    assert {whole.state(step) for step in STEPS if step != "consensus"} == {"done"}  # which is optional
    points = load_points(whole)
    assert [point.theta for point in points] == [round(0.1 * k, 6) for k in range(10)]
    result = load_result(whole)
    assert list(result.obs_names) == list(target.obs_names)
    assert (result.labels == target.obs["cell_type"].to_numpy()).mean() > 0.9
    assert set(load_baselines(whole)) == {"targetcluster", "concatenatecluster"}
    assert load_baselines(whole)["targetcluster"].method == "targetcluster"
    maps = load_embeddings(whole)
    assert {maps[f"{side}_{kind}{end}"].shape for side, end in (("target", ""), ("joint", "_target")) for kind in
            ("pca", "umap", "tsne")} == {(80, 2)}  # fmt: skip
    assert len(maps["joint_source_index"]) == len(maps["joint_umap_source"])
    markers = load_markers(whole)
    assert set(markers["group"]) == set(result.cluster_names)


@pytest.mark.slow
def test_progress_never_falls_and_names_its_step(whole: Project, finished: tuple[Project, Job]) -> None:
    lines = [json.loads(line) for line in (finished[1].root / "progress.jsonl").read_text().splitlines()]
    shares = [line["progress"] for line in lines]
    assert shares == sorted(shares)
    assert 0.0 <= shares[0] < 0.5 < shares[-1] <= 1.0
    said = [
        step for step in job_kinds()["everything"].parts if step != "latent"
    ]  # TransferCluster has no space of its own
    assert list(dict.fromkeys(line["step"] for line in lines)) == ["", *said]


@pytest.mark.slow
def test_any_theta_is_evaluated_from_the_file(whole: Project) -> None:
    point = load_sweep(whole).at(0.5)
    saved = next(point for point in load_points(whole) if point.theta == 0.5)
    np.testing.assert_array_equal(point.clusters, saved.clusters)
    assert point.kta == saved.kta


@pytest.mark.slow
def test_theta_by_hand_leaves_the_rest(whole: Project) -> None:
    whole.set_params("theta", {"theta": 0.65}, note="Set θ to 0.65")
    try:
        assert (whole.state("theta"), whole.state("markers"), whole.state("explore")) == ("stale", "stale", "done")
        assert load_result(whole).diagnostics.theta.theta != 0.65  # the older result, until there is a new one
        jobs.compute(whole, "theta")
        assert load_result(whole).diagnostics.theta.theta == 0.65
        assert (whole.state("theta"), whole.state("markers")) == ("done", "stale")
    finally:
        whole.undo()
    assert (whole.state("theta"), whole.state("markers")) == ("done", "done")


@pytest.mark.slow
def test_markers_of_edited_labels_follow_the_edits(whole: Project) -> None:
    whole.set_params("markers", {"groups": "final"}, note="Groups")
    before = whole.fingerprint("markers")
    labels = load_result(whole).labels.astype(str)
    labels[:20] = "mine"
    whole.set_labels(pd.Series(labels, index=load_result(whole).obs_names))
    try:
        assert whole.fingerprint("markers") != before
        jobs.compute(whole, "markers")
        assert "mine" in set(load_markers(whole)["group"])
    finally:
        whole.undo()
        whole.undo()


@pytest.mark.slow
def test_a_method_without_theta_goes_the_same_way(whole: Project) -> None:
    whole.set_params("transfer", {"method": "targetcluster"}, note="Choose TargetCluster")
    try:
        jobs.compute(whole, "transfer")
        jobs.compute(whole, "theta")
        assert load_result(whole).method == "targetcluster"
        assert load_points(whole) == []
        with pytest.raises(ProjectError, match="has no θ"):
            load_sweep(whole)
    finally:
        whole.undo()


def test_nothing_to_load_says_what_to_run(project: Project) -> None:
    for load in (load_pair, load_target_all, load_sweep, load_result, load_embeddings, load_markers, gene_names):
        with pytest.raises(ProjectError, match="not been run yet"):
            load(project)
    assert load_points(project) == []
    assert load_baselines(project) == {}


@pytest.mark.slow
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_sweep_goes_on_where_it_ended(project: Project, end: str) -> None:
    project.set_params("transfer", SLOW_SWEEP, note="Fine steps")
    job = jobs.submit(project, "transfer")
    until(lambda: len(load_points(project)) >= 3 or not job.state().active)
    if end == "stop":
        assert job.stop(wait=10).status == "stopped"
    else:
        os.kill(pid(job), signal.SIGKILL)
        until(lambda: job.state().status == "lost")
    kept = load_points(project)
    assert 3 <= len(kept) < 91
    assert project.state("transfer") == "todo"

    assert jobs.submit(project, "transfer").wait(120).status == "done"
    resumed, result = load_points(project), load_result(project)
    assert [point.seconds for point in resumed[: len(kept)]] == [point.seconds for point in kept]  # not done again

    whole = Project.create("At one go")
    for role in ("source", "target"):
        whole.put_input(role, project.input(role), {})
    for step in ("data", "transfer"):
        whole.set_params(step, project.params(step), note="the same")
    assert jobs.submit(whole, "theta").wait(120).status == "done"
    for one, other in zip(resumed, load_points(whole), strict=True):
        np.testing.assert_array_equal(one.clusters, other.clusters)
        assert (one.theta, one.kta, one.silhouette) == (other.theta, other.kta, other.silhouette)
    again = load_result(whole)
    np.testing.assert_array_equal(result.proba, again.proba)
    np.testing.assert_array_equal(result.labels, again.labels)
    assert result.diagnostics.theta.theta == again.diagnostics.theta.theta


def test_a_stop_between_two_theta_keeps_the_first(project: Project) -> None:
    """The same without processes: the switch is thrown after the third point."""
    jobs.compute(project, "preprocess")
    directory = project.result_dir("transfer")
    run = Run(cancelled=lambda: len(list(directory.glob("points/*.json"))) >= 3)
    with pytest.raises(Cancelled):
        tasks.compute(project, "transfer", lambda low, high: run)
    assert [point.theta for point in load_points(project)] == [0.0, 0.1, 0.2]
    assert project.state("transfer") == "todo"
    before = [path.stat().st_mtime_ns for path in sorted(directory.glob("points/*.json"))]
    jobs.compute(project, "transfer")
    assert [path.stat().st_mtime_ns for path in sorted(directory.glob("points/*.json"))][:3] == before
    (directory / "points" / ".part-1.json").write_text("{")  # what a killed process leaves is no result
    sweep = load_sweep(project)
    for point in load_points(project):
        np.testing.assert_array_equal(point.clusters, sweep.at(point.theta).clusters)


def test_a_damaged_result_is_an_error_of_the_project(project: Project) -> None:
    jobs.compute(project, "preprocess")
    for name, load in (("target.h5ad", load_pair), ("report.json", load_report), ("genes.h5", gene_names)):
        path = project.result_dir("preprocess") / name
        whole = path.read_bytes()
        path.write_bytes(b"tampered")
        with pytest.raises(ProjectError, match="damaged"):
            load(project)
        path.write_bytes(whole)


def test_the_first_map_is_compiled_only_where_maps_follow(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr("sctl.jobs.tasks.compile_umap", lambda: calls.append(1))
    settings = project.settings.to_dict()
    for kind, expected in (("everything", True), ("explore", True), ("transfer", False), ("markers", False)):
        thread = tasks.warm_up(project.root, {"kind": kind, "settings": settings})
        assert (thread is not None) == expected
        if thread is not None:
            assert thread.daemon  # never keeps a stopped job alive
            thread.join()
    assert len(calls) == 2


def test_what_is_measured_can_be_read_while_the_job_runs(project: Project) -> None:
    root = project.root / "jobs" / "abc"
    root.mkdir(parents=True)
    job, teller = Job(root), ProgressWriter(root)
    assert job.measurements == []
    run = teller.begin("transfer", 0.0, 1.0)
    run.record("learn", 1, train=0.5)
    run.record("learn", 2, train=0.25, validation=0.5)
    run.report("learn", 2, 2)
    with (root / "measured.jsonl").open("a") as file:
        file.write('{"series": "lea')  # the page looks while a line is written
    assert job.measurements == [
        Measurement("learn", 1, {"train": 0.5}),
        Measurement("learn", 2, {"train": 0.25, "validation": 0.5}),
    ]


@pytest.mark.parametrize(("status", "progress"), [("done", 1.0), ("stopped", 0.8), ("failed", 0.8)])
def test_a_job_that_is_done_has_come_all_the_way(tmp_path: Path, status: str, progress: float) -> None:
    """The last word about the progress is said before the end; a job that ended otherwise stays where it was."""
    (tmp_path / "job.json").write_text(json.dumps({"kind": "prepare", "created": 100.0}))
    last = {"time": 103.0, "began": 101.0, "progress": 0.8, "step": "explore", "stage": "UMAP", "done": 4, "total": 5}
    (tmp_path / "progress.jsonl").write_text(json.dumps(last) + "\n")
    (tmp_path / "exit.json").write_text(json.dumps({"status": status, "time": 105.0}))
    state = Job(tmp_path).state()
    assert (state.status, state.progress, state.seconds) == (status, progress, 4.0)


def test_nothing_comes_back_of_a_project_deleted_under_its_job(tmp_path, monkeypatch):
    root = tmp_path / "project" / "jobs" / ("a" * 12)
    root.mkdir(parents=True)
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)
    monkeypatch.setattr(worker, "limit_threads", lambda _: None)
    monkeypatch.setattr(worker, "_work", lambda *_: shutil.rmtree(tmp_path / "project"))
    assert worker.main([str(root)]) == 0
    assert list(tmp_path.iterdir()) == []
