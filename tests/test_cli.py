"""The shell command: from files to a file, and a plain sentence where that cannot be."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

import sctl
import sctl.methods
from sctl.cli import main, stopping
from sctl.cli.progress import Bar
from sctl.cli.summary import print_summary, source_transferability
from sctl.data import ReferenceMapping, SourceTransferability, read_result
from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.run import Progress, Run
from sctl.simulate import toy_pair

METHODS = ("transfercluster", "targetcluster", "concatenatecluster")
"""Those that compare cells by consensus; each other one has a test of its own."""
PATIENCE = 120.0
"""Seconds after which a process surely hangs; nothing is measured by it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, source: AnnData, target: AnnData) -> Path:
    folder = tmp_path_factory.mktemp("files")
    sctl_write(source, folder / "source.h5ad")
    sctl_write(target, folder / "target.h5ad")
    (folder / "broken.h5ad").write_text("no dataset")
    two = source.copy()
    two.obs["cluster"] = two.obs["cell_type"].astype(str).to_numpy()
    sctl_write(two, folder / "two_labels.h5ad")
    sctl_write(target[:5].copy(), folder / "tiny.h5ad")
    spare = target.copy()
    spare.X = sparse.csr_matrix(spare.X.multiply((np.arange(spare.n_obs) >= 3)[:, None]))
    sctl_write(spare, folder / "spare.h5ad")
    return folder


def sctl_write(adata: AnnData, path: Path) -> None:
    ad.io.write_h5ad(path, adata, convert_strings_to_categoricals=False)


def run(folder: Path, *more: str, source: str = "source.h5ad", target: str = "target.h5ad", out: str = "") -> int:
    files = ["--source", str(folder / source), "--target", str(folder / target)]
    return main(["run", *files, "--out", out or str(folder / "out.h5ad"), "--force", *more])


