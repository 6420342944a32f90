"""Pages of a project whose method is the Poisson autoencoder: denoised genes, and what else only it has."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from sctl import jobs, workflow
from sctl.analysis.enrichment import UnitPathways
from sctl.errors import ParameterError
from sctl.genesets import GeneSets
from sctl.jobs.tasks import run_job
from sctl.methods.poisson.denoise import denoised
from sctl.numerics.hyperparameters import Search, Trial
from sctl.project import (
    Project,
    analyses,
    keep_gene_sets,
    load_result,
)
from sctl.run import Run
from sctl.ui.explain import units_view
from sctl.ui.frame import results, state
from sctl.workflow import ExplainParams, SearchParams, UnitsParams

QUICK = {"n_hidden": 40, "n_latent": 12, "max_epochs": 20, "learning_rate": 2e-3}


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
    question = SearchParams.from_dict(job.params)
    assert (question.method, question.ranges, question.n_trials) == (method, ranges, 2)
    question = replace(question, params={**question.params, "max_epochs": 1})
    described = {"kind": "search", "params": question.to_dict(), "settings": done.settings.to_dict()}
    run_job(done.root, described, lambda step, low, high: Run())
    found = analyses.load(done, "search", question)
    assert [trial.number for trial in found.trials] == [0, 1]
    run_job(done.root, {**described, "params": {**question.to_dict(), "n_trials": 3}}, lambda *_: Run())
    again = analyses.load(done, "search", question)
    assert again.trials[:2] == found.trials
    assert len(again.trials) == 3
    app = fine(open_page("transfer", done.id))
    app.session_state[state.SEARCH_TRIALS.name] = 3
    app.session_state[state.PARAMETER.of(method, "max_epochs").name] = 1
    fine(app.run())
    assert "Parcoords" in str(app.get("plotly_chart")) or app.button(key="search:take")
    app.button(key="search:take").click().run()
    fine(app)
    assert app.button(key="search:take")  # what was found is still there, whatever of it is in the form
    best = workflow.best_settings(again)
    for name, value in best.items():
        assert app.session_state[state.PARAMETER.of(method, name).name] == pytest.approx(value), name


def test_a_search_stopped_in_its_first_trial_has_nothing_to_take_over(open_page, done, monkeypatch):
    stopped, load = Search((Trial(0, {"n_latent": 8}, math.nan),), {}), analyses.load
    monkeypatch.setattr(analyses, "load", lambda *asked: stopped if asked[1] == "search" else load(*asked))
    app = fine(open_page("transfer", done.id))
    assert "No trial has come to its end" in app.info[-1].value
    assert app.button(key="search:start").label == "Go on"
    assert not [button for button in app.button if button.key == "search:take"]


def test_a_search_has_sound_questions():
    with pytest.raises(ParameterError, match="no ranges"):
        SearchParams(method="poissonautoencoder", params={}, ranges="narrow").wanted  # noqa: B018 - it checks
    with pytest.raises(ParameterError, match="0 trials"):
        SearchParams(method="poissonautoencoder", params={}, n_trials=0).wanted  # noqa: B018


def test_units_are_looked_at_and_compared_with_chance(open_page, done):
    genes = list(load_result(done).var_names)
    few = GeneSets("mine", {f"set {i}": frozenset(genes[20 * i : 20 * i + 20]) for i in range(3)})
    question = UnitsParams(n_units=2, sets=keep_gene_sets(done, few))
    why = ExplainParams(of="cell", name=str(load_result(done).obs_names[0]), sets=question.sets)
    described = {"kind": "explain", "params": why.to_dict(), "settings": done.settings.to_dict()}
    run_job(done.root, described, lambda step, low, high: Run())
    app = fine(open_page("explain", done.id))
    assert app.button(key="units:start")
    described = {"kind": "units", "params": question.to_dict(), "settings": done.settings.to_dict()}
    run_job(done.root, described, lambda step, low, high: Run())
    found = analyses.load(done, "units", question)
    assert tuple(found) == workflow.UNIT_CASES
    assert all(one.n_units == 2 and set(one.table["unit"]) <= {0, 1} for one in found.values())
    app.session_state[state.UNITS.name] = 2
    app.session_state[state.EXPLAIN_SETS.name] = question.sets
    fine(app.run())
    said = "\n".join(str(item.value) for item in app.markdown)
    assert f"**{found['trained'].n_any} of 2 units** have a significant pathway" in said
    assert list(units_view.sharing(found)["Units with any"]) == [one.n_any for one in found.values()]


def test_words_about_units_depend_on_the_controls():
    table = pd.DataFrame({"unit": [0, 0, 1], "set": ["a", "b", "a"], "cell_type": "x", "fdr_all": 0.01, "score": 1.0})
    hits, none = UnitPathways(table, 4), UnitPathways(table.assign(fdr_all=0.9), 4)
    learned = dict(zip(workflow.UNIT_CASES, (hits, none, none, none), strict=True))
    assert "some of this was learned" in units_view.in_words(learned)
    assert "Exactly one pathway: 1 units, and 0" in units_view.in_words(learned)
    assert "do not read meaning" in units_view.in_words({**learned, "random network": hits})
    assert units_view.sharing(learned).iloc[0, 1:].tolist() == [2, 1, 1, 0, 0, 0]


def test_the_curve_over_k_is_compared_where_the_truth_is_known(open_page, done, target):
    truth = target.obs["cell_type"].astype(str)
    assert "neighbours:start" not in {button.key for button in fine(open_page("transfer", done.id)).button}
    done.put_truth(truth)
    app = fine(open_page("transfer", done.id))
    assert app.button(key="neighbours:start")
    described = {"kind": "neighbours", "params": {}, "settings": done.settings.to_dict()}
    run_job(done.root, described, lambda step, low, high: Run())
    curves = analyses.load(done, "neighbours")
    spaces = curves["space"].unique()
    assert list(spaces[:1]) == ["the code"]
    assert set(spaces[1:]) == {"raw values", "principal components", "a random network", "most frequent type"}
    assert (curves.groupby("space")["k"].agg(list).map(tuple) == tuple(range(2, 26))).all()
    result = load_result(done)
    true = truth.reindex(result.obs_names).to_numpy()
    at_15 = curves[(curves["space"] == "the code") & (curves["k"] == 15)].iloc[0]
    assert at_15["accuracy"] == pytest.approx((result.labels == true).mean())
    assert at_15["macro_f1"] == pytest.approx(f1_score(true, result.labels, average="macro"))
    share = pd.Series(true).value_counts(normalize=True).iloc[0]
    assert curves[curves["space"] == "most frequent type"]["accuracy"].to_numpy() == pytest.approx(share)
    fine(app.run())
    assert "mean over all numbers of neighbours: the code" in "\n".join(str(item.value) for item in app.markdown)
