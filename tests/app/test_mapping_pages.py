"""Pages of a method that maps a target onto a reference: what was adapted, batches, curves."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from sctl import jobs, workflow
from sctl.analysis.markers import top_markers
from sctl.data import UNASSIGNED, Pair
from sctl.errors import DataError
from sctl.jobs.tasks import run_job
from sctl.methods import get_method
from sctl.project import (
    Project,
    analyses,
    load_markers,
    load_pair,
    load_result,
    load_self_test,
    trained_file,
)
from sctl.project.results import latent_in
from sctl.run import Run
from sctl.sharing import load_adaptor, load_trained
from sctl.ui.confidence import uncertainty_view
from sctl.ui.data import datasets_view
from sctl.ui.export import exports
from sctl.ui.frame import state
from sctl.ui.reference import self_test_view
from sctl.ui.widgets import training_view
from sctl.workflow import Finding

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
    assert list(found.diagnostics.mapping.conditions) == ["donor 1", "donor 2", "donor 1 (new)", "donor 2 (new)"]


@pytest.mark.parametrize("key", ["scarches", "itclust"])
def test_a_column_that_neither_side_has_is_refused(pair: Pair, key):
    with pytest.raises(DataError, match="Neither dataset has a column 'planet'"):
        workflow.transfer(pair, get_method(key)(batch_key="planet"), Run())
    with_donor = workflow.with_batches(replace(pair, batch_key="donor"), get_method(key)())
    assert with_donor.params["batch_key"] == "donor"
    assert workflow.with_batches(pair, get_method("targetcluster")()).key == "targetcluster"


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
    assert "The reference did not move" in shown
    assert "Weights adapted to your cells 512" in shown
    assert "Genes your data lacks 0" in shown
    assert "**Learn the reference:**" in shown
    assert "**Adapt to your data:**" in shown


def test_missing_genes_are_named(open_page, project):
    target = project.input("target")[:, 30:].copy()
    project.put_input("target", target, {"filename": "fewer.h5ad"})
    project.set_params("transfer", {"method": "scarches", "params": QUICK}, note="the same")
    kept = [gene for gene in load_result(project).var_names or () if gene not in target.var_names]
    assert kept  # of the earlier result
    other = Project.create("Fewer")
    other.put_trained(trained_file(Project.open(project.id).at_last_result("transfer")), {"filename": "reference.sctl"})
    other.put_input("target", target, {"filename": "fewer.h5ad"})
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(other, step)
    assert sorted(load_result(other).diagnostics.genes.lacking) == sorted(kept)
    shown = fine(open_page("transfer", other.id))
    assert f"Genes your data lacks {len(kept)}" in texts(shown)
    assert any(kept[0] in item.value for item in shown.code)


def test_the_reference_with_the_targets_cells_is_taken_away(open_page, project, tmp_path):
    found = load_result(project)
    app = fine(open_page("export", project.id))
    assert {"Weights of your datasets (.sctl)", "The reference with your cells (.sctl)"} <= {
        str(item.label) for item in app.get("download_button")
    }
    (tmp_path / "adaptor.sctl").write_bytes(exports._adaptor(found))
    assert set(load_adaptor(tmp_path / "adaptor.sctl")[1]) == {"donor 1 (new)", "donor 2 (new)"}
    mine = pd.Series(np.where(found.labels == UNASSIGNED, "my own type", found.labels), index=found.obs_names)
    project.set_labels(mine)
    (tmp_path / "grown.sctl").write_bytes(exports._grown(project, found))
    grown, old = load_trained(tmp_path / "grown.sctl"), load_trained(trained_file(project))
    assert grown.n_source == old.n_source + found.n_obs
    assert "my own type" in grown.label_names
    np.testing.assert_array_equal(grown.method.latent_[: old.n_source], old.method.latent_)


def test_phases_without_rounds_are_left_out(project):
    found = load_result(project)
    training = found.diagnostics.training
    still = replace(training.logs["Adapt to your data"], train=(), validation=())
    training = replace(training, logs={**training.logs, "Adapt to your data": still})
    other = replace(found, diagnostics=replace(found.diagnostics, training=training))
    assert list(training_view.phases_of(other)) == ["Learn the reference"]


# -- two doubts ----------------------------------------------------------------------------------------

TAB = "Cells beyond the source"


def opened(open_page, project):
    """The page of confidence with the tab of doubts open."""
    app = fine(open_page("uncertainty", project.id))
    app.session_state[state.CONFIDENCE_TAB.name] = TAB
    return fine(app.run())


def test_both_doubts_follow_from_the_result(project):
    found = load_result(project)
    table = uncertainty_view.uncertainty_table(found)
    unknown, ambiguity, _ = np.asarray(found.obsm["novelty"]).T
    far = unknown > found.diagnostics.novelty.threshold
    np.testing.assert_array_equal(table["verdict"] == uncertainty_view.FAR, far)
    np.testing.assert_array_equal(table["verdict"] == uncertainty_view.BETWEEN, ~far & (ambiguity > 0.5))
    np.testing.assert_array_equal(table["verdict"] == uncertainty_view.NAMED, found.labels != UNASSIGNED)
    kept = uncertainty_view.uncertainty_table(replace(found, params={**found.params, "find_new_types": False}))
    assert not (kept["verdict"] == uncertainty_view.FAR).any()


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


# -- tests of the reference -----------------------------------------------------------------------------


def test_the_reference_is_tested_in_the_background_and_the_answer_is_saved_with_it(open_page, project, tmp_path):
    app = fine(open_page("transfer", project.id))
    next(item for item in app.button if item.label == "Test the reference").click().run()
    job = jobs.jobs_of(project)[0]
    assert job.kind == "self_test"
    assert job.wait(180).status == "done", job.log
    tables = load_self_test(project)
    assert tables["types"]["type"] == sorted(load_result(project).label_names)
    assert tables["datasets"]["dataset"] == ["donor 1", "donor 2"]
    assert tables["genes"]["missing"] == [0.0, 0.1, 0.25, 0.4]
    shown = texts(fine(open_page("transfer", project.id)))
    assert "Of a type it had never seen, it noticed" in shown
    saved = load_trained(trained_file(project)).method
    assert saved.self_test_["types"]["type"] == tables["types"]["type"]
    np.testing.assert_array_equal(saved.latent_, latent_in(project.result_dir("transfer"))["points"])
    # whoever maps onto the saved reference sees the same
    other = Project.create("Mapped")
    other.put_trained(trained_file(project), {"filename": "reference.sctl"})
    other.put_input("target", project.input("target"), {"filename": "target.h5ad"})
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(other, step)
    np.testing.assert_array_equal(load_result(other).label_proba, load_result(project).label_proba)
    shown = texts(fine(open_page("transfer", other.id)))
    assert "Tested by those who saved the reference" in shown
    assert "Of a type it had never seen, it noticed" in shown
    with pytest.raises(DataError, match="cannot be tested here"):
        workflow.self_tests(load_pair(other), get_method("scarches")())


def test_finished_parts_are_kept_and_not_repeated(project):
    row = {"dataset": "donor 1", "n_cells": 9, "accuracy": 0.5, "called": 0.0, "accuracy_called": float("nan")}
    found = Finding(number=4, kind="datasets", name="donor 1", rows=(row,))
    analyses.save(project, "self_test", None, found)
    assert [(one.kind, one.name) for one in analyses.load(project, "self_test")] == [("datasets", "donor 1")]
    assert np.isnan(load_self_test(project)["datasets"]["accuracy_called"][0])
    assert "**50%** of the cells" in self_test_view.in_words(load_self_test(project))[0]


# -- the method's own space --------------------------------------------------------------------------------


def test_a_map_in_the_methods_own_space(open_page, project):
    run_job(project.root, {"kind": "explore", "settings": project.settings.to_dict()}, lambda *_: Run())
    drawn = analyses.load(project, "latent")
    found = load_result(project)
    assert drawn["latent_umap_target"].shape == (found.n_obs, 2)
    assert len(drawn["latent_umap_source"]) == len(drawn["latent_source_types"]) == load_pair(project).source.n_obs
    order = np.argsort(load_pair(project).source.obs_names.to_numpy(dtype=str), kind="stable")
    types = load_pair(project).source.obs["cell_type"].astype(str).to_numpy()[order]
    np.testing.assert_array_equal(drawn["latent_source_types"], types)
    state_key = state.MAP_CELLS.name
    app = fine(open_page("explore", project.id))
    app.session_state[state_key] = "latent"
    shown = texts(fine(app.run()))
    assert f"{len(types)} source cells and {found.n_obs} of yours, each in the colour of its cell type" in shown


# -- datasets ------------------------------------------------------------------------------------------------


def test_types_of_every_dataset_of_both_sides(open_page, project):
    found, pair = load_result(project), load_pair(project)
    bars, types = datasets_view.parts(project, "donor", found.labels)
    counts = pd.crosstab(bars, types)
    assert list(counts.index) == ["Source: donor 1", "Source: donor 2", "Yours: donor 1", "Yours: donor 2"]
    of_source = pd.crosstab(pair.source.obs["donor"].astype(str), pair.source.obs["cell_type"].astype(str))
    np.testing.assert_array_equal(counts.loc[counts.index.str.startswith("Source"), of_source.columns], of_source)
    assert counts.loc["Yours: donor 1"].sum() == (pair.target.obs["donor"] == "donor 1").sum()
    whole = datasets_view.parts(project, "", found.labels)[0]
    assert set(whole) == {"Source: all", "Yours: all"}
    app = fine(open_page("explore", project.id))
    assert next(item for item in app.selectbox if item.key == state.DATASETS.name).value == "donor"


def test_what_to_expect_is_taken_from_the_tests_once_they_are_done(project):
    found = load_result(project)
    assert "That is too good" in uncertainty_view.expectation(found, {})
    tested = {"types": {"flagged": [0.25, 0.75]}}
    assert "50% of that type's cells got no name" in uncertainty_view.expectation(found, tested)
