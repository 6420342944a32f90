"""The second half of the walk, in process: with data, without, while something is out of date."""

from __future__ import annotations

import dataclasses
import io
import shutil
from contextlib import nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from sctl import jobs, plots, workflow
from sctl.analysis import uncertainty
from sctl.analysis.evaluate import agreement
from sctl.analysis.second_opinion import as_given
from sctl.analysis.subcluster import subgroups
from sctl.data import Diagnostics
from sctl.errors import Cancelled, ProjectError
from sctl.genesets import GeneSets
from sctl.jobs import JobState
from sctl.methods.transfercluster.theta import SweepWarning
from sctl.project import Project, analyses, load_pair, load_result, load_target_all, mean_of_genes, save_selection
from sctl.project.results import POINTS, RESULT, SWEEP, save_embeddings, save_point, save_result, save_sweep
from sctl.run import Run
from sctl.ui.confidence import confidence_view
from sctl.ui.explore import label_editor, methods_view
from sctl.ui.export import exports, figure_files
from sctl.ui.frame import errors, results, selection, state
from sctl.ui.frame import jobs as job_views
from sctl.ui.theta import theta_by_hand, theta_view
from sctl.ui.widgets import colors, embedding_view, gene_picker

PAGES = ("transfer", "theta", "explore", "markers", "uncertainty", "explain", "export", "help")
RESULT_PAGES = ("theta", "explore", "markers", "uncertainty", "export")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, source, target) -> Path:
    """The folder of a project in which everything is done, for tests to copy."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(root))
        project = Project.create("Toy")
        truth = target.obs["cell_type"].astype(str)
        project.put_input("source", source, {"filename": "source.h5ad"})
        bare = target.copy()
        del bare.obs["cell_type"]
        project.put_input("target", bare, {"filename": "target.h5ad"})
        project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
        project.put_truth(truth)
        for step in ("preprocess", "transfer", "theta", "markers"):
            jobs.compute(project, step)
        _draw_maps(project)
        _add_baselines(project)
        return project.root


def _draw_maps(project: Project) -> None:
    """Lay cells out by chance: how maps are made is tested elsewhere, and UMAP takes seconds to load."""
    rng, pair = np.random.default_rng(0), load_pair(project)
    maps = {f"target_{kind}": rng.normal(size=(pair.target.n_obs, 2)) for kind in ("umap", "tsne", "pca")}
    maps["joint_source_index"] = np.arange(50)
    for side, n in (("source", 50), ("target", pair.target.n_obs)):
        maps[f"joint_umap_{side}"] = rng.normal(size=(n, 2))
    with project.working("explore") as directory:
        save_embeddings(directory, maps)


def _add_baselines(project: Project) -> None:
    method = workflow.method_of(project.params("transfer"))
    for key in workflow.baselines_of(method):
        analyses.save(project, "compare", None, workflow.baseline(load_pair(project), key, method, Run()))


@pytest.fixture
def done(finished, projects) -> Project:
    """A project of this test's own, in which everything is done."""
    shutil.copytree(finished, projects / finished.name)
    return Project.open(finished.name)


@pytest.fixture
def prepared(done) -> Project:
    """The same with nothing but the data prepared."""
    for step in ("transfer", "theta", "markers"):
        shutil.rmtree(done.root / "results" / step)
    return done


def texts(app) -> str:
    """Everything that is written on a page."""
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "success")
    return "\n".join(str(item.value) for kind in kinds for item in getattr(app, kind))


def button(app, label: str):
    return next(item for item in app.button if item.label == label)


def fine(app):
    """The page as it is drawn, without an exception."""
    assert not app.exception, app.exception
    return app


# -- every page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_a_project_leads_home(open_page, page):
    app = fine(open_page(page))
    if page != "help":
        assert "No project is open." in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_a_new_project_says_what_is_missing(open_page, page):
    app = fine(open_page(page, Project.create("New").id))
    if page != "help":
        assert "Add a source and a target first." in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_all_results_is_drawn(open_page, done, page):
    fine(open_page(page, done.id))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_prepared_data_only_is_drawn(open_page, prepared, page):
    fine(open_page(page, prepared.id))


