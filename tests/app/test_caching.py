"""What pages remember belongs to one project, and to one state of its results."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import shutil
import typing
from dataclasses import replace

import numpy as np
import pytest
from streamlit.runtime.caching.cache_utils import CachedFunc

from sctl import jobs, ui
from sctl.project import Project, load_result, load_target_all
from sctl.project.genes import save_genes
from sctl.project.results import RESULT, save_embeddings, save_markers, save_result
from sctl.ui.frame import caching, results


def cached_functions():
    """Everything in sctl.ui that Streamlit remembers, by name."""
    for found in pkgutil.walk_packages(ui.__path__, "sctl.ui."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if isinstance(value, CachedFunc) and value._info.func.__module__ == module.__name__:
                yield f"{module.__name__}.{name}", value._info


CACHED = dict(cached_functions())


def test_the_remembered_functions_are_found():
    assert {
        "sctl.ui.frame.results.result",
        "sctl.ui.frame.caching.dataset",
        "sctl.ui.markers.marker_view._compare",
    } <= set(CACHED)


@pytest.mark.parametrize("name", CACHED)
def test_no_project_is_left_out_of_a_key(name):
    info = CACHED[name]
    hints = typing.get_type_hints(info.func, vars(inspect.getmodule(info.func)))
    projects = [argument for argument in inspect.signature(info.func).parameters if hints.get(argument) is Project]
    assert all(not argument.startswith("_") for argument in projects), "Streamlit leaves such names out of the key"
    if projects:
        assert Project in (info.hash_funcs or {}), "use caching.data or caching.resource"


@pytest.fixture
def project(projects, source, target) -> Project:
    project = Project.create("Mine")
    project.put_input("source", source, {"filename": "source.h5ad"})
    project.put_input("target", target, {"filename": "target.h5ad"})
    params = {"method": "targetcluster", "params": {"n_init": 2}, "seed": 0}
    project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    project.set_params("transfer", params, note="Choose a method")
    for step in ("preprocess", "transfer", "theta", "markers"):
        jobs.compute(project, step)
    return project


@pytest.fixture
def other(project) -> Project:
    """A project of somebody else with the same settings, in which labels, markers and expression are others."""
    other = Project(project.root.with_name("b" * 12))
    shutil.copytree(project.root, other.root)
    theta, markers, prepared = (other.result_dir(step) for step in ("theta", "markers", "preprocess"))
    found = load_result(other)
    save_result(theta / RESULT, replace(found, labels=found.labels[::-1]))
    table = results.load_markers(other)
    save_markers(markers, table.assign(gene="tampered"))
    changed = load_target_all(other)
    changed.X = changed.X * 0
    save_genes(prepared, changed)
    return other


def test_two_projects_with_equal_settings_share_nothing(project, other):
    assert project.fingerprint("theta") == other.fingerprint("theta")
    gene = results.genes(other)[0]
    tampered, own = results.result(other).labels, results.result(project).labels
    assert list(tampered) == list(own[::-1]) != list(own)
    assert set(results.markers(other)["gene"]) == {"tampered"}
    assert "tampered" not in set(results.markers(project)["gene"])
    assert not results.expression(other, gene).any()
    assert any(results.expression(project, name).any() for name in results.genes(project))


def test_a_result_that_was_computed_again_is_read_again(project):
    before = results.result(project)
    assert results.result(project) is before
    shutil.rmtree(project.result_dir("theta"))
    jobs.compute(project, "theta")
    assert results.result(project) is not before


def test_an_older_result_does_not_stay_when_the_present_one_is_there(project):
    found = results.target(project)
    older, limit = found.n_obs, int(np.median(np.asarray((found.X > 0).sum(axis=1))))
    project.set_params("preprocess", {"target": {"min_genes": limit}}, note="Set a limit")
    assert results.target(project).n_obs == older, "until it is computed, the older one is shown"
    jobs.compute(project, "preprocess")
    assert results.target(project).n_obs == load_target_all(project).n_obs < older


def test_maps_that_are_being_drawn_are_read_again(project):
    with project.working("explore") as directory:
        save_embeddings(directory, {"target_pca": np.zeros((80, 2))})
        assert set(results.maps(project)) == {"target_pca"}
        save_embeddings(directory, {"target_pca": np.zeros((80, 2)), "target_umap": np.ones((80, 2))})
        assert set(results.maps(project)) == {"target_pca", "target_umap"}


def test_an_input_is_read_by_its_fingerprint_even_if_another_tab_has_changed_it(project, source, target):
    seen = project.input_info("target")["fingerprint"]
    project.put_input("target", source, {"filename": "other.h5ad"})
    assert caching.dataset(project, "target", seen).n_obs == target.n_obs
