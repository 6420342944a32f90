"""Unpack archives without trusting them: nothing leaves the folder, nothing grows without bound."""

from __future__ import annotations

import errno
import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, cast

from sctl.errors import DataError
from sctl.io.contents import damaged_gzip
from sctl.io.memory import readable
from sctl.io.system import refused

MAX_BYTES = 8_000_000_000
"""Most bytes that an archive may unpack to."""
MAX_RATIO = 100
"""Most bytes that one packed byte may unpack to, once beyond ``FLOOR``; dense tables of zeros reach about 60."""
FLOOR = 256_000_000
"""An archive may unpack to so many bytes whatever its ratio."""
MAX_MEMBERS = 10_000
"""Most files in an archive."""

_BLOCK = 1 << 20
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
    opened = _zip_members if zipfile.is_zipfile(path) else _tar_members
    out: dict[str, Path] = {}
    try:
        for number, (member, opening) in enumerate(opened(path, name)):
            if number >= MAX_MEMBERS:
                raise _unsafe(name, f"holds more than {MAX_MEMBERS:,} files")
            parts = _safe_parts(member, name)
            if _is_litter(parts):
                continue
            if member.lower().endswith(_NESTED):
                raise _unsafe(name, f"holds another archive ({member})", do="Unpack it and give what is inside.")
            key = "/".join(parts).casefold()
            if key in out:
                raise _unsafe(name, f"holds {member!r} twice")
            out[key] = folder.joinpath(*parts)
            out[key].parent.mkdir(parents=True, exist_ok=True)
            with opening() as source:
                limit -= copy_bounded(source, out[key], limit=limit, name=name)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, NotImplementedError) as error:
        raise DataError(
            f"{name} is a damaged or incomplete archive.",
            expected="It should unpack without an error.",
            do="Download or pack it again; the transfer was probably cut off.",
        ) from error
    return list(out.values())


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
                if shutil.disk_usage(to.parent).free < 2 * _BLOCK:
                    raise refused(f"{name} cannot be unpacked", OSError(errno.ENOSPC, "no space left"))
                raise DataError(
                    f"{name} unpacks to far more than its size lets one expect.",
                    expected=f"At most {readable(MAX_BYTES)}, and {MAX_RATIO} times its own size, is unpacked.",
                    do="If it is really so large, unpack it yourself and give the matrix as .h5ad.",
                )
            out.write(block)
    return written


def _zip_members(path: Path, name: str) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
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
            if info.is_dir():
                _safe_parts(info.filename, name)
            else:
                yield info.filename, partial(archive.open, info)


def _tar_members(path: Path, name: str) -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
    with tarfile.open(path, "r:*") as archive:
        for info in archive:
            if info.isdir():
                if info.name != ".":  # what `tar -C folder .` writes first
                    _safe_parts(info.name, name)
                continue
            if not info.isreg():
                raise _unsafe(name, f"holds a link or a device ({info.name})")
            yield info.name, cast("Callable[[], IO[bytes]]", partial(archive.extractfile, info))


def _safe_parts(member: str, name: str) -> tuple[str, ...]:
    """Return the parts of a member's path, or refuse a path that could lead out of the folder."""
    path = PurePosixPath(member.replace("\\", "/"))
    first = path.parts[0] if path.parts else ""
    if path.is_absolute() or ".." in path.parts or first.endswith(":") or "\x00" in member or not path.parts:
        raise _unsafe(name, f"holds a path that leads out of its folder ({member!r})")
    return path.parts


def _is_litter(parts: tuple[str, ...]) -> bool:
    """Say whether an operating system added this file by itself."""
    return parts[0] == "__MACOSX" or parts[-1].startswith(".") or parts[-1].lower() in ("thumbs.db", "desktop.ini")


def _unsafe(
    name: str, what: str, *, do: str = "Pack only the files of one sample, and give that archive."
) -> DataError:
    return DataError(f"{name} {what}.", expected="Only plain files inside one folder are unpacked.", do=do)
