"""How often datasets are read and written between upload and export: each computation reads a file once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import pytest
from anndata import AnnData

from sctl import workflow
from sctl.jobs import tasks
from sctl.project import Project, load_pair
from sctl.project.memory import kept, reading_once
from sctl.run import Run
from sctl.ui.export import exports
from sctl.ui.frame import caching, results

METHODS = {
    "transfercluster": {"n_init": 2, "theta_step": 0.5},
    "scarches": {"epochs": 2, "surgery_epochs": 1},
    "itclust": {"n_genes": None, "n_epochs": 2, "n_pretrain_epochs": 1},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    return Project.create("Toy")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    return counted(monkeypatch, ad, "read_h5ad", lambda path: Path(path).name)


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, key: Callable[[Any], str]) -> Counter[str]:
    found, real = Counter[str](), getattr(module, name)

    def counting(path: Any, *rest: Any, **options: Any) -> Any:
        found[key(path)] += 1
        return real(path, *rest, **options)

    monkeypatch.setattr(module, name, counting)
    return found


def look(project: Project) -> None:
    """Read what the pages read of the inputs."""
    infos = {role: project.input_info(role) for role in ("source", "target")}
    prints = {role: info["fingerprint"] for role, info in infos.items() if info}
    for role, fingerprint in prints.items():
        caching.measured(project, role, fingerprint)
        caching.corner(project, role, fingerprint)
        caching.groupings(project, role, fingerprint)
    caching.pair_report(project, prints["source"], prints["target"])


def compute(project: Project, kind: str) -> None:
    description = {"kind": kind, "settings": project.settings.to_dict()}
    tasks.run_job(project.root, description, lambda step, start, end: Run())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_from_upload_to_export(
    method: str, project: Project, source: AnnData, target: AnnData, reads: Counter[str], tmp_path: Path
):
    for role, adata in (("source", source), ("target", target)):
        adata.write_h5ad(tmp_path / f"{role}.h5ad")
        given = workflow.read_datasets([tmp_path / f"{role}.h5ad"])
        project.put_input(role, given, {"filename": f"{role}.h5ad"})
    look(project)
    project.set_params("data", {"label_key": "cell_type"}, note="Labels")
    project.set_params("transfer", {"method": method, "params": METHODS[method]}, note="Method")
    compute(project, "everything")
    assert {project.state(step) for step in ("preprocess", "transfer", "theta", "explore", "markers")} == {"done"}

    results.table(project)
    results.maps(project)
    results.markers(project)
    results.expression(project, results.genes(project)[0])
    look(project)
    exports.h5ad(project)

    inputs = {(project.input_info(role) or {})["fingerprint"]: role for role in ("source", "target")}
    of_inputs = Counter(
        {role: reads[f"{role}.h5ad"] + reads[f"{fingerprint}.h5ad"] for fingerprint, role in inputs.items()}
    )
    assert of_inputs == {"source": 3, "target": 3}, reads  # the upload, the pages' look, and the job
    others = Counter(
        {name: n for name, n in reads.items() if name.removesuffix(".h5ad") not in (*inputs, *inputs.values())}
    )
    assert set(others.values()) <= {1}, others  # a result is read once, by the pages


def test_a_job_reads_again_what_another_has_changed(
    project: Project, source: AnnData, target: AnnData, reads: Counter[str]
):
    for role, adata in (("source", source), ("target", target)):
        project.put_input(role, adata, {"filename": f"{role}.h5ad"})
    project.set_params("data", {"label_key": "cell_type"}, note="Labels")
    with reading_once():
        tasks.compute(project, "preprocess")
        first = load_pair(project)
        assert load_pair(project).target is first.target
        assert not reads["target.h5ad"]
        path = project.require("preprocess") / "target.h5ad"
        path.touch()
        assert kept(path) is None
        assert load_pair(project).target is not first.target
        assert reads["target.h5ad"] == 1
    assert load_pair(project).target is not load_pair(project).target
