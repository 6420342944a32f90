"""The page on confidence where that is a probability."""

from __future__ import annotations

from dataclasses import replace

import pytest
import streamlit as st

from sctl import jobs
from sctl.analysis.second_opinion import as_given
from sctl.data import UNASSIGNED
from sctl.project import Project, load_result
from sctl.project.results import RESULT, save_result


@pytest.fixture(params=["panel", "targetcluster"])
def project(request, source, target, projects) -> Project:
    st.cache_resource.clear()
    made = Project.create("Toy")
    made.put_input("source", source, {"filename": "source.h5ad"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    made.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    made.set_params("transfer", {"method": request.param}, note="Choose a method")
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(made, step)
    return made


def test_the_page_says_what_the_confidence_is(open_page, project):
    app = open_page("uncertainty", project.id)
    assert not app.exception
    said = "\n".join(item.value for item in app.markdown)
    shown = {item.label: item.value for item in app.metric}
    result = load_result(project)
    assert "the probability that the name is right, if the source has the cell's type" in said
    sure = result.confidence[(result.labels != UNASSIGNED) & (result.confidence >= 0.5)]
    assert shown["Right names to expect"] == f"{sure.sum():,.0f}"
    assert ("Same name by simple classifiers" in shown) is (result.method != "panel")
    assert "Resemble no known type" in shown


def test_without_a_second_opinion_it_is_no_probability(open_page, project):
    found = as_given(load_result(project))
    bare = replace(found, obs={}, obsm={}, diagnostics=replace(found.diagnostics, calibration=None))
    save_result(project.result_dir("theta") / RESULT, bare)
    st.cache_resource.clear()
    app = open_page("uncertainty", project.id)
    assert not app.exception
    assert "**What it is not:** the chance that the name is right." in "\n".join(item.value for item in app.markdown)
    assert not {"Right names to expect", "Resemble no known type"} & {item.label for item in app.metric}


def test_no_right_names_are_expected_of_a_foreign_source(open_page, project):
    found = load_result(project)
    foreign = replace(found.diagnostics.calibration, source_fit=0.3, source_verdict="another tissue")
    save_result(
        project.result_dir("theta") / RESULT,
        replace(found, diagnostics=replace(found.diagnostics, calibration=foreign)),
    )
    st.cache_resource.clear()
    app = open_page("uncertainty", project.id)
    assert not app.exception
    assert any("seems to be of another tissue" in item.value for item in app.warning)
    assert "Right names to expect" not in {item.label for item in app.metric}
    assert any("no limit can be recommended" in item.value for item in app.caption)
    table = next(item.value for item in app.dataframe if "Verdict" in item.value)
    assert set(table["Verdict"]) == {"✗ doubtful"}
