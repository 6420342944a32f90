"""The same files and settings give the same answer through Python, the shell, a job of the app, its script and notebook.

Only what users and pages call is called here: the façade, the command, a project with its jobs, and the exports. Data are
small and methods learn for a moment only: what is compared is not how good an answer is, but whether it is one.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import io
import json
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from pandas.testing import assert_frame_equal
from scipy import sparse

import sctl
from sctl import cli, export, jobs, preflight, workflow
from sctl.genes import map_orthologs
from sctl.jobs.tasks import compute
from sctl.methods import METHODS
from sctl.project import Project, annotated, fix_to_dict, load_result
from sctl.ui.export import exports
from sctl.ui.widgets import uploads

QUICK: Mapping[str, Mapping[str, Any]] = {
    "transfercluster": {"n_init": 2, "theta_step": 0.5},
    "targetcluster": {"n_init": 2},
    "panel": {},
    "concatenatecluster": {"n_init": 2},
    "itclust": {"n_genes": None, "n_epochs": 2, "n_pretrain_epochs": 1},
    "scarches": {"epochs": 2, "surgery_epochs": 1},
    "poissonautoencoder": {"max_epochs": 2, "n_networks": 1},
}
SEED = 3


@dataclasses.dataclass(frozen=True)
class Case:
    """What a user has, and what they choose.

    Parameters
    ----------
    files : mapping of name to AnnData or DataFrame
        Written beside the script; tables as ``.csv``.
    source, target : sequence of str
        Names of files.
    method, params, batch_key, theta, preprocess
        As on the pages.
    labels : str
        A table of cell types among the files.
    fixes : sequence of (role, code)
        Repairs that are asked for.
    edit : callable, optional
        From the method's labels to those of the user.
    """

    files: Mapping[str, AnnData | pd.DataFrame]
    source: Sequence[str] = ("source.h5ad",)
    target: Sequence[str] = ("target.h5ad",)
    method: str = "targetcluster"
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    label_key: str = "cell_type"
    batch_key: str | None = None
    theta: float | None = None
    preprocess: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    labels: str = ""
    fixes: Sequence[tuple[str, str]] = ()
    edit: Callable[[pd.Series], pd.Series] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The method's settings, quick ones first."""
        return {**QUICK[self.method], **self.params}


class Upload(io.BytesIO):
    """A file as the browser sends it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.read_bytes())
        self.name = path.name


# -- data ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def human(source: AnnData, target: AnnData) -> tuple[AnnData, AnnData]:
    """A source and a target of counts whose genes are real symbols, with tables and values that are the user's own."""
    names = _symbols()["human"][: source.n_vars].to_numpy()
    both = source[:120].copy(), target[:60].copy()
    for adata in both:
        adata.var_names = names
        adata.obs["donor"] = pd.Categorical(np.where(np.arange(adata.n_obs) % 2, "one", "two"))
        adata.X = sparse.csr_matrix(adata.X)
    own = both[1]
    del own.obs["cell_type"]
    own.obs["weight"] = np.linspace(0, 1, own.n_obs)
    own.var["length"] = np.arange(own.n_vars)
    own.obsm["X_mine"] = np.arange(2.0 * own.n_obs).reshape(-1, 2)
    own.layers["twice"] = own.X * 2
    own.uns["mine"] = {"a": 1, "names": np.array(["x", "y"])}
    return both


