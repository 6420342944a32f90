"""Rows that are no genes are named, left out of what is computed, and stay in the user's file."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from sctl import workflow
from sctl.cli import main
from sctl.genes import feature_types, not_genes, other_than_genes
from sctl.genes.table import known
from sctl.io import read, write_h5ad
from sctl.preflight import inspect
from sctl.preprocess import PreprocessParams, prepare_pair
from sctl.run import Run

GENES = sorted(
    known("human")
    & {f"{a}{b}{n}" for a in ("CD", "KRT", "IL", "CXCL", "FOX", "SOX") for b in ("", "A") for n in range(1, 99)}
)
HTSEQ = ["__no_feature", "__ambiguous", "__too_low_aQual", "__not_aligned", "__alignment_not_unique"]
OTHERS = {
    "htseq": HTSEQ,
    "htseq without underscores": [name.strip("_") for name in HTSEQ],
    "htseq through R": [f"X{name}" for name in HTSEQ],
    "star": ["N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous"],
    "featureCounts": ["Assigned", "Unassigned_NoFeatures", "Unassigned_Unmapped"],
    "ercc": ["ERCC-00002", "ERCC-00171"],
    "ercc with underscores": ["ERCC_00002", "ERCC.00171", "SIRV301"],
    "totals": ["Total", "total_counts", "Sum", "Grand Total"],
    "seurat": ["nCount_RNA", "nFeature_RNA", "percent.mt", "UMAP_1", "tSNE_2", "PC_1", "S.Score", "orig.ident"],
    "scanpy": ["n_genes_by_counts", "pct_counts_mt", "doublet_score", "leiden", "log1p_total_counts", "size_factor"],
    "antibodies otherwise": ["CD3_PROT", "CD4_TotalSeqB1", "CD8_prot", "TotalSeqB_CD19"],
    "merscope": ["Blank-1", "BLANK_0001"],
    "xenium": ["NegControlProbe_00042", "NegControlCodeword_0500", "UnassignedCodeword_0001", "DeprecatedCodeword_0001"],
    "cosmx": ["Negative12", "NegPrb3", "SystemControl40", "FalseCode1"],
    "peaks": ["chr1:1000-1500", "chrX_100_500", "GL000194.1:5500-12000", "chr1-1000-1500"],
    "antibodies": ["CD3_TotalSeqB", "CD4-ADT", "AB_CD8", "adt_CD19", "HTO1", "Hashtag_2", "CD8|CD8A|AHS0027|pAbO"],
}  # fmt: skip
REAL = [
    *(f"ERCC{i}" for i in (1, 2, 3, 4, 5, 6, 8)), "ERCC6L", "NAT1", "PC", "PROP1", "MAX", "Max", "MT-ND1", "HLA-A",
    "CLUAP1", "SUMO1", "S100A4", "TSPAN1", "ADTRP", "ABCB1", "PCTP", "LABEL1", "MEAN1", "ENSG00000012061", "gene_1",
    "BLNK", "NEGR1", "Negr1", "SYS1", "CTRL", "EGFP", "tdTomato", "GFP", "AC012345.1", "H19", "1-Mar", "2021-03-01", "PRO1",
]  # fmt: skip


def side(others, n_obs=60, seed=0):
    """Counts in two types; the other rows hold far more than any gene, and differ by cell alone."""
    rng = np.random.default_rng(seed)
    X = rng.poisson(3, size=(n_obs, len(GENES)))
    X[::2, : len(GENES) // 2] += rng.poisson(6, size=(len(X[::2]), len(GENES) // 2))
    more = rng.integers(1, 50_000, size=(n_obs, len(others)))
    return AnnData(
        sparse.csr_matrix(np.hstack([X, more]), dtype=np.float32),
        obs=pd.DataFrame({"cell_type": ["a", "b"] * (n_obs // 2)}, index=[f"c{seed}_{i}" for i in range(n_obs)]),
        var=pd.DataFrame(index=[*GENES, *others]),
    )


def test_real_genes_are_taken_for_genes():
    assert len(GENES) > 60
    assert other_than_genes(REAL)[lambda kind: kind != ""].empty
    every = sorted(known("human") | known("mouse"))
    assert (other_than_genes(every) == "").all()


@pytest.mark.parametrize("names", OTHERS.values(), ids=OTHERS)
def test_rows_that_are_no_genes_are_named_and_left_out_on_both_sides(names):
    source, target = side(names), side(names, seed=1)
    finding = inspect(target, role="target").get("not_genes")
    assert finding is not None
    assert all(repr(name) in finding.text for name in names[:6])
    prepared = prepare_pair(source, target, label_key="cell_type")
    plain = prepare_pair(side([]), side([], seed=1), label_key="cell_type")
    assert list(prepared.pair.target.var_names) == GENES
    rng_differs = AnnData(source.X[:, : len(GENES)], obs=source.obs, var=source.var.iloc[: len(GENES)])
    same = prepare_pair(rng_differs, target, label_key="cell_type").pair
    np.testing.assert_allclose(prepared.pair.source.X.toarray(), same.source.X.toarray())
    assert list(prepared.target_all.var_names) == list(plain.target_all.var_names)
    said = " ".join(prepared.report.sentences)
    assert f"{len(names)} genes dropped (source)" in said
    assert repr(names[0]) in said


def test_the_size_of_a_cell_counts_genes_alone():
    params = PreprocessParams(normalize_on="all")
    with_rows = prepare_pair(side(HTSEQ), side(HTSEQ, seed=1), params, label_key="cell_type").pair
    sums = np.expm1(with_rows.target.X.toarray()).sum(axis=1)
    np.testing.assert_allclose(sums, 1e4, rtol=1e-4)


def test_types_of_features_decide_where_they_are_known():
    source, target = side(["CD3", "IgG1"]), side(["CD3", "IgG1"], seed=1)
    for adata in (source, target):
        kinds = ["Gene Expression"] * len(GENES) + ["Antibody Capture", "CRISPR Guide Capture"]
        adata.var["feature_types"] = pd.Categorical(kinds)
    assert (not_genes(target)[lambda kind: kind != ""].tolist()) == ["Antibody Capture", "CRISPR Guide Capture"]
    text = inspect(target, role="target").get("not_genes").text
    assert "1 Antibody Capture ('CD3')" in text
    assert list(prepare_pair(source, target, label_key="cell_type").pair.target.var_names) == GENES


@pytest.mark.parametrize("kind", ["protein_coding", "", None])
def test_other_words_about_genes_are_no_types_of_features(kind):
    adata = side([])
    adata.var["feature_type"] = kind
    assert feature_types(adata) is None
    assert (not_genes(adata) == "").all()


def test_only_antibodies_cannot_be_used():
    adata = side([])
    adata.var["feature_types"] = "Antibody Capture"
    finding = inspect(adata, role="target").get("no_gene_expression")
    assert finding.level == "block"
    assert "Antibody Capture" in finding.text


def test_the_result_has_the_rows_of_the_users_file(tmp_path, capsys):
    write_h5ad(side(HTSEQ), tmp_path / "source.h5ad")
    write_h5ad(side(HTSEQ, seed=1), tmp_path / "target.h5ad")
    given = read(tmp_path / "target.h5ad")
    arguments = ["--source", "source.h5ad", "--target", "target.h5ad", "--out", "out.h5ad"]
    paths = [str(tmp_path / item) if item.endswith(".h5ad") else item for item in arguments]
    assert main(["run", *paths, "--label-key", "cell_type", "--quiet", "--param", "n_clusters=2"]) == 0
    assert "'__no_feature'" in capsys.readouterr().out
    out = read(tmp_path / "out.h5ad")
    assert list(out.var_names) == list(given.var_names)
    assert (out.X != given.X).nnz == 0


def test_a_trained_source_passes_them_over_too():
    from sctl.methods import get_method  # noqa: PLC0415

    method = get_method("transfercluster")()
    pair = workflow.train(side(HTSEQ), method, {"label_key": "cell_type"}, Run())
    assert list(pair.source.var_names) == GENES


def test_datasets_that_are_put_together_still_say_what_is_no_gene():
    parts = {"x.h5ad": side(["CD3"]), "y.h5ad": side(["CD3"], seed=1)}
    for adata in parts.values():
        adata.var["feature_types"] = ["Gene Expression"] * len(GENES) + ["Antibody Capture"]
    together = workflow.joined(parts)
    assert not_genes(together)[lambda kind: kind != ""].tolist() == ["Antibody Capture"]
    assert list(prepare_pair(together, side([], seed=2), label_key="cell_type").pair.source.var_names) == GENES
