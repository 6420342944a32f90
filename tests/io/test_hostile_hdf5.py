"""HDF5 files made to show other files, to take the memory, or to be read without end."""

import itertools
import resource
import struct
import zlib

import h5py
import numpy as np
import pytest
from h5py import h5o

from sctl.errors import DataError
from sctl.io import hdf5_check, read

SECRET = b"root:x:0:0 top secret\n"


@pytest.fixture
def base(tmp_path, small):
    """A sound file with a categorical column, to be spoilt."""
    small.obs["kind"] = ["a", "b", "a"] * 3
    small.write_h5ad(tmp_path / "x.h5ad")
    return tmp_path / "x.h5ad"


def spoil(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def external(file, secret):
    """Return a reference to a dataset whose values lie in another file."""
    return file.create_dataset("uns/hidden", (len(SECRET),), "S1", external=[(str(secret), 0, len(SECRET))]).ref


def hide(path):
    """Take the name off the dataset ``hidden``, which stays in the file: references still lead to it."""
    with h5py.File(path, "r+") as file:
        if "uns/hidden" not in file:
            return
        file["uns/decoy"] = np.arange(3)
        found, other = (
            struct.pack("<Q", h5py.h5o.get_info(file[name].id).addr) for name in ("uns/hidden", "uns/decoy")
        )
    entry = bytes(24)  # what follows the address of a dataset in the table of names
    content = path.read_bytes()
    assert content.count(found + entry) == 1
    path.write_bytes(content.replace(found + entry, other + entry))


def legacy_column(file, target):
    """Write the column ``kind`` as anndata 0.7 did: codes, with a reference to the dataset of categories."""
    del file["obs/kind"]
    file["obs"]["kind"] = np.zeros(9, dtype=np.int8)
    file["obs/kind"].attrs["categories"] = target
    file["obs"].attrs["encoding-version"] = "0.1.0"


def virtual(file, secret):
    layout = h5py.VirtualLayout(shape=(4,), dtype="i4")
    layout[:] = h5py.VirtualSource(str(secret), "x", shape=(4,))
    file.create_virtual_dataset("uns/x", layout)


def region(file, secret):
    file["uns/x"] = np.arange(4)
    file["uns/x"].attrs["categories"] = file["uns/x"].regionref[1:3]


def compound(file, secret):
    kind = np.dtype([("n", "i4"), ("where", h5py.ref_dtype)])
    file["uns/x"] = np.array([(1, file["X"].ref)], dtype=kind)


def listed(file, secret):
    data = file["uns"].create_dataset("x", (2,), dtype=h5py.ref_dtype)
    data[0] = external(file, secret)


def in_lists(file, secret):
    file["uns"].create_dataset("x", (2,), dtype=h5py.vlen_dtype(h5py.ref_dtype))


def through_soft_link(file, secret):
    file["uns/a"] = h5py.SoftLink("/uns/z/away/x")
    file["uns"].create_group("z")["away"] = h5py.ExternalLink(str(secret), "/")


def external_attribute(file, secret):
    file["X"].attrs["where"] = external(file, secret)


def of_a_type(file, secret):
    file["uns/kind"] = np.dtype("i4")
    file["uns/kind"].attrs["categories"] = external(file, secret)


ELSEWHERE = {
    "categories in another file": (lambda f, s: legacy_column(f, external(f, s)), "other files"),
    "virtual": (virtual, "other files"),
    "a stored attribute": (external_attribute, "holds references"),
    "a region": (region, "holds references"),
    "within a compound": (compound, "holds references"),
    "a list of references": (listed, "holds references"),
    "lists of lists": (in_lists, "holds references"),
    "a soft link through an external one": (through_soft_link, "other files"),
    "an attribute of a stored type": (of_a_type, "other files"),
    "categories that are a group": (lambda f, s: legacy_column(f, f["var"].ref), "holds references"),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_no_file_shows_what_lies_in_another(case, base, tmp_path):
    (tmp_path / "secret").write_bytes(SECRET)
    change, fragment = ELSEWHERE[case]
    path = spoil(base, lambda file: change(file, tmp_path / "secret"))
    hide(path)
    with pytest.raises(DataError, match=fragment) as caught:
        read(path)
    assert "secret" not in str(caught.value)


def test_old_categories_within_the_file_are_read(base):
    def old(file):
        file["obs/__categories/kind"] = np.array(["beta", "alpha"], dtype=object)
        legacy_column(file, file["obs/__categories/kind"].ref)

    assert set(read(spoil(base, old)).obs["kind"]) == {"beta"}


def test_old_categories_without_a_name_are_read(base):
    def old(file):
        file["uns/hidden"] = np.array(["beta", "alpha"], dtype=object)
        legacy_column(file, file["uns/hidden"].ref)

    hide(spoil(base, old))
    assert set(read(base).obs["kind"]) == {"beta"}


# -- links without end -----------------------------------------------------------------------------


def ladder(file, link):
    """Make 40 groups, each with two names in the one before: 2 to the 40 paths."""
    groups = [file["uns"].create_group(f"g{i}") for i in range(40)]
    for above, below in itertools.pairwise(groups):
        for name in "ab":
            above[name] = link(below)


def circle(file):
    file["uns/again"] = file["uns"]


def deep(file):
    file.create_group("uns/" + "/".join("a" * 200))


def many_times(file):
    file["big"] = np.zeros(10_000_000, dtype=np.int8)
    for i in range(20_000):
        file[f"uns/{i}"] = file["big"]


LINKS = {
    "hard ladder": (lambda f: ladder(f, lambda below: below), "are more than"),
    "soft ladder": (lambda f: ladder(f, lambda below: h5py.SoftLink(below.name)), "are more than"),
    "circle": (circle, "in a circle"),
    "soft circle": (lambda f: f.__setitem__("uns/again", h5py.SoftLink("/uns")), "in a circle"),
    "deep": (deep, "too deep"),
    "one dataset by many names": (many_times, "of memory"),
}


@pytest.mark.parametrize("case", LINKS)
def test_links_without_end_are_refused(case, base):
    change, fragment = LINKS[case]
    with pytest.raises(DataError, match=fragment):
        read(spoil(base, change))


@pytest.mark.parametrize(
    ("depth", "name", "n"), [(2_000, "a", 1), (40, "a" * 5_000, 2_000)], ids=["deep", "long names"]
)
def test_the_paths_of_all_parts_are_bounded(base, monkeypatch, depth, name, n):
    """HDF5 keeps the whole path of whatever is open: small files could take any memory."""
    n_open, opened = 0, h5o.open

    def counted(*args):
        nonlocal n_open
        n_open += 1
        return opened(*args)

    def change(file):
        inner = file["uns"]
        for _ in range(depth):
            inner = inner.create_group(name)
        for i in range(n):
            inner.create_group(str(i))

    spoil(base, change)
    monkeypatch.setattr(hdf5_check.h5o, "open", counted)
    with pytest.raises(DataError, match=r"too deep|too long"):
        read(base)
    assert n_open < 600  # of more than two thousand


def test_too_many_parts_are_refused(base, monkeypatch):
    monkeypatch.setattr(hdf5_check, "MAX_PARTS", 30)
    with pytest.raises(DataError, match="more than 30"):
        read(base)


def test_links_that_lead_nowhere_or_to_a_part_are_no_harm(base, small):
    def link(file):
        file["uns/x"] = np.arange(3)
        file["uns/y"] = h5py.SoftLink("/uns/x")
        file["uns/z"] = file["uns/x"]

    assert sorted(read(spoil(base, link)).uns) == ["x", "y", "z"]


# -- more than is there ----------------------------------------------------------------------------


def replaced(file, name, *args, **kwargs):
    del file[name]
    file.create_dataset(name, *args, **kwargs)


def texts(n, length):
    """Return a change that makes ``n`` texts which all lie in one place."""

    def change(file):
        whole = file["uns"].create_dataset("x", (n,), h5py.string_dtype(), chunks=(n,), compression="gzip")
        whole[0] = "x" * length
        # The first element of 16 bytes says where its letters lie; all others say the same.
        stored = np.frombuffer(zlib.decompress(whole.id.read_direct_chunk((0,))[1]), dtype="V16")
        whole.id.write_direct_chunk((0,), zlib.compress(np.repeat(stored[:1], n).tobytes()))

    return change


def side(name, shape):
    return lambda file: file[name].attrs.__setitem__("shape", shape)


MORE = {
    "texts in one place": (texts(30_000, 1_000_000), "texts in x.h5ad unpack to far more"),
    "texts never written": (
        lambda f: replaced(f, "obs/_index", (10**12,), h5py.string_dtype(), chunks=(1000,)),
        "of memory",
    ),
    "values never written": (lambda f: replaced(f, "obs/kind/codes", (10**13,), "i1", chunks=(1000,)), "of memory"),
    "a chunk that is far larger": (
        lambda f: f.create_dataset("uns/x", (9,), "f8", maxshape=(None,), chunks=(400_000_000_000,)),
        r"of memory|damaged",
    ),
    "a value that is far larger": (lambda f: f.create_dataset("uns/x", (1000,), "S2000000000"), "of memory"),
    "rows of a sparse matrix": (side("X", np.array([10**12, 14])), "has not the sides"),
    "columns of a sparse matrix": (side("X", np.array([9, 10**12])), "has not the sides"),
    "sides below nothing": (side("X", np.array([9, -14])), "has not the sides"),
    "three sides": (side("X", np.array([9, 14, 1])), "has not the sides"),
    "sides that are no numbers": (side("X", np.array([9.5, 14.0])), "has not the sides"),
}


@pytest.mark.parametrize("case", MORE)
def test_more_than_is_there_is_refused_before_it_is_read(case, base):
    change, fragment = MORE[case]
    try:
        path = spoil(base, change)
    except ValueError:
        pytest.skip("this version of HDF5 does not write such a file")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=fragment):
        read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # kB


def test_zeros_that_are_never_written_are_bounded(base, monkeypatch):
    """A few kilobytes announce gigabytes in parts, each of which has its place in the memory."""

    def change(file):
        for i in range(30):
            file["uns"].create_dataset(str(i), (1_000_000,), "f8", chunks=(100_000,), compression="gzip")

    spoil(base, change)
    assert len(read(base).uns) >= 30
    monkeypatch.setattr(hdf5_check, "LEAST_ANNOUNCED", 100_000_000)
    with pytest.raises(DataError, match=r"parts of x\.h5ad unpack to far more"):
        read(base)


def test_texts_of_attributes_are_bounded_by_the_memory(base, monkeypatch):
    def change(file):
        file["uns/long"] = "x" * 3_000_000
        file["uns"].attrs["many"] = np.array(["a"] * 500, dtype=object)

    spoil(base, change)
    assert read(base).n_obs == 9
    monkeypatch.setattr("sctl.io.system.available", lambda: 500 * 3_000_000)
    with pytest.raises(DataError, match="of memory"):
        read(base)


def test_long_honest_texts_are_read(base, monkeypatch):
    monkeypatch.setattr(hdf5_check, "_BLOCK", 100_000)  # so that they are measured
    spoil(base, lambda file: file["uns"].create_dataset("x", data=["y" * 50_000] * 9, dtype=h5py.string_dtype()))
    assert [len(text) for text in read(base).uns["x"]] == [50_000] * 9


def test_texts_that_lie_in_one_place_are_counted_as_often_as_they_are_met(base, monkeypatch):
    """Text is never packed in HDF5, so that far more of it than the file is long is met again and again."""
    monkeypatch.setattr(hdf5_check, "_BLOCK", 100_000)
    monkeypatch.setattr(hdf5_check, "FLOOR", 100_000)
    spoil(base, texts(9, 1_000_000))
    with pytest.raises(DataError, match=r"texts in x\.h5ad unpack to far more"):
        read(base)


def test_codes_without_a_category_are_refused(base):
    with pytest.raises(DataError, match="cannot be read"):
        read(spoil(base, lambda file: file["obs/kind/codes"].__setitem__(0, 99)))


def test_a_sparse_matrix_among_the_remarks_is_checked(base, small):
    small.uns["graph"] = small.X[:, :9].copy()
    small.write_h5ad(base)
    with pytest.raises(DataError, match="cannot be read"):
        read(spoil(base, lambda file: file["uns/graph/indices"].__setitem__(0, 1_000_000)))
