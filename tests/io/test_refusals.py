"""Every bad input has its own text, which says what was found and what to do."""

import gzip
import io
import pickle
import zipfile

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

from sctl.errors import DataError
from sctl.io import join_labels, read, read_labels, read_many

TABLE = "gene,c1,c2\nTP53,1,2\nINS,3,4\n"
MTX = "%%MatrixMarket matrix coordinate integer general\n3 2 2\n1 1 5\n3 2 1\n"


def h5(folder, name, **items):
    with h5py.File(folder / name, "w") as file:
        for key, value in items.items():
            file[key.replace("__", "/")] = value
    return folder / name


def external_link(folder):
    path = h5(folder, "x.h5ad", obs=[1])
    with h5py.File(path, "r+") as file:
        file["X"] = h5py.ExternalLink("/etc/other.h5", "/X")
    return path


def external_storage(folder):
    path = folder / "raw.h5ad"
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (10,), "u1", external=[(str(folder / "secret"), 0, 10)])
        file["obs"], file["var"] = [1], [1]
    return path


def broken_h5ad(folder, small):
    path = folder / "x.h5ad"
    small.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        del file["obs"]
        file["obs"] = np.arange(3)
        file["obs"].attrs["encoding-type"] = "of-the-future"
        file["obs"].attrs["encoding-version"] = "9"
    return path


def changed(folder, small, change):
    """Write ``small``, and change something within the file."""
    path = h5ad(folder, small)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def put(file, name, place, value):
    file[name][place] = value


def overwritten(folder, small):
    """Return a file in which the tables of one group are rubbish."""
    path = h5ad(folder, small)
    content = bytearray(path.read_bytes())
    for place in range(content.index(b"obsm") + 8, len(content), 97):
        content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    return path


def without_x(folder, small):
    small.layers["spliced"], small.layers["unspliced"] = small.X.copy(), small.X.copy()
    small.X = None
    small.write_h5ad(folder / "x.h5ad")
    return folder / "x.h5ad"


def cut(path, share=0.6):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def h5ad(folder, adata):
    adata.write_h5ad(folder / "x.h5ad")
    return folder / "x.h5ad"


def files(folder, **contents):
    for name, content in contents.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def one(folder, name, content):
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


def workbook(folder, name):
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return folder / name


def array_file():
    stream = io.BytesIO()
    np.save(stream, np.ones(3))
    return stream.getvalue()


def tenx_h5(folder, name, **changes):
    parts = {
        "matrix__barcodes": np.array(["a", "b"], "S"), "matrix__data": [1, 2], "matrix__indices": [0, 1],
        "matrix__indptr": [0, 1, 2], "matrix__shape": [2, 2], "matrix__features__id": np.array(["x", "y"], "S"),
        "matrix__features__name": np.array(["TP53", "INS"], "S"),
        "matrix__features__feature_type": np.array(["Gene Expression"] * 2, "S"),
    }  # fmt: skip
    return h5(folder, name, **(parts | changes))


