"""Pages of a project whose method is the Poisson autoencoder: denoised genes, and what else only it has."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from sctl import jobs
from sctl.denoised import denoised
from sctl.project import Project, load_result
from sctl.ui import results, state

QUICK = {"n_hidden": 40, "n_code": 12, "max_epochs": 20, "learning_rate": 2e-3}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, source, target) -> Path:
    """The folder of a project with a result and its map, for tests to copy."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCTL_PROJECTS", str(root))
        project = Project.create("Toy")
        project.put_input("source", source, {"filename": "source.h5ad"})
        project.put_input("target", target, {"filename": "target.h5ad"})
        project.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
        project.set_params("transfer", {"method": "poissonautoencoder", "params": QUICK}, note="Learn a code")
        for step in ("preprocess", "transfer", "theta"):
            jobs.compute(project, step)
        return project.root


@pytest.fixture
def done(finished, projects) -> Project:
    """A project of this test's own."""
    shutil.copytree(finished, projects / finished.name)
    return Project.open(finished.name)


def fine(app):
    assert not app.exception, app.exception
    return app


def test_denoised_genes_can_be_looked_at(open_page, done):
    gene = results.denoised_genes(done)[3]
    expected = denoised(load_result(done), [gene])[gene].to_numpy()
    np.testing.assert_allclose(results.denoised_expression(done, gene), expected)
    app = open_page("explore", done.id)
    app.session_state[state.DENOISED.name] = True
    app.session_state[state.GENE.of("violin").name] = gene
    fine(app.run())
    assert f"{gene} (denoised)" in str([chart.proto for chart in app.get("plotly_chart")])
