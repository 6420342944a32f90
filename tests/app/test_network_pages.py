"""Pages of a method that trains a network: its curves, both answers, how its groups formed."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from sctl import jobs
from sctl.data import FineTuningComparison, MergedClusters
from sctl.project import Project, load_result
from sctl.project.results import RESULT, save_result
from sctl.ui.explore import finetuning_view, flow_view
from sctl.ui.export import exports
from sctl.ui.frame import results, state
from sctl.ui.widgets import colors, training_view

TAB = "How the groups formed"
QUICK = {"n_pretrain_epochs": 2, "n_epochs": 8, "max_refreshes": 6}


@pytest.fixture(scope="module")
def template(tmp_path_factory, source, target) -> Path:
    """The folder of a project in which a network was trained."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(root))
        project = Project.create("Network")
        bare = target.copy()
        bare.obs = bare.obs[[]]
        project.put_input("source", source, {"filename": "source.h5ad"})
        project.put_input("target", bare, {"filename": "target.h5ad"})
        project.put_truth(target.obs["cell_type"].astype(str))
        project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
        project.set_params("transfer", {"method": "itclust", "params": QUICK}, note="ItClust")
        for step in ("preprocess", "transfer", "theta"):
            jobs.compute(project, step)
        return project.root


@pytest.fixture
def project(template, projects) -> Project:
    shutil.copytree(template, projects / template.name)
    return Project.open(template.name)


def fine(app):
    assert not app.exception, app.exception
    return app


def texts(app) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error")
    return "\n".join(str(item.value) for kind in kinds for item in getattr(app, kind))


def opened(open_page, project):
    """The page of confidence with the tab open."""
    app = fine(open_page("uncertainty", project.id))
    app.session_state[state.CONFIDENCE_TAB.name] = TAB
    return fine(app.run())


