"""Whole walks through the app in a real browser: the demo, two files of one's own, a sweep that is stopped."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anndata as ad
import pandas as pd
import pytest

from sctl import jobs
from sctl.analysis.markers import top_markers
from sctl.data.demo import load_demo
from sctl.project import Project, load_markers, load_points, load_result
from sctl.simulate import toy_counts
from sctl.ui.confidence.uncertainty_view import N_GENES

pytestmark = pytest.mark.slow

LONG = 240_000
"""Milliseconds for what a busy computer may take long for."""


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The server's folder of projects, also for this process."""
    folder = tmp_path / "projects"
    monkeypatch.setenv("SCTL_PROJECTS", str(folder))
    return folder


@contextmanager
def nothing_left_running(folder: Path) -> Iterator[None]:
    """End jobs when the visitor has left: they outlive the server on purpose."""
    try:
        yield
    finally:
        for root in folder.glob("*/project.json"):
            for job in jobs.running(Project(root.parent)):
                job.stop(wait=0)


def the_project(app) -> Project:
    found = re.search(r"p=([a-z0-9]{12})", app.page.url)
    assert found, app.page.url
    return Project.open(found[1])


def press(app, name: str, timeout: float = LONG):
    """Press a button as soon as it can be pressed."""
    button = app.page.get_by_role("button", name=name).and_(app.page.locator(":enabled")).first
    button.wait_for(timeout=timeout)
    button.click()
    return app.idle(timeout)


def map_is_drawn(app) -> None:
    app.page.locator("[data-testid=stPlotlyChart] canvas").first.wait_for(timeout=LONG)


def download(app, name: str, folder: Path) -> Path:
    with app.page.expect_download(timeout=LONG) as waiting:
        app.page.get_by_role("button", name=name).first.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def lasso_left_half(app, folder: Path) -> None:
    """Draw around the left half of the map with the mouse, once nothing is left that would draw the map again."""
    projects = [Project(root.parent) for root in folder.glob("*/project.json")]
    app.until(lambda: not any(map(jobs.running, projects)), "all jobs end")
    app.idle()
    map_is_drawn(app)
    area = app.page.locator("[data-testid=stPlotlyChart] .nsewdrag").first.bounding_box()
    corners = [(0.01, 0.01), (0.5, 0.01), (0.5, 0.99), (0.01, 0.99), (0.01, 0.02)]
    places = [(area["x"] + area["width"] * x, area["y"] + area["height"] * y) for x, y in corners]
    app.page.mouse.move(*places[0])
    app.page.mouse.down()
    for place in places[1:]:
        app.page.mouse.move(*place, steps=5)
    app.page.mouse.up()
    app.until(lambda: selected(app) > 0, "cells in the lasso are selected")


def selected(app) -> int:
    return int(app.page.get_by_test_id("stMetricValue").first.inner_text().split(" of ")[0].replace(",", ""))


def test_the_demo_leads_to_an_answer_in_two_clicks(app, here, tmp_path):
    with nothing_left_running(here):
        app.open()
        press(app, "Try the demo")
        press(app, "Go on to Explore")
        map_is_drawn(app)
        project = the_project(app)

        assert selected(app) == 0
        lasso_left_half(app, here)
        assert 0 < selected(app) < 702

        app.go("Marker genes")
        app.sees("The best genes of every group", 60_000)
        app.go("Confidence")
        app.sees("Named cells")
        app.go("Trust in the source")
        app.sees("How right was it?")
        app.go("Export")
        result = ad.read_h5ad(download(app, "Annotated dataset", tmp_path))
        assert result.n_obs == 702
        assert {"sctl_transfercluster", "sctl_transfercluster_label", "sctl_transfercluster_confidence"} <= {
            *result.obs
        }
        assert "X_umap" in result.obsm
        right = result.obs["sctl_transfercluster_label"].astype(str) == project.truth().reindex(result.obs_names)
        assert right.mean() > 0.9
        with zipfile.ZipFile(download(app, "All tables", tmp_path)) as archive:
            assert "cells_transfercluster.csv" in archive.namelist()
        assert download(app, "SVG", tmp_path).read_bytes().startswith(b"<?xml")
        assert "Traceback" not in app.page.content()