@pytest.mark.parametrize("page", RESULT_PAGES)
def test_results_of_earlier_settings_are_still_shown(open_page, done, page):
    done.set_params("preprocess", {"n_top_genes": 100}, note="Fewer genes")
    jobs.compute(done, "preprocess")  # the newest preparation is not the one the results come from
    app = fine(open_page(page, done.id))
    assert not app.error
    if page == "export":
        assert any("of earlier settings" in item.value for item in app.warning)
    else:
        assert any("The earlier result is shown" in item.value for item in app.warning)
        assert len(app.get("plotly_chart")) >= 1


def test_what_is_shown_belongs_together_after_cells_were_left_out(done):
    before = results.expression(done, results.genes(done)[0])
    done.set_params("preprocess", {"target": {"min_genes": _median_genes(done)}}, note="Fewer cells")
    jobs.compute(done, "preprocess")
    assert len(results.expression(done, results.genes(done)[0])) < len(before)
    view = results.shown(done)
    assert results.result(view).n_obs == len(before)
    assert (results.expression(view, results.genes(view)[0]) == before).all()
    assert len(results.maps(view)["target_umap"]) == len(before)


def _median_genes(project: Project) -> int:
    return int(np.median(np.asarray((project.input("target").X > 0).sum(axis=1))))


def test_every_chart_of_the_result_pages_has_a_text_for_those_who_do_not_see_it(open_page, done):
    for page in RESULT_PAGES:
        for chart in open_page(page, done.id).get("plotly_chart"):
            assert chart.proto.alt, page


# -- transfer ----------------------------------------------------------------------------------------


def test_the_recommended_method_is_marked_once_and_has_a_reason(open_page, prepared):
    shown = texts(open_page("transfer", prepared.id))
    assert shown.count("Recommended") == 1
    assert "Your target (80 cells) is smaller than the source (200)" in shown


def test_settings_are_kept_when_run_is_pressed_and_a_job_starts(open_page, prepared, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "submit", lambda project, kind, params=None: started.append(kind))
    app = open_page("transfer", prepared.id)
    app.number_input(key="parameter:transfercluster:n_clusters").set_value(3).run()
    button(app, "Run").click().run()
    fine(app)
    assert started == ["everything"]
    assert prepared.params("transfer")["params"]["n_clusters"] == 3
    assert prepared.can_undo == "Settings of TransferCluster"


def test_choosing_another_card_shows_its_settings(open_page, prepared):
    app = open_page("transfer", prepared.id)
    app.button(key="choose:concatenatecluster").click().run()
    assert "Settings of ConcatenateCluster" in texts(fine(app))
    assert any(item.label == "Largest number of source cells" for item in app.number_input)


def test_a_changed_setting_turns_go_on_into_run(open_page, done):
    app = open_page("transfer", done.id)
    assert not [item for item in app.button if item.label == "Run"]
    app.number_input(key="parameter:transfercluster:n_clusters").set_value(3).run()
    assert button(fine(app), "Run")


# -- θ -----------------------------------------------------------------------------------------------


def test_the_chosen_score_is_thick_and_every_other_thin(done, monkeypatch):
    drawn = []
    monkeypatch.setattr(theta_view.st, "plotly_chart", lambda figure, **_: drawn.append(figure))
    theta_view.curve(done, live=True)
    widths = {trace.name: trace.line.width for trace in drawn[0].data if trace.mode.startswith("lines")}
    thin = {name for name, width in widths.items() if width < 2}
    assert widths["TransferCluster"] >= 3
    assert thin == {"KTA, your data", "KTA, mixed data", "Steadiness", "Silhouette, mixed data"}


def test_doubts_are_warnings_and_the_rest_is_not(open_page, done, monkeypatch):
    said = (SweepWarning("flat", "It is flat."), SweepWarning("peak", "It is a peak."))
    monkeypatch.setattr(theta_view, "sweep_notes", lambda points, criterion: said)
    app = fine(open_page("theta", done.id))
    assert "It is flat." in [item.value for item in app.warning]
    assert "It is a peak." in [item.value for item in app.info]


