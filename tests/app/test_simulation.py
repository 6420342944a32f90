"""Simulated data on the page: made, kept with their origin, scored by the truth that was set aside."""

from __future__ import annotations

import pytest

from sctl import jobs
from sctl.project import Project
from sctl.simulate import Simulation
from sctl.ui.data import simulation
from sctl.ui.export import exports

SMALL = Simulation(overlap="none", n_source=100, n_target=60, n_vars=300, seed=4)


@pytest.fixture
def project(projects):
    return Project.create("Toy")


def texts(app):
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "toast")
    return "\n".join(str(item.value) for kind in kinds for item in getattr(app, kind))


def simulate(app):
    return next(item for item in app.button if item.label == "Simulate")


def test_the_page_makes_what_was_chosen(open_page, project):
    app = open_page("data", project.id)
    app.radio(key="simulation:overlap").set_value("none")
    for name in ("n_source", "n_target", "n_vars", "seed"):
        app.number_input(key=f"simulation:{name}").set_value(getattr(SMALL, name))
    simulate(app).click().run()
    assert not app.exception, app.exception
    now = Project.open(project.id)
    info = now.input_info("target")
    assert (info["n_obs"], info["n_vars"]) == (60, 300)
    assert simulation.of(info) == SMALL
    assert now.params("data")["label_key"] == "cell_type"
    assert list(now.input("target").obs) == []
    assert now.truth().tolist() == SMALL.make().truth.tolist()
    assert "the source has none of the target's types" in texts(app)
    assert "swap cells and genes" not in texts(app)  # genes that nobody knows are no fault of made-up data


def test_what_cannot_be_made_is_said_and_nothing_is_changed(open_page, project):
    app = open_page("data", project.id)
    app.number_input(key="simulation:n_source").set_value(5000)
    app.number_input(key="simulation:n_vars").set_value(20_000)
    simulate(app).click().run()
    assert not app.exception, app.exception
    assert "values" in app.error[0].value
    assert "Your data are as they were" in app.error[0].value
    assert not Project.open(project.id).settings.inputs


def test_an_analysis_of_simulated_data_is_scored(open_page, project):
    simulation.put(project, SMALL)
    project.set_params("transfer", {"params": {"theta_step": 0.5, "theta_max": 0.5}}, note="Be quick")
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(project, step)
    app = open_page("theta", project.id)
    assert not app.exception, app.exception
    assert "How right was it?" in texts(app)


def test_the_truth_of_a_replaced_target_is_forgotten(open_page, project, target):
    simulation.put(project, SMALL)
    bare = target.copy()
    bare.var_names = project.input("source").var_names[: bare.n_vars]
    project.put_input("target", bare, {"filename": "mine.h5ad"})
    project.set_params("transfer", {"params": {"theta_step": 0.5, "theta_max": 0.5}}, note="Be quick")
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(project, step)
    for page in ("theta", "uncertainty"):
        app = open_page(page, project.id)
        assert not app.exception, app.exception
        assert not app.error
        assert "How right was it?" not in texts(app)
        assert "Of the named, named rightly" not in [metric.label for metric in app.metric]


def test_a_script_makes_the_same_data_again(project):
    simulation.put(project, SMALL)
    recipe = exports.recipe_of(project)
    assert recipe.simulated == {"source": SMALL.to_dict(), "target": SMALL.to_dict()}


def test_an_origin_of_another_kind_is_no_simulation():
    assert simulation.of({"filename": "a.h5ad"}) is None
    assert simulation.of({"simulated": {"colour": "red"}}) is None
    assert simulation.of({"simulated": True}) is None
