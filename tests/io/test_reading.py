"""What is written in any accepted form is read back as it was."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import io as scipy_io
from scipy import sparse

from sctl.errors import DataError
from sctl.io import ACCEPTED, fingerprint, read, read_many, write_h5ad


def same(read_back, adata):
    assert list(read_back.obs_names) == list(adata.obs_names)
    assert list(read_back.var_names) == list(adata.var_names)
    assert sparse.isspmatrix_csr(read_back.X)
    assert read_back.X.dtype == np.float32
    np.testing.assert_allclose(read_back.X.toarray(), adata.X.toarray(), rtol=1e-6)
    return True


def write_mtx(folder, adata, prefix="", packed=True, features="features", cells_first=False):
    folder.mkdir(exist_ok=True)
    text = io.BytesIO()
    scipy_io.mmwrite(text, (adata.X if cells_first else adata.X.T).astype(int))
    rows = "".join(f"ENSG{i:011d}\t{gene}\tGene Expression\n" for i, gene in enumerate(adata.var_names))
    contents = {
        "matrix.mtx": text.getvalue(),
        "barcodes.tsv": "\n".join(adata.obs_names).encode() + b"\n",
        f"{features}.tsv": rows.encode(),
    }
    for name, content in contents.items():
        path = folder / (prefix + name + (".gz" if packed else ""))
        path.write_bytes(gzip.compress(content) if packed else content)
    return sorted(folder.iterdir())


def write_10x(path, adata, version=3, types=None, genomes=("GRCh38",)):
    matrix = adata.X.tocsr()
    with h5py.File(path, "w") as file:
        for number, genome in enumerate(genomes):
            group = file.create_group("matrix" if version == 3 else genome)
            group["barcodes"] = np.array(list(adata.obs_names), dtype="S")
            group["data"] = (matrix.data / (number + 1)).astype(np.int32)
            group["indices"], group["indptr"] = matrix.indices, matrix.indptr
            group["shape"] = np.array(matrix.shape[::-1])
            ids = np.array([f"ENSG{i:011d}" for i in range(adata.n_vars)], dtype="S")
            names = np.array(list(adata.var_names), dtype="S")
            if version == 3:
                features = group.create_group("features")
                features["id"], features["name"] = ids, names
                features["feature_type"] = np.array(types or ["Gene Expression"] * adata.n_vars, dtype="S")
                features["genome"] = np.array([genome] * adata.n_vars, dtype="S")
            else:
                group["genes"], group["gene_names"] = ids, names


def write_loom(path, adata):
    with h5py.File(path, "w") as file:
        file["matrix"] = adata.X.toarray().T
        file["row_attrs/Gene"] = np.array(list(adata.var_names), dtype="S")
        file["row_attrs/Chromosome"] = np.array(["1"] * adata.n_vars, dtype="S")
        file["col_attrs/CellID"] = np.array(list(adata.obs_names), dtype="S")
        file["col_attrs/Age"] = np.arange(adata.n_obs)
        file["layers/spliced"] = adata.X.toarray().T * 2


# --- text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("genes_in_rows", [True, False])
@pytest.mark.parametrize(
    ("ending", "delimiter"),
    [
        (".csv", ","),
        (".csv", ";"),
        (".tsv", "\t"),
        (".txt", " "),
        (".csv.gz", ","),
        (".tsv.gz", "\t"),
        (".txt.gz", ";"),
    ],
)
def test_text_in_both_orientations(small, tmp_path, genes_in_rows, ending, delimiter):
    table = small.to_df().astype(int)
    path = tmp_path / f"x{ending}"
    (table.T if genes_in_rows else table).to_csv(path, sep=delimiter)
    back = read(path)
    assert same(back, small)
    assert "read_notes" not in back.uns


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(
        st.lists(st.one_of(st.just(0.0), st.floats(0, 1e6, width=32)), min_size=3, max_size=3), min_size=1, max_size=12
    ),
    transposed=st.booleans(),
    delimiter=st.sampled_from([",", "\t", ";"]),
)
def test_any_numbers_survive_a_text(tmp_path, values, transposed, delimiter):
    cells = [f"cell_{i}" for i in range(len(values))]
    table = pd.DataFrame(np.array(values, dtype=np.float32), index=cells, columns=["TP53", "INS", "GCG"])
    path = tmp_path / "x.csv"
    (table.T if transposed else table).to_csv(path, sep=delimiter)
    back = read(path)
    assert back.shape == table.shape
    assert list(back.obs_names) == cells
    np.testing.assert_allclose(back.X.toarray(), table, rtol=1e-6)


def test_headers_as_r_writes_them_are_one_short(small, tmp_path):
    rows = [" ".join(f'"{cell}"' for cell in small.obs_names)]
    rows += [f'"{g}" ' + " ".join(str(int(v)) for v in row) for g, row in small.to_df().T.iterrows()]
    (tmp_path / "x.txt").write_text("\n".join(rows))
    assert same(read(tmp_path / "x.txt"), small)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_encodings_and_line_ends_of_other_systems(small, tmp_path, encoding, end):
    small.obs_names = ["é" + name if encoding == "latin-1" else name for name in small.obs_names]
    text = small.to_df().to_csv(lineterminator=end)
    (tmp_path / "x.csv").write_bytes(text.encode(encoding))
    assert same(read(tmp_path / "x.csv"), small)


def test_quoted_names_with_delimiters_comments_and_blank_lines(small, tmp_path):
    small.obs_names = [f"cell, number {i}" for i in range(9)]
    (tmp_path / "x.csv").write_text("# made by hand\n\n" + small.to_df().to_csv(quoting=2))
    assert same(read(tmp_path / "x.csv"), small)


def test_columns_of_words_become_remarks(small, tmp_path):
    table = small.to_df()
    table.insert(0, "cell_type", ["alpha", "beta", "delta"] * 3)
    table.to_csv(tmp_path / "x.csv")
    back = read(tmp_path / "x.csv")
    assert same(back, small)
    assert list(back.obs["cell_type"]) == ["alpha", "beta", "delta"] * 3


def test_what_feature_counts_writes(small, tmp_path):
    table = small.to_df().T.astype(int)
    table.index.name = "Geneid"
    for i, column in enumerate(["Chr", "Start", "End", "Strand", "Length"]):
        table.insert(i, column, ["1"] * 14 if column != "Strand" else ["+"] * 14)
    table.to_csv(tmp_path / "x.txt", sep="\t")
    (tmp_path / "x.txt").write_text("# Program:featureCounts\n" + (tmp_path / "x.txt").read_text())
    assert same(read(tmp_path / "x.txt"), small)


def test_missing_and_infinite_values_are_kept_for_the_preflight(small, tmp_path):
    table = small.to_df()
    table.iloc[0, 1], table.iloc[1, 13], table.iloc[2, 2] = np.nan, np.nan, np.inf
    table.to_csv(tmp_path / "x.csv")
    values = read(tmp_path / "x.csv").X.toarray()
    np.testing.assert_array_equal(values, table.to_numpy())


def test_unknown_names_are_a_guess_and_it_is_said(tmp_path):
    pd.DataFrame(np.ones((5, 3)), index=list("abcde"), columns=list("xyz")).to_csv(tmp_path / "x.csv")
    back = read(tmp_path / "x.csv")
    assert back.shape == (3, 5)
    assert "rows were taken for genes" in back.uns["read_notes"]


@pytest.mark.parametrize(("corner", "shape"), [("gene_id", (3, 2)), ("barcode", (2, 3))])
def test_the_corner_decides_where_names_do_not(tmp_path, corner, shape):
    pd.DataFrame(np.ones((2, 3)), index=pd.Index(["a", "b"], name=corner), columns=list("xyz")).to_csv(
        tmp_path / "x.csv"
    )
    assert read(tmp_path / "x.csv").shape == shape


def test_genes_called_na_and_rows_without_names(tmp_path):
    (tmp_path / "x.csv").write_text("gene,c1,c2\nNA,1,2\nTP53,3,4\nINS,5,6\n")
    assert list(read(tmp_path / "x.csv").var_names) == ["NA", "TP53", "INS"]
    (tmp_path / "y.csv").write_text("TP53,INS,GCG\n5,2,0\n9,1,0\n")
    back = read(tmp_path / "y.csv")
    assert list(back.obs_names) == ["row_1", "row_2"]
    np.testing.assert_array_equal(back.X.toarray(), [[5, 2, 0], [9, 1, 0]])


def test_a_table_of_many_columns(tmp_path):
    names = [f"ENSG{i:011d}" for i in range(12_000)]  # a header of 200 kB
    table = pd.DataFrame(np.eye(2, 12_000, dtype=int), index=["c1", "c2"], columns=names)
    for number, wide in enumerate((table, table.T)):
        wide.to_csv(tmp_path / f"{number}.csv")
        assert read(tmp_path / f"{number}.csv").shape == (2, 12_000)


def test_a_table_is_read_in_parts(small, tmp_path, monkeypatch):
    small.to_df().to_csv(tmp_path / "x.csv")
    monkeypatch.setattr("sctl.io.text._CHUNK", 30)  # two rows at a time
    assert same(read(tmp_path / "x.csv"), small)


# --- HDF5 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint16"])
def test_h5ad_keeps_everything_and_x_is_csr(small, tmp_path, form, dtype):
    full = small.copy()
    full.X = form(small.X.toarray().astype(dtype))
    full.obs["cell_type"] = pd.Categorical(["a", "b", "c"] * 3)
    full.obsm["X_pca"] = np.ones((9, 2))
    full.layers["counts"] = small.X.copy()
    full.raw = small.copy()
    full.uns["note"] = {"a": [1, 2]}
    full.write_h5ad(tmp_path / "x.h5ad")
    back = read(tmp_path / "x.h5ad")
    assert sparse.isspmatrix_csr(back.X)
    assert back.X.dtype == dtype
    np.testing.assert_array_equal(back.X.toarray(), small.X.toarray())
    assert back.obs["cell_type"].dtype == "category"
    assert (back.raw.X != small.X).nnz == 0
    assert list(back.layers) == ["counts"]
    assert list(back.obsm) == ["X_pca"]
    assert list(back.uns) == ["note"]


def test_values_come_back_to_the_last_digit_and_tables_keep_their_name(small, tmp_path):
    small.X = sparse.csr_matrix(small.X.toarray().astype(np.float64) * (1e9 + 1 / 3))
    small.obs.index.name, small.var.index.name = "cell", "gene"
    small.write_h5ad(tmp_path / "x.h5ad")
    back = read(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(back.X.toarray(), small.X.toarray())
    assert (back.obs_names.name, back.var_names.name) == ("cell", "gene")


def test_half_precision_has_no_sparse_form_and_becomes_single(small, tmp_path):
    small.X = small.X.toarray().astype(np.float16)
    small.write_h5ad(tmp_path / "x.h5ad")
    back = read(tmp_path / "x.h5ad")
    assert back.X.dtype == np.float32
    np.testing.assert_array_equal(back.X.toarray(), small.X)


def test_write_h5ad_leaves_its_input_and_replaces_at_once(small, tmp_path):
    small.obs["label"] = ["a", "b", "c"] * 3
    write_h5ad(small, tmp_path / "x.h5ad")
    write_h5ad(small, tmp_path / "x.h5ad")
    assert small.obs["label"].dtype == object
    assert same(read(tmp_path / "x.h5ad"), small)
    assert [file.name for file in tmp_path.iterdir()] == ["x.h5ad"]


@pytest.mark.parametrize("version", [2, 3])
def test_10x_h5(small, tmp_path, version):
    write_10x(tmp_path / "x.h5", small, version)
    back = read(tmp_path / "x.h5")
    assert same(back, small)
    assert back.var["gene_ids"].iloc[1] == "ENSG00000000001"


def test_of_several_kinds_of_features_gene_expression_is_kept(small, tmp_path):
    write_10x(tmp_path / "x.h5", small, types=["Gene Expression"] * 12 + ["Antibody Capture"] * 2)
    back = read(tmp_path / "x.h5")
    assert same(back, small[:, :12])
    assert "2 features of Antibody Capture" in back.uns["read_notes"]


def test_of_several_genomes_the_fullest_is_kept(small, tmp_path):
    write_10x(tmp_path / "x.h5", small, version=2, genomes=("hg19", "mm10"))
    back = read(tmp_path / "x.h5")
    assert same(back, small)
    assert "also holds mm10" in back.uns["read_notes"]


def test_loom(small, tmp_path, monkeypatch):
    monkeypatch.setattr("sctl.io.hdf5._BLOCK", 27)  # three genes at a time
    write_loom(tmp_path / "x.loom", small)
    back = read(tmp_path / "x.loom")
    assert same(back, small)
    assert list(back.obs["Age"]) == list(range(9))
    assert list(back.var["Chromosome"]) == ["1"] * 14
    np.testing.assert_array_equal(back.layers["spliced"].toarray(), 2 * small.X.toarray())


@pytest.mark.parametrize("ending", [".h5ad", ".h5", ".loom"])
def test_hdf5_packed_by_gzip_and_under_another_ending(small, tmp_path, ending):
    small.write_h5ad(tmp_path / "x.h5ad")
    (tmp_path / f"y{ending}.gz").write_bytes(gzip.compress((tmp_path / "x.h5ad").read_bytes()))
    assert same(read(tmp_path / f"y{ending}.gz"), small)


def test_the_name_the_user_knows_counts(small, tmp_path):
    small.to_df().to_csv(tmp_path / "upload_0001")
    assert same(read(tmp_path / "upload_0001", name="mine.csv"), small)
    assert same(read(str(tmp_path / "upload_0001"), name="mine.csv"), small)


def test_repeated_names_are_left_for_the_preflight(small, tmp_path):
    write_10x(tmp_path / "x.h5", small)
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file["matrix/features/name"][1] = b"TP53"
    assert list(read(tmp_path / "x.h5").var_names[:2]) == ["TP53", "TP53"]


# --- 10x folders and archives -----------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("prefix", ["", "GSM123_", "GSM123_sample1."])
@pytest.mark.parametrize("features", ["features", "genes"])
def test_10x_folder(small, tmp_path, packed, prefix, features):
    files = write_mtx(tmp_path / "f", small, prefix, packed, features)
    assert same(read(tmp_path / "f"), small)
    assert same(read_many(files), small)
    assert same(read_many([str(file) for file in reversed(files)]), small)


def test_loose_files_go_by_the_names_the_user_knows(small, tmp_path):
    files = write_mtx(tmp_path / "f", small)
    moved = [file.rename(tmp_path / str(i)) for i, file in enumerate(files)]
    assert same(read_many(moved, names=[file.name for file in files]), small)


def test_10x_cells_first_is_noticed(small, tmp_path):
    write_mtx(tmp_path / "f", small, cells_first=True)
    assert same(read(tmp_path / "f"), small)


def test_one_file_is_read_as_itself(small, tmp_path):
    small.write_h5ad(tmp_path / "x.h5ad")
    assert same(read_many([tmp_path / "x.h5ad"]), small)
    assert same(read(tmp_path), small)


def pack(path, files):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("__MACOSX/._x", b"litter")
            for file in files:
                archive.write(file, f"outs/filtered/{file.name}")
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for file in files:
            archive.add(file, f"outs/{file.name}")
    return path


@pytest.mark.parametrize("ending", [".zip", ".tar.gz", ".tgz", ".tar"])
@pytest.mark.parametrize("what", ["mtx", "csv.gz", "h5ad"])
def test_archives_of_anything(small, tmp_path, ending, what):
    if what == "mtx":
        files = write_mtx(tmp_path / "f", small)
    else:
        files = [tmp_path / f"x.{what}"]
        small.write_h5ad(files[0]) if what == "h5ad" else small.to_df().to_csv(files[0])
    assert same(read(pack(tmp_path / f"a{ending}", files)), small)


def test_every_accepted_ending_starts_with_a_dot():
    assert all(ending.startswith(".") for ending in ACCEPTED)
    assert {".h5ad", ".h5", ".loom", ".csv", ".zip", ".tar.gz"} <= set(ACCEPTED)


def test_reading_leaves_the_file(small, tmp_path):
    small.to_df().to_csv(tmp_path / "x.csv")
    before = fingerprint(tmp_path / "x.csv")
    read(tmp_path / "x.csv")
    assert fingerprint(tmp_path / "x.csv") == before


def test_fingerprints_tell_contents_and_names_apart(tmp_path):
    (tmp_path / "a").mkdir()
    Path(tmp_path, "a", "x").write_bytes(b"1")
    first = fingerprint(tmp_path / "a")
    assert first == fingerprint(tmp_path / "a")
    Path(tmp_path, "a", "x").rename(tmp_path / "a" / "y")
    assert fingerprint(tmp_path / "a") != first
    # The digest of "abc" is known from FIPS 180-2.
    Path(tmp_path, "abc").write_bytes(b"abc")
    assert fingerprint(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_anndata_is_what_comes_back(small, tmp_path):
    write_loom(tmp_path / "x.loom", small)
    assert isinstance(read(tmp_path / "x.loom"), ad.AnnData)


# --- shapes that people bring ---------------------------------------------------------------------------------


def table_of(small):
    return pd.DataFrame(small.X.toarray().astype(int), index=small.obs_names, columns=small.var_names)


def test_lines_that_end_in_a_comma(small, tmp_path):
    lines = table_of(small).T.to_csv().splitlines()
    (tmp_path / "x.csv").write_text("".join(f"{line},\n" for line in lines))
    assert same(read(tmp_path / "x.csv"), small)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(small, tmp_path, end):
    (tmp_path / "x.csv").write_bytes(table_of(small).T.to_csv(lineterminator=end).encode())
    assert same(read(tmp_path / "x.csv"), small)


def test_cells_may_be_called_by_numbers(small, tmp_path):
    table_of(small).T.set_axis(range(9), axis=1).to_csv(tmp_path / "x.csv")
    assert list(read(tmp_path / "x.csv").obs_names) == [str(i) for i in range(9)]


def test_a_column_that_counts_the_rows_is_passed_over(small, tmp_path):
    table_of(small).T.reset_index(names="gene").to_csv(tmp_path / "x.csv")
    assert same(read(tmp_path / "x.csv"), small)


def test_numbered_clusters_are_labels_not_a_gene(small, tmp_path):
    table = table_of(small)
    table.insert(0, "cluster", [0, 1, 2] * 3)
    table.to_csv(tmp_path / "x.csv")
    back = read(tmp_path / "x.csv")
    assert back.obs["cluster"].tolist() == [0, 1, 2] * 3
    assert same(back, small)


@pytest.mark.parametrize("place", ["counts", "raw", "only"])
def test_an_empty_x_is_filled_from_where_the_values_are(small, tmp_path, place):
    full = AnnData(obs=small.obs, var=small.var)
    if place == "raw":
        full.raw = small
    else:
        full.layers["counts" if place == "counts" else "spliced"] = small.X.copy()
    full.write_h5ad(tmp_path / "x.h5ad")
    back = read(tmp_path / "x.h5ad")
    assert same(back, small)
    assert "has no matrix X" in back.uns["read_notes"]


@pytest.mark.parametrize(
    ("layers", "taken"),
    [
        (["spliced_counts", "counts"], "counts"),
        (["Counts", "unspliced_counts", "detected"], "Counts"),
        (["lognorm", "umi_counts"], "umi_counts"),
        (["spliced_counts", "unspliced_counts"], None),
        (["raw_counts", "corrected_counts"], None),
    ],
)
def test_of_several_layers_called_counts_none_is_guessed(small, tmp_path, layers, taken):
    full = AnnData(obs=small.obs, var=small.var)
    for number, key in enumerate(layers):
        full.layers[key] = small.X * (1 if key == taken else number + 2)
    full.write_h5ad(tmp_path / "x.h5ad")
    if taken is not None:
        assert same(read(tmp_path / "x.h5ad"), small)
        return
    with pytest.raises(
        DataError, match=r"several layers are called counts: 'corrected_counts'|counts: 'spliced_counts'"
    ) as caught:
        read(tmp_path / "x.h5ad")
    assert all(key in str(caught.value) for key in layers)


def test_of_a_mixture_of_species_the_larger_is_taken(small, tmp_path):
    mouse = small[:, :5].copy()
    names = [*(f"GRCh38_{name}" for name in small.var_names), *(f"mm10___{name}" for name in mouse.var_names)]
    both = sparse.hstack([small.X, mouse.X], format="csr")
    write_mtx(tmp_path, AnnData(both, obs=small.obs, var=pd.DataFrame(index=names)))
    back = read(tmp_path)
    np.testing.assert_array_equal(back.X.toarray(), small.X.toarray())
    assert list(back.var_names) == list(small.var_names)
    assert "also holds mm10; only GRCh38" in back.uns["read_notes"]


def test_two_folders_of_one_run_are_told_apart(small, tmp_path):
    for kind in ("raw", "filtered"):
        folder = tmp_path / f"{kind}_feature_bc_matrix"
        folder.mkdir()
        write_mtx(folder, small)
    with pytest.raises(DataError, match=r"filtered_feature_bc_matrix/matrix\.mtx.*raw_feature_bc_matrix/matrix\.mtx"):
        read(tmp_path)


def test_a_whole_number_beyond_those_of_pandas_is_read(tmp_path):
    (tmp_path / "x.csv").write_text("gene,c1,c2\nTP53,NA,2\nINS,99999999999999999999,4\nGCG,,1\n")
    assert np.nanmax(read(tmp_path / "x.csv").X.toarray()) == np.float32(1e20)