@pytest.mark.parametrize("method", METHODS)
def test_a_run_ends_in_the_slots_of_its_method(
    folder: Path, target: AnnData, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--label-key", "cell_type", "--method", method, "--seed", "3") == 0
    output = capsys.readouterr()
    assert "Wrote" in output.out
    assert "%" in output.err  # the progress bar
    written = ad.read_h5ad(folder / "out.h5ad")
    key = f"sctl_{method}"
    assert list(written.obs_names) == list(target.obs_names)
    np.testing.assert_array_equal(written.X.todense(), target.X.todense())  # the user's values, as they were
    assert written.obs[key].dtype == "category" == written.obs[f"{key}_label"].dtype
    assert written.obs[f"{key}_confidence"].between(0, 1).all()
    assert written.obsm[f"X_{key}"].shape[0] == target.n_obs
    assert (written.uns[key]["method"], int(written.uns[key]["seed"])) == (method, 3)
    assert written.uns[key]["version"] == sctl.__version__
    result = read_result(written, method)
    assert (result.labels == target.obs["cell_type"].to_numpy()).mean() > 0.9
    curve = result.diagnostics.theta
    assert "kta" in (result.diagnostics.scores if curve is None else curve.scores)
    assert (curve is not None) == (method == "transfercluster")


def test_a_network_is_trained_from_the_shell(folder: Path, target: AnnData) -> None:
    few = ["--param", "n_epochs=10", "--param", "n_pretrain_epochs=1", "--param", "answer=before"]
    assert run(folder, "--label-key", "cell_type", "--method", "itclust", "--seed", "3", "--quiet", *few) == 0
    result = read_result(ad.read_h5ad(folder / "out.h5ad"), "itclust")
    assert (result.params["n_epochs"], result.params["answer"], str(result.diagnostics.kept.answer)) == (
        10,
        "before",
        "before",
    )
    assert (result.labels == target.obs["cell_type"].to_numpy()).mean() > 0.9
    assert len(result.diagnostics.training.logs["Learn the cell types"].train) <= 10


def test_settings_reach_the_method(folder: Path) -> None:
    more = (
        "--theta",
        "0.35",
        "--n-clusters",
        "3",
        "--param",
        "n_init=4",
        "--param",
        "genes=all",
        "--n-top-genes",
        "100",
    )
    assert run(folder, *more) == 0
    result = read_result(ad.read_h5ad(folder / "out.h5ad"), "transfercluster")
    assert (result.diagnostics.theta.theta, result.params["n_init"], result.params["genes"]) == (0.35, 4, "all")
    assert len(set(result.clusters.tolist())) == 3


def test_corrections_are_made_and_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--imputation", "magic", "--imputation-t", "2", "--batch-correction", "combat", "--theta", "0.5")
    assert run(folder, *more, "--quiet") == 0
    said = capsys.readouterr().out
    assert "MAGIC's algorithm (t = 2, 5 neighbours)" in said
    assert "ComBat" in said


def test_theta_is_chosen_from_the_curve(folder: Path) -> None:
    assert run(folder, "--theta", "auto", "--quiet") == 0
    result = read_result(ad.read_h5ad(folder / "out.h5ad"), "transfercluster")
    assert len(result.diagnostics.theta.scores["kta"]) == len(result.diagnostics.theta.thetas) > 5
    assert result.diagnostics.theta.theta in result.diagnostics.theta.thetas


def shuffled_genes(source: AnnData) -> AnnData:
    other = source.copy()
    other.X = source.X[:, np.random.default_rng(0).permutation(source.n_vars)]
    return other


def test_it_says_what_the_source_is_worth(
    folder: Path, source: AnnData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--theta", "0.5", "--quiet") == 0
    found = read_result(ad.read_h5ad(folder / "out.h5ad"), "transfercluster").diagnostics.transferability
    said = capsys.readouterr().out
    assert f"The source explains your cells well: {found.score:.2f} of 1" in said
    assert f"(p = {found.p_value:.2g})." in said
    sctl_write(shuffled_genes(source), tmp_path / "shuffled.h5ad")
    assert run(folder, "--theta", "0.5", "--quiet", source=str(tmp_path / "shuffled.h5ad")) == 0
    assert "Choose another source: this one explains your cells no better than chance" in capsys.readouterr().out
    assert run(folder, "--method", "targetcluster", "--quiet") == 0
    assert "explains" not in capsys.readouterr().out


def test_it_says_what_makes_a_result_unsure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = fit_transfer(toy_pair(), get_method("transfercluster")(theta=0.5, n_permutations=0), Run())
    known = result.diagnostics
    mapping = ReferenceMapping(
        drift=0.0, n_trained=0, n_weights=9, conditions=("a", "b"), n_new_conditions=1, adaptors={}, reference_id="x",
        lineage=(), notes=("It was mapped as it is.",),
    )  # fmt: skip
    unsure = replace(
        known,
        theta=replace(known.theta, warnings=("The curve is flat.",)),
        merged_subpopulations=("Group 2 may be two kinds of cells.",),
        mapping=mapping,
        warnings=("Genes are missing.",),
    )
    print_summary(replace(result, diagnostics=unsure), tmp_path / "out.h5ad", dropped=0)
    said = capsys.readouterr().out
    assert said.index("The curve is flat.\n") < said.index("Group 2 may be two kinds of cells.\n") < said.index("Wrote")
    assert "It was mapped as it is.\n" in said
    assert "Warning: Genes are missing.\n" in said


@pytest.mark.parametrize(
    ("score", "p_value", "words"),
    [(0.5, 0.05, "well"), (0.49, 0.05, "in part"), (0.34, 0.05, "little"), (0.9, 0.06, "no better than chance")],
)
def test_worth_of_a_source_in_words(score: float, p_value: float, words: str) -> None:
    told = source_transferability(SourceTransferability(score=score, p_value=p_value))
    assert words in told
    assert f": {score:.2f} of 1" in told


def test_few_shuffled_sources_do_not_speak_against_a_source() -> None:
    best = SourceTransferability(score=0.9, p_value=0.1)  # better than all nine
    assert "well" in source_transferability(best, 9)
    assert "no better than chance" in source_transferability(best, 99)


def test_dropped_cells_are_gone_and_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--quiet", target="spare.h5ad") == 0
    output = capsys.readouterr()
    assert "3 of 80 cells were dropped" in output.out
    assert output.err == ""
    assert ad.read_h5ad(folder / "out.h5ad").n_obs == 77


def test_the_only_label_column_is_found_and_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--quiet") == 0
    assert "obs['cell_type']" in capsys.readouterr().out
    assert run(folder, source="two_labels.h5ad") == 2
    assert "cell_type, cluster" in capsys.readouterr().err
    assert run(folder, "--label-key", "cluster", "--quiet", source="two_labels.h5ad") == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--label-key", "colour"], "colour"),
        (["--method", "magic"], "no method 'magic'"),
        (["--param", "colour=1"], "no setting"),
        (["--param", "n_init"], "no setting"),
        (["--param", "n_init=many"], "n_init is 'many'"),
        (["--param", "n_init=0"], "n_init is 0"),
        (["--n-clusters", "1"], "n_clusters is 1"),
        (["--method", "targetcluster", "--theta", "0.5"], "has no θ"),
        (["--min-genes", "-1"], "min_genes is -1"),
        (["--imputation-t", "0"], "imputation_t is 0"),
        (["--min-genes", "100000"], ""),
        (["--max-mt", "nan"], ""),
        (["--batch-key", "planet"], "planet"),
    ],
)
def test_a_wrong_setting_is_a_sentence(
    folder: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, *more) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