def test_two_files_of_ones_own_lead_to_an_answer(app, here, tmp_path):
    source, target = toy_counts()
    truth = target.obs["cell_type"].astype(str)
    source.write_h5ad(tmp_path / "atlas.h5ad")
    table = pd.DataFrame(target.X.toarray().astype(int), index=target.obs_names, columns=target.var_names)
    table.T.to_csv(tmp_path / "mine.csv", index_label="gene")  # genes down, as most tables come
    with nothing_left_running(here):
        app.open().click("Start a new project")
        for place, name in ((0, "atlas.h5ad"), (0, "mine.csv")):
            inputs = app.page.get_by_test_id("stFileUploaderDropzoneInput")
            inputs.nth(place if name == "atlas.h5ad" else inputs.count() - 1).set_input_files(tmp_path / name)
            app.page.get_by_text(name).first.wait_for(timeout=LONG)
            app.idle(LONG)
        press(app, "Go on to Preprocess")
        press(app, "Prepare the data")
        press(app, "Go on to Transfer")
        press(app, "Run")
        app.go("Trust in the source")
        press(app, "Go on to Explore")
        map_is_drawn(app)
        app.go("Export")
        cells = pd.read_csv(download(app, "Cells and their names", tmp_path), index_col="cell")
        assert (cells["label"] == truth.reindex(cells.index)).mean() > 0.95
        assert "Traceback" not in app.page.content()


def test_a_source_that_nobody_labelled_leads_to_groups(app, here, tmp_path):
    source, target = toy_counts()
    truth = target.obs["cell_type"].astype(str)
    for name, adata in (("atlas.h5ad", source), ("mine.h5ad", target)):
        bare = adata.copy()
        bare.obs = bare.obs[[]]
        bare.write_h5ad(tmp_path / name)
    with nothing_left_running(here):
        app.open().click("Start a new project")
        for name in ("atlas.h5ad", "mine.h5ad"):
            inputs = app.page.get_by_test_id("stFileUploaderDropzoneInput")
            inputs.nth(0 if name == "atlas.h5ad" else inputs.count() - 1).set_input_files(tmp_path / name)
            app.page.get_by_text(name).first.wait_for(timeout=LONG)
            app.idle(LONG)
        press(app, "Go on to Preprocess")
        press(app, "Prepare the data")
        press(app, "Go on to Transfer")
        app.sees("Yes.", LONG)
        app.sees("The curve bends at 4", LONG)
        press(app, "Run")
        app.go("Trust in the source")
        press(app, "Go on to Explore")
        map_is_drawn(app)
        labels = load_result(the_project(app)).labels
        assert set(labels) == {"group 1", "group 2", "group 3", "group 4"}
        assert pd.crosstab(labels, truth.to_numpy()).max(axis=1).sum() > 0.95 * len(truth)  # each group is one type
        assert "Traceback" not in app.page.content()


def test_a_network_names_the_cells_of_the_demo_and_either_answer_can_be_kept(app, here):
    project = Project.create("Demo with a network")
    demo = load_demo()
    project.put_input("source", demo.source, {"filename": "source.h5ad"})
    project.put_input("target", demo.target, {"filename": "target.h5ad"})
    project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    jobs.compute(project, "preprocess")
    with nothing_left_running(here):
        app.open(f"transfer?p={project.id}")
        app.page.locator("[class*='st-key-choose'][class*='itclust'] button").click()
        app.idle()
        press(app, "Run")
        curves = app.page.get_by_test_id("stMain").locator('img[src^="data:image/svg+xml"]')
        curves.first.wait_for(timeout=LONG)
        press(app, "Go on to Explore")
        map_is_drawn(app)
        app.page.get_by_role("tab", name="From source type to group").click()
        app.sees("Source type at first")

        app.go("Confidence")
        app.page.get_by_role("tab", name="How the groups formed").click()
        app.sees("Watch the groups form")
        app.page.get_by_text("▶ Play").first.click()
        result = load_result(project)
        assert (result.labels == demo.truth.reindex(result.obs_names)).mean() > 0.8
        other = {"before": "after", "after": "before"}[str(result.diagnostics.kept.answer)]
        app.page.get_by_text(f"Groups from {other} sharpening").first.click()
        app.sees(f"The groups from {other} sharpening are now in use", LONG)
        assert str(load_result(project).diagnostics.kept.answer) == other
        press(app, "Undo")
        app.until(
            lambda: str(load_result(project).diagnostics.kept.answer) == str(result.diagnostics.kept.answer),
            "the answer is back",
        )
        assert "Traceback" not in app.page.content()


def test_a_stopped_sweep_outlives_a_reload_and_resumes(app, here):
    project = _prepared(here)
    with nothing_left_running(here):
        app.open(f"?p={project.id}")
        app.go("Transfer")
        app.page.get_by_text("Advanced settings").click()
        step = app.page.get_by_role("spinbutton", name="Step of θ")
        step.fill("0.01")
        step.press("Enter")
        app.idle()
        press(app, "Run")
        app.go("Trust in the source")
        app.until(lambda: len(load_points(project)) >= 3, "the sweep gets on")
        app.page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()  # Streamlit has one of its own
        app.sees("Stopped after", LONG)
        kept = {point.theta: point.kta for point in load_points(project)}
        assert 3 <= len(kept) < 91

        app.page.reload()
        app.idle()
        app.sees(f"Stopped after {len(kept)} of 91 values of θ")
        press(app, "Resume")
        press(app, "Go on to Explore")
        finished = {point.theta: point.kta for point in load_points(project)}
        assert len(finished) == 91
        assert {theta: finished[theta] for theta in kept} == kept