def test_a_group_that_the_source_hides_is_a_warning(open_page, done, monkeypatch):
    assert list(load_result(done).diagnostics.merged_subpopulations) == []  # looked for, and none was there
    said = "Group 2 may be two kinds of cells: HLA-A_1, MS4A7 in these."
    monkeypatch.setattr(results, "merged_subpopulations", lambda project: [said])
    app = fine(open_page("theta", done.id))
    assert [item.value for item in app.warning if "two kinds" in item.value] == [errors.plain(said)]
    app = open_page("uncertainty", done.id)
    app.session_state[state.CONFIDENCE_TAB.name] = "Cells beyond the source"
    assert errors.plain(said) in [item.value for item in fine(app.run()).warning]


@pytest.mark.parametrize("page", ["transfer", "uncertainty"])
def test_what_speaks_against_all_names_is_a_warning(open_page, done, monkeypatch, page):
    said = "12 of your 80 cells resemble no cell of the annotated dataset."
    monkeypatch.setattr(results, "result_warnings", lambda project: (said,))
    app = fine(open_page(page, done.id))
    assert errors.plain(said) in [item.value for item in app.warning]


def test_a_theta_set_by_hand_is_used_at_once_and_undone(open_page, done):
    app = open_page("theta", done.id)
    before = load_result(done).diagnostics.theta.theta
    key = f"theta:{done.fingerprint('theta')}"
    app.slider(key=key).set_value(0.77).run()
    assert [item.label for item in app.main.button if item.proto.type == "primary"] == ["Go on to Explore"]
    button(fine(app), "Use θ = 0.77").click().run()
    fine(app)
    assert done.params("theta")["theta"] == 0.77
    assert load_result(done).diagnostics.theta.theta == 0.77
    assert done.state("theta") == "done"
    button(app, "Undo").click().run()
    assert load_result(done).diagnostics.theta.theta == before


def test_the_truth_is_shown_only_where_it_is_known(open_page, done):
    right = (load_result(done).labels == done.truth().reindex(load_result(done).obs_names)).mean()
    app = fine(open_page("theta", done.id))
    assert "How right was it?" in texts(app)
    shown = {item.label: item.value for item in app.metric}
    assert shown["Cells named rightly"] == f"{right:.1%}"
    done.put_truth(done.truth().iloc[:20].rename(lambda name: f"another {name}"))  # of a target that was replaced
    assert "How right was it?" not in texts(fine(open_page("theta", done.id)))
    done.undo()
    assert done.undo() == "Add the true labels"
    app = fine(open_page("theta", done.id))
    assert not {"Cells named rightly", "Groups as in truth (ARI)"} & {item.label for item in app.metric}
    assert "How right was it?" not in texts(app)


def test_a_stopped_sweep_shows_its_points_and_resumes(open_page, prepared):
    method, pair = workflow.method_of({}), load_pair(prepared)
    sweep = workflow.prepare_sweep(pair, method, Run())
    with suppress(Cancelled), prepared.working("transfer") as directory:
        save_sweep(directory, sweep)
        for theta in (0.0, 0.1):
            save_point(directory, sweep.at(theta))
        raise Cancelled
    app = fine(open_page("theta", prepared.id))
    assert "Stopped after 2 of 10 values of θ" in texts(app)
    assert button(app, "Resume")
    assert (prepared.result_dir("transfer") / SWEEP).exists()
    assert len(list((prepared.result_dir("transfer") / POINTS).iterdir())) == 2


def test_a_method_without_theta_says_so(open_page, done):
    done.set_params("transfer", {"method": "targetcluster", "params": {}, "seed": 0}, note="TargetCluster")
    assert "The chosen method has no θ." in texts(fine(open_page("theta", done.id)))


# -- explore -----------------------------------------------------------------------------------------


def lasso(x0: float, x1: float, y0: float, y1: float) -> dict:
    """What the browser sends when a rectangle is drawn by lasso; the points it lists are ignored."""
    shape = {"x": [x0, x1, x1, x0], "y": [y0, y0, y1, y1]}
    return {"selection": {"lasso": [shape], "box": [], "points": [], "point_indices": []}}


def _umap(project: Project) -> np.ndarray:
    with np.load(project.result_dir("explore") / "maps.npz") as file:
        return file["target_umap"]


