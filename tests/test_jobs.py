"""Jobs as processes: started, watched, stopped, killed, resumed, and never more than allowed at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData
from filelock import FileLock

from sctl import jobs
from sctl.errors import Cancelled, ParameterError, ProjectError
from sctl.jobs import Job, tasks
from sctl.jobs.job import _last_line, job_in
from sctl.jobs.queue import places
from sctl.project import (
    Project,
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
from sctl.run import Run

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


def busy(project: Project, step: str) -> FileLock:
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


def test_no_more_jobs_than_places(project: Project, all_places_taken: FileLock) -> None:
    first, second = jobs.submit(project, "prepare"), jobs.submit(project, "prepare", {"again": 1})
    time.sleep(1.0)
    assert [job.state().status for job in (first, second)] == ["queued", "queued"]
    all_places_taken.release()
    with busy(project, "preprocess"):  # keeps whichever runs from ending
        until(lambda: "running" in {first.state().status, second.state().status})
        time.sleep(0.5)
        assert {first.state().status, second.state().status} == {"queued", "running"}
    assert {first.wait(PATIENCE).status, second.wait(PATIENCE).status} == {"done"}


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
    until(lambda: (job.root / "pid.json").exists())
    os.kill(pid(job), signal.SIGSTOP)  # hears neither the stop file nor SIGTERM
    start = time.monotonic()
    assert job.stop(wait=0.2).status == "stopped"
    assert time.monotonic() - start < 6.0


def test_a_killed_job_is_lost_and_can_be_started_again(project: Project) -> None:
    with busy(project, "preprocess"):
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
    assert set(tasks.TASKS) == set(jobs.queue.KINDS)


def test_half_written_progress_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    assert _last_line(path) == {}
    path.write_text("")
    assert _last_line(path) == {}
    path.write_text('{"done": 1}\n{"done": 2}\n{"don')
    assert _last_line(path) == {"done": 2}
    path.write_text('{"done": 1}\n' + "x" * 10_000)
    assert _last_line(path) == {}
    with pytest.raises(ProjectError, match="no such job"):
        job_in(tmp_path)


def test_the_worker_speaks_before_it_loads_anything_heavy() -> None:
    code = (
        "import sys, sctl.jobs.worker; print([n for n in ('numpy', 'pandas', 'torch', 'anndata') if n in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