def _prepared(folder: Path) -> Project:
    """A project of 700 cells, so that a fine sweep takes long enough to be stopped."""
    source, target = toy_counts(n_source=300, n_target=700)
    project = Project.create("To be stopped")
    assert project.root.parent == folder
    project.put_input("source", source, {"filename": "source.h5ad"})
    project.put_input("target", target, {"filename": "target.h5ad"})
    project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    jobs.compute(project, "preprocess")
    return project


def test_a_source_trained_once_serves_another_project(app, here, tmp_path):
    """Train on the demo's source, save it, and give the file and a target to a new project."""
    demo = load_demo()
    settings = {"n_pretrain_epochs": 2, "max_refreshes": 10}
    with nothing_left_running(here):
        first = Project.create("First")
        for role in ("source", "target"):
            first.put_input(role, getattr(demo, role), {"filename": f"{role}.h5ad"})
        first.set_params("data", {"label_key": demo.label_key}, note="Choose the cell types")
        first.set_params("transfer", {"method": "itclust", "params": settings}, note="Choose ItClust")
        assert jobs.submit(first, "theta").wait(LONG / 1000).status == "done"
        app.open(f"export?p={first.id}")
        model = download(app, "Save the trained source", tmp_path)
        assert model.name == "first.sctl"
        demo.target.write_h5ad(tmp_path / "mine.h5ad")

        app.open().click("Start a new project")
        broken = tmp_path / "broken.sctl"
        broken.write_bytes(model.read_bytes()[:5000])
        for name, place, said in (
            ("broken.sctl", 0, "only the beginning of one"),
            ("first.sctl", 0, "Model card"),
            ("mine.h5ad", -1, "1,000 of the 1,000 genes"),
        ):
            uploaders = app.page.get_by_test_id("stFileUploaderDropzoneInput")
            uploaders.nth(place if place >= 0 else uploaders.count() - 1).set_input_files(tmp_path / name)
            app.sees(said, LONG)
            app.idle(LONG)
        press(app, "Go on to Preprocess")
        press(app, "Prepare the data")
        press(app, "Go on to Transfer")
        app.sees("Nothing is trained again")
        press(app, "Run")
        app.go("Explore")
        map_is_drawn(app)
        app.sees("it has no cells that could be shown here")
        second = the_project(app)
        assert second.id != first.id
        pd.testing.assert_series_equal(*(pd.Series(load_result(project).labels) for project in (first, second)))
        result = load_result(second)
        assert (pd.Series(result.labels, result.obs_names) == demo.truth.reindex(result.obs_names)).mean() > 0.9
        assert "Traceback" not in app.page.content()


def test_a_target_is_mapped_onto_a_reference_that_lacks_a_type(app, here):
    """From Transfer to Confidence: nothing of the reference moves, and what it lacks is a group with marker genes."""
    project, demo = Project.create("Demo on a reference"), load_demo()
    lacking = demo.source[demo.source.obs["cell_type"] != "alpha"].copy()
    project.put_input("source", lacking, {"filename": "source.h5ad"})
    project.put_input("target", demo.target, {"filename": "target.h5ad"})
    project.set_params("data", {"label_key": "cell_type", "batch_key": "donor"}, note="Choose the columns")
    project.set_params("transfer", {"method": "scarches"}, note="Choose scArches")
    jobs.compute(project, "preprocess")
    with nothing_left_running(here):
        app.open(f"transfer?p={project.id}")
        press(app, "Run")
        app.page.get_by_test_id("stMain").locator('img[src^="data:image/svg+xml"]').first.wait_for(timeout=LONG)
        app.sees("The reference did not move", LONG)
        app.go("Explore")
        map_is_drawn(app)
        app.page.get_by_text("Both, as the method sees them").first.click(timeout=LONG)
        app.sees("each in the colour of its cell type", LONG)
        app.page.get_by_role("tab", name="Types in each dataset").click()
        app.sees("one donor's mix says little about others")

        app.go("Confidence")
        app.page.get_by_role("tab", name="Cells beyond the source").click()
        app.sees("Unknown 1: possible new type", LONG)
        app.until(lambda: project.state("markers") == "done", "marker genes are found")
        # Which cells form the group differs a little from one kind of processor to another, and with them their genes.
        best = top_markers(load_markers(project), N_GENES)
        genes = ", ".join(best.loc[best["group"] == "unknown 1", "gene"]) or "none is clearly higher in this group"
        app.sees(f"Marker genes: {genes}", LONG)
        press(app, "See them on the map")
        result = load_result(project)
        unknown = (result.clusters == result.cluster_names.index("unknown 1")).sum()
        app.until(lambda: selected(app) == unknown, "the group is selected")
        assert "Traceback" not in app.page.content()