# name of the case: (how to make it in a folder, a fragment of the text)
BAD = {
    "no such file": (lambda d, a: d / "nowhere.csv", "no file nowhere.csv"),
    "empty file": (lambda d, a: one(d, "x.csv", ""), "x.csv is empty"),
    "blanks only": (lambda d, a: one(d, "x.csv", "\n \n\t\n"), "nothing but blanks"),
    "unknown ending": (lambda d, a: one(d, "x.foo", TABLE), "unknown ending (.foo)"),
    "R data": (lambda d, a: one(d, "seurat.rds", gzip.compress(b"X\n\x00\x00")), "write.csv(as.matrix(GetAssayData"),
    "h5seurat": (lambda d, a: h5(d, "x.h5seurat", assays=[1]), "Seurat file in HDF5 form"),
    "excel": (lambda d, a: workbook(d, "x.xlsx"), "Excel workbook"),
    "pickle": (lambda d, a: one(d, "x.pkl", pickle.dumps({"a": 1})), "never read"),
    "numpy": (lambda d, a: one(d, "x.npy", array_file()), "NumPy array"),
    "parquet": (lambda d, a: one(d, "x.parquet", b"PAR1..."), "Parquet"),
    "reads": (lambda d, a: one(d, "x.fastq.gz", gzip.compress(b"@r1\nACGT")), "sequencing reads"),
    "pdf": (lambda d, a: one(d, "x.csv", b"%PDF-1.7 ..."), "document or picture"),
    "web page": (lambda d, a: one(d, "x.csv", "<!DOCTYPE html><html><body>404</body>"), "web page"),
    "json": (lambda d, a: one(d, "x.txt", '{"a": 1}'), "JSON"),
    "xml": (lambda d, a: one(d, "x.txt", '<?xml version="1.0"?><MINiML/>'), "only describe the samples"),
    "rar": (lambda d, a: one(d, "x.rar", b"Rar!\x1a\x07"), "packed by a program"),
    "zarr": (lambda d, a: files(d, __zgroup="{}"), "Zarr store"),
    "MuData": (lambda d, a: h5(d, "x.h5mu", mod__rna__X=[1]), "several kinds of measurement"),
    "unknown binary": (lambda d, a: one(d, "x.csv", b"abc\x00\x01\x02"), "binary file of an unknown kind"),
    "text called h5ad": (lambda d, a: one(d, "x.h5ad", TABLE), "ends in .h5ad, but it is not an HDF5"),
    "text called zip": (lambda d, a: one(d, "x.zip", TABLE), "ends in .zip, but it is no archive"),
    "cut HDF5": (lambda d, a: cut(h5ad(d, a)), "damaged or incomplete HDF5"),
    "cut gzip": (lambda d, a: cut(one(d, "x.csv.gz", gzip.compress(a.to_df().to_csv().encode()))), "incomplete gzip"),
    "unknown HDF5": (lambda d, a: h5(d, "x.h5", weights=[1]), "unknown layout"),
    "h5ad from the future": (broken_h5ad, "a part of it cannot be read"),
    "entry outside X": (lambda d, a: changed(d, a, lambda f: put(f, "X/indices", 0, 99_999)), "cannot be read"),
    "entry before X": (lambda d, a: changed(d, a, lambda f: put(f, "X/indices", 0, -5)), "cannot be read"),
    "rows that overlap": (lambda d, a: changed(d, a, lambda f: put(f, "X/indptr", 3, 0)), "cannot be read"),
    "h5ad without X": (without_x, "has no matrix X"),
    "link to another file": (lambda d, a: external_link(d), "refers to data in other files"),
    "no cells": (lambda d, a: h5ad(d, a[:0].copy()), "holds 0 cells and 14 genes"),
    "10x that does not fit": (lambda d, a: tenx_h5(d, "x.h5", matrix__indptr=[0, 1]), "its parts do not fit"),
    "10x without genes": (
        lambda d, a: tenx_h5(d, "x.h5", matrix__features__feature_type=np.array(["Peaks"] * 2, "S")),
        "Peaks, but no gene expression",
    ),
    "loom without tables": (lambda d, a: h5(d, "x.loom", matrix=np.ones((2, 2))), "tables of genes and cells"),
    "loom without names": (
        lambda d, a: h5(d, "x.loom", matrix=np.ones((2, 2)), row_attrs__Length=[1, 2], col_attrs__CellID=[1, 2]),
        "genes have no names",
    ),
    "matrix alone": (lambda d, a: one(d, "x.mtx", MTX), "matrix without names"),
    "folder without the rest": (lambda d, a: files(d, matrix__mtx=MTX), "no complete 10x sample"),
    "folder with nothing": (lambda d, a: files(d), "holds no files"),
    "folder with other things": (lambda d, a: files(d, a__md="x", b__md="y"), "nothing that can be read"),
    "folder with two matrices": (lambda d, a: files(d, a__csv=TABLE, b__csv=TABLE), "2 files that could be"),
    "sizes that disagree": (
        lambda d, a: files(d, matrix__mtx=MTX, barcodes__tsv="a\nb\nc\nd\n", genes__tsv="x\ny\nz\n"),
        "lists 3 genes and barcodes.tsv 4 cells",
    ),
    "two samples": (
        lambda d, a: files(
            d,
            **{
                f"{s}_{n}": c
                for s in "AB"
                for n, c in (("matrix__mtx", MTX), ("barcodes__tsv", "a"), ("genes__tsv", "b"))
            },
        ),
        "holds 2 samples",
    ),
    "cut matrix": (
        lambda d, a: files(
            d, matrix__mtx=MTX.replace("2 2\n", "2 9\n"), barcodes__tsv="a\nb\n", genes__tsv="x\ny\nz\n"
        ),
        "9 entries are announced",
    ),
    "entry outside": (
        lambda d, a: files(
            d, matrix__mtx=MTX.replace("3 2 1\n", "4 2 1\n"), barcodes__tsv="a\nb\n", genes__tsv="x\ny\nz\n"
        ),
        "lies outside the matrix",
    ),
    "words in a matrix": (
        lambda d, a: files(
            d, matrix__mtx=MTX.replace("1 1 5", "1 x 5"), barcodes__tsv="a\nb\n", genes__tsv="x\ny\nz\n"
        ),
        "not 'row column value'",
    ),
    "matrix without sizes": (
        lambda d, a: files(d, matrix__mtx=MTX.splitlines()[0], barcodes__tsv="a\n", genes__tsv="x\n"),
        "rows, columns and entries is missing",
    ),
    "dense matrix market": (
        lambda d, a: files(d, matrix__mtx=MTX.replace("coordinate", "array"), barcodes__tsv="a", genes__tsv="x"),
        "of the kind 'array integer general'",
    ),
    "no matrix market": (
        lambda d, a: files(d, matrix__mtx="hello", barcodes__tsv="a\n", genes__tsv="x\n"),
        "not a Matrix Market file",
    ),
    "one column": (lambda d, a: one(d, "x.csv", "a\nb\nc\n"), "one column only"),
    "header only": (lambda d, a: one(d, "x.csv", "gene,c1,c2\n"), "no rows"),
    "no header": (lambda d, a: one(d, "x.csv", "1,2,3\n4,5,6\n"), "no header"),
    "no header, but names": (lambda d, a: one(d, "x.csv", "TP53,0,7,0\nINS,4,5,6\n"), "values, such as '0'"),
    "decimal commas": (lambda d, a: one(d, "x.csv", "gene;c1;c2\nTP53;1,5;2,5\nINS;0;3,1\n"), "decimal comma"),
    "words": (lambda d, a: one(d, "x.csv", "cell,type\nc1,alpha\nc2,beta\nc3,beta\n"), "words where numbers"),
    "one word": (
        lambda d, a: one(d, "x.csv", TABLE + "GCG,1,oops\nSST,1,2\nA2M,3,3\n"),
        "'oops' where a number was expected: in the row 'GCG', column 'c2'",
    ),
    "a long line": (lambda d, a: one(d, "x.csv", TABLE * 20 + "A2M,1,2,3,4\n"), "different numbers of fields"),
    "a short line": (lambda d, a: one(d, "x.csv", TABLE + "GCG,1\n"), "line 4 has 2 fields rather than 3"),
    "too many columns": (
        lambda d, a: one(d, "x.csv", "\n".join("," * 200_000 for _ in range(3))),
        "has 200,001 columns",
    ),
    "endless line": (lambda d, a: one(d, "x.csv", "gene," + "a" * 3_000_000), "longer than 16 MB"),
}
# The same reason met in another place; the text is the same.
ALSO_BAD = {
    "R data without its ending": (lambda d, a: one(d, "x.txt.gz", gzip.compress(b"X\n\x00\x00\x00")), "R data file"),
    "pickle called loom": (lambda d, a: one(d, "x.loom", pickle.dumps([1] * 99)), "never read"),
    "workbook called csv": (lambda d, a: workbook(d, "x.csv"), "Excel workbook"),
    "workbook called zip": (lambda d, a: workbook(d, "x.zip"), "Excel workbook"),
    "h5seurat called h5": (lambda d, a: h5(d, "x.h5", assays__RNA=[1]), "write.csv"),
    "values stored elsewhere": (lambda d, a: external_storage(d), "refers to data in other files"),
    "cut h5ad, packed": (
        lambda d, a: cut(one(d, "x.h5ad.gz", gzip.compress(h5ad(d, a).read_bytes()))),
        "incomplete gzip",
    ),
}


