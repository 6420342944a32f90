"""The page on the number of groups: before, while and after it is computed."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from sctl import jobs
from sctl.errors import Cancelled
from sctl.jobs import tasks
from sctl.methods.transfercluster.biology import marker_genes
from sctl.project import Project, load_consensus, load_estimate, load_result, numbers_in
from sctl.run import Run
from sctl.ui.export import exports
from sctl.ui.n_clusters import consensus_files, consensus_results, gene_heatmap


@pytest.fixture
def project(projects, source, target):
    made = Project.create("Toy")
    made.put_input("source", source, {"filename": "source.h5ad"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    made.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    made.set_params("transfer", {"params": {"theta_step": 0.5, "theta_max": 0.5}}, note="Be quick")
    made.set_params("consensus", {"k_min": 3, "k_max": 5}, note="Try few")
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(made, step)
    return made


@pytest.fixture
def done(project):
    jobs.compute(project, "consensus")
    return project


def texts(app):
    shown = [*app.title, *app.markdown, *app.error, *app.warning, *app.caption, *app.info, *app.toast]
    return "\n".join(str(element.value) for element in shown)


def primary(app):
    return [button.label for button in app.main.button if button.proto.type == "primary"]


def test_before_it_is_computed_it_can_be_started(open_page, project, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "submit", lambda *given: started.append(given[1]))
    app = open_page("consensus", project.id)
    assert not app.exception
    assert primary(app) == ["Try numbers of groups"]
    app.button(key="run:consensus").click().run()
    assert started == ["consensus"]


def test_it_shows_picture_tables_and_downloads(open_page, done):
    app = open_page("consensus", done.id)
    assert not app.exception, app.exception
    assert "Your data alone suggest" in texts(app)
    assert len(app.get("plotly_chart")) == 4
    assert len(app.get("download_button")) == 4
    (groups, *_) = app.dataframe
    assert list(groups.value.columns) == ["Cluster", "Cells", "Mostly", "Silhouette", "Stability"]
    assert groups.value["Cells"].sum() == 80
    assert "named as on the other pages" in texts(app)
    assert primary(app) == ["Go on to Confidence"]


def test_the_slider_turns_to_another_number(open_page, done):
    app = open_page("consensus", done.id)
    app.select_slider[0].set_value(5).run()
    assert not app.exception, app.exception
    assert len(app.dataframe[0].value) == 5
    assert "Make it 5 groups in the answer" in [button.label for button in app.main.button]


def test_a_number_can_be_made_the_answers(open_page, done, monkeypatch):
    app = open_page("consensus", done.id)
    app.select_slider[0].set_value(5).run()
    monkeypatch.setattr(jobs, "submit", lambda *given: None)
    app.button(key="consensus:adopt").click().run()
    assert not app.exception, app.exception
    now = Project.open(done.id)
    assert now.params("transfer")["params"]["n_clusters"] == 5
    assert now.params("transfer")["params"]["theta_step"] == 0.5  # other choices stay
    assert now.can_undo == "Look for 5 groups"


def test_numbers_that_are_finished_are_shown_before_the_job_ends(open_page, project):
    folder = project.result_dir("consensus")
    with pytest.raises(Cancelled):
        tasks.compute(project, "consensus", lambda low, high: Run(cancelled=lambda: len(numbers_in(folder)) >= 1))
    app = open_page("consensus", project.id)
    assert not app.exception, app.exception
    assert primary(app) == ["Try the others"]
    assert len(app.dataframe[0].value) == consensus_results.own_number(project)
    assert "Try more numbers of groups" in texts(app)


def test_another_range_keeps_the_earlier_picture_with_a_hint(open_page, done):
    app = open_page("consensus", done.id)
    app.slider[0].set_value((2, 4)).run()
    assert not app.exception, app.exception
    assert Project.open(done.id).params("consensus") == {"k_min": 2, "k_max": 4}
    assert "Something changed" in texts(app)
    assert len(app.get("plotly_chart")) == 4


def test_groups_of_the_answer_bear_its_names(done):
    result, own = load_result(done), consensus_results.own_number(done)
    here = load_consensus(done, own)
    called = consensus_results.names(done, here)
    named = [called[int(number)] for number in here.clusters]
    assert named == [result.cluster_names[number] for number in result.clusters]
    other = consensus_results.names(done, load_consensus(done, 5 if own != 5 else 3))
    assert list(other.values()) == [str(number + 1) for number in other]
    assert adjusted_rand_score(named, result.clusters) == 1.0


def test_marker_genes_are_narrowed_by_auroc_p_and_group(open_page, done):
    app = open_page("consensus", done.id)
    own = consensus_results.own_number(done)
    genes = load_consensus(done, own).genes
    assert len(app.dataframe[1].value) == len(marker_genes(genes))
    app.selectbox(key="most_p").set_value(0.1).run()
    app.slider(key="least_auroc").set_value(0.5).run()
    assert not app.exception, app.exception
    whole = marker_genes(genes, min_auroc=0.5, max_p_adjusted=0.1)
    assert len(app.dataframe[1].value) == min(len(whole), 300)
    group = app.selectbox(key=f"markers_of_group:{own}").options[0]
    app.selectbox(key=f"markers_of_group:{own}").set_value(group).run()
    assert not app.exception, app.exception
    assert set(app.dataframe[1].value["cluster"]) == {group}


def test_the_picture_of_genes_is_what_the_target_expresses(done):
    shares = gene_heatmap.scaled(np.array([[2.0, 1.0], [0.0, 4.0]]))
    assert shares.tolist() == [[1.0, 0.25], [0.0, 1.0]]
    genes = pd.DataFrame({"gene": ["a", "b"], "cluster": ["1", "2"]})
    figure = gene_heatmap._figure(shares, genes, ["1", "2"])
    (heat,) = figure.data
    assert np.asarray(heat.z).tolist() == shares.T.tolist()
    assert list(heat.y) == ["a (1)", "b (2)"]
    assert list(figure.layout.xaxis.ticktext) == ["1", "2"]


# -- the archive ------------------------------------------------------------------------------------------


def test_all_that_was_found_goes_into_the_archive_with_a_line_in_its_readme(done):
    own = consensus_results.own_number(done)
    with zipfile.ZipFile(io.BytesIO(exports._archive(done))) as archive:
        names = set(archive.namelist())
        readme = archive.read("README.txt").decode("utf-8")
        tables = {
            name.split("/")[1][:-4]: pd.read_csv(archive.open(name))
            for name in names
            if name.startswith("numbers_of_groups/")
        }
    assert set(tables) == {"cells", "groups", "estimate", "markers", "differing_genes", "unusual_cells"}
    lines = dict(line.split(": ", 1) for line in readme.splitlines() if ".csv" in line)
    assert set(lines) == names - {"README.txt"}
    assert all(len(text) > 20 for text in lines.values())
    numbers = consensus_results.finished(done)
    assert list(tables["cells"]) == ["cell", *(f"k{number}" for number in numbers)]
    assert tables["groups"]["n_groups"].value_counts().to_dict() == {number: number for number in numbers}
    assert tables["groups"].groupby("n_groups")["n_cells"].sum().eq(80).all()
    assert tables["estimate"]["above"].sum() == load_estimate(done)["n_clusters"]
    chosen = tables["markers"].query("n_groups == @own")
    assert (chosen["auroc"] >= 0.85).all()
    assert chosen["gene"].tolist() == marker_genes(load_consensus(done, own).genes)["gene"].tolist()
    assert (tables["unusual_cells"]["outlier_score"] > 0).all()


def test_numbers_tried_for_another_answer_stay_out_of_the_archive(done):
    done.set_params("theta", {"theta": 0.5}, note="Another θ")
    jobs.compute(done, "theta")
    assert consensus_files.tables(done) == {}
    assert not [name for name in exports._tables(done) if name.startswith("numbers_of_groups/")]
