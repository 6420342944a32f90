"""Genes that only the target has, in a project: kept in its files, told on the page, used by the job."""

from __future__ import annotations

import numpy as np
import pytest

from sctl.data import TARGET_ONLY
from sctl.jobs.tasks import compute
from sctl.preprocess import prepare_pair
from sctl.project import Project, load_pair, load_result
from sctl.simulate import toy_counts


@pytest.fixture
def project(projects):
    """A project whose source has 60 of the target's 300 genes, prepared."""
    source, target = toy_counts()
    made = Project.create("Few shared genes")
    made.put_input("source", source[:, :60].copy(), {"filename": "source.h5ad"})
    made.put_input("target", target, {"filename": "target.h5ad"})
    made.set_params("data", {"label_key": "cell_type"}, note="Choose the cell types")
    compute(made, "preprocess")
    return made


def test_they_survive_the_projects_files_and_are_used_by_the_job(open_page, project):
    source, target = toy_counts()
    expected = prepare_pair(source[:, :60].copy(), target, label_key="cell_type").pair.target
    kept = load_pair(project).target
    np.testing.assert_array_equal(kept.obsm[TARGET_ONLY].toarray(), expected.obsm[TARGET_ONLY].toarray())
    assert list(kept.uns[f"{TARGET_ONLY}_genes"]) == list(expected.uns[f"{TARGET_ONLY}_genes"])
    for step in ("transfer", "theta"):
        compute(project, step)
    result = load_result(project)
    assert (result.diagnostics.target_genes.mode, result.diagnostics.target_genes.n_genes) == ("covariance", 240)
    for page in ("transfer", "theta"):
        assert not open_page(page, project.id).exception