@pytest.fixture(autouse=True)
def _shorter_lines(monkeypatch):
    monkeypatch.setattr("sctl.io.table._LINE_BYTES", 2_000_000)


@pytest.mark.parametrize("case", [*BAD, *ALSO_BAD])
def test_a_bad_input_is_refused_with_its_text(case, tmp_path, small):
    make, fragment = (BAD | ALSO_BAD)[case]
    path = make(tmp_path, small)
    with pytest.raises(DataError) as caught:
        read(path)
    assert fragment in str(caught.value)
    assert caught.value.do
    assert path.name in str(caught.value) or path.is_dir()


def test_the_texts_are_distinct(tmp_path, small):
    texts = set()
    for number, (make, _) in enumerate(BAD.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = make(folder, small.copy())
        with pytest.raises(DataError) as caught:
            read(path)
        texts.add((caught.value.found.replace(path.name, "FILE"), caught.value.do))
    assert len(texts) == len(BAD) >= 25


def test_rubbish_within_a_file_of_hdf5_is_refused(tmp_path, small):
    with pytest.raises(DataError, match="damaged or incomplete HDF5"):
        read(overwritten(tmp_path, small))


def test_entries_for_one_place_are_added_up(tmp_path, small):
    def twice(file):
        start = file["X/indptr"][0]
        file["X/indices"][start + 1] = file["X/indices"][start]

    row = read(changed(tmp_path, small, twice)).X[[0]]
    assert row.has_canonical_format
    assert row.sum() == small.X[[0]].sum()


def test_too_little_memory_is_said_before_reading(tmp_path, small, monkeypatch):
    path = h5ad(tmp_path, small)
    monkeypatch.setattr("sctl.io.system.available", lambda: 100)
    with pytest.raises(DataError, match=r"would need about .* of memory"):
        read(path)


def test_a_dense_giant_of_zeros_is_refused_from_its_header(tmp_path):
    with h5py.File(tmp_path / "x.h5ad", "w") as file:
        file.create_dataset("X", (10_000_000, 1_000_000), "f4", chunks=(1000, 1000), compression="gzip")
        file["obs"], file["var"] = [1], [1]
    with pytest.raises(DataError, match="TB of memory"):
        read(tmp_path / "x.h5ad")


def test_a_file_of_words_in_x_is_refused(tmp_path, small):
    path = h5(tmp_path, "x.loom", matrix=np.array([["a"]], "S"), row_attrs__Gene=["a"], col_attrs__CellID=["b"])
    with pytest.raises(DataError, match="are no numbers"):
        read(path)


def test_several_loose_files_are_refused_with_their_names(tmp_path):
    a, b = one(tmp_path, "a.csv", TABLE), one(tmp_path, "b.csv", TABLE)
    with pytest.raises(DataError, match=r"no complete 10x sample; there is a.csv, b.csv"):
        read_many([a, b])
    with pytest.raises(DataError, match=r"a.csv was given twice"):
        read_many([a, a])
    with pytest.raises(DataError, match=r"no file gone.csv"):
        read_many([a, tmp_path / "gone.csv"])


LABELS = {
    "missing": (lambda d: d / "x.csv", "no file x.csv"),
    "archive": (lambda d: one(d, "x.mtx", MTX), "not a table of labels"),
    "twice": (lambda d: one(d, "x.csv", "cell,type\nc1,a\nc1,b\n"), "names 1 cells more than once, e.g. 'c1'"),
    "ragged": (
        lambda d: one(d, "x.csv", "cell,type\n" + "c,a\n" * 30 + "c2,b,c,d,e\n"),
        "different numbers of columns",
    ),
    "one column": (lambda d: one(d, "x.csv", "cell\nc1\n"), "one column only"),
}


@pytest.mark.parametrize("case", LABELS)
def test_a_bad_table_of_labels_is_refused(case, tmp_path):
    make, fragment = LABELS[case]
    with pytest.raises(DataError) as caught:
        read_labels(make(tmp_path))
    assert fragment in str(caught.value)


def test_labels_of_other_cells_are_refused_with_examples(small):
    table = pd.DataFrame({"cell_type": ["a"] * 10}, index=[*small.obs_names[:4], *"uvwxyz"])
    with pytest.raises(DataError) as caught:
        join_labels(small, table)
    assert "Only 4 of 9 cells" in str(caught.value)
    assert repr(small.obs_names[0]) in str(caught.value)


def test_no_warning_of_anndata_reaches_the_user(tmp_path, small):
    assert isinstance(read(h5ad(tmp_path, small)), ad.AnnData)  # pytest turns warnings into errors
