from __future__ import annotations

import ast
import dataclasses
import io
import json
import re
import shlex
import subprocess
import sys
import zipfile

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from sctl.data import TransferResult, read_result
from sctl.errors import DataError, ParameterError
from sctl.export import (
    FINAL_LABEL,
    LabelEdits,
    Recipe,
    bundle,
    command_for,
    edited,
    export_h5ad,
    export_tables,
    label_edits,
    left_out,
    methods_paragraph,
    notebook_for,
    script_for,
    to_csv,
)
from sctl.simulate import Simulation


@pytest.fixture
def result(pair, rng):
    n_obs = pair.target.n_obs
    proba = rng.dirichlet(np.ones(3), size=n_obs)
    names = ("B/NK", "=cmd()", "beta")
    return TransferResult(
        method="transfercluster",
        obs_names=pair.target.obs_names,
        clusters=proba.argmax(axis=1),
        cluster_names=("0", "1", "2"),
        proba=proba,
        labels=np.array(names)[proba.argmax(axis=1)],
        label_names=names,
        label_proba=proba,
        confidence=proba.max(axis=1),
        embedding=proba[:, :2],
        params={"theta": 0.5, "n_clusters": None},
        seed=7,
        version="0.1.0",
    )


def test_h5ad_holds_everything_and_is_always_the_same(pair, result, tmp_path, rng):
    coords = rng.normal(size=(pair.target.n_obs, 2))
    final = [None, *["beta"] * (pair.target.n_obs - 1)]
    given = {"embeddings": {"umap": coords, "pca": coords}, "labels_final": final, "provenance": {"source": "a.h5ad"}}
    before = pair.target.copy()
    first = export_h5ad(tmp_path / "a.h5ad", pair.target, [result], **given)
    second = export_h5ad(tmp_path / "b.h5ad", pair.target, [result], **given)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5ad", "b.h5ad"]
    back = ad.read_h5ad(first)
    np.testing.assert_allclose(back.obsm["X_umap"], coords, rtol=1e-6)
    assert back.obs[FINAL_LABEL].tolist()[:2] == ["unassigned", "beta"]
    np.testing.assert_array_equal(read_result(back, "transfercluster").labels, result.labels)
    assert list(back.uns["sctl"]["methods"]) == ["transfercluster"]
    assert back.uns["sctl"]["source"] == "a.h5ad"
    assert list(pair.target.obsm) == list(before.obsm)
    assert list(pair.target.obs) == list(before.obs)


def test_what_is_not_of_the_target_is_refused(pair, result, tmp_path):
    with pytest.raises(DataError, match="umap has 3 entries for 80"):
        export_h5ad(tmp_path / "a.h5ad", pair.target, [result], embeddings={"umap": np.zeros((3, 2))})
    with pytest.raises(DataError, match="labels_final has 1 entries"):
        export_h5ad(tmp_path / "a.h5ad", pair.target, [result], labels_final=["a"])
    with pytest.raises(DataError, match="labels_final"):
        export_tables([result], labels_final=["a"])
    assert not list(tmp_path.iterdir())


def test_tables_come_back_as_they_were(result):
    markers = pd.DataFrame({"group": ["0"], "gene": ["INS"], "p_value": [1e-300]})
    files = export_tables([result], labels_final=result.labels, markers=markers, theta_curve=None)
    assert sorted(files) == ["cells_transfercluster.csv", "clusters_transfercluster.csv", "markers.csv"]
    cells = pd.read_csv(io.BytesIO(files["cells_transfercluster.csv"]), float_precision="round_trip")
    assert cells["cell"].tolist() == result.obs_names.tolist()
    np.testing.assert_array_equal(cells["confidence"], result.confidence)
    assert set(cells["label"]) == {"B/NK", "'=cmd()", "beta"}
    assert pd.read_csv(io.BytesIO(files["markers.csv"]))["p_value"].item() == 1e-300


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_can_be_a_formula(start):
    text = f"{start}1+1"
    table = pd.DataFrame({text: pd.Categorical([text, "a"]), "object": [text, None], "number": [-1.0, 2.0]})
    table = table.assign(string=pd.array([text, pd.NA], dtype="string"))
    written = to_csv(table)
    back = pd.read_csv(io.BytesIO(written), keep_default_na=False)
    expected = f"'{text}".replace("\r", "\n")
    assert back.columns[0] == expected
    assert [back.iloc[0, place] for place in (0, 1, 3)] == [expected] * 3
    assert back["number"].tolist() == [-1.0, 2.0]