def _inside(coords: np.ndarray, event: dict) -> np.ndarray:
    shape = event["selection"]["lasso"][0]
    (x0, x1), (y0, y1) = (min(shape["x"]), max(shape["x"])), (min(shape["y"]), max(shape["y"]))
    return (coords[:, 0] > x0) & (coords[:, 0] < x1) & (coords[:, 1] > y0) & (coords[:, 1] < y1)


A, B = np.array([True, True, False, False]), np.array([True, False, True, False])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("new", B), ("add", A | B), ("subtract", A & ~B), ("intersect", A & B)],
)
def test_a_lasso_joins_the_selection_as_set(mode, expected):
    assert (selection.joined(A, B, mode) == expected).all()


@pytest.mark.parametrize("n_obs", [1, 7, 8, 9, 1000])
def test_a_selection_keeps_every_cell(n_obs, rng):
    mask = rng.random(n_obs) < 0.4
    assert (selection.Selection.of(mask).mask == mask).all()


def test_a_shape_selects_every_cell_within_and_none_of_the_source(done, monkeypatch):
    session: dict = {}
    monkeypatch.setattr("streamlit.session_state", session)
    coords, event = _umap(done), lasso(-1, 1, -0.5, 2)
    shown = np.concatenate([np.zeros((50, 2)), coords])  # 50 source cells that lie in the shape
    session["map"] = event
    selection.take_shapes(done, "map", shown, first=50)
    found = selection.current(done, len(coords))
    assert (found == _inside(coords, event)).all()
    session["map"] = {"selection": {"lasso": [], "box": []}}  # the browser forgets the old lasso
    selection.take_shapes(done, "map", shown, first=50)
    assert (selection.current(done, len(coords)) == found).all()


def test_selected_cells_are_named_and_undo_takes_it_back(open_page, done):
    app = open_page("explore", done.id)
    label = app.selectbox(key="select_group").options[0]
    app.selectbox(key="select_group").select(label).run()
    app.button(key="select_group_button").click().run()
    count = int(next(m.value for m in app.metric if m.label == "Selected cells").split(" ")[0])
    assert 0 < count < 80
    before, name = load_result(done).labels, app.selectbox(key="new_label").options[-1]
    app.selectbox(key="new_label").select(name).run()
    app.button(key="relabel").click().run()
    assert app.session_state["colour:"] == "final"  # the map shows what was changed
    fine(app)
    assert (done.labels() == name).sum() == count + (before == name).sum()
    button(app, "Undo").click().run()
    assert done.labels() is None


def test_selected_cells_are_split_and_undo_takes_it_back(open_page, done):
    app = open_page("explore", done.id)
    name = str(pd.Series(load_result(done).labels).mode().iloc[0])
    app.selectbox(key="select_group").set_value(f"Cell type: {name}").run()
    fine(app).button(key="select_group_button").click().run()
    app.number_input(key="parts_of_selection").set_value(3).run()
    fine(app).button(key="split").click().run()
    assert not fine(app).error, app.error
    given = done.labels()
    assert set(given) - set(load_result(done).labels) == {f"{name} {number}" for number in (1, 2, 3)}
    cells = load_result(done).labels.astype(str) == name
    genes = load_target_all(done)[cells].X
    expected, _ = subgroups(genes, 3)
    assert given[cells].str[-1].astype(int).tolist() == (expected + 1).tolist()
    assert (given[~cells] == load_result(done).labels[~cells]).all()
    app.number_input(key="parts_of_selection").set_value(8).run()
    fine(app).button(key="split").click().run()
    assert "cannot be divided into 8" in fine(app).error[0].value
    assert given.equals(done.labels())
    done.undo()
    assert done.labels() is None


def test_cell_types_are_merged(open_page, done):
    app = open_page("explore", done.id)
    names = app.multiselect(key="merged").options
    app.multiselect(key="merged").set_value(names[:2])
    app.text_input(key="merged_name").set_value("  both   types ").run()
    app.button(key="merge").click().run()
    found = fine(app) and done.labels()
    assert "both types" in set(found)
    assert not set(names[:2]) & set(found)


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_label_needs_a_name(name):
    with pytest.raises(ValueError, match="name"):
        label_editor._checked(name)


