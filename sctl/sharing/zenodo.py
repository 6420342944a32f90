"""Models on Zenodo: find, describe, upload and publish, through its current interface (InvenioRDM)."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sctl.errors import ParameterError, SctlError, ServiceError
from sctl.run import Run
from sctl.sharing.description import KEYWORD, Description, doi_in, record_number
from sctl.sharing.model_file import ENDING, read_manifest
from sctl.sharing.web import Web

SITE, SANDBOX = "https://zenodo.org/api", "https://sandbox.zenodo.org/api"
TOKEN, SANDBOX_TOKEN = "ZENODO_TOKEN", "ZENODO_SANDBOX_TOKEN"
"""Environment variables with the token of the user."""
_FORM = {"Accept": "application/vnd.inveniordm.v1+json"}
"""Asks for one form of answer; Zenodo's default is that of its former interface."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file of a record; ``md5`` is empty where the server does not tell it."""

    name: str
    size: int
    md5: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """A record of Zenodo, or a draft of one."""

    id: str
    title: str
    doi: str = ""
    creators: tuple[str, ...] = ()
    published: bool = True
    files: tuple[RemoteFile, ...] = ()

    @property
    def models(self) -> tuple[RemoteFile, ...]:
        """Its files that could be models."""
        return tuple(file for file in self.files if file.name.lower().endswith(ENDING))

    @classmethod
    def read(cls, answer: Any) -> Self:
        """Return the record in an answer.

        Raises
        ------
        ServiceError
            If there is none in it.
        """
        try:
            metadata = answer["metadata"]
            doi = answer.get("pids", {}).get("doi", {}).get("identifier") or metadata.get("doi") or ""
            return cls(
                id=record_number(str(answer["id"])),
                title=str(metadata.get("title") or "without a title"),
                doi=str(doi),
                creators=tuple(_creator(item) for item in metadata.get("creators") or ()),
                published=bool(answer.get("is_published", answer.get("submitted", True))),
                files=tuple(_files(answer.get("files") or {})),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ServiceError("Zenodo gave an answer that is not understood.", do="Try again later.") from error


class Zenodo:
    """Zenodo, or its sandbox, as one user.

    Parameters
    ----------
    token : str, optional
        Of the user; without it, what the environment has under :data:`TOKEN` or :data:`SANDBOX_TOKEN`. It is needed
        for everything but looking for and fetching published records, is sent to this one server only, and is neither
        written nor shown anywhere.
    sandbox : bool
        Whether to use the place for trying things out, where nothing lasts.
    base_url : str
        Another server with the same interface; both switches above then only choose the token.
    attempts : int
        How often a request is sent at most, where that is safe.
    sleep : callable
        Waits so many seconds between two attempts.
    """

    def __init__(
        self,
        token: str | None = None,
        *,
        sandbox: bool = False,
        base_url: str = "",
        attempts: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        known = os.environ.get(SANDBOX_TOKEN if sandbox else TOKEN, "") if token is None else token
        self.name = "Zenodo's sandbox" if sandbox else "Zenodo"
        self.web = Web(
            base_url or (SANDBOX if sandbox else SITE), known.strip(), name=self.name, attempts=attempts, sleep=sleep
        )

    # -- looking --------------------------------------------------------------------------------------

    def record(self, which: str) -> Record:
        """Return a published record by its number, DOI or address.

        Raises
        ------
        ParameterError
            If it is none of them.
        ServiceError
            If there is no such record, or Zenodo does not answer.
        """
        number = record_number(which)
        if number:
            return Record.read(self._json("GET", f"/records/{number}"))
        found = self._records("/records", {"q": f'pids.doi.identifier:"{doi_in(which)}"', "size": 1})
        if not found:
            raise ServiceError(f"{self.name} has no record with this DOI.", do="Check it; others keep DOIs too.")
        return found[0]

    def search(self, words: str = "", *, size: int = 25) -> list[Record]:
        """Return published models of sctl, the best matches first; those that hold all the words."""
        safe = " AND ".join(f'"{word}"' for word in "".join(x if x.isalnum() else " " for x in words).split())
        wanted = f'metadata.subjects.subject:"{KEYWORD}"'
        return self._records("/records", {"q": f"{wanted} AND {safe}" if safe else wanted, "size": size})

    def own(self, *, size: int = 25) -> list[Record]:
        """Return the user's own records and drafts, the latest first."""
        self._require_token()
        return self._records("/user/records", {"size": size, "sort": "newest"})

    # -- giving ---------------------------------------------------------------------------------------

    def create(self, about: Description) -> Record:
        """Make a draft, which nobody else sees."""
        self._require_token()
        return Record.read(self._json("POST", "/records", json=_draft(about)))

    def upload(self, draft: str, path: Path, *, name: str = "", run: Run | None = None) -> RemoteFile:
        """Put a file into a draft, block by block.

        Raises
        ------
        ServiceError
            If Zenodo refuses it, or has got something else than was sent.
        """
        self._require_token()
        name, run = name or path.name, run or Run()
        files = f"/records/{record_number(draft)}/draft/files"
        self._json("POST", files, json=[{"key": name}])
        where = f"{files}/{quote(name, safe='')}"
        with _ProgressReader(path, run) as file:
            self._json("PUT", f"{where}/content", headers={"Content-Type": "application/octet-stream"}, data=file)
        sent = _local(path).md5
        answer = self._json("POST", f"{where}/commit")
        kept = _file({"key": name, **answer}) if isinstance(answer, Mapping) else None
        if kept is None or kept.md5 != sent:
            raise ServiceError(
                "The file arrived at Zenodo otherwise than it was sent.", do="Send it again; nothing was published."
            )
        return kept

    def publish(self, draft: str) -> Record:
        """Make a draft public, for good: a published record cannot be deleted."""
        self._require_token()
        return Record.read(self._json("POST", f"/records/{record_number(draft)}/draft/actions/publish"))

    def discard(self, draft: str) -> None:
        """Delete a draft."""
        self._require_token()
        self._json("DELETE", f"/records/{record_number(draft)}/draft")

    def share(
        self, path: Path, about: Description, *, publish: bool, dry_run: bool = False, run: Run | None = None
    ) -> Record:
        """Describe, upload and, if wanted, publish a model.

        Where the upload fails, no draft is left; where publishing does, the draft is kept.

        Parameters
        ----------
        path : Path
            A model's file; it is checked first.
        about : Description
        publish : bool
            Otherwise the draft stays, to be looked at and published on Zenodo's page.
        dry_run : bool
            Check file, description and token, and write nothing; the record returned has no number.
        run : Run, optional
            Hears of the upload.
        """
        self._require_token()
        read_manifest(path)
        if dry_run:
            self.own(size=1)
            return Record(id="", title=about.title, published=False, files=(_local(path),))
        draft = self.create(about)
        try:
            kept = self.upload(draft.id, path, run=run)
        except BaseException:  # Stop and a closed page too leave no draft behind
            self._discard_quietly(draft.id)
            raise
        if not publish:
            return Record(id=draft.id, title=draft.title, doi=draft.doi, published=False, files=(kept,))
        try:
            return self.publish(draft.id)
        except ServiceError as error:
            do = f"{error.do} The upload {draft.id} is kept there: publish or delete it on {self.name}."
            raise ServiceError(error.found, expected=error.expected, do=do) from error

    def address(self, record: Record) -> str:
        """Return where the record is in a browser."""
        place = "records" if record.published else "uploads"
        return f"{self.web.base_url.removesuffix('/api')}/{place}/{record.id}"

    def _discard_quietly(self, draft: str) -> None:
        try:
            self.discard(draft)
        except SctlError:
            return  # what went wrong before is what the user should hear

    def _require_token(self) -> None:
        if not self.web.token:
            raise ParameterError(
                "A token is missing.",
                expected=f"{self.name} has to know whose upload it is.",
                do=f"Make a token in your account at {self.name} with deposit:write and deposit:actions, and give it here.",
            )

    def _json(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **rest: Any) -> Any:
        return self.web.json(method, path, headers={**_FORM, **(headers or {})}, **rest)

    def _records(self, path: str, query: Mapping[str, str | int]) -> list[Record]:
        answer = self._json("GET", path, params=query)
        try:
            return [Record.read(item) for item in answer["hits"]["hits"]]
        except (KeyError, TypeError) as error:
            raise ServiceError(f"{self.name} gave an answer that is not understood.", do="Try again later.") from error


class _ProgressReader(io.FileIO):
    """A file that reports how much of it has been read; sent without being held in memory."""

    def __init__(self, path: Path, run: Run) -> None:
        super().__init__(path)
        self._size, self._run = path.stat().st_size, run

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size) or b""
        self._run.report("Upload", self.tell(), self._size)
        return block


def _draft(about: Description) -> dict[str, Any]:
    return {
        "access": {"record": "public", "files": "public"},
        "files": {"enabled": True},
        "metadata": about.metadata(),
    }


def _creator(item: Mapping[str, Any]) -> str:
    return str(item.get("name") or item.get("person_or_org", {}).get("name") or "")


def _files(found: Any) -> Iterator[RemoteFile]:
    """Yield the files of an answer: a mapping with ``entries`` today, a list in the former form."""
    entries = found.get("entries") or {} if isinstance(found, Mapping) else found
    for entry in entries.values() if isinstance(entries, Mapping) else entries:
        yield _file(entry)


def _file(entry: Mapping[str, Any]) -> RemoteFile:
    kind, _, value = str(entry.get("checksum") or "").partition(":")
    return RemoteFile(name=str(entry["key"]), size=int(entry.get("size") or 0), md5=value if kind == "md5" else "")


def _local(path: Path) -> RemoteFile:
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return RemoteFile(name=path.name, size=path.stat().st_size, md5=md5)
