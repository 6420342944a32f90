"""Mixtures of two species, in every form: one genome's genes and cells are used, and what is left out is said."""

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import io as scipy_io
from scipy import sparse

from sctl import workflow
from sctl.cli import main
from sctl.genes.table import matched
from sctl.io import read, write_h5ad
from sctl.preflight import inspect
from sctl.preprocess import prepare_pair

PAIRS = matched()[lambda pairs: pairs["human"] != pairs["mouse"]].head(80)
HUMAN, MOUSE = PAIRS["human"].tolist(), PAIRS["mouse"].tolist()


def barnyard(human="GRCh38_", mouse="mm10___", extra=(), n_human=40, n_mouse=25):
    """Human cells first; mouse cells are deeper, and all cells have a little of the other species."""
    rng = np.random.default_rng(1)
    own = np.r_[np.ones(n_human), np.zeros(n_mouse)][:, None]
    X = np.hstack([rng.poisson(3 * own + 0.1, (len(own), 80)), rng.poisson(8 * (1 - own) + 0.05, (len(own), 80))])
    X[:, :20] += rng.poisson(4, (len(own), 20)) * (np.arange(len(own)) % 2)[:, None] * own.astype(int)
    X = np.hstack([X, rng.poisson(1, (len(own), len(extra)))])
    names = [*(human + name for name in HUMAN), *(mouse + name for name in MOUSE), *extra]
    cells = [f"{'h' if i < n_human else 'm'}{i}" for i in range(len(own))]
    return AnnData(sparse.csr_matrix(X, dtype=np.float32), obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=names))