@functools.lru_cache(maxsize=1)
def _symbols() -> pd.DataFrame:
    """Return pairs of symbols that the repair maps onto each other: those of the demo's genes."""
    mapped, _ = map_orthologs(sctl.load_demo().target, to="mouse")
    return pd.DataFrame({"mouse": mapped.var_names.to_numpy(), "human": mapped.var["human_gene"].to_numpy()})


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for files and projects."""
    monkeypatch.setenv("SCTL_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- the ways to an answer -------------------------------------------------------------------------------


def put_files(case: Case, folder: Path) -> None:
    """Write what the user has."""
    for name, content in case.files.items():
        if isinstance(content, AnnData):
            content.write_h5ad(folder / name)
        else:
            content.to_csv(folder / name, sep="\t" if ".tsv" in name else ",")


def through_the_app(case: Case, folder: Path) -> Project:
    """Upload, choose, repair and compute as the pages do."""
    project = Project.create("Mine")
    for role, names in (("source", case.source), ("target", case.target)):
        read = workflow.read_datasets([folder / name for name in names], labeled=role == "source")
        project.put_input(role, read, {"filename": " + ".join(names), "files": list(names)})
    if case.labels:
        joined, _ = sctl_io().join_labels(project.input("source"), sctl_io().read_labels(folder / case.labels))
        project.change_input("source", joined, {"labels": case.labels}, note="Join the table")
    for role, code in case.fixes:
        found = [*preflight.inspect(project.input(role), role=role)]  # type: ignore[arg-type]
        fix = next(finding.fix for finding in found if finding.fix and finding.fix.code == code)
        repaired = preflight.apply_fix(project.input(role), fix)
        project.change_input(role, repaired, {"fix": fix_to_dict(fix)}, note=fix.title)
    project.set_params("data", {"label_key": case.label_key, "batch_key": case.batch_key}, note="Columns")
    project.set_params("preprocess", case.preprocess, note="Filters")
    chosen = {"method": case.method, "params": case.settings, "seed": SEED}
    project.set_params("transfer", chosen, note="Method")
    project.set_params("theta", {"theta": case.theta}, note="θ")
    for step in ("preprocess", "transfer", "theta"):
        compute(project, step)
    if case.edit is not None:
        found = load_result(project)
        project.set_labels(case.edit(pd.Series(found.labels.astype(str), index=found.obs_names)))
    return project


def sctl_io() -> Any:
    """Return the module that reads."""
    from sctl import io as reading  # noqa: PLC0415

    return reading


def file_of_the_app(project: Project, folder: Path) -> AnnData:
    """Return what the export page gives."""
    (folder / "app.h5ad").write_bytes(exports.h5ad(project))
    return ad.read_h5ad(folder / "app.h5ad")


def through_the_shell(project: Project, folder: Path) -> AnnData:
    """Run the command that the export page shows."""
    words = shlex.split(export.command_for(exports.recipe_of(project)))
    words[words.index("result.h5ad")] = str(folder / "shell.h5ad")
    assert cli.main([*words[1:], "--quiet"]) == 0
    return ad.read_h5ad(folder / "shell.h5ad")


def through_the_script(project: Project, folder: Path) -> AnnData:
    """Run the script that the export page gives."""
    (folder / "again.py").write_text(export.script_for(exports.recipe_of(project)), encoding="utf-8")
    runpy.run_path(str(folder / "again.py"))
    return ad.read_h5ad(folder / "result.h5ad")


def cells_of_the_notebook(project: Project) -> list[str]:
    """Return the code of the notebook that the export page gives."""
    cells = json.loads(export.notebook_for(exports.recipe_of(project)))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def through_the_notebook(project: Project, folder: Path) -> AnnData:
    """Run the notebook, cell by cell."""
    known: dict[str, Any] = {}
    for code in cells_of_the_notebook(project):
        exec(code, known)
    return ad.read_h5ad(folder / "result.h5ad")


def through_python(case: Case, folder: Path) -> AnnData:
    """Do what the README says, in Python."""
    read: dict[str, AnnData] = {}
    for role, names in (("source", case.source), ("target", case.target)):
        paths = [folder / name for name in names]
        several = len(paths) > 1
        read[role] = workflow.read_datasets(paths, labeled=role == "source") if several else sctl.read(paths[0])
    source, given = read["source"], read["target"]
    if case.labels:
        source, _ = sctl_io().join_labels(source, sctl_io().read_labels(folder / case.labels))
    source, target, asked = sctl.repaired(source, given, blocks=bool(case.fixes))
    prepared = sctl.prepare_pair(
        source,
        target,
        sctl.PreprocessParams.from_dict(case.preprocess),
        label_key=case.label_key,
        batch_key=case.batch_key,
    )
    method = sctl.get_method(case.method)(**case.settings)
    result = sctl.transfer(prepared.pair, method, sctl.Run(seed=SEED), theta=case.theta)
    out = sctl.annotated(given, [*asked, *prepared.repairs], prepared.target, result)
    sctl_io().write_h5ad(out, folder / "python.h5ad")
    return ad.read_h5ad(folder / "python.h5ad")


# -- what is the same ------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a value of ``uns`` as Python's own, so that two can be compared."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype.kind in "OUST"):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    value = value.item() if isinstance(value, np.generic) else value
    return "nan" if isinstance(value, float) and np.isnan(value) else value


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested values by their path."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        below = isinstance(value, Mapping) and value
        found |= flat(value, f"{above}/{name}") if below else {f"{above}/{name}": plain(value)}
    return found


def dense(values: Any) -> np.ndarray[Any, Any]:
    """Return a matrix as an array."""
    return np.asarray(values.toarray() if sparse.issparse(values) else values)


def require_same(found: AnnData, expected: AnnData, *, beside: Sequence[str] = ()) -> None:
    """Assert that two answers are one: values, names, order, tables, slots; ``beside`` is what only the first has."""
    pd.testing.assert_index_equal(found.obs_names, expected.obs_names, check_names=False)
    pd.testing.assert_index_equal(found.var_names, expected.var_names, check_names=False)
    np.testing.assert_array_equal(dense(found.X), dense(expected.X))
    assert [name for name in found.obs if name not in beside] == list(expected.obs)
    for frame in ("obs", "var"):
        mine, other = (getattr(adata, frame)[list(getattr(expected, frame))] for adata in (found, expected))
        assert_frame_equal(mine, other, rtol=0, atol=1e-12, check_categorical=True, check_names=False)
    for slot in ("obsm", "varm", "layers", "obsp"):
        mine, other = getattr(found, slot), getattr(expected, slot)
        assert set(mine) == set(other), slot
        for name in other:
            np.testing.assert_allclose(dense(mine[name]), dense(other[name]), rtol=0, atol=1e-12, err_msg=name)
    mine, other = (flat({k: v for k, v in adata.uns.items() if k not in beside}) for adata in (found, expected))
    assert set(mine) == set(other)
    for name, value in other.items():
        assert mine[name] == value, name
    assert (found.raw is None) == (expected.raw is None)


def require_the_users_own(found: AnnData, given: AnnData) -> None:
    """Assert that values, genes and tables are those the user gave."""
    np.testing.assert_array_equal(dense(found.X), dense(given[found.obs_names].X))
    assert found.var_names.equals(given.var_names)
    assert list(found.var) == list(given.var)
    assert [name for name in found.obs if not name.startswith("sctl")] == list(given.obs)
    assert {*given.obsm, *given.layers, *given.uns} <= {*found.obsm, *found.layers, *found.uns}


def require_one_answer(case: Case, folder: Path, *, notebook: bool = False) -> AnnData:
    """Assert that every way gives the same; return the answer."""
    put_files(case, folder)
    project = through_the_app(case, folder)
    app = file_of_the_app(project, folder)
    expected = through_python(case, folder)
    final = [export.FINAL_LABEL] if case.edit is not None else []
    require_same(app, expected, beside=["sctl", *final])
    require_same(through_the_shell(project, folder), expected)
    script = through_the_script(project, folder)
    require_same(script, expected, beside=final)
    for name in final:
        assert script.obs[name].tolist() == app.obs[name].tolist() == project.labels()[app.obs_names].tolist()
    code = "\n".join(cells_of_the_notebook(project))
    repeated = ast.parse(export.script_for(exports.recipe_of(project))).body[1:]
    assert [ast.dump(node) for node in ast.parse(code).body][: len(repeated)] == [ast.dump(node) for node in repeated]
    if notebook:
        require_same(through_the_notebook(project, folder), expected, beside=final)
    return expected


# -- every method ------------------------------------------------------------------------------------------


def test_every_method_has_quick_settings() -> None:
    assert set(QUICK) == set(METHODS)


@pytest.mark.parametrize("method", sorted(QUICK))
def test_plain(method: str, human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    case = Case({"source.h5ad": source, "target.h5ad": target}, method=method)
    require_the_users_own(require_one_answer(case, tmp_path, notebook=True), target)


@pytest.mark.parametrize("method", sorted(QUICK))
def test_batches(method: str, human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    case = Case({"source.h5ad": source, "target.h5ad": target}, method=method, batch_key="donor")
    require_one_answer(case, tmp_path)


@pytest.mark.parametrize("method", sorted(QUICK))
def test_several_files(method: str, human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    files = {"liver + kidney.h5ad": source[:60].copy(), "b.h5ad": source[60:].copy(), "t + u.h5ad": target}
    case = Case(
        files, source=("liver + kidney.h5ad", "b.h5ad"), target=("t + u.h5ad",), method=method, batch_key="file"
    )
    require_the_users_own(require_one_answer(case, tmp_path), target)


@pytest.mark.parametrize("method", sorted(QUICK))
def test_two_species(method: str, human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    mouse = source.copy()
    mouse.var_names = _symbols()["mouse"][: mouse.n_vars].to_numpy()
    case = Case({"source.h5ad": mouse, "target.h5ad": target}, method=method)
    require_the_users_own(require_one_answer(case, tmp_path), target)


def edit(labels: pd.Series) -> pd.Series:
    """Rename a type, and name three cells."""
    first = labels.iloc[0]
    edited = labels.replace({first: "my type"})
    edited.iloc[[0, 3, 7]] = "a 'new' one"
    return edited


@pytest.mark.parametrize("method", sorted(QUICK))
def test_edits_of_labels(method: str, human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    case = Case({"source.h5ad": source, "target.h5ad": target}, method=method, edit=edit)
    require_one_answer(case, tmp_path)


# -- other files and settings, by quick methods --------------------------------------------------------------


def test_text_tables_that_are_packed(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    case = Case({"source.h5ad": source, "target.tsv.gz": target.to_df().T.astype(int)}, target=("target.tsv.gz",))
    found = require_one_answer(case, tmp_path)
    np.testing.assert_array_equal(dense(found.X), dense(target[found.obs_names].X))


def test_counts_in_a_layer(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    scaled = target.copy()
    scaled.layers["counts"] = scaled.X.copy()
    values = np.log1p(dense(scaled.X))
    scaled.X = (values - values.mean(axis=0)) / (values.std(axis=0) + 0.1)
    case = Case({"source.h5ad": source, "target.h5ad": scaled})
    require_the_users_own(require_one_answer(case, tmp_path), scaled)


def test_cell_types_in_a_table(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    bare = source.copy()
    table = bare.obs[["cell_type"]].iloc[::-1]
    bare.obs = bare.obs.drop(columns="cell_type")
    case = Case({"source.h5ad": bare, "target.h5ad": target, "types of mine.csv": table}, labels="types of mine.csv")
    require_one_answer(case, tmp_path)


def test_filters(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    role = {"min_genes": int(np.median((dense(target.X) > 0).sum(axis=1))), "min_cells": 3}
    case = Case(
        {"source.h5ad": source, "target.h5ad": target},
        preprocess={"source": role, "target": role, "n_top_genes": 100},
    )
    assert 0 < require_one_answer(case, tmp_path).n_obs < target.n_obs


@pytest.mark.parametrize(
    "settings", [{"params": {"n_clusters": 3}}, {"theta": 0.3}, {"theta": 0.0}, {"params": {"theta": 0.25}}]
)
def test_numbers_by_hand(settings: dict[str, Any], human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    case = Case({"source.h5ad": source, "target.h5ad": target}, method="transfercluster", **settings)
    found = require_one_answer(case, tmp_path).uns["sctl_transfercluster"]
    by_hand = settings.get("theta", settings.get("params", {}).get("theta"))
    assert "merged_subpopulations" in found
    assert by_hand is None or (found["theta"], list(found["thetas"])) == (by_hand, sorted({0.0, by_hand}))


HOSTILE = 'a\n"""\nraise SystemExit("ran")\n\'\'\' $(exit 3) `x`\\'
"""Text that would be code, wherever it is not quoted."""


