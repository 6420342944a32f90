"""The tab on two groups: the question, the job it starts, and the counts it shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sctl import jobs
from sctl.analysis.stability_outcomes import Outcome
from sctl.project import Project, analyses, load_result
from sctl.ui.confidence import stability_view
from sctl.ui.export import exports
from sctl.ui.frame import state
from sctl.workflow import RepeatsParams

TAB = "Two groups or one?"
METHODS = ("transfercluster", "targetcluster", "concatenatecluster")


@pytest.fixture
def project(projects, source, target) -> Project:
    made = Project.create("Toy")
    made.put_input("source", source, {"filename": "source.h5ad"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    made.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    made.set_params("transfer", {"params": {"theta_step": 0.5, "theta_max": 0.5}}, note="Be quick")
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(made, step)
    return made


def opened(open_page, project):
    """The page with the tab open."""
    app = open_page("uncertainty", project.id)
    assert not app.exception, app.exception
    app.session_state[state.CONFIDENCE_TAB.name] = TAB
    app.run()
    assert not app.exception, app.exception
    return app


def texts(app):
    return "\n".join(str(item.value) for kind in ("markdown", "caption", "info") for item in getattr(app, kind))


def answer(project, question, hits):
    """Write the outcomes of ten seeds, so many of which kept the groups apart."""
    for key, count in zip(METHODS, hits, strict=True):
        for seed in range(10):
            outcome = Outcome(key, seed, separated=seed < count, total_variation=0.75, n_clusters=4 + seed % 2)
            analyses.save(project, "repeats", question, outcome)


def test_it_starts_a_job_for_the_two_groups(open_page, project, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "submit", lambda *given: started.append(given[1:]))
    app = opened(open_page, project)
    assert app.selectbox[0].options == ["Clusters that were found", "Cell types that were given"]  # no truth here
    app.select_slider(key=state.REPEATS_SEEDS.name).set_value(10).run()
    app.selectbox[1].set_value("1").run()
    app.selectbox[2].set_value("3").run()
    app.button(key="repeats:start").click().run()
    assert started == [("repeats", {"of": "clusters", "one": "1", "other": "3", "n_seeds": 10})]


def test_counts_are_shown_with_intervals_and_files(open_page, project):
    app = opened(open_page, project)
    question = RepeatsParams(of="clusters", one=app.selectbox[1].value, other=app.selectbox[2].value)
    answer(project, question, (10, 5, 0))
    app.run()
    assert not app.exception, app.exception
    table = app.dataframe[0].value
    assert table["Method"].tolist() == ["TransferCluster", "TargetCluster", "ConcatenateCluster"]
    assert table["Kept apart"].tolist() == ["10 of 10", "5 of 10", "0 of 10"]
    assert table["95 % interval"].tolist() == ["72% to 100%", "24% to 76%", "0% to 28%"]
    assert table["Groups found"].tolist() == ["4 to 5"] * 3
    assert len(app.get("plotly_chart")) == 1
    assert len(app.get("download_button")) == 2
    assert "which favours it" in texts(app)
    app.select_slider(key=state.REPEATS_SEEDS.name).set_value(10).run()
    assert app.button(key="repeats:start").label == "Done"
    assert app.button(key="repeats:start").disabled


def test_with_known_truth_the_true_types_are_asked_about(open_page, project, target):
    project.put_truth(target.obs["cell_type"].astype(str))
    app = opened(open_page, project)
    assert app.selectbox[0].value == "truth"
    assert set(app.selectbox[1].options) == {"type A", "type B", "type C", "type D"}
    answer(project, RepeatsParams(of="truth", one=app.selectbox[1].value, other=app.selectbox[2].value), (1, 1, 1))
    app.run()
    assert "fair to all methods" in texts(app)


def test_the_same_group_twice_is_no_question(open_page, project):
    app = opened(open_page, project)
    app.selectbox[2].set_value(app.selectbox[1].value).run()
    assert not app.exception, app.exception
    assert "Choose two different groups" in texts(app)
    assert not [button for button in app.button if button.key == "repeats:start"]


def test_of_earlier_settings_nothing_new_is_computed(open_page, project):
    project.set_params("transfer", {"seed": 3}, note="Another seed")
    app = opened(open_page, project)
    assert app.button(key="repeats:start").disabled


def test_it_starts_with_the_groups_that_are_hardest_to_tell_apart(project):
    proba = np.array([[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    assert stability_view._nearest(proba, pd.Series(["a", "b", "c"]), ["a", "b", "c"]) == ("a", "b")
    assert stability_view._nearest(proba, pd.Series(["c", "a", None]), ["a", "c"]) == ("a", "c")
    assert load_result(project).proba.shape[0] == 80


def test_all_repeats_go_into_the_archive(project):
    assert stability_view.all_outcomes(project).empty
    answer(project, RepeatsParams(of="clusters", one="1", other="2"), (3, 2, 1))
    answer(project, RepeatsParams(of="labels", one="type A", other="type B"), (0, 0, 0))
    table = stability_view.all_outcomes(project)
    assert len(table) == 60
    assert list(table)[:5] == ["of", "one", "other", "method", "seed"]
    assert table.query("of == 'clusters'")["separated"].sum() == 6
    assert "repeats_with_other_seeds.csv" in exports._tables(project)
