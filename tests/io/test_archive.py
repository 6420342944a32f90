"""What hostile archives try."""

import gzip
import io
import stat
import struct
import tarfile
import tracemalloc
import zipfile

import pytest

from sctl.errors import DataError
from sctl.io import archive, read

TABLE = b"gene,c1,c2\nTP53,1,2\nINS,3,4\n"


def tar(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, "/etc/passwd", len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def zipped(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content)
    return path


def linked():
    info = zipfile.ZipInfo("link.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


ATTACKS = {
    "tar parent": (lambda d: tar(d / "a.tar.gz", ("../x.csv", tarfile.REGTYPE, TABLE)), "leads out of its folder"),
    "tar absolute": (lambda d: tar(d / "a.tar.gz", ("/tmp/x.csv", tarfile.REGTYPE, TABLE)), "leads out"),
    "tar parent folder": (lambda d: tar(d / "a.tar.gz", ("a/../../b", tarfile.DIRTYPE, b"")), "leads out"),
    "tar symlink": (lambda d: tar(d / "a.tar.gz", ("x.csv", tarfile.SYMTYPE, b"")), "a link or a device"),
    "tar hard link": (lambda d: tar(d / "a.tar.gz", ("x.csv", tarfile.LNKTYPE, b"")), "a link or a device"),
    "tar device": (lambda d: tar(d / "a.tar.gz", ("x.csv", tarfile.CHRTYPE, b"")), "a link or a device"),
    "tar pipe": (lambda d: tar(d / "a.tar.gz", ("x.csv", tarfile.FIFOTYPE, b"")), "a link or a device"),
    "zip parent": (lambda d: zipped(d / "a.zip", ("../../x.csv", TABLE)), "leads out"),
    "zip backslash": (lambda d: zipped(d / "a.zip", ("..\\x.csv", TABLE)), "leads out"),
    "zip drive": (lambda d: zipped(d / "a.zip", ("C:\\x.csv", TABLE)), "leads out"),
    "zip absolute": (lambda d: zipped(d / "a.zip", ("/etc/x.csv", TABLE)), "leads out"),
    "zip symlink": (lambda d: zipped(d / "a.zip", (linked(), "/etc/passwd")), "a link or a device"),
    "nested": (lambda d: zipped(d / "a.zip", ("inner.zip", b"PK")), "another archive (inner.zip)"),
    "nested tar": (lambda d: tar(d / "a.tar.gz", ("i.tar.gz", tarfile.REGTYPE, b"x")), "another archive"),
    "same name twice": (lambda d: zipped(d / "a.zip", ("x.csv", TABLE), ("X.csv", TABLE)), "'X.csv' twice"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_and_writes_nothing_outside(attack, tmp_path, monkeypatch):
    make, fragment = ATTACKS[attack]
    inside = tmp_path / "deep" / "tmp"
    inside.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(inside))
    path = make(tmp_path)
    with pytest.raises(DataError) as caught:
        read(path)
    assert fragment in str(caught.value)
    assert sorted(item.name for item in tmp_path.rglob("*")) == sorted([path.name, "deep", "tmp"])


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr("sctl.io.archive.MAX_MEMBERS", 3)
    path = zipped(tmp_path / "a.zip", *((f"{i}.csv", TABLE) for i in range(5)))
    with pytest.raises(DataError, match="more than 3 files"):
        read(path)


@pytest.mark.parametrize("ending", [".zip", ".tar.gz", ".csv.gz", ".h5ad.gz"])
def test_a_bomb_is_stopped_by_what_comes_out_not_by_what_is_announced(tmp_path, monkeypatch, ending):
    for module in ("archive", "table"):
        monkeypatch.setattr(f"sctl.io.{module}.FLOOR", 1000)
    zeros = b"gene" + b",c" * 9999 + b"\n" + (b"TP53" + b",0" * 9999 + b"\n") * 500
    path = tmp_path / f"a{ending}"
    if ending == ".zip":
        zipped(path, ("x.csv", zeros))
    elif ending == ".tar.gz":
        tar(path, ("x.csv", tarfile.REGTYPE, zeros))
    else:
        path.write_bytes(gzip.compress((b"\x89HDF\r\n\x1a\n" if "h5" in ending else b"") + zeros))
    assert len(zeros) > 100 * path.stat().st_size
    with pytest.raises(DataError, match="unpacks to far more"):
        read(path)


def test_a_locked_archive_is_said(tmp_path):
    path = zipped(tmp_path / "a.zip", ("x.csv", TABLE))
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag of encryption, in the member's own header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    path.write_bytes(data)
    with pytest.raises(DataError, match="password"):
        read(path)


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_a_cut_archive_is_said(tmp_path, ending, rng):
    noise = rng.bytes(50_000).hex().encode()
    path = tmp_path / f"a{ending}"
    zipped(path, ("x.csv", noise)) if ending == ".zip" else tar(path, ("x.csv", tarfile.REGTYPE, noise))
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(DataError, match=r"incomplete|no archive"):
        read(path)


def test_an_empty_archive_and_one_without_a_matrix(tmp_path):
    with pytest.raises(DataError, match="holds no files"):
        read(zipped(tmp_path / "a.zip"))
    with pytest.raises(DataError, match=r"nothing that can be read; there is a\.md, b\.md"):
        read(zipped(tmp_path / "b.zip", ("a.md", "x"), ("b.md", "y")))


def test_an_archive_made_inside_its_folder(tmp_path, small):
    """`tar -C folder -czf x.tgz .` lists the folder itself as '.'."""
    small.write_h5ad(tmp_path / "x.h5ad")
    path = tar(
        tmp_path / "a.tgz",
        (".", tarfile.DIRTYPE, b""),
        ("./x.h5ad", tarfile.REGTYPE, (tmp_path / "x.h5ad").read_bytes()),
    )
    assert read(path).shape == small.shape
    with pytest.raises(DataError, match="leads out of its folder"):
        read(tar(tmp_path / "b.tgz", (".", tarfile.REGTYPE, b"")))


# -- what costs memory or time before anything is unpacked -----------------------------------------


def members(path, *infos, opening="w:gz", **kwargs):
    """Write headers alone: what they announce is not there."""
    with tarfile.open(path, opening, **kwargs) as packed:
        for info in infos:
            packed.addfile(info)
    return path


def member(name, size=0, kind=tarfile.REGTYPE, **headers):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.pax_headers = size, kind, headers
    return info


def long_chain(path):
    """Write names of names of names: each describes the next."""
    blocks = b"".join(member("x", 1, tarfile.GNUTYPE_LONGNAME).tobuf() + b"y".ljust(512, b"\0") for _ in range(5000))
    path.write_bytes(gzip.compress(blocks + bytes(1024)))
    return path


def listed(path, n):
    """Write a .zip with an entry of 46 bytes for each of ``n`` members that are not there."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.csv", TABLE)
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = bytearray(content[start : start + 46])
    entry[28:34] = bytes(6)  # no name, no more
    count = min(n, 65535)
    tail = bytearray(content[end:])
    tail[8:16] = struct.pack("<HHL", count, count, 46 * n)
    path.write_bytes(content[:start] + bytes(entry) * n + bytes(tail))
    return path


def with_method(path, method):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x.csv", TABLE)
    return path


def hidden(path, inner):
    """Pack an archive under the name of a table."""
    return zipped(path, ("x.csv", inner.read_bytes()))


COSTLY = {
    "a long name": (lambda d: members(d / "a.tgz", member("x" * 50_000_000), format=tarfile.GNU_FORMAT), "far more"),
    "a long header": (
        lambda d: members(d / "a.tgz", member("x.csv", comment="y" * 50_000_000), format=tarfile.PAX_FORMAT),
        "far more",
    ),
    "a chain of long names": (lambda d: long_chain(d / "a.tgz"), "damaged or incomplete archive|no archive"),
    "folders": (
        lambda d: members(d / "a.tgz", *(member(f"d{i}", kind=tarfile.DIRTYPE) for i in range(10_001))),
        "more than 10,000 files",
    ),
    "folders of a zip": (lambda d: zipped(d / "a.zip", *((f"d{i}/", "") for i in range(10_001))), "more than 10,000"),
    "deep folders": (lambda d: zipped(d / "a.zip", ("a/" * 60 + "x.csv", TABLE)), "leads out of its folder"),
    "9 GB announced": (lambda d: members(d / "a.tgz", member("x.csv", 9_000_000_000)), "unpacks to far more"),
    "sparse": (lambda d: members(d / "a.tgz", member("x.csv", 0, tarfile.GNUTYPE_SPARSE)), "a link or a device"),
    "a list without end": (lambda d: listed(d / "a.zip", 200_000), "more than 10,000 files"),
    "packed by LZMA": (lambda d: with_method(d / "a.zip", zipfile.ZIP_LZMA), "not supported"),
    "packed by bzip2": (lambda d: with_method(d / "a.zip", zipfile.ZIP_BZIP2), "not supported"),
    "an archive under another name": (
        lambda d: hidden(d / "a.zip", zipped(d / "b.zip", ("x.csv", TABLE))),
        "another archive",
    ),
    "a packed archive under another name": (
        lambda d: hidden(d / "a.zip", tar(d / "b.tgz", ("x.csv", tarfile.REGTYPE, TABLE))),
        "another archive",
    ),
    "packed within packed": (lambda d: twice(d / "a.csv.gz"), "a.csv.gz"),
    "a file that is a folder too": (lambda d: zipped(d / "a.zip", ("x", TABLE), ("x/y.csv", TABLE)), "damaged"),
    "a part that leads before the start": (lambda d: before_start(d / "a.zip"), "damaged|no archive"),
}


def twice(path):
    path.write_bytes(gzip.compress(gzip.compress(TABLE)))
    return path


def before_start(path):
    zipped(path, ("x.csv", TABLE))
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 42 : place + 46] = struct.pack("<L", 2**31)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", COSTLY)
def test_what_would_cost_memory_is_refused_at_once(case, tmp_path):
    make, fragment = COSTLY[case]
    path = make(tmp_path)
    tracemalloc.start()
    with pytest.raises(DataError, match=fragment):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("ending", ["bz2", "xz"])
def test_a_bundle_packed_otherwise_is_refused(ending, tmp_path):
    path = members(tmp_path / "p.sctl.zip", member("x" * 10_000_000), opening=f"w:{ending}", format=tarfile.GNU_FORMAT)
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match="damaged or incomplete archive"):
        archive.unpack(path, tmp_path, name="The project file")
