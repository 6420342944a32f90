"""Cells and genes of a loom file are found under whatever name a program gave their attributes."""

import h5py
import numpy as np
import pytest

from sctl.errors import DataError
from sctl.io import read

IDS = [f"ENSG{i:011d}" for i in range(14)]


def loom(path, adata, rows, columns, layers=()):
    with h5py.File(path, "w") as file:
        file["matrix"] = adata.X.toarray().T
        for group, attributes in (("row_attrs", rows), ("col_attrs", columns)):
            file.create_group(group)
            for key, values in attributes.items():
                file[f"{group}/{key}"] = np.array(values, dtype="S") if isinstance(values[0], str) else np.array(values)
        for layer in layers:
            file[f"layers/{layer}"] = adata.X.toarray().T
        file["attrs/LOOM_SPEC_VERSION"] = "3.0.0"
    return path


GENES = [
    "Gene",
    "gene",
    "GENE",
    "Symbol",
    "gene_symbol",
    "GeneName",
    "gene_short_name",
    "var_names",
    "feature_name",
    "name",
]


@pytest.mark.parametrize("genes", GENES)
@pytest.mark.parametrize("cells", ["CellID", "cellid", "cell", "obs_names", "Barcode", "cell_barcode", "CB", "cell_id"])
def test_spellings(small, tmp_path, genes, cells):
    back = read(loom(tmp_path / "x.loom", small, {genes: list(small.var_names)}, {cells: list(small.obs_names)}))
    assert list(back.var_names) == list(small.var_names)
    assert list(back.obs_names) == list(small.obs_names)
    np.testing.assert_array_equal(back.X.toarray(), small.X.toarray())
    assert "read_notes" not in back.uns


@pytest.mark.parametrize(
    "names", [("Gene", "Accession"), ("gene_names", "Gene"), ("Symbol", "id"), ("gene", "ensembl_ids")]
)
def test_symbols_name_genes_and_ids_are_kept(small, tmp_path, names):
    rows = {names[0]: list(small.var_names), names[1]: IDS}
    back = read(loom(tmp_path / "x.loom", small, rows, {"CellID": list(small.obs_names)}, ["spliced", "unspliced"]))
    assert list(back.var_names) == list(small.var_names)
    assert list(back.var["gene_ids"]) == IDS
    assert sorted(back.layers) == ["spliced", "unspliced"]


def test_ids_alone_name_genes(small, tmp_path):
    back = read(loom(tmp_path / "x.loom", small, {"Accession": IDS}, {"CellID": list(small.obs_names)}))
    assert list(back.var_names) == IDS


@pytest.mark.parametrize("columns", [{}, {"cell": ["alpha", "beta", "delta"] * 3, "Age": list(range(9))}])
def test_cells_without_names_are_numbered_and_it_is_said(small, tmp_path, columns):
    back = read(loom(tmp_path / "x.loom", small, {"Gene": list(small.var_names)}, columns))
    assert list(back.obs_names) == [f"cell_{i + 1}" for i in range(9)]
    assert "have no names" in back.uns["read_notes"]
    assert list(back.obs.columns) == sorted(columns)


def test_genes_without_names_are_refused(small, tmp_path):
    path = loom(tmp_path / "x.loom", small, {"Chromosome": ["1"] * 14}, {"CellID": list(small.obs_names)})
    with pytest.raises(DataError, match=r"genes have no names; there is \['Chromosome'\]"):
        read(path)


def test_attributes_of_two_dimensions_do_not_disturb(small, tmp_path):
    columns = {"CellID": np.array(list(small.obs_names), dtype="S")[:, None], "UMAP": np.ones((9, 2))}
    with h5py.File(tmp_path / "x.loom", "w") as file:
        file["matrix"] = small.X.toarray().T
        file["row_attrs/Gene"] = np.array(list(small.var_names), dtype="S")
        for key, values in columns.items():
            file[f"col_attrs/{key}"] = values
    back = read(tmp_path / "x.loom")
    assert list(back.obs_names) == list(small.obs_names)
    assert "UMAP" not in back.obs


def test_records_of_several_values_do_not_disturb(small, tmp_path):
    path = loom(tmp_path / "x.loom", small, {"Gene": list(small.var_names)}, {"CellID": list(small.obs_names)})
    with h5py.File(path, "r+") as file:
        record = np.zeros(9, dtype=[("_X", "f4"), ("_Y", "f4")])
        file["col_attrs"].create_dataset("Embedding", data=record)
        file["row_attrs"].create_dataset("Regulons", data=np.zeros(14, dtype=[("a", "i4"), ("b", "i4")]))
    back = read(path)
    assert list(back.obs_names) == list(small.obs_names)
    assert "Embedding" not in back.obs