@pytest.mark.parametrize(
    "color", ["label", "cluster", "confidence", "gene", "blend", "genes", "quality:n_genes", "column:donor"]
)
@pytest.mark.parametrize("cells", ["target", "joint"])
def test_a_map_can_be_coloured_by_anything(open_page, done, color, cells):
    app = open_page("explore", done.id)
    app.session_state["map_cells"] = cells
    app.session_state["colour:"] = color
    app.session_state["panes"] = True
    app.run()
    assert len(fine(app).get("plotly_chart")) >= 3


def test_the_mean_of_several_genes_colours_a_map(open_page, done, monkeypatch):
    pair, drawn = load_pair(done), []
    genes = [str(name) for name in pair.target.var_names[:3]]
    monkeypatch.setattr(embedding_view, "selectable_map", lambda coords, values, **rest: drawn.append((values, rest)))
    app = open_page("explore", done.id)
    app.session_state["colour:"] = "genes"
    app.session_state["genes:"] = genes
    fine(app.run())
    values, rest = drawn[-1]
    assert rest["title"] == "Mean of 3 genes"
    every = load_target_all(done)
    np.testing.assert_allclose(values, np.asarray(every[:, genes].X.mean(axis=1)).ravel(), rtol=1e-5)
    with pytest.raises(ProjectError, match="none of these genes"):
        mean_of_genes(done, ["no such gene"])


def test_a_gene_set_is_taken_with_the_genes_that_the_target_has(done, monkeypatch):
    names = results.genes(done)
    sets = GeneSets("mine", {"MY_SET": frozenset({names[0], names[4], "elsewhere"}), "none": frozenset({"elsewhere"})})
    monkeypatch.setattr(gene_picker.workflow, "hallmark_of", lambda genes: sets)
    assert list(gene_picker._sets(done)) == ["MY_SET"]
    monkeypatch.setattr(gene_picker.st, "selectbox", lambda *_, **__: "MY_SET")
    assert gene_picker.several(done) == sorted([names[0], names[4]])


def test_two_genes_are_blended_on_the_map(open_page, done, monkeypatch):
    drawn = []
    monkeypatch.setattr(embedding_view, "selectable_map", lambda coords, values, **rest: drawn.append((values, rest)))
    first, second = (str(name) for name in load_pair(done).target.var_names[:2])
    app = open_page("explore", done.id)
    app.session_state["colour:"] = "blend"
    app.session_state["gene:"], app.session_state["gene:second"] = first, second
    fine(app.run())
    values, rest = drawn[-1]
    assert rest["title"] == f"{first} and {second}"
    assert list(rest["legend"]) == ["neither", f"{first} high", f"{second} high", "both high"]
    highest = int(np.argmax(results.expression(done, first)))
    assert str(values[highest]).startswith(f"{first} 100 %")


def test_a_label_of_ones_own_does_not_change_the_colours_of_others(done, monkeypatch):
    before = colors.palette(done, "label")
    found = load_result(done)
    labels = pd.Series(found.labels, index=found.obs_names)
    labels.iloc[0] = "a type of my own"
    done.set_labels(labels)
    after = colors.palette(done, "label")
    assert {name: after[name] for name in before} == before
    assert after["a type of my own"] not in before.values()


# -- markers, confidence, export -----------------------------------------------------------------------


def test_markers_of_cell_types_put_the_table_out_of_date(open_page, done):
    app = open_page("markers", done.id)
    app.segmented_control(key="markers_of").set_value("labels").run()
    assert done.params("markers")["groups"] == "labels"
    assert button(fine(app), "Find them again")


def test_a_comparison_outlives_a_reload(open_page, done):
    save_selection(done, np.arange(load_result(done).n_obs) < 10, "A")
    app = open_page("markers", done.id)
    app.selectbox(key="side_a").select("Selection A").run()
    other = app.selectbox(key="side_b").options[2]
    app.selectbox(key="side_b").select(other).run()
    drawn = next(item.value for item in fine(app).dataframe[::-1] if len(item.value))
    again = fine(open_page("markers", done.id))  # a new visit of the same project
    assert (again.selectbox(key="side_a").value, again.selectbox(key="side_b").value) == ("Selection A", other)
    pd.testing.assert_frame_equal(next(item.value for item in again.dataframe[::-1] if len(item.value)), drawn)


