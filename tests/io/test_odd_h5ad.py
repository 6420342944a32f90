"""``.h5ad`` files of which a part is strange: what is sound in them is read, and what is not is named."""

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sctl.errors import DataError
from sctl.io import read, write_h5ad

TEXT = {"encoding-type": "string-array", "encoding-version": "0.2.0"}
NUMBERS = {"encoding-type": "array", "encoding-version": "0.2.0"}


@pytest.fixture
def path(small, tmp_path):
    small.obs["kind"] = pd.Categorical(["alpha", "beta", "delta"] * 3)
    small.layers["counts"] = small.X.copy()
    small.raw = small
    write_h5ad(small, tmp_path / "x.h5ad")
    return tmp_path / "x.h5ad"


def add_column(file, values, attrs):
    file["obs"].create_dataset("note", data=values).attrs.update(attrs)
    file["obs"].attrs["column-order"] = np.array(["kind", "note"], dtype=object)


def replace(file, key, values):
    attrs = dict(file[key].attrs)
    del file[key]
    file.create_dataset(key, data=values).attrs.update(attrs)


def fixed(file):
    add_column(file, np.array([b"M\xfcller"] * 9), TEXT)


def variable(file):
    add_column(file, np.array([b"M\xfcller", b"Ren\xc3\xa9"] + [b"x"] * 7, dtype=h5py.string_dtype()), TEXT)


def categories(file):
    replace(file, "obs/kind/categories", np.array([b"\xe1lpha", b"beta", b"delta"], dtype=h5py.string_dtype()))


def in_uns(file):
    file["uns/lab"] = np.bytes_(b"K\xf6ln")


def unknown(file):
    file.create_group("uns/new").attrs.update({"encoding-type": "of-tomorrow", "encoding-version": "9"})


def unknown_column(file):
    add_column(file, np.arange(9), {"encoding-type": "of-tomorrow", "encoding-version": "9"})


STRANGE = {
    fixed: "Latin-1", variable: "Latin-1", categories: "Latin-1", in_uns: "Latin-1",
    unknown: "'uns/new'", unknown_column: "'obs/note'",
}  # fmt: skip


@pytest.mark.parametrize("change", STRANGE)
def test_the_rest_of_a_file_is_read_and_it_is_said(small, path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    back = read(path)
    assert (back.X != small.X).nnz == 0
    assert (back.layers["counts"] != small.X).nnz == 0
    assert (back.raw.X != small.X).nnz == 0
    assert list(back.obs_names) == list(small.obs_names)
    assert list(back.obs["kind"].astype(str)[1:3]) == ["beta", "delta"]
    assert STRANGE[change] in back.uns["read_notes"]


def test_odd_letters_are_kept(path):
    with h5py.File(path, "r+") as file:
        variable(file)
        categories(file)
        in_uns(file)
    back = read(path)
    assert list(back.obs["note"][:2]) == ["Müller", "René"]
    assert back.obs["kind"].iloc[0] == "álpha"
    assert back.uns["lab"] == "Köln"


@pytest.mark.parametrize("key", ["X", "layers/counts", "raw/X"])
def test_numbers_of_another_computer_are_the_same_numbers(small, path, key):
    with h5py.File(path, "r+") as file:
        for part in ("data", "indices", "indptr"):
            replace(
                file, f"{key}/{part}", file[f"{key}/{part}"][()].astype(file[f"{key}/{part}"].dtype.newbyteorder(">"))
            )
        add_column(file, np.arange(9).astype(">f8"), NUMBERS)
        file["obsm"].create_dataset("X_pca", data=np.ones((9, 2), dtype=">f4")).attrs.update(NUMBERS)
    back = read(path)
    for matrix in (back.X, back.layers["counts"], back.raw.X):
        assert (sparse.csr_matrix(matrix) != small.X).nnz == 0
    assert back.obs["note"].tolist() == list(range(9))
    assert all(item.isnative for item in (back.X.dtype, back.obs["note"].dtype, back.obsm["X_pca"].dtype))


@pytest.mark.parametrize("dtype", [">i4", ">f8"])
def test_a_dense_matrix_of_another_computer(small, path, dtype):
    with h5py.File(path, "r+") as file:
        del file["X"]
        file.create_dataset("X", data=small.X.toarray().astype(dtype)).attrs.update(NUMBERS)
    back = read(path)
    assert back.X.dtype == np.dtype(dtype).newbyteorder("=")
    assert (back.X != small.X).nnz == 0


@pytest.mark.parametrize("key", ["X", "layers/counts"])
def test_a_matrix_is_never_left_out(path, key):
    with h5py.File(path, "r+") as file:
        file[key].attrs["encoding-type"] = "of-tomorrow"
    with pytest.raises(DataError, match=r"cannot be read|has not the sides"):
        read(path)


def test_types_kept_as_numbers_beside_their_words_are_words(path):
    with h5py.File(path, "r+") as file:
        codes, words = file["obs/kind/codes"][()], file["obs/kind/categories"][()]
        del file["obs/kind"]
        file["obs"].create_dataset("kind", data=codes).attrs.update(NUMBERS)
        file["obs"].create_dataset("__categories/kind", data=words, dtype=h5py.string_dtype())
        add_column(file, np.array([0, 1, 7] * 3), NUMBERS)  # 7 is no place among two words
        file["obs"].create_dataset(
            "__categories/note", data=np.array(["a", "b"], dtype=object), dtype=h5py.string_dtype()
        )
    back = read(path)
    assert back.obs["kind"].astype(str).tolist() == ["alpha", "beta", "delta"] * 3
    assert back.obs["note"].tolist() == [0, 1, 7] * 3