def as_h5(adata, path):
    with h5py.File(path / "x.h5", "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array(list(adata.obs_names), dtype="S")
        group["data"], group["indices"], group["indptr"] = adata.X.data, adata.X.indices, adata.X.indptr
        group["shape"] = np.array(adata.shape[::-1])
        group["features/id"] = group["features/name"] = np.array(list(adata.var_names), dtype="S")
        group["features/feature_type"] = np.array(["Gene Expression"] * adata.n_vars, dtype="S")
    return path / "x.h5"


def as_csv(adata, path):
    adata.to_df().T.astype(int).to_csv(path / "x.csv")
    return path / "x.csv"


def as_cells_csv(adata, path):
    adata.to_df().astype(int).to_csv(path / "x.csv")
    return path / "x.csv"


def as_mtx(adata, path):
    scipy_io.mmwrite(path / "matrix.mtx", adata.X.T.astype(int))
    (path / "barcodes.tsv").write_text("\n".join(adata.obs_names))
    (path / "features.tsv").write_text("\n".join(f"{name}\t{name}\tGene Expression" for name in adata.var_names))
    return path


def as_loom(adata, path):
    with h5py.File(path / "x.loom", "w") as file:
        file["matrix"] = adata.X.toarray().T
        file["row_attrs/Gene"] = np.array(list(adata.var_names), dtype="S")
        file["col_attrs/CellID"] = np.array(list(adata.obs_names), dtype="S")
    return path / "x.loom"


PREFIXES = [("GRCh38_", "mm10___"), ("hg19_", "mm10_"), ("GRCh38-", "GRCm39-"), ("HUMAN_", "MOUSE_"), ("", "mm10___")]


@pytest.mark.parametrize("extra", [(), ("GFP", "tdTomato")], ids=["", "GFP"])
@pytest.mark.parametrize("prefixes", PREFIXES, ids=str)
@pytest.mark.parametrize("form", [as_h5, as_csv, as_cells_csv, as_mtx, as_loom])
def test_most_cells_decide_and_the_others_are_left_out(tmp_path, form, prefixes, extra):
    adata = barnyard(*prefixes, extra)
    back = read(form(adata, tmp_path))
    assert list(back.var_names) == [*HUMAN, *extra]
    assert list(back.obs_names) == list(adata.obs_names[:40])  # although most counts are of the mouse
    np.testing.assert_array_equal(back.X.toarray(), np.delete(adata.X.toarray()[:40], np.s_[80:160], axis=1))
    note = back.uns["read_notes"]
    assert "25 of 65 cells" in note
    assert (prefixes[1].rstrip("_-") or "mouse") in note


@pytest.mark.parametrize("form", [as_h5, as_csv])
def test_a_prefix_of_one_genome_is_taken_off(tmp_path, form):
    adata = barnyard("hg19_", "hg19_", ("GFP",), n_mouse=0)[:, [*range(80), 160]].copy()
    back = read(form(adata, tmp_path))
    assert list(back.var_names) == [*HUMAN, "GFP"]
    assert "read_notes" not in back.uns


@pytest.mark.parametrize("names", [("", ""), ("ENSG000001", "ENSMUSG000001")], ids=["symbols", "ids"])
def test_species_are_told_by_the_names_themselves(tmp_path, names):
    adata = barnyard()
    human, mouse = names
    adata.var_names = (
        [*HUMAN, *MOUSE] if not human else [f"{prefix}{i:05d}" for prefix in (human, mouse) for i in range(80)]
    )
    back = read(as_csv(adata, tmp_path))
    assert list(back.obs_names) == list(adata.obs_names[:40])
    assert "also holds mouse" in back.uns["read_notes"]


def source():
    adata = barnyard(human="", n_mouse=0, n_human=60)[:, :80].copy()
    adata.obs_names = [f"s{i}" for i in range(60)]
    adata.obs["cell_type"] = ["a", "b"] * 30
    return adata


@pytest.mark.parametrize("prefixes", PREFIXES[:4], ids=str)
def test_an_h5ad_keeps_its_genes_and_no_mouse_cell_gets_a_name(tmp_path, capsys, prefixes):
    write_h5ad(barnyard(*prefixes), tmp_path / "target.h5ad")
    write_h5ad(source(), tmp_path / "source.h5ad")
    report = inspect(read(tmp_path / "target.h5ad"), role="target")
    assert "25 of 65 cells" in report.get("species_mixed").text
    assert report.get("genome_prefix").fix.code == "strip_genome"
    out = tmp_path / "out.h5ad"
    paths = ["--source", str(tmp_path / "source.h5ad"), "--target", str(tmp_path / "target.h5ad"), "--out", str(out)]
    assert main(["run", *paths, "--label-key", "cell_type", "--quiet", "--param", "n_clusters=2"]) == 0
    said = capsys.readouterr().out
    assert "several species" in said
    assert "25 cells dropped: more counts of" in said
    back = read(out)
    assert list(back.obs_names) == [f"h{i}" for i in range(40)]
    assert list(back.var_names) == list(barnyard(*prefixes).var_names)


def test_a_genome_named_beside_the_genes_counts(tmp_path):
    target = barnyard("", "")
    target.var["genome"] = ["GRCh38"] * 80 + ["mm10"] * 80
    prepared = prepare_pair(source(), target, label_key="cell_type")
    assert list(prepared.pair.target.obs_names) == [f"h{i}" for i in range(40)]
    assert "25 cells dropped: more counts of mm10 than of GRCh38." in prepared.report.sentences


def test_one_species_is_no_mixture():
    human = source()
    human.var["genome"] = "GRCh38"
    report = inspect(human, role="source")
    assert report.get("species_mixed") is None
    assert report.get("genome_prefix") is None


def test_what_was_chosen_in_reading_is_said_by_every_command(tmp_path, capsys):
    target = as_h5(barnyard(), tmp_path)
    write_h5ad(source(), tmp_path / "source.h5ad")
    half = source()[:30].copy()
    half.obs = half.obs[[]]
    write_h5ad(half, tmp_path / "half.h5ad")
    labels, run = ["--label-key", "cell_type"], ["--quiet", "--param", "n_clusters=2"]
    begin = ["run", "--source", str(tmp_path / "source.h5ad"), *labels, *run, "--target", str(target)]
    assert main([*begin, "--out", str(tmp_path / "a.h5ad")]) == 0
    assert "also holds mm10; only GRCh38" in capsys.readouterr().out
    assert main([*begin, str(tmp_path / "half.h5ad"), "--out", str(tmp_path / "b.h5ad")]) == 0
    said = capsys.readouterr().out
    assert "2 datasets were put together" in said
    assert "also holds mm10; only GRCh38" in said
    assert main(["inspect", str(target)]) == 0
    assert "also holds mm10; only GRCh38" in capsys.readouterr().out
    trained = [
        "train",
        "--source",
        str(tmp_path / "source.h5ad"),
        *labels,
        "--out",
        str(tmp_path / "m.sctl"),
        "--quiet",
    ]
    assert main(trained) == 0
    assert (
        main(
            [
                "run",
                "--model",
                str(tmp_path / "m.sctl"),
                "--target",
                str(target),
                "--out",
                str(tmp_path / "c.h5ad"),
                *run,
            ]
        )
        == 0
    )
    assert "also holds mm10; only GRCh38" in capsys.readouterr().out


def test_several_sources_pass_on_what_each_had_to_say():
    parts = {"a": source(), "b": source()}
    parts["b"].obs_names = [f"t{i}" for i in range(60)]
    parts["b"].uns["read_notes"] = "b also holds mm10."
    assert "b also holds mm10." in workflow.joined(parts).uns["read_notes"]


def test_a_source_of_two_species_teaches_by_one():
    both = barnyard("", "mm10___")
    both.obs["cell_type"] = ["a", "b"] * 20 + ["m"] * 20 + [None] * 5
    both.obs.iloc[0, 0] = "Unknown"
    target = source()
    prepared = prepare_pair(both, target, label_key="cell_type")
    assert list(prepared.pair.source.obs_names) == [f"h{i}" for i in range(1, 40)]
    assert set(prepared.pair.source.obs["cell_type"]) == {"a", "b"}