@pytest.mark.parametrize(
    "blank",
    [
        "",
        "\n",
        "\t",
        " ",
        "  \n ",
        "\u00a0",
        "\u3000",
        "\u200b",
        "\ufeff",
        "x;",
        "x;\t",
        "x\n ",
        "\x01",
        "\x08",
        "\x1b",
        "\x7f",
        "\x9b",
        "\xad",
        "\u202e",
        "\u2063",
    ],
)
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_blanks_and_wide_signs_do_not_make_a_text_a_formula(blank, sign):
    text = f"{blank}{sign}HYPERLINK(1)"
    back = pd.read_csv(io.BytesIO(to_csv(pd.DataFrame({text: [text]}))), keep_default_na=False)
    for shown in (back.columns[0], back.iloc[0, 0]):
        assert shown.replace("'", "") == text, "nothing but an apostrophe is added"
        before, _, _ = shown.partition(sign)
        assert "'" in before


@pytest.mark.parametrize("text", ["-1.5", "+2", "-3e-05", "CD4- T", "a; b", "T-cell", "x\ny", "HLA-A=1"])
def test_what_is_no_formula_is_written_as_it_is(text):
    back = pd.read_csv(io.BytesIO(to_csv(pd.DataFrame({"text": [text]}))), dtype=str, keep_default_na=False)
    assert back.iloc[0, 0] == text


def test_bundle_is_deterministic_and_stays_in_its_folder(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"123")
    one, two = bundle({"b/x.bin": path, "a.txt": b"a"}), bundle({"a.txt": b"a", "b/x.bin": path})
    assert one == two
    with zipfile.ZipFile(io.BytesIO(one)) as archive:
        assert archive.namelist() == ["a.txt", "b/x.bin"]
        assert archive.read("b/x.bin") == b"123"
    for name in ("../x", "/x", "a/../../x", "..\\x", "C:\\x", ""):
        with pytest.raises(ParameterError, match="no name for a file"):
            bundle({name: b""})


NASTY = 'x"""\nimport os; os.abort()\n"""\\\x00\x0c\r\u2028\ud800![](https://a.b) <b>'


def test_script_holds_settings_and_no_code_of_others():
    recipe = Recipe(
        source=NASTY,
        target="b; rm -rf ~",
        label_key=NASTY,
        theta=0.3,
        seed=np.int64(4).item(),
        params={"k": np.int64(3)},
    )
    tree = ast.parse(script_for(recipe))
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}  # fmt: skip
    assert ast.literal_eval(values["SOURCE"]) == NASTY
    assert ast.literal_eval(values["PARAMS"]) == {"k": 3}
    assert ast.literal_eval(values["THETA"]) == 0.3
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == ["import sctl", "from sctl.io import write_h5ad"]
    assert "'b; rm -rf ~'" in command_for(recipe)


def test_command_is_understood_by_the_shell_and_by_sctl():
    recipe = Recipe(source="a b.h5ad", target="t.h5ad", label_key="cell type", params={"n_clusters": 3}, theta=0.25)
    assert command_for(recipe) == (
        "sctl run --source 'a b.h5ad' --target t.h5ad --out result.h5ad --label-key 'cell type' "
        "--method transfercluster --theta 0.25 --seed 0 --param n_clusters=3"
    )


@pytest.mark.slow
def test_script_runs_and_repeats_itself(source, target, tmp_path):
    source.write_h5ad(tmp_path / "source.h5ad")
    target.write_h5ad(tmp_path / "target.h5ad")
    recipe = Recipe(source="source.h5ad", target="target.h5ad", label_key="cell_type", theta=0.5)
    (tmp_path / "again.py").write_text(script_for(recipe), encoding="utf-8")
    outputs = []
    for _ in range(2):
        subprocess.run([sys.executable, "again.py"], cwd=tmp_path, check=True, capture_output=True, timeout=300)
        outputs.append(read_result(ad.read_h5ad(tmp_path / "result.h5ad"), "transfercluster"))
    np.testing.assert_array_equal(outputs[0].labels, outputs[1].labels)
    truth = target.obs.loc[outputs[0].obs_names, "cell_type"].astype(str)
    assert (outputs[0].labels == truth).mean() > 0.9