def test_selected_cells_outlive_a_reload(open_page, done):
    app = open_page("explore", done.id)
    assert fine(app).metric[0].value.startswith("0 of")
    group = app.selectbox(key="select_group").options[0]
    app.selectbox(key="select_group").select(group).run()
    app.button(key="select_group_button").click().run()
    chosen = fine(app).metric[0].value
    assert not chosen.startswith("0 of")
    assert fine(open_page("explore", done.id)).metric[0].value == chosen


def test_two_groups_are_compared(open_page, done):
    app = open_page("markers", done.id)
    first, second = app.selectbox(key="side_a").options[:2]
    app.selectbox(key="side_a").select(first)
    app.selectbox(key="side_b").select(second).run()
    assert len(fine(app).get("plotly_chart")) >= 5


def test_the_limit_counts_named_cells_live_and_can_be_kept(open_page, done):
    found = load_result(done)
    limit = round(float(np.median(found.confidence)) + 0.005, 2)
    app = open_page("uncertainty", done.id)
    app.slider(key="limit").set_value(limit).run()
    unsure = int((found.confidence < limit).sum())
    assert unsure > 0
    metrics = {item.label: item.value for item in fine(app).metric}
    assert metrics["Unassigned cells"] == str(unsure)
    app.button(key="apply_limit").click().run()
    unassigned = done.labels().reindex(found.obs_names) == "unassigned"
    assert (unassigned == (found.confidence < limit)).all()
    app.slider(key="limit").set_value(limit).run()
    button = fine(app).button(key="apply_limit")
    assert (button.label, button.disabled) == ("They are unassigned already", True)  # not offered a second time


def test_cells_without_a_name_are_counted_the_same_everywhere(open_page, done, monkeypatch):
    """Some cells have no name at any limit, of which some are surer than the limit and some are not."""
    found = load_result(done)
    labels, confidence = found.labels.copy(), np.linspace(0.3, 0.99, found.n_obs)
    labels[[1, 2, 40, 60, 61]] = "unassigned"
    save_result(done.result_dir("theta") / RESULT, dataclasses.replace(found, labels=labels, confidence=confidence))
    st.cache_resource.clear()
    drawn = []
    monkeypatch.setattr(confidence_view.plots, "confidence_histogram", _keeping(drawn, plots.confidence_histogram))
    app = open_page("uncertainty", done.id)
    app.slider(key="limit").set_value(0.5).run()
    below = int(((confidence < 0.5) & (labels != "unassigned")).sum())
    box = next(item for item in fine(app).metric if item.label == "Unassigned cells")
    assert (box.value, box.delta) == (str(below + 5), f"{below} below the limit, 5 at any limit")
    parts = {trace.name: sum(trace.y) for trace in drawn[-1].data}
    assert parts == {
        f"named at this limit ({found.n_obs - below - 5})": found.n_obs - below - 5,
        f"below the limit ({below})": below,
        "unassigned at any limit (5)": 5,
    }
    press = app.button(key="apply_limit")
    assert press.label == f"Call {below} cells unassigned"
    press.click().run()
    assert (done.labels() == "unassigned").sum() == below + 5
    exported = pd.read_csv(io.BytesIO(exports._tables(done)["cells_transfercluster.csv"]))
    assert (exported["label_final"] == "unassigned").sum() == below + 5
    st.cache_resource.clear()


def _keeping(drawn, make):
    def draw(*given, **settings):
        drawn.append(make(*given, **settings))
        return drawn[-1]

    return draw


def test_the_confidence_of_a_cell_is_the_bar_beside_it(open_page, done):
    found = load_result(done)
    app = fine(open_page("uncertainty", done.id))
    place = list(found.obs_names).index(app.selectbox(key="cell").value)
    shown = {item.label: item.value for item in app.metric}
    bars = confidence_view._bars(found, place).data[0]
    assert bars.text[list(bars.y).index(shown["Cell type"])] == shown["Confidence"] == f"{found.confidence[place]:.2f}"