@pytest.mark.parametrize("name", ["broken.h5ad", "missing.h5ad", "tiny.h5ad"])
def test_a_file_that_cannot_be_used_is_a_sentence(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out.h5ad").unlink(missing_ok=True)
    assert run(folder, target=name) == 2
    assert capsys.readouterr().err.startswith("sctl: ")
    assert not (folder / "out.h5ad").exists()
    assert main(["inspect", str(folder / name)]) == 2


def test_an_output_that_cannot_be_written_is_told_before_reading(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken.h5ad"
    taken.write_text("mine")
    files = ["run", "--source", "nowhere", "--target", "nowhere", "--out"]  # would fail when read
    for out, said in (
        (taken, "exists already"),
        (tmp_path / "no" / "out.h5ad", "no folder"),
        (tmp_path / "out.csv", "does not end in .h5ad"),
    ):
        assert main([*files, str(out)]) == 2
        assert said in capsys.readouterr().err
    (tmp_path / "folder.h5ad").mkdir()
    assert main([*files, str(tmp_path / "folder.h5ad"), "--force"]) == 2
    assert taken.read_text() == "mine"


def test_inspect_says_what_it_sees(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder / "target.h5ad")]) == 0
    output = capsys.readouterr()
    assert "80 cells × 300 genes" in output.out
    assert "warning" in output.out  # few genes
    assert output.err == ""
    assert main(["inspect", "--role", "source", str(folder / "source.h5ad")]) == 0


