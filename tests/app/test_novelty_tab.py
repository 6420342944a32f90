"""The tab on cells beyond the source, on data in which some types are new."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from sctl import jobs
from sctl.analysis import unknown_cells
from sctl.data import UNASSIGNED
from sctl.project import Project, load_result
from sctl.project.results import RESULT, save_embeddings, save_result
from sctl.simulate import Simulation
from sctl.ui.confidence import unknown_cells_view
from sctl.ui.data import simulation
from sctl.ui.frame import state

TAB = "Cells beyond the source"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a project for tests to copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(tmp_path_factory.mktemp("template")))
        project = Project.create("Toy")
        simulation.put(project, Simulation(n_source=200, n_target=100, n_vars=500, seed=2))
        project.set_params("transfer", {"params": {"theta_step": 0.5, "theta_max": 0.5}}, note="Be quick")
        for step in ("preprocess", "transfer", "theta"):
            jobs.compute(project, step)
        with project.working("explore") as directory:
            save_embeddings(directory, {"target_umap": np.random.default_rng(0).normal(size=(100, 2))})
        return project.root


@pytest.fixture
def project(finished, projects) -> Project:
    shutil.copytree(finished, projects / finished.name)
    return Project.open(finished.name)


@pytest.fixture
def page(open_page, project):
    """The page with the tab open."""
    app = open_page("uncertainty", project.id)
    assert not app.exception, app.exception
    app.session_state[state.CONFIDENCE_TAB.name] = TAB
    app.run()
    assert not app.exception, app.exception
    return app


def metrics(app):
    return {item.label: item.value for item in app.metric}


def texts(app):
    return "\n".join(str(item.value) for kind in ("markdown", "caption", "info") for item in getattr(app, kind))


def test_it_lists_the_new_types_and_says_how_right_that_is(page, project):
    result, truth = load_result(project), project.truth()
    new = ~truth.reindex(result.obs_names).isin(result.label_names).to_numpy()
    beyond = unknown_cells.outlier_score(result) > unknown_cells.DEFAULT_LIMIT
    shown = metrics(page)
    assert shown["Beyond the limit"] == str(beyond.sum())
    assert shown["Keep their names"] == str((~beyond).sum())
    assert shown["Truly of a missing type"] == str((new & beyond).sum())
    (table,) = page.dataframe
    assert len(table.value) == beyond.sum()
    assert set(table.value["cell"]) == set(result.obs_names[beyond])
    assert len(page.get("plotly_chart")) == 2
    assert "A cluster that is strange as a whole" in texts(page)
    assert not [slider for slider in page.slider if slider.key == state.LIMIT.name]  # the other tab is not drawn


def test_the_limit_previews_and_applies_with_undo(page, project):
    page.slider(key=state.STRANGE_LIMIT.name).set_value(1.0).run()
    values = unknown_cells.outlier_score(load_result(project))
    assert metrics(page)["Beyond the limit"] == str((values > 1.0).sum())
    assert Project.open(project.id).labels() is None  # a preview changes nothing
    page.button(key="apply_strange").click().run()
    assert not page.exception, page.exception
    now = Project.open(project.id)
    assert ((now.labels() == UNASSIGNED).to_numpy() == (values > 1.0)).all()
    assert now.can_undo == "Cells stranger than 1.0 unassigned"
    now.undo()
    assert now.labels() is None


def test_other_scores_can_be_chosen_and_none_means_the_usual(page, project):
    result = load_result(project)
    page.multiselect(key=state.STRANGE_BY.name).set_value(["l2_hard"]).run()
    page.slider(key=state.STRANGE_LIMIT.name).set_value(1.0).run()
    assert metrics(page)["Beyond the limit"] == str((unknown_cells.outlier_score(result, ["l2_hard"]) > 1.0).sum())
    page.multiselect(key=state.STRANGE_BY.name).set_value([]).run()
    assert not page.exception, page.exception
    assert metrics(page)["Beyond the limit"] == str((unknown_cells.outlier_score(result) > 1.0).sum())


def test_a_limit_beyond_all_cells_leaves_all_as_they_are(page, project):
    page.slider(key=state.STRANGE_LIMIT.name).set_value(6.0).run()
    values = unknown_cells.outlier_score(load_result(project))
    assert page.button(key="apply_strange").disabled == (values <= 6.0).all()


def test_a_method_without_scores_is_told(open_page, project):
    project.set_params("transfer", {"method": "targetcluster"}, note="Another method")
    for step in ("transfer", "theta"):
        jobs.compute(project, step)
    app = open_page("uncertainty", project.id)
    app.session_state[state.CONFIDENCE_TAB.name] = TAB
    app.run()
    assert not app.exception, app.exception
    assert "does not rebuild your cells" in texts(app)


def test_every_score_has_a_plain_name():
    assert set(unknown_cells_view.SCORES) == set(unknown_cells.SCORES)


def test_where_strange_cells_are():
    whole = pd.DataFrame({"cluster": ["1", "1", "2", "2", "2"]})
    said = unknown_cells_view._where(whole.iloc[1:4], whole)
    assert said.startswith("2 of the 3 cells of cluster 2, 1 of the 2 cells of cluster 1.")


def test_only_scores_that_the_method_gave_are_offered(open_page, project):
    """A choice made with another method must not lead to an error."""
    found, kept = load_result(project), ["margin", "entropy", "reconstruction"]
    scores = unknown_cells.score_table(found)[kept]
    diagnostics = replace(found.diagnostics, rejection_scores=tuple(kept))
    other = replace(found, obsm={**found.obsm, "rejection": scores.to_numpy()}, diagnostics=diagnostics)
    save_result(project.result_dir("theta") / RESULT, other)
    st.cache_resource.clear()
    app = open_page("uncertainty", project.id)
    app.session_state[state.CONFIDENCE_TAB.name] = TAB
    app.session_state[state.STRANGE_BY.name] = ["kurtosis", "margin"]
    app.run()
    assert not app.exception
    assert not app.error
    choice = next(item for item in app.multiselect if item.label == "Judge a cell by")
    assert choice.value == ["margin"]
    assert len(choice.options) == 3
    assert "takes the names of the source cells nearest to it" in texts(app)  # no mixture of types was made
    st.cache_resource.clear()