@pytest.mark.parametrize(("factor", "told"), [(1.0, False), (0.6, True)])
def test_no_verdict_is_given_where_no_cell_is_sure(open_page, done, factor, told):
    found = as_given(load_result(done))
    sure = np.where(np.arange(found.n_obs) % 5 == 0, 0.7, 1.0)
    bare = dataclasses.replace(
        found, obs={}, obsm={}, diagnostics=dataclasses.replace(found.diagnostics, calibration=None)
    )
    save_result(done.result_dir("theta") / RESULT, dataclasses.replace(bare, confidence=factor * sure))
    st.cache_resource.clear()
    app = fine(open_page("uncertainty", done.id))
    said = "\n".join(str(item.value) for item in app.caption)
    table = next(item.value for item in app.dataframe if "Next most likely" in item.value)
    st.cache_resource.clear()
    assert ("even the surest cells reach only 0.60" in said) is told
    assert ("Verdict" in table) is not told
    assert set(table.get("Verdict", [])) <= {"✓ good", "◐ check", "✗ doubtful"}
    assert (uncertainty.TRAFFIC_LIGHT_RULE in said) is not told
    tables = exports._tables(done)
    lights = pd.read_csv(io.BytesIO(tables["clusters_transfercluster.csv"]))["light"]
    assert lights.isna().all() == told


def test_everything_offered_can_be_built(done):
    script = exports.export.script_for(exports.recipe_of(done))
    compile(script, "script.py", "exec")
    assert exports.h5ad(done)[:4] == b"\x89HDF"
    assert {"markers.csv", "theta_curve.csv"} <= set(exports._tables(done))
    for title, (_, drawing) in figure_files._drawings(done).items():
        assert figure_files._printed(drawing, "png")[:4] == b"\x89PNG", title


def test_what_is_out_of_date_is_said_before_exporting(open_page, done):
    assert not fine(open_page("export", done.id)).warning
    done.set_params("transfer", {"method": "transfercluster", "params": {"n_clusters": 3}, "seed": 0}, note="3")
    assert any("of earlier settings" in item.value for item in fine(open_page("export", done.id)).warning)


def test_a_better_baseline_is_explained_and_a_worse_one_is_not(done, monkeypatch):
    points = results.points(done)
    criterion = theta_view.criterion_of(done)
    reached = max(getattr(point, criterion) for point in points)
    found = results.result(done)
    for height, said in ((reached + 0.1, True), (reached - 0.1, False)):
        other = dataclasses.replace(found, diagnostics=Diagnostics(scores={criterion: height}))
        monkeypatch.setattr(results, "baselines", lambda project, other=other: {"targetcluster": other})
        assert ("TargetCluster lies higher" in theta_view._better_baseline(done, points)) == said


def test_landmarks_are_told_where_there_are_some(done, monkeypatch):
    assert results.landmarks_text(done) == ""
    found = results.result(done)
    known = found.diagnostics
    clustering = dataclasses.replace(known.clustering, n_landmarks=1000)
    large = dataclasses.replace(found, diagnostics=dataclasses.replace(known, clustering=clustering))
    monkeypatch.setattr(results, "result", lambda project: large)
    assert "among 1,000 of its cells" in results.landmarks_text(done)


def test_methods_are_compared_where_several_were_run(open_page, done):
    assert [view.params("transfer")["method"] for view in done.answers()] == ["transfercluster"]
    done.set_params("transfer", {"method": "targetcluster", "params": {"n_clusters": 3}}, note="TargetCluster")
    for step in ("transfer", "theta"):
        jobs.compute(done, step)
    assert [view.params("transfer")["method"] for view in done.answers()] == ["targetcluster", "transfercluster"]
    shown, earlier = (load_result(view) for view in done.answers())
    app = open_page("uncertainty", done.id)
    app.session_state["confidence_tab"] = "Do the methods agree?"
    app = fine(app.run())
    table = next(item.value for item in app.dataframe if "Same name" in item.value)
    assert table["Method"].tolist() == ["TargetCluster (shown)", "TransferCluster"]
    same = 100 * float(np.mean(shown.labels.astype(str) == earlier.labels.astype(str)))
    np.testing.assert_allclose(table["Same name"], [100, same])
    assert "Named rightly" in table
    types = next(item.value for item in app.dataframe if "Named so by all" in item.value)
    assert types["Cells"].sum() == shown.n_obs
    assert {"methods.csv", "names_by_method.csv"} <= set(exports._tables(done))
    done.set_params("preprocess", {"n_top_genes": 50}, note="Fewer genes")
    assert not done.answers()  # answers about data that were prepared otherwise cannot be compared


