"""The page on confidence where that is a probability."""

from __future__ import annotations

import pytest
import streamlit as st

from sctl import jobs
from sctl.data import UNASSIGNED
from sctl.project import Project, load_result


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
    expected = {item.label: item.value for item in app.metric}.get("Right names to expect")
    result = load_result(project)
    if result.method == "panel":
        assert "the probability that the name is right, if the source has the cell's type" in said
        sure = result.confidence[(result.labels != UNASSIGNED) & (result.confidence >= 0.5)]
        assert expected == f"{sure.sum():,.0f}"
    else:
        assert "**What it is not:** the chance that the name is right." in said
        assert expected is None
