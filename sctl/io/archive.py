"""Unpack archives without trusting them: nothing leaves the folder, nothing grows without bound."""

from __future__ import annotations

import errno
import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from sctl.errors import DataError, SctlError
from sctl.io.contents import damaged_gzip, head, is_gzip
from sctl.io.system import readable, refused

MAX_BYTES = 8_000_000_000
"""Most bytes that an archive may unpack to."""
MAX_RATIO = 100
"""Most bytes that one packed byte may unpack to, once beyond ``FLOOR``; dense tables of zeros reach about 60."""
FLOOR = 256_000_000
"""An archive may unpack to so many bytes whatever its ratio."""
MAX_MEMBERS = 10_000
"""Most files and folders in an archive."""
MAX_DEPTH = 50
"""Most folders within one another."""

_BLOCK = 1 << 20
_MAX_LIST = 4_000_000  # bytes of the list of members at the end of a .zip, which is read whole
_NESTED = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".rar", ".7z")


def unpack(path: Path, folder: Path, *, name: str) -> list[Path]:
    """Unpack a ``.zip``, ``.tar`` or ``.tar.gz`` into an empty folder.

    Parameters
    ----------
    path : Path
        The archive.
    folder : Path
        Where the files go; it must exist.
    name : str
        The name the user knows it by.

    Returns
    -------
    list of Path
        The files, without those that operating systems add.

    Raises
    ------
    DataError
        If the archive is damaged or encrypted; holds links, devices, other archives or paths that lead out of
        the folder; has too many files; or unpacks to too much. Nothing is kept of it then.
    """
    limit = min(MAX_BYTES, max(FLOOR, MAX_RATIO * path.stat().st_size), shutil.disk_usage(folder).free)
    out: dict[str, Path] = {}
    try:
        for member, n_bytes, opening in _members(path, limit, name):
            parts = _safe_parts(member, name)
            if _is_litter(parts):
                continue
            if member.lower().endswith(_NESTED):
                raise _nested(name, member)
            if n_bytes > limit:
                raise _too_much(name, n_bytes, folder)
            key = "/".join(parts).casefold()
            if key in out:
                raise _unsafe(name, f"holds {member!r} twice")
            out[key] = folder.joinpath(*parts)
            out[key].parent.mkdir(parents=True, exist_ok=True)
            with opening() as source:
                limit -= copy_bounded(source, out[key], limit=limit, name=name)
    except _DAMAGED as error:
        if isinstance(error, SctlError):
            raise
        if isinstance(error, OSError) and error.errno not in _OF_THE_CONTENT:
            raise refused(f"{name} cannot be unpacked", error) from error
        raise DataError(
            f"{name} is a damaged or incomplete archive.",
            expected="It should unpack without an error.",
            do="Download or pack it again; the transfer was probably cut off.",
        ) from error
    return list(out.values())


