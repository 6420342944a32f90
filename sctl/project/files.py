"""How a project touches the disk: whole files or none, identifiers that cannot escape, no pickles."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import string
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import psutil

from sctl.errors import ProjectError
from sctl.project.checksums import placed

UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error)
"""What reading a damaged file of arrays may raise."""

_ALPHABET = string.ascii_lowercase + string.digits
_ID = re.compile(r"[a-z0-9]{12}")
MAX_JSON = 100_000_000
"""Most bytes of a file of settings or facts; the largest that sctl writes name a cluster for each cell."""
_CLOCK_TOLERANCE = 1.0  # seconds by which two readings of a process's start time may differ


def projects_root() -> Path:
    """Return the folder that holds all projects: ``$SCTL_PROJECTS``, or ``~/.sctl/projects``."""
    return Path(os.environ.get("SCTL_PROJECTS") or "~/.sctl/projects").expanduser().resolve()


def not_writable(root: Path) -> ProjectError:
    """Return the error for a folder of projects that cannot be written to."""
    return ProjectError(
        f"A project cannot be stored in {root}.",
        expected="The folder must be writable.",
        do="Set SCTL_PROJECTS to a folder that is.",
    )


def new_id() -> str:
    """Return a random identifier that is safe in a URL, a shell and a path (62 bits).

    Examples
    --------
    >>> check_id(new_id()) == check_id(new_id())
    False
    """
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


def check_id(value: object) -> str:
    """Return ``value`` if it is an identifier of ours.

    Raises
    ------
    ProjectError
        Otherwise, so that nothing like ``../..`` ever becomes part of a path.
    """
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise ProjectError(
            "This is not the identifier of a project.",
            expected="An identifier has twelve lower-case letters and digits.",
            do="Open the project from the list on the home page.",
        )
    return value


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file that becomes ``path`` if the block succeeds, and vanishes if it does not.

    A file of a result is listed there with its digest, see :mod:`sctl.project.checksums`.

    A process that is killed leaves it behind: whoever lists a folder skips names that begin with a dot.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        placed(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON; a reader sees the old file or the new one, never half of one."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ProjectError
        If the file is missing or holds something else.
    """
    try:
        if path.stat().st_size > MAX_JSON:
            raise damaged(path)
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # the last: brackets in brackets, thousands deep
        raise damaged(path) from error
    if not isinstance(value, dict):
        raise damaged(path)
    return value


def copy_of(path: Path) -> Path:
    """Return where the second copy of a file lies that cannot be computed again."""
    return path.with_name(f"{path.stem}.copy{path.suffix}")


def write_twice(path: Path, value: Any) -> None:
    """Write ``value`` as JSON with a second copy beside it, from which it is read where the first is damaged."""
    write_json(path, value)
    write_json(copy_of(path), value)


def damaged(path: Path) -> ProjectError:
    """Return the error for a file of a project that is missing or unreadable."""
    return ProjectError(
        f"The file {path.name} of this project is missing or damaged.",
        expected="Files of a project are written by sctl alone.",
        do="Open another project, import a copy of this one, or start anew.",
    )


def canonical(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys, so that equal settings give equal text.

    Examples
    --------
    >>> canonical({"b": 1, "a": (1, 2)})
    '{"a":[1,2],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    """Turn mappings and NumPy scalars into what JSON knows."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} does not belong into settings.")


def digest(text: str) -> str:
    """Return the first 16 hexadecimal digits of a text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_of_file(path: Path) -> str:
    """Return the first 16 hexadecimal digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def this_process() -> dict[str, Any]:
    """Return what tells this process from a later one with the same number."""
    return process_mark(os.getpid())


def process_mark(pid: int) -> dict[str, Any]:
    """Return number and start time of a process; the time is 0 where the process is gone already."""
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return {"pid": pid, "started": 0.0}


def is_alive(mark: Mapping[str, Any]) -> bool:
    """Tell whether the process of a mark still runs, and is not another one that got its number."""
    try:
        process = psutil.Process(int(mark["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return bool(abs(process.create_time() - float(mark["started"])) < _CLOCK_TOLERANCE)
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


@dataclass(frozen=True)
class Staged:
    """A file that is written and has a name, but no place yet: nobody who tidies a folder sees it.

    Parameters
    ----------
    reference : str
        The digest of its content.
    temporary, path : Path
        Where it lies, and where it belongs.
    """

    reference: str
    temporary: Path
    path: Path

    def place(self) -> None:
        """Put it where it belongs, whatever lies there."""
        self.temporary.replace(self.path)


@contextmanager
def staged(folder: Path, suffix: str, write: Callable[[Path], object]) -> Iterator[Staged]:
    """Yield what ``write`` wrote into a given path; it vanishes if it is not placed in the block."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", suffix=suffix, dir=folder)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        reference = digest_of_file(temporary)
        yield Staged(reference, temporary, folder / f"{reference}{suffix}")
    finally:
        temporary.unlink(missing_ok=True)