@pytest.mark.parametrize("demo", [frozenset(), frozenset({"source"})])
def test_a_notebook_holds_the_script_and_nothing_else_that_acts(demo):
    recipe = Recipe(
        source=NASTY, target="several", files={"target": ["b + c.h5ad", NASTY]}, label_key=NASTY, demo=demo, params={"k": 3},
        changes=[{"labels": NASTY}, {"fix": {"code": NASTY, "title": NASTY, "arguments": {"role": "target", "where": NASTY}}}],
        edits=LabelEdits(renamed={NASTY: NASTY}, named={NASTY: (NASTY,)}),
    )  # fmt: skip
    book = json.loads(notebook_for(recipe, title=NASTY, words=NASTY))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    code = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in book["cells"] if "outputs" in cell)
    script = ast.parse(script_for(recipe))
    said = [ast.dump(node) for node in ast.parse("\n".join(code)).body]
    assert said[: len(script.body) - 1] == [ast.dump(node) for node in script.body[1:]]  # all but its docstring
    assert len(code) == 3 + 3  # imports, settings, analysis; and three looks at the result
    command = "".join(book["cells"][1]["source"]).partition("\n\n")[2]
    assert all(
        line.startswith("    ") for line in re.split(r"\r\n|\r|\n", command)
    )  # of one block, which shows as it is
    heading = "".join(book["cells"][0]["source"])
    assert "![" not in heading
    assert "https://a" not in heading


@pytest.mark.slow
def test_notebook_runs_cell_by_cell(source, target, tmp_path, monkeypatch):
    source.write_h5ad(tmp_path / "source.h5ad")
    target.write_h5ad(tmp_path / "target.h5ad")
    recipe = Recipe(source="source.h5ad", target="target.h5ad", label_key="cell_type", theta=0.5)
    monkeypatch.chdir(tmp_path)
    known: dict[str, object] = {}
    for cell in json.loads(notebook_for(recipe))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), known)
    table = pd.crosstab(known["groups"], known["result"].labels)
    assert table.to_numpy().sum() == target.n_obs
    assert (tmp_path / "result.h5ad").exists()


@pytest.mark.slow
def test_script_trains_a_network_and_keeps_the_answer_of_the_user(source, target, tmp_path):
    source.write_h5ad(tmp_path / "source.h5ad")
    target.write_h5ad(tmp_path / "target.h5ad")
    params = {"n_epochs": 10, "n_pretrain_epochs": 1, "answer": "before"}
    recipe = Recipe(source="source.h5ad", target="target.h5ad", label_key="cell_type", method="itclust", params=params)
    (tmp_path / "again.py").write_text(script_for(recipe), encoding="utf-8")
    subprocess.run([sys.executable, "again.py"], cwd=tmp_path, check=True, capture_output=True, timeout=300)
    result = read_result(ad.read_h5ad(tmp_path / "result.h5ad"), "itclust")
    assert str(result.diagnostics.kept.answer) == "before"
    truth = target.obs.loc[result.obs_names, "cell_type"].astype(str)
    assert (result.labels == truth).mean() > 0.9


def test_methods_paragraph_states_what_was_done(result):
    recipe = Recipe(source="baron.h5ad", target="mine.h5ad", label_key="cell_type")
    text = methods_paragraph(result, recipe=recipe)
    for part in ("80 target cells (mine.h5ad", "θ = 0.5", "seed = 7", "10,000 per cell", "Mieth et al. (2019)", "UMAP"):
        assert part in text
    assert "t-SNE" in methods_paragraph(result, with_tsne=True)
    assert "method TransferCluster (" in methods_paragraph(result, title="TransferCluster")
    assert "Someone (2020)" in methods_paragraph(result, reference="Someone (2020)")
    assert text == methods_paragraph(result, recipe=recipe)


def test_corrections_are_in_the_command_the_script_and_the_paragraph(result):
    preprocess = {"n_top_genes": 500, "imputation": "magic", "imputation_t": 2, "batch_correction": "combat"}
    recipe = Recipe(source="baron.h5ad", target="mine.h5ad", label_key=None, preprocess=preprocess)
    words = "--n-top-genes 500 --imputation magic --imputation-t 2 --batch-correction combat"
    assert words in command_for(recipe)
    assert repr(preprocess) in script_for(recipe)
    text = methods_paragraph(result, recipe=recipe)
    for part in (
        "MAGIC (t = 2, 5 nearest",
        "ComBat without covariates",
        "van Dijk et al. (2018)",
        "Johnson et al. (2007)",
    ):
        assert part in text
    plain = Recipe(source="a", target="b", label_key=None, preprocess={"imputation": "none", "imputation_t": 3})
    assert "imputation" not in command_for(plain).split()
    assert "MAGIC" not in methods_paragraph(result, recipe=plain)


def test_script_of_the_demo_reads_no_file():
    recipe = Recipe(source="Demo, source", target="mine.h5ad", label_key="cell_type", demo=frozenset({"source"}))
    script = script_for(recipe)
    assert "source, target = sctl.load_demo().source, given" in script
    assert "given = sctl.read(TARGET)" in script
    command = command_for(recipe)
    assert "Demo, source" not in script + command
    assert command.startswith("""python -c 'import sctl; sctl.load_demo().source.write_h5ad("demo-source.h5ad")' && """)
    assert "--source demo-source.h5ad --target mine.h5ad" in command
    ast.parse(script)