def test_names_that_would_be_code(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    hostile = source.copy()
    hostile.obs[HOSTILE] = [f"{HOSTILE} {name}" for name in hostile.obs.pop("cell_type").astype(str)]
    names = f"{HOSTILE} 1.h5ad", f"{HOSTILE}\x0c\u2028 2.h5ad", f"{HOSTILE}\r 3.h5ad"
    files = {names[0]: hostile[:60].copy(), names[1]: hostile[60:].copy(), names[2]: target}

    def named(labels: pd.Series) -> pd.Series:
        edited = labels.replace({labels.iloc[0]: HOSTILE})
        edited.iloc[3] = f"{HOSTILE}!"
        return edited

    case = Case(files, source=names[:2], target=names[2:], label_key=HOSTILE, edit=named)
    require_one_answer(case, tmp_path, notebook=True)


def test_two_targets(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    files = {"source.h5ad": source, "a + b.h5ad": target[:30].copy(), "c.h5ad": target[30:].copy()}
    found = require_one_answer(Case(files, target=("a + b.h5ad", "c.h5ad")), tmp_path)
    np.testing.assert_array_equal(dense(found.X), dense(target[found.obs_names].X))
    assert set(found.obs["file"]) == {"a + b.h5ad", "c.h5ad"}
    assert {"X_mine"} <= set(found.obsm)


def test_repairs_on_request(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    bare = AnnData(
        X=target.X.T.tocsr(), obs=pd.DataFrame(index=target.var_names), var=pd.DataFrame(index=target.obs_names)
    )
    case = Case({"source.h5ad": source, "target.h5ad": bare}, fixes=[("target", "transpose")])
    found = require_one_answer(case, tmp_path)
    np.testing.assert_array_equal(dense(found.X), dense(target[found.obs_names].X))


def require_one_trained_answer(source: AnnData, target: AnnData, tmp_path: Path) -> None:
    """Assert that the ways that start from a trained source give the same."""
    put_files(Case({"source.h5ad": source, "target.h5ad": target}), tmp_path)
    words = ["train", "--source", "source.h5ad", "--label-key", "cell_type", "--out", "atlas.sctl", "--quiet"]
    assert cli.main([*words, "--param", "n_init=2", "--param", "theta_step=0.5", "--seed", str(SEED)]) == 0
    project = Project.create("From a file")
    for role, name in (("source", "atlas.sctl"), ("target", "target.h5ad")):
        uploads.take(project, role, [Upload(tmp_path / name)])
    for step in ("preprocess", "transfer", "theta"):
        compute(project, step)
    shell = through_the_shell(project, tmp_path)
    require_same(file_of_the_app(project, tmp_path), shell, beside=["sctl"])
    require_same(through_the_script(project, tmp_path), shell)
    require_the_users_own(shell, target)


def test_a_trained_source(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    require_one_trained_answer(*human, tmp_path)


def test_a_trained_source_of_another_species(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    mouse, fewer = source.copy(), target[:, 40:].copy()  # the target lacks genes of the source
    mouse.var_names = _symbols()["mouse"][: mouse.n_vars].to_numpy()
    require_one_trained_answer(mouse, fewer, tmp_path)


@pytest.mark.slow
def test_other_processes_give_the_same(human: tuple[AnnData, AnnData], tmp_path: Path) -> None:
    source, target = human
    case = Case({"source.h5ad": source, "target.h5ad": target}, method="transfercluster", batch_key="donor")
    put_files(case, tmp_path)
    expected = through_python(case, tmp_path)
    project = through_the_app(case, tmp_path)
    words = shlex.split(export.command_for(exports.recipe_of(project)))
    subprocess.run([sys.executable, "-m", *words, "--quiet"], check=True, capture_output=True, timeout=300)
    require_same(ad.read_h5ad(tmp_path / "result.h5ad"), expected)
    other = Project.create("By a job")
    for role in ("source", "target"):
        uploads.take(other, role, [Upload(tmp_path / f"{role}.h5ad")])
    for step in ("data", "transfer"):
        other.set_params(step, project.params(step), note="As before")
    assert jobs.submit(other, "theta").wait().status == "done"
    require_same(annotated(other, load_result(other)), expected)
