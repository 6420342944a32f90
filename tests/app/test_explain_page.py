"""The page that explains: what is asked, the answer that is kept, and where no answer can be given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sctl import jobs
from sctl.analysis.explain import marked
from sctl.genesets import GeneSets
from sctl.jobs.tasks import run_job
from sctl.project import Project, analyses, export_project, keep_gene_sets, load_result
from sctl.run import Run
from sctl.ui.explain import reasons_view
from sctl.ui.export import exports
from sctl.ui.frame import errors, selection, state
from sctl.workflow import ExplainParams

GROUP = {"of": "labels", "against": None, "sets": "", "cells": []}


@pytest.fixture
def project(projects, source, target) -> Project:
    made = Project.create("Toy")
    made.put_input("source", source, {"filename": "source.h5ad"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    made.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    made.set_params("transfer", {"params": {"theta_step": 0.5, "theta_max": 0.5}}, note="Be quick")
    for step in ("preprocess", "transfer", "theta"):
        jobs.compute(made, step)
    return made


def asked(project: Project, **changed) -> ExplainParams:
    name = str(load_result(project).labels[0])
    return ExplainParams.from_dict({**GROUP, "name": name, **changed})


def explained(project: Project, question: ExplainParams):
    """Do what the job does, here."""
    described = {"kind": "explain", "params": question.to_dict(), "settings": project.settings.to_dict()}
    run_job(project.root, described, lambda step, low, high: Run())
    return analyses.load(project, "explain", question)


def texts(app) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error")
    return "\n".join(str(item.value) for kind in kinds for item in getattr(app, kind))


def fine(app):
    assert not app.exception, app.exception
    return app


def test_what_is_explained_is_marked_from_the_first(open_page, project):
    """A browser draws the choice that it is told of; a default that only the script knows stays unmarked."""
    switch = fine(open_page("explain", project.id)).segmented_control[0]
    assert switch.value == "clusters"
    assert switch.proto.set_value


def test_the_page_offers_to_explain_and_starts_the_job(open_page, project):
    app = fine(open_page("explain", project.id))
    assert [item.label for item in app.button].count("Explain") == 1
    app.button(key="explain:start").click().run()
    fine(app)
    job = jobs.running(project)[0]
    assert job.kind == "explain"
    assert ExplainParams.from_dict(job.params).of == "clusters"
    job.stop(wait=5)


def test_an_answer_is_kept_and_drawn(open_page, project):
    question = asked(project)
    found = explained(project, question)
    assert found is not None
    assert found.explanation.label == question.name
    assert found.deletion["salient"].iloc[-1] < found.deletion["random"].iloc[-1]
    app = open_page("explain", project.id)
    app.session_state[state.EXPLAIN_OF.name] = "labels"
    app.session_state[state.EXPLAIN_NAME.of("labels").name] = question.name
    fine(app.run())
    said = texts(app)
    assert f"Why {question.name} rather than {found.explanation.against}?" in said
    best = found.explanation.genes["gene"].iloc[0]
    assert errors.plain(best) in said
    assert len(app.get("plotly_chart")) >= 3


def test_a_cell_and_a_selection_can_be_explained(open_page, project):
    result = load_result(project)
    cell = explained(project, asked(project, of="cell", name=str(result.obs_names[3])))
    assert (cell.explanation.n_cells, cell.explanation.label) == (1, result.labels[3])
    some = explained(project, asked(project, of="selection", name="2 selected cells", cells=[3, 4]))
    assert some.explanation.n_cells == 2
    app = open_page("explain", project.id)
    mask = np.zeros(result.n_obs, dtype=bool)
    mask[[3, 4]] = True
    key = state.SELECTION.of(project.fingerprint("preprocess"))
    app.session_state[key.name] = selection.Selection.of(mask)
    app.session_state[state.EXPLAIN_OF.name] = "selection"
    fine(app.run())
    assert "rather than" in texts(app)


def test_the_answers_go_into_the_tables_and_the_projects_file(project, tmp_path):
    question = asked(project)
    found = explained(project, question)
    tables = exports._tables(project)
    names = [name for name in tables if name.startswith("explanations/")]
    assert len(names) in (2, 3)
    assert found.explanation.genes["gene"].iloc[0].encode() in tables[next(n for n in names if "genes" in n)]
    from sctl.project import import_project  # noqa: PLC0415 - the last step of this test only

    copy = import_project(export_project(project, tmp_path / "p.sctl.zip"))
    assert analyses.load(copy, "explain", question).explanation.margin == found.explanation.margin


def test_the_card_of_a_cell_shows_its_genes_on_the_confidence_page(open_page, project):
    name = str(load_result(project).obs_names[3])
    app = open_page("uncertainty", project.id)
    app.session_state[state.CELL.name] = name
    fine(app.run())
    assert [button.label for button in app.button].count("Explain") == 1
    found = explained(project, asked(project, of="cell", name=name))
    fine(app.run())
    said = texts(app)
    assert f"Genes for {found.explanation.label}, and for {found.explanation.against}, the runner-up" in said
    shown = [frame.value for frame in app.dataframe if "Known marker" in frame.value]
    assert set(shown[0]["Gene"]) <= set(found.explanation.genes["gene"])
    assert "in the table of known markers" in said


def test_known_markers_are_said_with_their_direction():
    genes = pd.DataFrame({
        "gene": ["GCG", "TTR", "PPY", "INS", "SST", "ACTB"], "contribution": [3.0, 2.0, 1.0, -1.0, 2.0, 9.0], "share": 0.1,
        "expression": [5.0, 4.0, 0.1, 3.0, 1.0, 1.0], "elsewhere": [1.0, 1.0, 2.0, 1.0, 2.0, 2.0],
    })  # fmt: skip
    markers = GeneSets("mine", {"alpha": frozenset({"GCG", "TTR"}), "gamma": frozenset({"PPY", "INS"})})
    said = reasons_view.known_markers_note(marked(genes, "alpha", "gamma", markers), "alpha")
    assert said == (
        "Known markers among the 6 weightiest genes: *GCG* (alpha), *TTR* (alpha) are high and *PPY* (gamma) is low, as in "
        "alpha cells; *INS* (gamma) is high, unlike in alpha cells."
    )
    against = genes[genes["gene"] == "GCG"].assign(contribution=-1.0)
    assert "neither" in reasons_view.known_markers_note(marked(against, "alpha", "gamma", markers), "alpha")
    assert "None of the" in reasons_view.known_markers_note(marked(against, "delta", "gamma", markers), "delta")


def test_own_sets_named_by_cell_type_mark_genes(project):
    plain = explained(project, asked(project))
    own = plain.explanation
    best, worst = own.genes["gene"].iloc[0], own.genes["gene"].iloc[-1]
    sets = keep_gene_sets(project, GeneSets("mine", {own.label: frozenset({best, worst}), "other": frozenset({"X"})}))
    genes = reasons_view.marked_genes(project, asked(project, sets=sets), plain).set_index("gene")
    assert genes.loc[[best, worst], "verdict"].tolist() == ["supports", "contradicts"]
    assert set(genes.loc[[best, worst], "marker_of"]) == {own.label}
