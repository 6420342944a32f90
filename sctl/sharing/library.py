"""A library of trained models: a folder of files, on disk or anywhere that fsspec reaches."""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

from fsspec.core import url_to_fs

from sctl.errors import DataError, ParameterError
from sctl.io.system import system_errors
from sctl.sharing.card import held, model_card
from sctl.sharing.model_file import (
    ENDING,
    MANIFEST,
    MAX_MANIFEST,
    load_model,
    manifest_digest,
    parse_manifest,
    read_manifest,
)

_BROKEN = (
    OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, LookupError,
    TypeError, ValueError, AttributeError, ArithmeticError, MemoryError,
)  # fmt: skip
"""What a damaged or strange file may raise while its manifest is read; DataError is a ValueError."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file of a library, as its manifest describes it; where ``problem`` is not empty, nothing else is known.

    ``usable`` tells whether it can stand in for a source, ``holds`` what it tells of the source's cells, ``card`` is its
    model card, and ``changed`` is whatever the place gives as time.
    """

    name: str
    size: int = 0
    changed: str = ""
    problem: str = ""
    title: str = ""
    method: str = ""
    types: tuple[str, ...] = ()
    n_genes: int = 0
    n_cells: int | None = None
    usable: bool = False
    holds: str = ""
    card: str = field(default="", repr=False)
    manifest: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Library:
    """A folder of models.

    Parameters
    ----------
    place : str or Path, optional
        A folder, or a URL that fsspec knows, such as ``s3://bucket/models`` where ``s3fs`` is installed. By default
        ``$SCTL_LIBRARY``, or ``~/.sctl/library``.

    Raises
    ------
    ParameterError
        If nothing is known that could open such a place.
    """

    def __init__(self, place: Path | str | None = None) -> None:
        chosen = str(place or os.environ.get("SCTL_LIBRARY") or Path("~/.sctl/library").expanduser())
        try:
            self._fs, self._root = url_to_fs(chosen)
        except (ImportError, ValueError, OSError) as error:
            raise ParameterError(
                "The library's place cannot be opened.",
                expected="It is a folder, or a URL whose kind fsspec knows.",
                do="Correct SCTL_LIBRARY, or install what fsspec needs for this kind of URL.",
            ) from error
        self._local = "file" in (self._fs.protocol if isinstance(self._fs.protocol, tuple) else [self._fs.protocol])

    @property
    def place(self) -> str:
        """Where it is, as a URL."""
        return str(self._fs.unstrip_protocol(self._root))

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one of this computer."""
        return Path(self._root) if self._local else None

    def files(self) -> list[tuple[str, int, str]]:
        """Return name, size and time of change of every file, by name; nothing is opened."""
        self._fs.invalidate_cache()
        with system_errors("The library cannot be read"):
            try:
                found = self._fs.ls(self._root, detail=True)
            except FileNotFoundError:
                return []
        names = [(Path(str(item["name"])).name, item) for item in found if item.get("type") == "file"]
        return sorted(
            (name, int(item.get("size") or 0), str(item.get("mtime") or item.get("LastModified") or ""))
            for name, item in names
            if name.lower().endswith(ENDING) and not name.startswith(".")
        )

    def entries(self) -> list[Entry]:
        """Return what all files say of themselves; broken ones come with their problem, and end nothing."""
        return [self.entry(*file) for file in self.files()]

    def entry(self, name: str, size: int = 0, changed: str = "") -> Entry:
        """Return what a file says of itself; its manifest is read and checked, its tensors are not touched."""
        try:
            with self._fs.open(self._path(name), "rb") as stream:
                manifest = _manifest_in(stream, name)
            return _entry(name, manifest, size=size, changed=changed)
        except _BROKEN as error:
            return Entry(name=name, size=size, changed=changed, problem=_reason(error, name))

    def add(self, path: Path | str, *, name: str = "") -> Entry:
        """Check a model's file, and copy it into the library.

        Parameters
        ----------
        path : Path or str
        name : str
            What it shall be called; where another file has that name, a number is added. A file that is there already
            stays alone.

        Raises
        ------
        DataError
            If it is no model, or cannot be stored.
        """
        path = Path(path)
        manifest = read_manifest(path)
        load_model(path)  # all of it must be understood, not its manifest alone
        there = self.entries()
        for entry in there:
            if entry.manifest.get("sha256") == manifest["sha256"]:
                return entry
        chosen = _free(safe_name(name or path.name), {entry.name for entry in there})
        waiting = f"{self._root}/.{token_hex(8)}.part"
        with system_errors("The library cannot be written to"):
            self._fs.makedirs(self._root, exist_ok=True)
            try:
                with path.open("rb") as source, self._fs.open(waiting, "wb") as target:
                    shutil.copyfileobj(source, target)
                self._fs.mv(waiting, self._path(chosen))
            finally:
                if self._fs.exists(waiting):
                    self._fs.rm_file(waiting)
        return self.entry(chosen, path.stat().st_size)

    def remove(self, name: str) -> None:
        """Delete a file for good.

        Raises
        ------
        DataError
            If it is not there, or cannot be deleted.
        """
        self._require(name)
        with system_errors(f"{name} cannot be deleted"):
            self._fs.rm_file(self._path(name))

    @contextmanager
    def get(self, name: str) -> Iterator[Path]:
        """Yield a file of this computer with the content of a file of the library; not to be changed.

        Raises
        ------
        DataError
            If it is not there, or cannot be read.
        """
        self._require(name)
        if self._local:
            yield Path(self._path(name))
            return
        with tempfile.TemporaryDirectory(prefix="sctl-library-") as folder:
            path = Path(folder, name)
            with system_errors(f"{name} cannot be read"):
                self._fs.get_file(self._path(name), str(path))
            yield path

    def _path(self, name: str) -> str:
        if name != Path(name).name or name.startswith(".") or "\\" in name or not name.lower().endswith(ENDING):
            raise DataError(f"{name!r} is no name of a model.", expected=f"A file name that ends in {ENDING}.")
        return f"{self._root}/{name}"

    def _require(self, name: str) -> None:
        if not self._fs.exists(self._path(name)):
            raise DataError(f"The library has no model {name}.", do="Load the page again; it may have been removed.")


def safe_name(name: str) -> str:
    """Return a name that every system takes and that leads nowhere else.

    Examples
    --------
    >>> safe_name("../My atlas (new).SCTL")
    'My-atlas-new.sctl'
    """
    stem = Path(name.replace("\\", "/")).name
    stem = stem[: -len(ENDING)] if stem.lower().endswith(ENDING) else stem
    words = re.sub(r"[^\w.]+", "-", stem).strip("-._")
    return f"{words[:80] or 'model'}{ENDING}"


def _free(name: str, taken: set[str]) -> str:
    """Return the name, with a number where it is taken."""
    stem, number, out = name.removesuffix(ENDING), 1, name
    while out in taken:
        number += 1
        out = f"{stem}-{number}{ENDING}"
    return out


def _manifest_in(stream: IO[bytes], name: str) -> dict[str, Any]:
    """Return the manifest in an open file, if its own checksum is right."""
    with zipfile.ZipFile(stream) as archive, archive.open(MANIFEST) as part:
        content = part.read(MAX_MANIFEST + 1)
    if len(content) > MAX_MANIFEST:
        raise DataError(f"{name} has a manifest that is far too long.")
    manifest = parse_manifest(content, name)
    if manifest["sha256"]["manifest"] != manifest_digest(manifest):
        raise DataError(f"{name} was changed or damaged after it was written.")
    return manifest


def _entry(name: str, manifest: Mapping[str, Any], *, size: int, changed: str) -> Entry:
    facts, source = manifest["facts"], manifest.get("source")
    counts = None if source is None else [int(n) for n in source["n_cells"]]
    n_source = facts.get("n_source")
    return Entry(
        name=name,
        size=size,
        changed=changed,
        title=str(manifest.get("title") or manifest["method"]),
        method=str(manifest["method"]),
        types=tuple(map(str, facts["label_names"])),
        n_genes=len(facts["genes"]),
        n_cells=sum(counts) if counts is not None else None if n_source is None else int(n_source),
        usable=counts is not None,
        holds=held(manifest),
        card=model_card(manifest),
        manifest=manifest,
    )


def _reason(error: BaseException, name: str) -> str:
    """Say in words what is wrong with a file."""
    if isinstance(error, DataError):
        return error.found
    if isinstance(error, PermissionError):
        return f"{name} may not be read."
    if isinstance(error, json.JSONDecodeError | RecursionError):
        return f"{name} has a manifest that cannot be read."
    return f"{name} is no model, or only a part of one."
