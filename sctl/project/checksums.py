"""Sizes and digests of the files of a result, so that damage is noticed, and what is damaged is computed again.

Every file that :func:`~sctl.project.files.replacing` writes into the folder of a result is listed there, with its size and
SHA-256. What is not as it is listed counts as not there. Journals, to which lines are appended, are not listed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock

LISTING = "files.json"
_DONE = "done.json"
_LOCK = "files.lock"
_DEPTH = 3  # folders between a file of a result and the results: that of the result, of an analysis, of its parameters
_RESULT = re.compile(r"[0-9a-f]{16}")
_MARKS = frozenset({LISTING, _DONE, "failed.json", "started.json", "damaged.json"})
_UNLISTED = (".lock", ".jsonl")  # locks, and journals that grow line by line


@dataclass(frozen=True)
class Sum:
    """Size in bytes and SHA-256 of a file."""

    size: int
    sha256: str

    def fits(self, path: Path) -> bool:
        """Whether a file is there and has this content; one that has not changed since is not read again."""
        found = stamp(path)
        try:
            return found is not None and found[-1] == self.size and _sha256(path, found) == self.sha256
        except OSError:
            return False


Sums = Mapping[str, Sum]
"""By path below the folder of the result."""


def result_folder(path: Path) -> Path | None:
    """Return the folder of the result that a file belongs to by its place, or None where it is no file of a result.

    Examples
    --------
    >>> result_folder(Path("p/results/theta/0123456789abcdef/units/fedcba9876543210/a.json")).name
    '0123456789abcdef'
    >>> result_folder(Path("p/inputs/0123456789abcdef.csv")) is None
    True
    """
    for folder in list(path.parents)[:_DEPTH]:
        if _RESULT.fullmatch(folder.name) and folder.parent.parent.name == "results":
            return folder
    return None


def is_listed_kind(path: Path) -> bool:
    """Tell whether a file of a result is of a kind that is listed: no mark, lock, journal or leftover."""
    return path.name not in _MARKS and path.suffix not in _UNLISTED and not path.name.startswith(".")


def listing(folder: Path) -> Sums:
    """Return what is listed in the folder of a result; the mark of its end lists the result too."""
    for path in (folder / LISTING, folder / _DONE):
        written = stamp(path)
        found = None if written is None else _read(path, written)
        if found is not None:
            return found
    return {}


def placed(temporary: Path, path: Path) -> None:
    """Put a finished file in its place, and list it if it belongs to a result."""
    folder = result_folder(path)
    if folder is None or not is_listed_kind(path):
        temporary.replace(path)
        return
    with FileLock(folder / _LOCK):
        sums = dict(listing(folder))
        temporary.replace(path)
        name = path.relative_to(folder).as_posix()
        sums[name] = sum_of(path)
        _write(folder / LISTING, {"files": as_json(sums)})
        _amend(folder / _DONE, name, sums[name])


def sum_of(path: Path) -> Sum:
    """Measure a file.

    Raises
    ------
    OSError
        If it is not there.
    """
    known = path.stat()
    return Sum(known.st_size, _sha256(path, _stamp_of(known)))


def is_intact(path: Path) -> bool:
    """Tell whether a file of a result is there as it was written; of any other file, whether it is there."""
    folder = result_folder(path)
    if folder is None:
        return path.exists()
    sums, name = listing(folder), path.relative_to(folder).as_posix()
    return name in sums and sums[name].fits(path)


def is_content(path: Path, reference: str) -> bool:
    """Tell whether the content of a file is the one that a reference names: the beginning of its SHA-256."""
    known = stamp(path)
    try:
        return known is not None and _sha256(path, known).startswith(reference)
    except OSError:
        return False


def files_of(folder: Path) -> Iterator[Path]:
    """Yield the files of a result that are of a kind that is listed."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and is_listed_kind(path))


def cleared(folder: Path) -> None:
    """Delete the files of a result that are not as they are listed; what is intact stays for whoever goes on."""
    if not folder.is_dir():
        return
    with FileLock(folder / _LOCK):
        for path in list(files_of(folder)):
            if not is_intact(path):
                path.unlink(missing_ok=True)


def forgotten(path: Path) -> None:
    """Take a file that cannot be read off the list, so that it counts as not there."""
    folder = result_folder(path)
    if folder is None:
        return
    with FileLock(folder / _LOCK):
        sums = dict(listing(folder))
        sums.pop(path.relative_to(folder).as_posix(), None)
        _write(folder / LISTING, {"files": as_json(sums)})


def as_json(sums: Sums) -> dict[str, dict[str, Any]]:
    """Return sums as JSON values."""
    return {name: asdict(found) for name, found in sorted(sums.items())}


def from_json(value: object) -> dict[str, Sum] | None:
    """Return what :func:`as_json` gave, or None where the value is nothing of the kind."""
    if not isinstance(value, dict):
        return None
    try:
        return {str(name): Sum(int(found["size"]), str(found["sha256"])) for name, found in value.items()}
    except (KeyError, TypeError, ValueError):
        return None


def _amend(done: Path, name: str, found: Sum) -> None:
    """Note a file that was written anew in a finished result, if it is one of those that make it finished."""
    try:
        value = json.loads(done.read_text(encoding="utf-8"))
        listed = value["files"]
        if name not in listed or listed[name] == asdict(found):
            return
    except (OSError, ValueError, KeyError, TypeError):
        return
    _write(done, {**value, "files": {**listed, name: asdict(found)}})


def _write(path: Path, value: Mapping[str, Any]) -> None:
    temporary = path.with_name(f".part-{path.name}")  # one writer at a time: the lock is held
    temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
    temporary.replace(path)


Stamp = tuple[int, int, int]


def stamp(path: Path) -> Stamp | None:
    """Return when a file was last changed and written, in nanoseconds, and its size; None where there is none."""
    try:
        known = path.stat()
    except OSError:
        return None
    return _stamp_of(known)


def _stamp_of(known: os.stat_result) -> Stamp:
    return known.st_ctime_ns, known.st_mtime_ns, known.st_size


@lru_cache(maxsize=512)
def _read(path: Path, _: Stamp) -> dict[str, Sum] | None:
    """Return the list in a file, None where it is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return from_json(value.get("files")) if isinstance(value, dict) else None


@lru_cache(maxsize=4096)
def _sha256(path: Path, _: Stamp) -> str:
    """Return the digest of a file as it is at a time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