def test_a_file_whose_name_holds_a_plus_is_one_file():
    recipe = Recipe(source="liver + kidney.h5ad", target="t.h5ad", label_key=None)
    assert "SOURCE = 'liver + kidney.h5ad'" in script_for(recipe)
    assert "--source 'liver + kidney.h5ad' --target t.h5ad" in command_for(recipe)


def test_the_command_filters_as_the_app_did_and_names_what_it_does_not_repeat():
    role = {"min_genes": 5, "min_cells": 2, "thresholds": {"pct_mt": [None, 20.0]}}
    alike = Recipe(source="s", target="t", label_key=None, preprocess={"source": role, "target": role})
    assert "--min-genes 5 --min-cells 2 --max-mt 20.0" in command_for(alike)
    assert left_out(alike) == ()
    fix = {"code": "undo_log", "title": "Undo the logarithm", "arguments": {"role": "target", "base": "e"}}
    other = Recipe(
        source="s", target="t", label_key=None, preprocess={"source": role, "log": "log2"},
        changes=[{"fix": fix}, {"labels": "types of mine.csv"}], edits=LabelEdits(renamed={"a": "b"}),
    )  # fmt: skip
    assert "--min-genes" not in command_for(other)
    assert "--labels 'types of mine.csv'" in command_for(other)
    assert left_out(other) == (
        "the filters",
        "the normalisation",
        "repairs that you asked for",
        "your own names of cells",
    )
    assert "It does not repeat: the filters; " in script_for(other)


def test_edits_of_labels_lead_from_the_method_to_the_user(result):
    final = pd.Series(result.labels.astype(str), index=result.obs_names)
    first = final.iloc[0]
    final[final == first] = "renamed"
    final.iloc[[0, 5]] = "mine"
    edits = label_edits(result, final)
    assert edits.renamed == {first: "renamed"}
    assert edits.named == {"mine": (result.obs_names[0], result.obs_names[5])}
    assert edited(result, edits).tolist() == final.tolist()
    assert label_edits(result, result.labels) == LabelEdits()
    with pytest.raises(DataError, match=r"not in the result, e\.g\. 'gone'"):
        edited(result, LabelEdits(named={"mine": ("gone",)}))


def test_script_reads_files_that_belong_together():
    files = ["matrix.mtx", "barcodes.tsv", "genes.tsv"]
    recipe = Recipe(source="s.h5ad", target=" + ".join(files), files={"target": files}, label_key="cell_type")
    script = script_for(recipe)
    values = {node.targets[0].id: node.value for node in ast.parse(script).body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}  # fmt: skip
    assert ast.literal_eval(values["TARGET"]) == ["matrix.mtx", "barcodes.tsv", "genes.tsv"]
    assert "workflow.read_datasets([Path(name) for name in TARGET])" in script
    assert "--target matrix.mtx barcodes.tsv genes.tsv --out" in command_for(recipe)
    script = script_for(dataclasses.replace(recipe, all_genes=frozenset({"target"})))
    assert 'read_datasets([Path(name) for name in TARGET], genes="union")' in script
    assert "--target-genes union" in script


def test_script_and_command_of_simulated_data_read_no_file(tmp_path):
    settings = {"overlap": "none", "n_source": 60, "n_target": 20, "n_vars": 200, "effect": "gene", "seed": 3}
    recipe = Recipe(
        source="Simulated source",
        target="Demo, target",
        label_key="cell_type",
        demo=frozenset({"target"}),
        simulated={"source": settings},
    )
    script, command = script_for(recipe), command_for(recipe)
    tree = ast.parse(script)
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}  # fmt: skip
    assert ast.literal_eval(values["SOURCE"]) == settings
    assert "source, target = Simulation(**SOURCE).make().source, given" in script
    assert "given = sctl.load_demo().target" in script
    assert "Simulated source" not in script + command
    assert "--source simulated-source.h5ad --target demo-target.h5ad" in command
    statements = shlex.split(command)[2].replace('"simulated', f'"{tmp_path}/simulated')
    made = statements.replace('"demo', f'"{tmp_path}/demo')
    subprocess.run([sys.executable, "-c", made], check=True, capture_output=True, timeout=120)
    expected = Simulation(**settings).make().source
    written = ad.read_h5ad(tmp_path / "simulated-source.h5ad")
    assert written.obs_names.equals(expected.obs_names)
    assert (written.X != expected.X).nnz == 0
