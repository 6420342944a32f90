"""What hostile archives try."""

import gzip
import io
import stat
import tarfile
import zipfile

import pytest

from sctl.errors import DataError
from sctl.io import read

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