def test_methods_are_listed_with_their_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == list(sctl.methods.METHODS)
    assert any("--param n_clusters=None" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--version"], 0), (["--help"], 0), (["run", "--help"], 0), ([], 2), (["dance"], 2), (["run"], 2),
     (["run", "--source", "a", "--target", "b", "--out", "c.h5ad", "--theta", "2"], 2),
     (["run", "--source", "a", "--target", "b", "--out", "c.h5ad", "--theta", "much"], 2),
     (["run", "--source", "a", "--target", "b", "--out", "c.h5ad", "--seed", "-1"], 2)],
)  # fmt: skip
def test_the_command_line_itself(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == status
    output = capsys.readouterr()
    assert (sctl.__version__ in output.out) == (arguments == ["--version"])
    assert ("neither auto nor" in output.err) == ("--theta" in arguments)


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys, contextlib, sctl.cli\n"
        "with contextlib.suppress(SystemExit): sctl.cli.main(['run', '--help'])\n"
        "print([name for name in ('numpy', 'pandas', 'torch', 'tqdm', 'streamlit') if name in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.splitlines()[-1] == "[]"


# -- Ctrl-C ----------------------------------------------------------------------------------------

COMMANDS = {
    "run": ["run", "--source", "source.h5ad", "--target", "target.h5ad", "--param", "theta_step=0.3", "--param",
            "n_init=2", "--out"],
    "network": ["run", "--source", "source.h5ad", "--target", "target.h5ad", "--method", "itclust", "--param",
                "n_epochs=2", "--param", "n_pretrain_epochs=1", "--param", "max_refreshes=2", "--out"],
    "train": ["train", "--source", "source.h5ad", "--method", "itclust", "--param", "n_epochs=2", "--param",
              "n_pretrain_epochs=1", "--out"],
    "search": ["search", "--source", "source.h5ad", "--sampler", "random", "--trials", "2", "--param", "max_epochs=2",
               "--out"],
}  # fmt: skip
"""Short computations; the last word is for the name of the output."""
ENDINGS = {"run": "h5ad", "network": "h5ad", "train": "sctl", "search": "csv"}


def words_of(kind: str, folder: Path, out: Path) -> list[str]:
    return [str(folder / word) if word.endswith(".h5ad") else word for word in COMMANDS[kind]] + [str(out)]


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step take as long as it needs: what exceeds its seconds ends the process, which here is the tests' own."""
    monkeypatch.setattr(stopping, "GRACE", 1e6)


def stages_of(command: list[str], monkeypatch: pytest.MonkeyPatch, at: str = "", number: int = signal.SIGINT) -> tuple:
    """The stages of a command and its status, where a signal comes the first time that ``at`` is announced."""
    stages: list[str] = []
    shown = Bar._show

    def show(bar: Bar, progress: Progress) -> None:
        stage = f"{progress.stage} {'end' if progress.done == progress.total else ''}".strip()
        if stage == at and stage not in stages:
            signal.raise_signal(number)
        stages.append(stage)
        shown(bar, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Bar, "_show", show)
        status = main(command)
    return list(dict.fromkeys(stages)), status


@pytest.mark.usefixtures("_patient")
@pytest.mark.parametrize("kind", COMMANDS)
def test_control_c_ends_every_stage(
    folder: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"out.{ENDINGS[kind]}"
    stages, status = stages_of(words_of(kind, folder, out), monkeypatch)
    assert (status, len(stages) > 2) == (0, True)
    out.unlink()
    before = signal.getsignal(signal.SIGINT)
    for stage in stages:
        capsys.readouterr()
        seen, status = stages_of(words_of(kind, folder, out), monkeypatch, at=stage)
        assert (stage, status, list(tmp_path.iterdir())) == (stage, 130, [])
        assert stage in seen
        told = capsys.readouterr()
        assert told.err.endswith("sctl: stopped.\n")
        assert "Wrote" not in told.out
    assert signal.getsignal(signal.SIGINT) is before  # who calls the command from Python keeps what was set


@pytest.mark.usefixtures("_patient")
def test_a_system_that_ends_the_command_is_heard_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = words_of("run", folder, tmp_path / "out.h5ad")
    stages, _ = stages_of(command, monkeypatch)
    (tmp_path / "out.h5ad").unlink()
    _, status = stages_of(command, monkeypatch, stages[-1], signal.SIGTERM)
    assert (status, list(tmp_path.iterdir())) == (128 + signal.SIGTERM, [])


@pytest.mark.usefixtures("_patient")
@pytest.mark.parametrize("when", ["before", "after"])
def test_control_c_while_the_output_is_written_leaves_nothing(
    folder: Path, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(adata: AnnData, path: Path) -> None:
        if when == "before":
            signal.raise_signal(signal.SIGINT)
        sctl_write(adata, path)
        if when == "after":
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("sctl.io.write_h5ad", write)
    assert main(words_of("run", folder, tmp_path / "out.h5ad")) == 130
    assert list(tmp_path.iterdir()) == []


def test_control_c_is_no_traceback(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sctl", *words_of("run", folder, tmp_path / "out.h5ad"),
               "--param", "theta_step=0.01", "--param", "n_init=1000"]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        assert process.stderr is not None
        told = b""
        while b"Trying" not in told:
            piece = os.read(process.stderr.fileno(), 4096)
            assert piece, told
            told += piece
        process.send_signal(signal.SIGINT)
        told += process.stderr.read()
        assert process.wait(PATIENCE) == 130
    assert b"stopped" in told
    assert b"Traceback" not in told
    assert list(tmp_path.iterdir()) == []


BUSY = """
import signal, sys, threading
from pathlib import Path
import sctl.workflow
from sctl.cli import main, stopping
def wait(*_, **__):  # for ever, and without a look at the switch
    for _ in range({times}):
        signal.raise_signal(signal.SIGINT)
    while True:
        try:
            threading.Event().wait(1)
        except BaseException:
            pass  # as callbacks of compiled code do
stopping.GRACE = {grace}
{place} = wait
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("place", ["sctl.workflow.read_datasets", "sctl.workflow.transfer", "sctl.io.write_h5ad"])
@pytest.mark.parametrize(("times", "grace"), [(1, 0.001), (2, 1e6)])
def test_what_does_not_look_at_the_switch_is_ended(
    folder: Path, tmp_path: Path, place: str, times: int, grace: float
) -> None:
    """Soon after a first Ctrl-C, and at once after a second."""
    code = ("import sctl.io\n" if "io" in place else "") + BUSY.format(times=times, grace=grace, place=place)
    command = [sys.executable, "-c", code, *words_of("run", folder, tmp_path / "out.h5ad")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.endswith("sctl: stopped.\n")
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def same(left: object, right: object) -> None:
    dense = [matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix) for matrix in (left, right)]
    assert dense[0].dtype == dense[1].dtype
    np.testing.assert_array_equal(*dense)


def with_all_slots(target: AnnData, where: str) -> AnnData:
    """A target as an analyst leaves it: log values in X, counts elsewhere, Ensembl ids, slots of all kinds."""
    full = target[:, :200].copy() if where == "more in raw" else target.copy()
    full.X = np.log1p(full.X.toarray()).astype(np.float64) * 0.37
    full.obs["n"], full.obs.index.name = np.arange(full.n_obs), "cell"
    full.var["gene_id"], full.var.index.name = "mine", "gene"
    full.obsm["X_pca"], full.varm["PCs"] = np.ones((full.n_obs, 2)), np.ones((full.n_vars, 2))
    full.obsp["near"], full.uns["note"] = sparse.eye(full.n_obs).tocsr(), {"a": 1}
    if where == "layer":
        full.layers["counts"] = target.X.copy()
    else:
        full.raw = target.copy()
    return full


@pytest.mark.parametrize("where", ["layer", "raw", "more in raw"])
def test_what_the_user_has_comes_back_as_it_was(folder: Path, target: AnnData, where: str) -> None:
    full = with_all_slots(target, where)
    sctl_write(full, folder / "full.h5ad")
    full = ad.read_h5ad(folder / "full.h5ad")
    assert run(folder, "--quiet", target="full.h5ad") == 0
    written = ad.read_h5ad(folder / "out.h5ad")
    same(written.X, full.X)
    for slot in ("obsm", "varm", "obsp", "layers"):
        for name, value in getattr(full, slot).items():
            same(getattr(written, slot)[name], value)
    assert list(written.layers) == list(full.layers)
    assert (written.raw is None) == (full.raw is None)
    assert set(written.uns) - set(full.uns) == {"sctl_transfercluster"}
    assert written.var.equals(full.var)
    assert written.obs[full.obs.columns].equals(full.obs)
    assert (written.obs_names.name, written.var_names.name) == ("cell", "gene")


def test_repaired_names_serve_the_computation_alone(folder: Path, source: AnnData, target: AnnData) -> None:
    source, target = source.copy(), target.copy()
    source.var_names = target.var_names = [f"SYMB{number}" for number in range(target.n_vars)]
    sctl_write(source, folder / "symbols.h5ad")
    sctl_write(target, folder / "plain.h5ad")
    ids = [f"ENSG{number:011d}.3" for number in range(target.n_vars)]
    full = AnnData(target.X, obs=target.obs[[]], var={"gene_symbols": target.var_names.to_numpy()})
    full.var_names = ids
    full.obs_names = ["a", "a", *target.obs_names[2:]]
    sctl_write(full, folder / "ids.h5ad")
    assert run(folder, "--quiet", source="symbols.h5ad", target="ids.h5ad") == 0
    written = ad.read_h5ad(folder / "out.h5ad")
    assert list(written.var_names) == ids
    assert list(written.var) == ["gene_symbols"]
    assert list(written.obs_names[:3]) == ["a", "a-1", target.obs_names[2]]
    assert run(folder, "--quiet", source="symbols.h5ad", target="plain.h5ad") == 0
    plain = ad.read_h5ad(folder / "out.h5ad")
    same(written.varm["sctl_transfercluster_dictionary"], plain.varm["sctl_transfercluster_dictionary"])


def test_an_input_is_never_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "target.h5ad").read_bytes()
    link = folder / "link.h5ad"
    link.unlink(missing_ok=True)
    link.symlink_to(folder / "target.h5ad")
    for out in ("target.h5ad", "source.h5ad", "link.h5ad"):
        assert run(folder, out=str(folder / out)) == 2
        assert "one of the input files" in capsys.readouterr().err
    assert (folder / "target.h5ad").read_bytes() == before


def test_what_the_computer_refuses_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, out=str(folder / ("a" * 300 + ".h5ad"))) == 2
    assert "name is too long" in capsys.readouterr().err

    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("sctl.workflow.datasets.read_many", exhausted)
    assert run(folder) == 2
    assert "Take fewer cells or genes" in capsys.readouterr().err


def test_what_a_run_repairs_by_itself_is_usable(
    folder: Path, target: AnnData, capsys: pytest.CaptureFixture[str]
) -> None:
    scaled = target.copy()
    scaled.X = target.X.toarray() - 1.5
    sctl_write(scaled, folder / "scaled.h5ad")
    assert main(["inspect", str(folder / "scaled.h5ad")]) == 2
    assert "error   The target holds scaled" in capsys.readouterr().out
    scaled.raw = target
    sctl_write(scaled, folder / "scaled.h5ad")
    assert main(["inspect", str(folder / "scaled.h5ad")]) == 0
    assert "repair  The matrix of the target holds scaled" in capsys.readouterr().out
    assert run(folder, "--quiet", target="scaled.h5ad") == 0


def test_labels_may_lie_in_a_table(folder: Path, source: AnnData, capsys: pytest.CaptureFixture[str]) -> None:
    table = source.obs["cell_type"].rename("kind").astype(str)
    table.to_csv(folder / "labels.csv")
    sctl_write(AnnData(source.X, obs=source.obs[[]], var=source.var), folder / "bare.h5ad")
    more = ("--quiet", "--label-key", "kind", "--labels", str(folder / "labels.csv"))
    assert run(folder, *more, source="bare.h5ad") == 0
    assert "200 of 200 cells are in the table" in capsys.readouterr().out
    assert run(folder, "--label-key", "kind", source="bare.h5ad") == 2
    beside = ("--quiet", "--force", "--method", "targetcluster", "--labels", str(folder / "labels.csv"))
    assert run(folder, *beside) == 0  # the source has another column of types, but the table was given
    assert "taken from the column 'kind' of the table" in capsys.readouterr().out
    assert run(folder, "--labels", str(folder / "nowhere.csv"), source="bare.h5ad") == 2


def test_options_of_the_app_reach_streamlit_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[list[str]] = []

    def become(program: str, command: list[str]) -> int:
        assert (program, Path.cwd().joinpath("app.py").exists()) == (sys.executable, True)
        seen.append(command)
        return 0

    monkeypatch.chdir("/")  # and back, when the test ends
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr("os.execv", become)
    for options in ([], ["--server.port", "8502", "--server.headless", "true"]):
        with contextlib.suppress(TypeError):  # the process did not become another one, so there is no status
            main(["app", *options])
        assert seen.pop()[3:] == ["run", "app.py", *options]
    with pytest.raises(SystemExit):
        main(["methods", "--server.port", "8502"])
    assert "unrecognized arguments: --server.port 8502" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("platform", "environment", "options", "opens"),
    [
        ("linux", {"DISPLAY": ":0"}, [], True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, [], True),
        ("linux", {}, [], False),
        ("linux", {"DISPLAY": ":0", "CI": "true"}, [], False),
        ("linux", {"DISPLAY": ":0"}, ["--no-browser"], False),
        ("darwin", {}, [], True),
        ("win32", {}, [], True),
        ("win32", {"CI": "1"}, [], False),
    ],
)
def test_the_app_opens_the_browser_only_where_somebody_sees_it(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], options: list[str], opens: bool
) -> None:
    seen: list[list[str]] = []
    for name in ("CI", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir("/")
    monkeypatch.setattr("sctl.cli.serve.sys.platform", platform)
    monkeypatch.setattr("os.execv", lambda program, command: seen.append(command))
    main_without_status = contextlib.suppress(TypeError)  # the process did not become another one
    with main_without_status:
        main(["app", *options])
    assert ("--server.headless=false" in seen[0]) == opens
    assert ("--server.showEmailPrompt=false" in seen[0]) == opens
    assert "--no-browser" not in seen[0]


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.7", "::"])
@pytest.mark.parametrize("form", ["{0}={1}", "{0} {1}"])
def test_the_app_is_opened_to_others_only_under_a_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str, form: str
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda program, command: seen.append(command))
    monkeypatch.chdir("/")
    options = form.format("--server.address", address).split()
    assert main(["app", *options]) != 0
    assert "--server.allowedHosts" in capsys.readouterr().err
    assert not seen
    with contextlib.suppress(TypeError):
        main(["app", *options, "--server.allowedHosts", "lab.example"])
    assert seen[0][-2:] == ["--server.allowedHosts", "lab.example"]


# -- trained sources -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    words = ["train", "--source", str(folder / "source.h5ad"), "--out", str(folder / "model.sctl"), "--quiet"]
    assert main([*words, "--method", "itclust", "--param", "n_pretrain_epochs=2", "--seed", "3"]) == 0
    return folder / "model.sctl"


def use(folder: Path, model: Path, *more: str, target: str = "target.h5ad") -> int:
    words = ["run", "--model", str(model), "--target", str(folder / target), "--out", str(folder / "named.h5ad")]
    return main([*words, "--force", "--quiet", *more])


def test_train_once_and_use_often(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in ("target.h5ad", "spare.h5ad"):
        assert use(folder, model, target=target) == 0
        said = capsys.readouterr().out
        assert "trained before, on 200 cells of 4 types" in said
        written = ad.read_h5ad(folder / "named.h5ad")
        right = written.obs["sctl_itclust_label"].astype(str) == written.obs["cell_type"].astype(str)
        assert right.mean() > 0.9
        assert int(written.uns["sctl_itclust"]["seed"]) == 3


def test_a_trained_source_shows_its_card(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(model)]) == 0
    said = capsys.readouterr().out
    assert "# ItClust model with 4 cell types" in said
    assert "200 cells of source.h5ad" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--method", "transfercluster"], "--method does not go with --model"),
        (["--label-key", "cell_type"], "--label-key does not go with --model"),
        (["--n-top-genes", "100"], "--n-top-genes does not go with --model"),
        (["--param", "dropout=0.1"], "dropout was settled when the source was trained"),
        (["--param", "colour=1"], "no setting"),
        (["--theta", "0.5"], "has no θ"),
    ],
    ids=str,
)
def test_what_a_trained_source_settles_cannot_be_set(
    folder: Path, model: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert use(folder, model, *more) == 2
    assert said in capsys.readouterr().err


def test_settings_of_the_target_can_be_set(folder: Path, model: Path) -> None:
    assert use(folder, model, "--param", "answer=before", "--seed", "8") == 0
    uns = ad.read_h5ad(folder / "named.h5ad").uns["sctl_itclust"]
    assert (uns["answer"], int(uns["seed"])) == ("before", 8)


def test_no_model_and_no_place_for_one(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use(folder, folder / "source.h5ad") == 2
    assert "is no model" in capsys.readouterr().err
    train = ["train", "--source", str(folder / "source.h5ad"), "--quiet"]
    assert main([*train, "--out", str(folder / "x.h5ad")]) == 2
    assert "does not end in .sctl" in capsys.readouterr().err
    assert main([*train, "--out", str(folder / "x.sctl"), "--method", "concatenatecluster"]) == 2
    assert "needs the cells" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "--model", "a", "--source", "b", "--target", "c", "--out", "d"])


def test_several_sources_and_targets_are_put_together(
    folder: Path, source: AnnData, target: AnnData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sctl_write(source[::2, :250].copy(), tmp_path / "one.h5ad")
    sctl_write(source[1::2, 50:].copy(), tmp_path / "two.h5ad")
    sctl_write(target[:40].copy(), tmp_path / "mine.h5ad")
    sctl_write(target[40:].copy(), tmp_path / "yours.h5ad")
    names = [str(tmp_path / name) for name in ("one.h5ad", "two.h5ad", "mine.h5ad", "yours.h5ad", "out.h5ad")]
    files = ["--source", *names[:2], "--target", *names[2:4], "--out", names[4]]
    more = [
        "--source-genes",
        "union",
        "--batch-key",
        "file",
        "--method",
        "itclust",
        "--label-key",
        "cell_type",
        "--quiet",
    ]
    settings = ["--param", "n_pretrain_epochs=2", "--param", "max_refreshes=10"]
    assert main(["run", *files, *more, *settings]) == 0, capsys.readouterr()
    out = ad.read_h5ad(names[4])
    assert out.obs["file"].value_counts().to_dict() == {"mine.h5ad": 40, "yours.h5ad": target.n_obs - 40}
    truth = target.obs.loc[out.obs_names, "cell_type"].astype(str)
    assert (out.obs["sctl_itclust_label"].astype(str) == truth).mean() > 0.9
    model = str(tmp_path / "m.sctl")
    assert main(["train", "--source", *names[:2], "--out", model, *more, *settings]) == 0, capsys.readouterr()
    assert main(["run", "--model", model, "--target", *names[2:4], "--out", names[4], "--force", "--quiet"]) == 0
    assert main(["run", *files[:2], *files, "--out", names[0], "--force"]) != 0  # an input is never replaced


# -- a search for settings -----------------------------------------------------------------------


def test_settings_are_searched_and_gone_on_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--param", "max_epochs=1", "--sampler", "random", "--ranges", "paper", "--quiet", "--label-key", "cell_type"]
    words = ["search", "--source", str(folder / "source.h5ad"), "--journal", str(folder / "trials.jsonl"), *few]
    assert main([*words, "--trials", "2", "--out", str(folder / "two.csv")]) == 0
    said = capsys.readouterr().out
    assert "2 trials, the smallest loss is" in said
    assert "sctl run --method poissonautoencoder --param" in said
    assert main([*words, "--trials", "3", "--out", str(folder / "three.csv")]) == 0
    two, three = (pd.read_csv(folder / f"{name}.csv").set_index("trial") for name in ("two", "three"))
    pd.testing.assert_frame_equal(three.loc[two.index], two)
    assert two["held-out loss"].is_monotonic_increasing
    assert set(two.columns) == {"held-out loss", "learning_rate", "orthogonality", "n_hidden", "n_latent"}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--method", "itclust"], "cannot be searched"),
        (["--trials", "0"], "0 trials were asked for"),
        (["--out", "trials.txt"], ".csv"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    folder: Path, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search", "--source", str(folder / "source.h5ad"), "--out", str(folder / "x.csv"), "--quiet"]
    assert main([*words, *more]) == 2
    assert told in capsys.readouterr().err