def test_cells_that_methods_name_differently_are_selected(open_page, done):
    app = open_page("uncertainty", done.id)
    app.session_state["confidence_tab"] = "Do the methods agree?"
    answers = results.answers(done)
    differing = int((agreement(answers) < 1).sum())
    button = fine(app.run()).button(key="methods:select")
    assert button.disabled == (differing == 0)
    assert len(answers) == 3  # the baselines of the sweep
    assert "are relatives" in texts(app)
    assert "different ways" not in texts(app)


def test_relatives_are_not_said_to_work_in_different_ways():
    trio = ["transfercluster", "targetcluster", "concatenatecluster"]
    said = methods_view.what_agreement_is(trio)
    assert "different ways" not in said
    assert said.startswith(
        "TransferCluster, TargetCluster and ConcatenateCluster are relatives: all cluster your cells by con"
    )
    said = methods_view.what_agreement_is([*trio[:2], "scarches"])
    assert "different ways" in said
    assert "TransferCluster and TargetCluster are relatives" in said
    assert "relatives" not in methods_view.what_agreement_is(
        ["itclust", "scarches", "poissonautoencoder", "targetcluster"]
    )


def test_a_single_method_has_nothing_to_agree_with(open_page, done):
    shutil.rmtree(done.result_dir("transfer") / "compare")
    app = open_page("uncertainty", done.id)
    app.session_state["confidence_tab"] = "Do the methods agree?"
    assert "Only TransferCluster was run on these data" in fine(app.run()).info[0].value
    assert "methods.csv" not in exports._tables(done)


def test_names_that_hold_least_come_first():
    def given(*labels):
        return SimpleNamespace(labels=np.array(labels, dtype=object))

    answers = [given("a", "a", "b", "b"), given("a", "a", "b", "c"), given("a", "a", "c", "c")]
    table = methods_view.by_type(answers, agreement(answers))
    assert table.to_dict("records") == [
        {"label": "b", "cells": 2, "all_agree": 0.0, "instead": "c"},
        {"label": "a", "cells": 2, "all_agree": 1.0, "instead": ""},
    ]


# -- what holds between pages ------------------------------------------------------------------------


def test_a_type_keeps_its_colour_where_others_are_missing(done, monkeypatch):
    found = results.result(done)
    whole = colors.palette(done, "label")
    few = found.labels.copy()
    few[few == found.label_names[0]] = found.label_names[1]
    monkeypatch.setattr(results, "result", lambda project: dataclasses.replace(found, labels=few))
    assert colors.palette(done, "label") == whole
    assert {name: whole[name] for name in found.label_names} == plots.colors_of(found.label_names)


@pytest.mark.parametrize("had_markers", [True, False])
def test_markers_are_looked_for_again_after_another_theta(open_page, done, monkeypatch, had_markers):
    if not had_markers:
        shutil.rmtree(done.root / "results" / "markers")
    asked = []
    monkeypatch.setattr(theta_by_hand.jobs, "submit", lambda project, kind: asked.append(kind))
    app = open_page("theta", done.id)
    app.slider(key=f"theta:{done.fingerprint('theta')}").set_value(0.77).run()
    button(fine(app), "Use θ = 0.77").click().run()
    assert load_result(done).diagnostics.theta.theta == 0.77
    assert asked == (["markers"] if had_markers else [])


class Redrawn(Exception):
    """The whole page is drawn again."""


@pytest.mark.parametrize(
    ("status", "step", "redrawn"),
    [("running", "transfer", False), ("running", "theta", True), ("done", "transfer", True), ("queued", "", True)],
)
def test_the_page_is_drawn_again_when_a_job_comes_to_another_step_or_ends(monkeypatch, status, step, redrawn):
    states = [JobState("running", step="transfer"), JobState(status, step=step)]
    job = SimpleNamespace(id="a", kind="everything", state=lambda: states.pop(0))

    def redraw():
        raise Redrawn

    monkeypatch.setattr(job_views.st, "fragment", lambda **_: lambda function: function)
    monkeypatch.setattr(job_views.st, "rerun", redraw)
    with pytest.raises(Redrawn) if redrawn else nullcontext():
        job_views.watch(job)