def changed(project: Project, *, kept: dict[str, object] | None = None, **tuned) -> None:
    """Store another result, as if sharpening had gone another way."""
    found = load_result(project)
    known = found.diagnostics
    diagnostics = dataclasses.replace(
        known,
        kept=dataclasses.replace(known.kept, **(kept or {})),
        fine_tuning=dataclasses.replace(known.fine_tuning, **tuned),
    )
    save_result(project.result_dir("theta") / RESULT, dataclasses.replace(found, diagnostics=diagnostics))
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def nothing_remembered():
    """Results are remembered by fingerprint, which tests that store others do not change."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def test_the_transfer_page_tells_what_was_learned(open_page, project):
    app = fine(open_page("transfer", project.id))
    shown = texts(app)
    assert "Did sharpening help?" in shown
    assert "**Learn the cell types:** 8 rounds." in shown
    assert "**Sharpen the clusters:**" in shown
    assert [item for item in app.button if item.label == "Go on to Explore"]  # it has no θ
    assert any("Line charts of 4 phases" in chart.proto.alt for chart in app.get("plotly_chart"))


def test_phases_are_told_in_the_order_in_which_they_came(project):
    found = load_result(project)
    order = ["Learn layer 1 of 1", "Learn all layers", "Learn the cell types", "Sharpen the clusters"]
    assert list(training_view.phases_of(found)) == order
    assert len(training_view.endings(found)) == 4
    log = found.diagnostics.training.logs["Learn the cell types"]
    assert training_view.phases_of(found)["Learn the cell types"].best == log.best_epoch + 1


def curves_of_a_job(root: str) -> None:
    from pathlib import Path  # noqa: PLC0415 - AppTest runs the body alone

    from sctl.jobs import Job  # noqa: PLC0415
    from sctl.ui.widgets import training_view  # noqa: PLC0415

    training_view.live(Job(Path(root)))


def test_curves_grow_while_the_job_runs(tmp_path):
    app = fine(AppTest.from_function(curves_of_a_job, args=(str(tmp_path),)).run())
    assert not app.get("image")  # it measures nothing
    points = [
        {"series": "Learn", "x": 1, "values": {"train": 2.0}},
        {"series": "Sharpen", "x": 1, "values": {"changed": 0.1}},
    ]
    (tmp_path / "measured.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
    picture = fine(app.run()).get("image")[0].proto.imgs[0]
    assert "Line charts of 2 phases" in picture.alt


def test_a_sweep_draws_no_curves_and_a_network_has_no_theta(open_page, project):
    app = fine(open_page("theta", project.id))
    assert "The chosen method has no θ." in texts(app)
    assert [button.label for button in app.main.button] == ["Go on to Explore"]
    link = next(item.proto for item in app.sidebar.get("page_link") if item.proto.label.startswith("Trust"))
    assert (link.icon, link.help) == (
        ":material/remove:",
        "How much to trust the source (θ): the chosen method has none",
    )


def test_the_other_answer_is_kept_and_taken_back(open_page, project):
    own = str(load_result(project).diagnostics.kept.answer)
    other = {"before": "after", "after": "before"}[own]
    app = opened(open_page, project)
    switch = next(item for item in app.segmented_control if item.label == "Groups to keep")
    assert switch.value == own
    fine(switch.set_value(other).run())
    assert str(load_result(project).diagnostics.kept.answer) == other
    assert project.params("theta")["answer"] == other
    assert project.state("transfer") == project.state("theta") == "done"
    assert exports.recipe_of(project).params["answer"] == other
    assert project.can_undo == f"Keep the groups from {other} sharpening"
    project.undo()
    assert str(load_result(project).diagnostics.kept.answer) == own
    assert "answer" not in exports.recipe_of(project).params
    app = opened(open_page, project)
    switch = next(item for item in app.segmented_control if item.label == "Groups to keep")
    fine(switch.set_value(other).run())
    switch = next(item for item in app.segmented_control if item.label == "Groups to keep")
    fine(switch.set_value(own).run())
    assert project.params("theta")["answer"] is None  # what the method keeps by itself needs no setting


def test_a_switch_that_the_browser_tells_of_with_another_button_changes_nothing(open_page, project, monkeypatch):
    app = opened(open_page, project)
    own = str(load_result(project).diagnostics.kept.answer)
    switch = next(item for item in app.segmented_control if item.label == "Groups to keep")
    project.set_params("transfer", {"method": "scarches"}, note="scArches")  # what the button Run does first
    app = fine(switch.set_value({"before": "after", "after": "before"}[own]).run())
    assert not app.error
    assert project.params("theta")["answer"] is None
    assert project.state("theta") == "stale"  # and not failed


def test_an_earlier_result_cannot_be_switched(open_page, project):
    project.set_params("preprocess", {"n_top_genes": 50}, note="Fewer genes")
    app = opened(open_page, project)
    assert "Did sharpening help?" in texts(app)
    assert not [item for item in app.segmented_control if item.label == "Groups to keep"]


def test_how_the_groups_formed(open_page, project):
    app = opened(open_page, project)
    alts = [chart.proto.alt for chart in app.get("plotly_chart")]
    assert any(alt.startswith("Animated map of 80 cells") for alt in alts), alts
    table = next(item.value for item in app.dataframe if "What to do" in item.value)
    assert table["Confidence"].is_monotonic_increasing
    assert table["Cells now"].sum() == 80


def test_places_of_the_film_end_in_the_clusters_after(project):
    found = load_result(project)
    groups = finetuning_view.names_on_the_way(found)
    names = np.asarray(found.diagnostics.fine_tuning.cluster_table.cluster, dtype=str)
    np.testing.assert_array_equal(groups[:, -1], names[np.asarray(found.obsm["after_proba"]).argmax(axis=1)])
    assert groups.shape[1] == len(found.diagnostics.fine_tuning.trajectory_refreshes)


def test_swallowed_groups_are_warned_of_on_every_tab(open_page, project):
    assert "swallowed" not in texts(open_page("uncertainty", project.id))
    lost = MergedClusters(cluster=("gamma",), by=("beta",), cells_before=(12,), cells_moved=(9,))
    changed(project, merged=lost, kept={"answer": "after"})
    assert "**beta** took 9 of the 12 cells of **gamma**" in texts(fine(open_page("uncertainty", project.id)))


def test_a_source_that_does_not_explain_the_data_is_warned_of(open_page, project):
    assert "does not explain" not in texts(open_page("transfer", project.id))
    types = list(load_result(project).diagnostics.kept.cluster_types)
    changed(project, explained=False)
    assert "Do not rely on the names before" in texts(fine(open_page("transfer", project.id)))
    changed(project, explained=False, kept={"cluster_types": (*types[:-2], "unassigned", "unassigned")})
    assert "So 2 new groups were made of cells that no type fits" in texts(fine(open_page("transfer", project.id)))
    changed(project, explained=False, kept={"cluster_types": (*types[:-1], "unassigned")})
    assert "So 1 new group was made" in texts(opened(open_page, project))


def test_a_tab_that_is_gone_leads_to_the_first(open_page, project):
    found = load_result(project)
    bare = dataclasses.replace(found.diagnostics, fine_tuning=None)
    save_result(project.result_dir("theta") / RESULT, dataclasses.replace(found, diagnostics=bare))
    app = fine(open_page("uncertainty", project.id))
    app.session_state[state.CONFIDENCE_TAB.name] = TAB
    assert TAB not in [tab.label for tab in fine(app.run()).tabs]


@pytest.mark.parametrize(
    ("flipped", "silhouettes", "recommended", "kept", "said"),
    [
        (
            0.04,
            (0.1, 0.2),
            "after",
            "after",
            "4.0% of the cells another name. The groups after it divide your data better",
        ),
        (0.2, (0.3, 0.2), "before", "before", "20% of the cells another name. The groups before it"),
        (0.2, (0.3, 0.2), "before", "after", "Still, you keep those from after"),
        (
            0.2,
            (0.2611, 0.2609),
            "before",
            "before",
            "about equally well, so either will do (silhouette 0.26 before, 0.26",
        ),
        (
            0.0,
            (0.2, 0.2),
            "after",
            "after",
            "gave no cell another name. The groups before and after it divide your data about equally",
        ),
        (
            0.1,
            (0.204, 0.2),
            "before",
            "after",
            "about equally well, so either will do (silhouette 0.20 before, 0.20 after)",
        ),
    ],
)
def test_the_diagnosis_in_words(flipped, silhouettes, recommended, kept, said):
    before, after = silhouettes
    seen = FineTuningComparison(
        silhouette_before=before, silhouette_after=after, silhouette_own=0.5, confidence_before=0.8, confidence_after=0.9,
        flipped=flipped, recommended=recommended,
    )  # fmt: skip
    words = finetuning_view.in_words(seen, kept)
    assert said in words
    assert words.endswith("kept.") == ("Still" not in said)


def test_the_flow_goes_from_the_first_name_over_the_group_to_the_truth(open_page, project):
    found, layers = load_result(project), flow_view.layers_of(project)
    assert list(layers) == ["Source type at first", "Group", "True cell type"]
    first = np.asarray(found.diagnostics.kept.types.before, dtype=str)[
        np.asarray(found.obsm["before_proba"]).argmax(axis=1)
    ]
    np.testing.assert_array_equal(layers["Source type at first"], first)
    assert layers["True cell type"].tolist() == project.truth().reindex(found.obs_names).tolist()
    fine(open_page("explore", project.id))


def test_a_group_flows_in_the_colour_of_its_usual_type(project):
    found, types = load_result(project), colors.palette(project, "label")
    groups, labels = results.groups(project, "clusters", None), found.labels.astype(str)
    drawn = flow_view._as_their_type(project, types)
    assert set(drawn) == set(groups)
    for name, color in drawn.items():
        values, counts = np.unique(labels[groups == name], return_counts=True)
        assert color in [types[value] for value in values[counts == counts.max()]]


def test_without_truth_the_flow_ends_at_the_group(project, monkeypatch):
    monkeypatch.setattr(Project, "truth", lambda self: None)
    assert list(flow_view.layers_of(project)) == ["Source type at first", "Group"]