_OF_THE_CONTENT = (None, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.EINVAL)  # the last: a place before the first
_DAMAGED = (
    ArithmeticError, EOFError, LookupError, MemoryError, OSError, RuntimeError, ValueError, lzma.LZMAError, struct.error,
    tarfile.TarError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def require_flat(files: list[Path], name: str) -> None:
    """Refuse an archive that holds another, whatever that is called: each could hold a larger one.

    Raises
    ------
    DataError
        If one of its files is an archive.
    """
    for file in files:
        start = head(file, name=file.name)
        if start.startswith(b"PK\x03\x04") or start[257:262] == b"ustar":
            raise _nested(name, file.name)


def gunzip(path: Path, to: Path, *, name: str) -> Path:
    """Unpack one file packed by gzip, within the same bounds as an archive.

    Raises
    ------
    DataError
        If it is damaged or unpacks to too much.
    """
    limit = min(MAX_BYTES, max(FLOOR, MAX_RATIO * path.stat().st_size), shutil.disk_usage(to.parent).free)
    try:
        with gzip.open(path) as source:
            copy_bounded(source, to, limit=limit, name=name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged_gzip(name) from error
    return to


def copy_bounded(source: IO[bytes] | gzip.GzipFile, to: Path, *, limit: int, name: str) -> int:
    """Copy a stream into a new file and return its size; what the headers promise is not believed.

    Raises
    ------
    DataError
        If there is more than ``limit`` bytes.
    """
    written = 0
    with to.open("xb") as out:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > limit:
                raise _too_much(name, 2 * _BLOCK, to.parent)
            out.write(block)
    return written


_Member = tuple[str, int, Callable[[], IO[bytes]]]
"""Path of a file in an archive, the bytes that are announced, and what opens it."""


def _members(path: Path, limit: int, name: str) -> Iterator[_Member]:
    """Yield the files of an archive, counting all members: folders and what describes them take memory too."""
    members = _zip_members(path, name) if zipfile.is_zipfile(path) else _tar_members(path, limit, name)
    for number, member in enumerate(members):
        if number >= MAX_MEMBERS:
            raise _unsafe(name, f"holds more than {MAX_MEMBERS:,} files")
        if member is not None:
            yield member


def _zip_members(path: Path, name: str) -> Iterator[_Member | None]:
    with path.open("rb") as file:
        end = getattr(zipfile, "_EndRecData")(file)  # noqa: B009 - private: the end as zipfile itself will read it
    if end is not None and end[_SIZE_OF_LIST] > _MAX_LIST:
        raise _unsafe(name, f"holds more than {MAX_MEMBERS:,} files")
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise DataError(
                    f"{name} is locked with a password.",
                    expected="An archive without a password was expected.",
                    do="Unpack it, and give the files or an archive without a password.",
                )
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsafe(name, f"holds a link or a device ({info.filename})")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _unsafe(name, "is packed in a way that is not supported", do="Pack it again as an ordinary .zip.")
            if info.is_dir():
                _safe_parts(info.filename, name)
                yield None
            else:
                yield info.filename, info.file_size, partial(archive.open, info)


_SIZE_OF_LIST = 5  # in what zipfile knows of an archive's end


def _tar_members(path: Path, limit: int, name: str) -> Iterator[_Member | None]:
    opening = gzip.open if is_gzip(path) else open
    with (
        opening(path, "rb") as unpacked,
        tarfile.open(fileobj=cast("IO[bytes]", _Bounded(unpacked, limit, name)), mode="r:") as archive,
    ):
        while (info := archive.next()) is not None:
            cast("Any", archive).members.clear()  # it would keep every header
            if info.isdir():
                if info.name != ".":  # what `tar -C folder .` writes first
                    _safe_parts(info.name, name)
                yield None
                continue
            if not info.isreg() or info.issparse():
                raise _unsafe(name, f"holds a link or a device ({info.name[:80]})")
            yield info.name, info.size, cast("Callable[[], IO[bytes]]", partial(archive.extractfile, info))


class _Bounded:
    """A stream that neither goes beyond a place nor gives much at once: headers may announce any length."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, limit: int, name: str) -> None:
        self._stream, self._name = stream, name
        self._limit = limit + MAX_MEMBERS * tarfile.BLOCKSIZE

    def read(self, size: int = -1) -> bytes:
        """Read a block."""
        if not 0 <= size <= _BLOCK or self._stream.tell() > self._limit:
            raise _too_much(self._name)
        return self._stream.read(size)

    def seek(self, place: int) -> int:
        """Go to a place."""
        if place > self._limit:
            raise _too_much(self._name)
        return self._stream.seek(place)

    def tell(self) -> int:
        """Return the place."""
        return self._stream.tell()


def _safe_parts(member: str, name: str) -> tuple[str, ...]:
    """Return the parts of a member's path, or refuse a path that could lead out of the folder."""
    path = PurePosixPath(member.replace("\\", "/"))
    first = path.parts[0] if path.parts else ""
    if (
        path.is_absolute()
        or ".." in path.parts
        or len(path.parts) > MAX_DEPTH
        or first.endswith(":")
        or "\x00" in member
        or not path.parts
    ):
        raise _unsafe(name, f"holds a path that leads out of its folder ({member[:80]!r})")
    return path.parts


def _is_litter(parts: tuple[str, ...]) -> bool:
    """Say whether an operating system added this file by itself."""
    return parts[0] == "__MACOSX" or parts[-1].startswith(".") or parts[-1].lower() in ("thumbs.db", "desktop.ini")


def _too_much(name: str, n_bytes: int = 0, folder: Path | None = None) -> DataError:
    """Return the error for what unpacks to too much: for the disk, where so many bytes do not fit there."""
    if folder is not None and shutil.disk_usage(folder).free < n_bytes:
        return refused(f"{name} cannot be unpacked", OSError(errno.ENOSPC, "no space left"))
    return DataError(
        f"{name} unpacks to far more than its size lets one expect.",
        expected=f"At most {readable(MAX_BYTES)}, and {MAX_RATIO} times its own size, is unpacked.",
        do="If it is really so large, unpack it yourself and give the matrix as .h5ad.",
    )


def _nested(name: str, member: str) -> DataError:
    return _unsafe(name, f"holds another archive ({member[:80]})", do="Unpack it and give what is inside.")


def _unsafe(
    name: str, what: str, *, do: str = "Pack only the files of one sample, and give that archive."
) -> DataError:
    return DataError(f"{name} {what}.", expected="Only plain files inside one folder are unpacked.", do=do)
