"""The consensus step from the pipeline to the disk: resumed, stopped, for any method."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from sctl import jobs, workflow
from sctl.errors import Cancelled, ParameterError, ProjectError
from sctl.jobs import tasks
from sctl.methods.transfercluster import preparation as prepare_module
from sctl.project import (
    Project,
    export_project,
    import_project,
    load_clusters,
    load_consensus,
    load_estimate,
    load_result,
    load_target_all,
    numbers_in,
)
from sctl.run import Run
from sctl.ui.n_clusters import consensus_results


@pytest.fixture
def project(tmp_path, monkeypatch, source, target):
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path))
    made = Project.create("Toy")
    made.put_input("source", source, {})
    made.put_input("target", target, {})
    made.set_params("data", {"label_key": "cell_type"}, note="labels")
    made.set_params("theta", {"theta": 0.3}, note="θ")
    made.set_params("transfer", {"params": {"theta_step": 0.5, "theta_max": 0.5}}, note="quick")
    made.set_params("consensus", {"k_min": 3, "k_max": 5}, note="few")
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(made, step)
    return made


def test_every_number_is_on_disk_with_all_that_is_known_of_it(project, tmp_path):
    jobs.compute(project, "consensus")
    result, target = load_result(project), load_target_all(project)
    assert numbers_in(project.result_dir("consensus")) == (3, 4, 5)
    for k in (3, 4, 5):
        point = load_consensus(project, k)
        assert point.clusters.shape == point.order.shape == point.outliers.shape == (target.n_obs,)
        assert len(np.unique(point.clusters)) == k
        assert list(point.genes["gene"]) == list(target.var_names)
        np.testing.assert_array_equal(load_clusters(project, k), point.clusters)
    own = load_consensus(project, result.diagnostics.clustering.n_clusters)
    assert adjusted_rand_score(own.clusters, result.clusters) == 1.0
    estimate = load_estimate(project)
    assert estimate["n_clusters"] == sum(value > estimate["threshold"] for value in estimate["eigenvalues"])
    copy = import_project(export_project(project, tmp_path / "whole.sctl.zip"))
    np.testing.assert_array_equal(load_consensus(copy, 4).runs, load_consensus(project, 4).runs)


def test_a_stopped_job_keeps_what_is_finished_and_resumes(project):
    folder = project.result_dir("consensus")

    def part(low, high):
        return Run(cancelled=lambda: len(numbers_in(folder)) >= 2)

    with pytest.raises(Cancelled):
        tasks.compute(project, "consensus", part)
    assert len(numbers_in(folder)) == 2
    assert project.state("consensus") == "todo"
    first = next(folder.glob("k*.npz"))
    written = first.stat().st_mtime_ns
    jobs.compute(project, "consensus")
    assert numbers_in(folder) == (3, 4, 5)
    assert first.stat().st_mtime_ns == written
    assert project.state("consensus") == "done"


def test_a_method_without_theta_is_looked_at_by_the_target_alone(project):
    project.set_params("transfer", {"method": "targetcluster"}, note="alone")
    for step in ("transfer", "theta", "consensus"):
        jobs.compute(project, step)
    result = load_result(project)
    own = load_consensus(project, result.diagnostics.clustering.n_clusters)
    assert adjusted_rand_score(own.clusters, result.clusters) == 1.0


def test_with_landmarks_all_cells_have_a_group_and_landmarks_a_silhouette(project, monkeypatch):
    monkeypatch.setattr(prepare_module, "ALL_CELLS_UP_TO", 50)
    monkeypatch.setattr(prepare_module, "N_LANDMARKS", 40)
    project.set_params("transfer", {"params": {"theta_step": 0.5, "theta_max": 0.5}, "seed": 1}, note="again")
    for step in ("transfer", "theta", "consensus"):
        jobs.compute(project, step)
    point, target = load_consensus(project, 4), load_target_all(project)
    assert point.clusters.shape == (target.n_obs,)
    n = len(point.compared)
    assert 30 < n <= 40
    assert point.order.shape == point.silhouettes.shape == point.outliers.shape == (n,)
    assert sorted(point.order) == list(range(n))
    assert point.compared.max() < target.n_obs
    assert (np.diff(point.clusters[point.compared[point.order]]) >= 0).all()
    cells = consensus_results.cells(project, point)
    assert set(cells["cell"]) < set(target.obs_names)


@pytest.mark.parametrize("params", [{"k_min": 1}, {"k_max": 99}, {"k_min": 9, "k_max": 4}])
def test_a_range_that_is_none_is_refused(project, params):
    with pytest.raises(ParameterError, match="numbers of clusters go"):
        project.set_params("consensus", params, note="wrong")


def test_a_damaged_file_says_so(project):
    jobs.compute(project, "consensus")
    (project.result_dir("consensus") / "k004.npz").write_bytes(b"no")
    with pytest.raises(ProjectError):
        load_consensus(project, 4)


def test_few_cells_limit_the_numbers():
    assert workflow.numbers_of({"k_min": 2, "k_max": 12}, own=3, n_obs=12) == (3, 2, 4, 5, 6)
