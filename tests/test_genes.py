import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from sctl.errors import DataError, ParameterError
from sctl.genes import (
    gene_likeness,
    guess_species,
    identifier_kind,
    is_mitochondrial,
    map_orthologs,
    strip_version,
    symbol_column,
    symbols_from,
)
from sctl.genes.table import matched, pairs

HUMAN = ["TP53", "INS", "GCG", "SST", "MT-CO1", "C2orf68", "HLA-DQB1", "GAPDH"]
MOUSE = ["Trp53", "Ins2", "Gcg", "Sst", "mt-Co1", "0610030E20Rik", "H2-Ab1", "Gapdh"]


def data(names, **var):
    X = sparse.csr_matrix(np.arange(3 * len(names)).reshape(3, -1), dtype=np.float32)
    return AnnData(X, var=pd.DataFrame(var, index=pd.Index(names, dtype=object)))


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (HUMAN, "symbol"),
        (MOUSE, "symbol"),
        (["TP53", "INS", "GCG", "ENSG00000284221"], "symbol"),
        (["ENSG00000141510", "ENSMUSG00000059552"], "ensembl"),
        (["ENSG00000141510.18", "ENSG00000182185.19_PAR_Y"], "ensembl"),
        (["7157", "3630", "2641"], "entrez"),
        (["AAACATACAACCAC-1", "AAACATTGAGCTAC-1"], "mixed/unknown"),
        (["cell_1", "cell_2"], "mixed/unknown"),
        ([], "mixed/unknown"),
    ],
)
def test_identifier_kind(names, kind):
    assert identifier_kind(names) == kind


@pytest.mark.parametrize(
    ("names", "species"),
    [
        (HUMAN, "human"),
        (MOUSE, "mouse"),
        (["ENSG00000141510.2"], "human"),
        (["ENSMUSG00000059552"], "mouse"),
        (["ENSDARG00000035559"], "unknown"),
        (HUMAN + MOUSE, "unknown"),
        (["7157", "3630"], "unknown"),
        (["AAACATACAACCAC-1"], "unknown"),
        (["ZZZ1", "QQQ2", "XYZW"], "human"),
        (["Zzz1", "Qqq2", "Xyzw"], "mouse"),
        ([], "unknown"),
    ],
)
def test_species(names, species):
    assert guess_species(names) == species


def test_likeness_tells_genes_from_cells():
    assert gene_likeness(HUMAN) == gene_likeness(MOUSE) == 1
    assert gene_likeness(["AAACATACAACCAC-1", "human1_lib1.final_cell_0001", "S1"]) == 0
    assert gene_likeness([]) == 0


def test_mitochondrial_genes_in_every_spelling():
    names = ["MT-CO1", "mt-Co1", "Mt-nd2", "MT.CO1", "GRCh38_MT-ND1", "ENSG00000198888.2", "ENSMUSG00000064341"]
    assert is_mitochondrial(names).all()
    assert not is_mitochondrial(["MT1X", "MTOR", "MTRNR2L1", "Mtor", "ENSG00000141510", "AMT-1"]).any()


def test_versions_go_from_ensembl_ids_alone():
    assert list(strip_version(["ENSG00000141510.18", "AC012345.1", "RP11-1.2"])) == [
        "ENSG00000141510",
        "AC012345.1",
        "RP11-1.2",
    ]


@pytest.mark.parametrize(
    "column", ["gene_symbols", "Gene_Name", "feature_name", "Symbol", "gene_short_name", "Gene Symbol", "GeneSymbol"]
)
def test_symbols_come_from_the_column_that_holds_them(column):
    ids = ["ENSG00000000001.3", "ENSG00000000002.1", "ENSG00000000003.2", "ENSG00000000004"]
    adata = data(ids, **{column: ["TP53", "INS", "INS", None], "other": list("abcd")})
    before = adata.copy()
    out = symbols_from(adata)
    # The second INS and the gene without a symbol keep their ids.
    assert list(out.var_names) == ["TP53", "INS", "ENSG00000000003", "ENSG00000000004"]
    assert list(out.var["gene_id"]) == ids
    assert (out.X != before.X).nnz == 0
    assert list(adata.var_names) == ids
    assert adata.var.equals(before.var)


@pytest.mark.parametrize("heading", ["features", "0", "name", "hgnc", "Associated Gene Name", "gene_name-0"])
def test_symbols_are_known_by_the_genes_they_name_whatever_the_heading(heading):
    ids = [f"ENSG{i:011d}" for i in range(1, 6)]
    text = {
        "biotype": ["protein_coding"] * 5,
        "chromosome": list("12345"),
        "id": ids,
        "words": ["a b", "c d", "e f", "g", "h"],
    }
    adata = data(ids, **text)
    assert symbol_column(adata) is None
    adata.var[heading] = [*HUMAN[:4], "NotAGene"]
    assert symbol_column(adata) == heading


def test_without_symbols_the_error_lists_the_columns():
    adata = data(["ENSG00000000001"], gene_name=["ENSG00000000001"])
    assert symbol_column(adata) is None
    with pytest.raises(DataError, match="'gene_name'"):
        symbols_from(adata)


def test_orthologs_rename_the_genes_that_have_one():
    adata = data([*MOUSE, "NotAGene", "Ins1"])
    out, report = map_orthologs(adata, to="human")
    assert list(out.var_names) == HUMAN
    assert list(out.var["mouse_gene"]) == MOUSE
    np.testing.assert_array_equal(out.X.toarray(), adata.X.toarray()[:, :8])
    assert sparse.issparse(out.X)
    # Ins1 has INS as well, but Ins2 is closer to it.
    assert (report.n_before, report.n_kept, report.n_without, report.n_ambiguous) == (10, 8, 1, 1)
    assert report.n_one2one + report.n_many == 8
    assert report.n_many >= 2  # Ins2 and H2-Ab1
    assert "8 of 10 mouse genes" in report.text


def test_there_and_back_again():
    there, _ = map_orthologs(data(HUMAN), to="mouse")
    back, _ = map_orthologs(there, to="human")
    assert list(there.var_names) == MOUSE
    assert list(back.var_names) == HUMAN


def test_the_rule_gives_every_gene_one_counterpart_and_prefers_one_to_one():
    table = matched()
    assert table["mouse"].is_unique
    assert table["human"].is_unique
    everything = pairs()
    best = everything[(everything["one2one"] == 1) & (everything["reciprocal_best"] == 1)]
    chosen = set(zip(table["mouse"], table["human"], strict=True))
    share = np.mean([pair in chosen for pair in zip(best["mouse"], best["human"], strict=True)])
    assert share > 0.999


def test_counts_in_raw_are_kept_as_a_layer():
    adata = data(MOUSE)
    adata.raw = adata.copy()
    adata.X = np.log1p(adata.X)
    out, _ = map_orthologs(adata[:, ::-1].copy(), to="human")
    assert out.raw is None
    np.testing.assert_array_equal(out.layers["raw"].toarray(), adata.raw.X.toarray()[:, ::-1])


def test_mapping_refuses_what_it_cannot_do():
    with pytest.raises(DataError, match="None of the 2 genes is a mouse gene"):
        map_orthologs(data(["TP53", "FOO"]), to="human")
    with pytest.raises(ParameterError, match="'fly'"):
        map_orthologs(data(HUMAN), to="fly")
