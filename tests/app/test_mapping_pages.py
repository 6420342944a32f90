"""Pages of a method that maps a target onto a reference: what was adapted, batches, curves."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st

from sctl import jobs, pipeline
from sctl.data import UNASSIGNED, Pair
from sctl.errors import DataError
from sctl.markers import top_markers
from sctl.methods import get_method
from sctl.project import Project, load_markers, load_result
from sctl.run import Run
from sctl.ui import doubts_view, state, training_view

QUICK = {"epochs": 6, "surgery_epochs": 3}


def without_a_type(source):
    """The source without the cells of one type, which the target has."""
    return source[source.obs["cell_type"] != sorted(source.obs["cell_type"].unique())[0]].copy()


@pytest.fixture(scope="module")
def template(tmp_path_factory, source, target) -> Path:
    """The folder of a project in which a target was mapped onto a reference that lacks one of its types."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(root))
        project = Project.create("Mapping")
        bare = target.copy()
        bare.obs = bare.obs[["donor"]]
        project.put_input("source", without_a_type(source), {"filename": "source.h5ad"})
        project.put_input("target", bare, {"filename": "target.h5ad"})
        project.put_truth(target.obs["cell_type"].astype(str))
        keys = {"label_key": "cell_type", "batch_key": "donor"}
        project.set_params("data", keys, note="Choose the columns")
        project.set_params("transfer", {"method": "scarches", "params": QUICK}, note="scArches")
        for step in ("preprocess", "transfer", "theta", "markers"):
            jobs.compute(project, step)
        return project.root


@pytest.fixture
def project(template, projects) -> Project:
    shutil.copytree(template, projects / template.name)
    return Project.open(template.name)


@pytest.fixture(autouse=True)
def nothing_remembered():
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def fine(app):
    assert not app.exception, app.exception
    return app


def texts(app) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "metric")
    shown = [item for kind in kinds for item in getattr(app, kind)]
    return "\n".join(f"{getattr(item, 'label', '')} {item.value}" for item in shown).replace("\\", "")


# -- batches -------------------------------------------------------------------------------------------


def test_the_column_of_samples_reaches_the_method(project):
    found = load_result(project)
    assert list(found.uns["conditions"]) == ["donor 1", "donor 2", "donor 1 (new)", "donor 2 (new)"]


@pytest.mark.parametrize("key", ["scarches", "itclust"])
def test_a_column_that_neither_side_has_is_refused(pair: Pair, key):
    with pytest.raises(DataError, match="Neither dataset has a column 'planet'"):
        pipeline.transfer(pair, get_method(key)(batch_key="planet"), Run())
    with_donor = pipeline.with_batches(replace(pair, batch_key="donor"), get_method(key)())
    assert with_donor.params["batch_key"] == "donor"
    assert pipeline.with_batches(pair, get_method("targetcluster")()).key == "targetcluster"


def test_the_form_offers_columns(open_page, project):
    app = fine(open_page("transfer", project.id))
    field = next(item for item in app.selectbox if item.key == "parameter:scarches:batch_key")
    assert field.options == ["donor"]
    assert field.value is None
    assert field.proto.placeholder == "as on the Data page: donor"


# -- what was adapted ------------------------------------------------------------------------------------


def test_the_transfer_page_tells_what_was_adapted(open_page, project):
    app = fine(open_page("transfer", project.id))
    shown = texts(app)
    assert "The reference did not move (drift 0)" in shown
    assert "Weights adapted to your cells 512" in shown
    assert "Genes your data lacks 0" in shown
    assert "**Learn the reference:**" in shown
    assert "**Adapt to your data:**" in shown


def test_phases_without_rounds_are_left_out(project):
    found = load_result(project)
    still = {**found.uns["training"]["Adapt to your data"], "train": np.empty(0), "validation": np.empty(0)}
    logs = {**found.uns["training"], "Adapt to your data": still}
    assert list(training_view.phases_of(replace(found, uns={**found.uns, "training": logs}))) == ["Learn the reference"]


# -- two doubts ----------------------------------------------------------------------------------------

TAB = "Cells beyond the source"


def opened(open_page, project):
    """The page of confidence with the tab of doubts open."""
    app = fine(open_page("uncertainty", project.id))
    app.session_state[state.CONFIDENCE_TAB.name] = TAB
    return fine(app.run())


def test_both_doubts_follow_from_the_result(project):
    found = load_result(project)
    table = doubts_view.doubts(found)
    unknown, ambiguity, _ = np.asarray(found.obsm["novelty"]).T
    far = unknown > found.uns["novelty"]["threshold"]
    np.testing.assert_array_equal(table["verdict"] == doubts_view.FAR, far)
    np.testing.assert_array_equal(table["verdict"] == doubts_view.BETWEEN, ~far & (ambiguity > 0.5))
    np.testing.assert_array_equal(table["verdict"] == doubts_view.NAMED, found.labels != UNASSIGNED)
    kept = doubts_view.doubts(replace(found, params={**found.params, "find_new_types": False}))
    assert not (kept["verdict"] == doubts_view.FAR).any()


def test_unknown_groups_are_shown_with_their_marker_genes(open_page, project):
    found = load_result(project)
    truth = project.truth().reindex(found.obs_names).to_numpy()
    hidden = ~np.isin(truth, found.label_names)
    mask = found.clusters == found.cluster_names.index("unknown 1")
    assert (mask & hidden).sum() > 0.5 * max(mask.sum(), hidden.sum())
    app = opened(open_page, project)
    shown = texts(app)
    assert f"**Unknown 1: possible new type** · {mask.sum()} cells" in shown
    best = top_markers(load_markers(project), 1).set_index("group")["gene"]["unknown 1"]
    assert f"Marker genes: *{best}*" in shown
    assert f"Far from all types {mask.sum()}" in shown
    assert f"Truly of a missing type {(hidden & mask).sum()}" in shown


def test_the_group_can_be_looked_at_on_other_pages(open_page, project):
    found = load_result(project)
    mask = found.clusters == found.cluster_names.index("unknown 1")
    app = opened(open_page, project)
    app = fine(next(item for item in app.button if item.key == "unknown:map:unknown 1").click().run())
    kept = app.session_state[state.SELECTION.of(project.fingerprint("preprocess")).name]
    np.testing.assert_array_equal(kept.mask, mask)
    app = opened(open_page, project)
    app = fine(next(item for item in app.button if item.key == "unknown:genes:unknown 1").click().run())
    assert app.session_state[state.MARKER_GROUP.name] == "unknown 1"


def test_without_markers_of_clusters_the_panel_says_so(open_page, project):
    project.set_params("markers", {"groups": "labels"}, note="Marker genes of labels")
    assert "appear here once they have been looked for" in texts(opened(open_page, project))
