"""Download a model from Zenodo: what was broken off goes on where it stopped, and only what was announced is kept."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError

from sctl.errors import DataError, ServiceError
from sctl.io.system import readable, system_errors
from sctl.run import Run
from sctl.sharing.library import safe_name
from sctl.sharing.model_file import read_manifest
from sctl.sharing.zenodo import Record, RemoteFile, Zenodo

MAX_BYTES = 4_000_000_000
"""Largest model that is fetched."""
ATTEMPTS = 6
"""How often a transfer is begun or gone on with."""
_BLOCK = 1 << 20
_MD5 = re.compile(r"[0-9a-f]{32}")


def fetch(zenodo: Zenodo, record: Record, folder: Path, *, limit: int = MAX_BYTES, run: Run | None = None) -> Path:
    """Download the model of a record.

    Parameters
    ----------
    zenodo : Zenodo
    record : Record
        It must hold one model.
    folder : Path
        Where the file goes, and where a part of it waits if the transfer breaks off.
    limit : int
        Most bytes.
    run : Run, optional
        Hears of the progress, and can stop it.

    Returns
    -------
    Path
        The file, whose checksums are right and which is a model.

    Raises
    ------
    DataError
        If the record holds no model, or the file is none.
    ServiceError
        If the transfer fails, or what arrives is not what was announced.
    """
    file = _the_model(record)
    _check_size(file, folder, limit)
    part = folder / f".{file.md5}.part"
    with system_errors(f"{file.name} cannot be stored"):
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(ATTEMPTS):
            if _continued(zenodo, (record.id, file), part, run or Run()):
                break
            zenodo.web.sleep(1.0)
        _check_content(part, file)
        path = part.replace(folder / safe_name(file.name))
    try:
        read_manifest(path)
    except DataError:
        path.unlink()
        raise
    return path


def _the_model(record: Record) -> RemoteFile:
    if len(record.models) != 1:
        what = "no trained source" if not record.models else f"{len(record.models)} trained sources"
        others = ", ".join(file.name for file in record.files[:5])
        raise DataError(
            f"The record {record.id} holds {what}{f', but {others}' if others and not record.models else ''}.",
            expected="A record with one .sctl file was expected. Models of other programs cannot be opened.",
            do="Choose another record, or download the file in your browser and add it here.",
        )
    return record.models[0]


def _check_size(file: RemoteFile, folder: Path, limit: int) -> None:
    if not _MD5.fullmatch(file.md5):
        raise ServiceError("The service gives no checksum of this file.", do="Download it in your browser.")
    if not 0 < file.size <= limit:
        raise DataError(
            f"{file.name} has {readable(file.size)}.",
            expected=f"Models of up to {readable(limit)} are fetched.",
            do="Download it in your browser, if it is really a model.",
        )
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if shutil.disk_usage(there).free < file.size:
        raise DataError(f"The disk has no room for {readable(file.size)}.", do="Delete what you no longer need.")


def _continued(zenodo: Zenodo, which: tuple[str, RemoteFile], part: Path, run: Run) -> bool:
    """Go on with a transfer; return whether all of it is there now."""
    number, file = which
    have = part.stat().st_size if part.exists() else 0
    if have >= file.size:
        return True
    # pooch neither resumes nor keeps to a size or a server, so these few lines are ours
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    path = f"/records/{number}/files/{quote(file.name, safe='')}/content"
    with zenodo.web.exchange("GET", path, headers=headers) as response:
        begins = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        resumed = response.status_code == requests.codes.partial_content and begins
        return _stored(response, part, file, run, have=have if resumed else 0)


def _stored(response: requests.Response, part: Path, file: RemoteFile, run: Run, *, have: int) -> bool:
    """Write what arrives behind the first ``have`` bytes; return whether all of it is there now."""
    with part.open("ab" if have else "wb") as out:
        for block in _arriving(response):
            have += len(block)
            if have > file.size:
                break
            out.write(block)
            run.report("Download", have, file.size)
    if have > file.size:
        part.unlink()
        raise ServiceError(f"More arrives than {file.name} should hold.", do="Try again later.")
    return have == file.size


def _arriving(response: requests.Response) -> Iterator[bytes]:
    """Yield what arrives until it ends or breaks off: who reads knows how much there should be."""
    while True:
        try:
            # whatever is there at once: a whole block would be lost with the connection
            block = response.raw.read1(_BLOCK, decode_content=False)
        except (HTTPError, OSError):
            return
        if not block:
            return
        yield block


def _check_content(part: Path, file: RemoteFile) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have < file.size:
        raise ServiceError(
            f"The transfer of {file.name} broke off several times ({readable(have)} of {readable(file.size)}).",
            expected="What has arrived is kept.",
            do="Try again: it goes on from there.",
        )
    with part.open("rb") as content:
        found = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != file.md5:
        part.unlink()
        raise ServiceError(
            f"{file.name} arrived damaged: its checksum is wrong.", do="Try again; it begins from the start."
        )
