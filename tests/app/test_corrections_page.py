"""Optional corrections on the Preprocess page: off at first, kept when chosen, their effect shown afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from sctl.jobs.tasks import compute
from sctl.project import Project
from sctl.simulate import toy_counts


@pytest.fixture
def project(projects):
    """A project with a small pair, nothing computed."""
    source, target = toy_counts()
    made = Project.create("Toy")
    made.put_input("source", source, {"filename": "source.h5ad"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    made.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    return made


def labels(app):
    return {metric.label: metric for metric in app.metric}


def test_both_are_off_at_first_and_settings_of_what_is_off_are_hidden(open_page, project):
    app = open_page("preprocess", project.id)
    assert not app.exception
    assert app.selectbox(key="setting::imputation").value == "none"
    assert app.selectbox(key="setting::batch_correction").value == "none"
    assert "Steps of smoothing (t)" not in [entry.label for entry in app.number_input]


def test_choices_are_kept(open_page, project):
    app = open_page("preprocess", project.id)
    app.selectbox(key="setting::imputation").set_value("magic").run()
    app.number_input(key="setting::imputation_t").set_value(2).run()
    app.selectbox(key="setting::batch_correction").set_value("combat").run()
    assert not app.exception
    kept = project.params("preprocess")
    assert (kept["imputation"], kept["imputation_t"], kept["batch_correction"]) == ("magic", 2, "combat")
    app.number_input(key="setting::imputation_t").set_value(None).run()
    assert project.params("preprocess")["imputation_t"] == 3


def test_a_batch_effect_without_logarithm_is_refused_in_words(open_page, project):
    project.set_params("preprocess", {"log": "none"}, note="No logarithm")
    app = open_page("preprocess", project.id)
    app.selectbox(key="setting::batch_correction").set_value("combat").run()
    assert not app.exception
    assert any("ComBat needs logarithms" in error.value for error in app.error)
    assert project.params("preprocess")["batch_correction"] == "none"
    assert app.selectbox(key="setting::batch_correction").value == "none"


def test_the_effect_is_shown_after_preparing(open_page, project):
    project.set_params("preprocess", {"imputation": "magic", "batch_correction": "combat"}, note="Both")
    compute(project, "preprocess")
    app = open_page("preprocess", project.id)
    assert not app.exception
    shown = labels(app)
    for name in ("Zeros in the target", "Median correlation of two genes", "Neighbours from the other dataset"):
        assert shown[name].delta.split()[1].startswith("before"), shown[name].delta
    assert len(app.get("plotly_chart")) >= 3


def test_without_corrections_no_effect_is_shown(open_page, project):
    compute(project, "preprocess")
    assert "Neighbours from the other dataset" not in labels(open_page("preprocess", project.id))


def test_the_other_dataset_can_be_laid_over_the_histogram(open_page, project):
    app = open_page("preprocess", project.id)
    assert not app.exception
    app.toggle(key="outline").set_value(True).run()
    assert not app.exception
    assert app.toggle(key="outline").label == "Show the source as an orange line"


def test_kept_and_left_out_cells_are_drawn_where_some_are_left_out(open_page, project):
    def drawn(app):
        return [box.label for box in app.expander if "left out" in box.label]

    assert not drawn(open_page("preprocess", project.id))
    genes = np.asarray((project.input("target").X > 0).sum(axis=1)).ravel()
    project.set_params("preprocess", {"target": {"min_genes": int(np.median(genes))}}, note="Fewer cells")
    app = open_page("preprocess", project.id)
    assert not app.exception
    assert drawn(app) == ["Cells that are kept and left out, one by one"]
