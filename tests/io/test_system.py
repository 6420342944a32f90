"""What the operating system refuses is said in plain words, never as a traceback."""

import errno
import os
import shutil
from collections import namedtuple

import h5py
import pytest

from sctl.errors import DataError
from sctl.io import read, read_labels, write_h5ad
from sctl.io.system import refused

TABLE = "gene,c1,c2\nTP53,1,2\nINS,3,4\n"
Usage = namedtuple("Usage", "total used free")


def no_entry(*_, **__):
    raise PermissionError(errno.EACCES, "Permission denied", "x.csv")


def full(*_, **__):
    raise OSError("Can't close file (file write failed: file descriptor = 3, errno = 28, error message = ...)")


@pytest.mark.parametrize("reader", [read, read_labels])
def test_a_file_that_may_not_be_opened(tmp_path, monkeypatch, reader):
    (tmp_path / "x.csv").write_text(TABLE)
    monkeypatch.setattr("sctl.io.contents.is_gzip", no_entry)  # root may open everything
    with pytest.raises(DataError, match=r"x\.csv cannot be read: it is not allowed\. Ask the owner"):
        reader(tmp_path / "x.csv")


def test_a_name_that_no_disk_takes(tmp_path, small):
    name = "a" * 300 + ".h5ad"
    with pytest.raises(DataError, match="cannot be read: its name is too long"):
        read(tmp_path / name)
    with pytest.raises(DataError, match="cannot be written: its name is too long"):
        write_h5ad(small, tmp_path / name)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(DataError, match=r"x\.csv is a device or a pipe"):
        read(tmp_path / "x.csv")


def test_a_disk_that_is_full_when_a_result_is_written(tmp_path, small, monkeypatch):
    monkeypatch.setattr(h5py.File, "close", full)
    with pytest.raises(DataError, match=r"x\.h5ad cannot be written: the disk is full\. Delete"):
        write_h5ad(small, tmp_path / "x.h5ad")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_too_full_to_unpack(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text(TABLE)
    shutil.make_archive(str(tmp_path / "x"), "zip", tmp_path / "data")
    assert read(tmp_path / "x.zip").shape == (2, 2)
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(100, 90, 10))
    with pytest.raises(DataError, match=r"x\.zip cannot be unpacked: the disk is full"):
        read(tmp_path / "x.zip")


def test_a_reason_that_nobody_foresaw():
    assert "cannot be read: Owner died." in str(refused("x cannot be read", OSError(errno.EOWNERDEAD, "Owner died")))
    assert "the system refuses it" in str(refused("x cannot be read", OSError("?")))


def test_no_place_of_the_server_is_in_what_is_said_of_a_refusal():
    long = OSError(errno.EBUSY, "Unable to extend file, filename = '/secret/place'")
    assert "/secret" not in str(refused("x.h5ad cannot be written", long))
    large = OSError(errno.EFBIG, "Unable to extend file, filename = '/secret/place'")
    assert "larger than this disk takes" in str(refused("x.h5ad cannot be written", large))
