"""Pages of a project whose method is the Poisson autoencoder: denoised genes, and what else only it has."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sctl import jobs, pipeline
from sctl.denoised import denoised
from sctl.errors import ParameterError
from sctl.jobs.tasks import run_job
from sctl.project import Project, SearchQuestion, load_result, load_search
from sctl.run import Run
from sctl.ui import results, state

QUICK = {"n_hidden": 40, "n_code": 12, "max_epochs": 20, "learning_rate": 2e-3}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, source, target) -> Path:
    """The folder of a project with a result and its map, for tests to copy."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(root))
        project = Project.create("Toy")
        project.put_input("source", source, {"filename": "source.h5ad"})
        project.put_input("target", target, {"filename": "target.h5ad"})
        project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
        project.set_params("transfer", {"method": "poissonautoencoder", "params": QUICK}, note="Learn a code")
        for step in ("preprocess", "transfer", "theta"):
            jobs.compute(project, step)
        return project.root


@pytest.fixture
def done(finished, projects) -> Project:
    """A project of this test's own."""
    shutil.copytree(finished, projects / finished.name)
    return Project.open(finished.name)


def fine(app):
    assert not app.exception, app.exception
    return app


def test_denoised_genes_can_be_looked_at(open_page, done):
    gene = results.denoised_genes(done)[3]
    expected = denoised(load_result(done), [gene])[gene].to_numpy()
    np.testing.assert_allclose(results.denoised_expression(done, gene), expected)
    app = open_page("explore", done.id)
    app.session_state[state.DENOISED.name] = True
    app.session_state[state.GENE.of("violin").name] = gene
    fine(app.run())
    assert f"{gene} (denoised)" in str([chart.proto for chart in app.get("plotly_chart")])


def test_a_search_is_offered_followed_by_its_table_and_taken_over(open_page, done):
    method, ranges = "poissonautoencoder", "wide"
    app = fine(open_page("transfer", done.id))
    app.number_input(key=state.SEARCH_TRIALS.name).set_value(2).run()
    app.button(key="search:start").click().run()
    job = jobs.running(done)[0]
    job.stop(wait=20)
    question = SearchQuestion.from_dict(job.params["question"])
    assert (question.method, question.ranges, question.n_trials) == (method, ranges, 2)
    question = replace(question, params={**question.params, "max_epochs": 1})
    described = {"kind": "search", "params": {"question": question.to_dict()}, "settings": done.settings.to_dict()}
    run_job(done.root, described, lambda step, low, high: Run())
    found = load_search(done, question)
    assert [trial.number for trial in found.trials] == [0, 1]
    run_job(done.root, {**described, "params": {"question": {**question.to_dict(), "n_trials": 3}}}, lambda *_: Run())
    again = load_search(done, question)
    assert again.trials[:2] == found.trials
    assert len(again.trials) == 3
    app = fine(open_page("transfer", done.id))
    app.session_state[state.SEARCH_TRIALS.name] = 3
    app.session_state[state.PARAMETER.of(method, "max_epochs").name] = 1
    fine(app.run())
    assert "Parcoords" in str(app.get("plotly_chart")) or app.button(key="search:take")
    app.button(key="search:take").click().run()
    fine(app)
    best = pipeline.best_settings(again)
    for name, value in best.items():
        assert app.session_state[state.PARAMETER.of(method, name).name] == pytest.approx(value), name


def test_a_search_has_sound_questions():
    with pytest.raises(ParameterError, match="no ranges"):
        SearchQuestion(method="poissonautoencoder", params={}, ranges="narrow").wanted  # noqa: B018 - it checks
    with pytest.raises(ParameterError, match="0 trials"):
        SearchQuestion(method="poissonautoencoder", params={}, n_trials=0).wanted  # noqa: B018
