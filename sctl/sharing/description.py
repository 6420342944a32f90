"""What a published model says of itself: the form a user fills in, and the form that Zenodo takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from sctl.errors import ParameterError
from sctl.sharing.card import held

KEYWORD = "sctl trained source"
"""Among the keywords of every published model, so that all of them can be found."""
LICENSES = {
    "cc-by-4.0": "Creative Commons Attribution 4.0: anyone may use it who names you",
    "cc0-1.0": "Creative Commons Zero: anyone may use it",
    "cc-by-sa-4.0": "Creative Commons Attribution Share Alike 4.0: changed versions have to be as free",
    "cc-by-nc-4.0": "Creative Commons Attribution Non Commercial 4.0: not for business",
}
_ORCID = re.compile(r"(?P<name>.*?)\s*\(?(?P<orcid>\d{4}-\d{4}-\d{4}-\d{3}[\dX])\)?")


@dataclass(frozen=True, kw_only=True)
class Description:
    """Title, authors, license and text of a published model.

    Parameters
    ----------
    title : str
    creators : tuple of str
        Each as *Family, Given*, with an ORCID behind it if wanted.
    license : str
        A key of :data:`LICENSES`.
    text : str
        Plain text; an empty line begins a new paragraph.

    Raises
    ------
    ParameterError
        If something is missing.

    Examples
    --------
    >>> about = Description(title="Pancreas", creators=("Doe, Jane",), text="Ten donors.")
    >>> about.metadata()["creators"][0]["person_or_org"]["family_name"]
    'Doe'
    """

    title: str
    creators: tuple[str, ...]
    license: str = "cc-by-4.0"
    text: str = ""

    def __post_init__(self) -> None:
        """Find what is missing before anything is sent."""
        missing = [
            what
            for what, there in (
                ("a title", self.title.strip()),
                ("an author", self.creators and all(name.strip() for name in self.creators)),
                ("a description", self.text.strip()),
            )
            if not there
        ]
        if missing:
            raise ParameterError(f"The form lacks {' and '.join(missing)}.", do="Fill it in.")
        if self.license not in LICENSES:
            raise ParameterError(
                f"The license {self.license!r} is not known here.", expected=f"One of {', '.join(LICENSES)}."
            )

    def metadata(self) -> dict[str, Any]:
        """Return it as the metadata of an InvenioRDM record."""
        paragraphs = [part.strip() for part in self.text.split("\n\n") if part.strip()]
        return {
            "title": self.title.strip(),
            "creators": [{"person_or_org": person(name)} for name in self.creators],
            "rights": [{"id": self.license}],
            "description": "".join(f"<p>{escape(part)}</p>" for part in paragraphs),
            "resource_type": {"id": "dataset"},
            "publication_date": datetime.now(UTC).date().isoformat(),
            "publisher": "Zenodo",
            "subjects": [{"subject": KEYWORD}, {"subject": "single-cell RNA sequencing"}],
        }


def person(name: str) -> dict[str, Any]:
    """Return an author as InvenioRDM takes one.

    Examples
    --------
    >>> person("Jane van Doe (0000-0002-1825-0097)")["family_name"]
    'Doe'
    >>> person("van Doe, Jane")["given_name"]
    'Jane'
    """
    found = _ORCID.fullmatch(name.strip())
    plain = found["name"] if found else name.strip()
    family, comma, given = plain.partition(",")
    if not comma:
        given, _, family = plain.rpartition(" ")
    out: dict[str, Any] = {"type": "personal", "family_name": family.strip(), "given_name": given.strip()}
    if found:
        out["identifiers"] = [{"scheme": "orcid", "identifier": found["orcid"]}]
    return out


def first_draft(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Return title and text that a model could be published with."""
    facts, source = manifest["facts"], manifest.get("source") or {}
    names = facts["label_names"]
    name = source.get("name") or ""
    origin = f" of {name}" if name else ""
    note = f"{manifest['note']}\n\n" if manifest.get("note") else ""
    title = f"{manifest['title']} model of {len(names)} cell types"
    text = (
        f"{note}A trained source for single-cell RNA-seq: what {manifest['title']} ({manifest['reference']}) learned from "
        f"{facts.get('n_source', 'an unknown number of')} cells{origin}, with {len(facts['genes'])} genes. "
        f"{held(manifest)}\n\nCell types: {', '.join(names)}.\n\n"
        f"It opens in sctl {manifest['sctl']} or later, as the source of a project or by sctl run --model."
    )
    return title, text


def record_number(text: str) -> str:
    """Return the number of a Zenodo record from a number, a DOI or an address; "" where it is another DOI.

    Raises
    ------
    ParameterError
        If it is none of them.

    Examples
    --------
    >>> [record_number(text) for text in ("42", "10.5281/zenodo.42", "https://zenodo.org/records/42?x=1")]
    ['42', '42', '42']
    """
    text = text.strip()
    found = re.fullmatch(r"(?:.*(?:zenodo\.|/records?/))?(\d{1,12})(?:[/?#].*)?", text, flags=re.IGNORECASE)
    if found:
        return found[1]
    if doi_in(text):
        return ""
    raise ParameterError(
        "This is no record of Zenodo.",
        expected="A number such as 1234567, a DOI such as 10.5281/zenodo.1234567, or the address of the record.",
        do="Copy it from the record's page.",
    )


def doi_in(text: str) -> str:
    """Return the DOI in a text, or "".

    >>> doi_in("https://doi.org/10.1234/abc")
    '10.1234/abc'
    """
    found = re.search(r"10\.\d{4,9}/[-._;()/:a-z0-9]+$", text.strip(), flags=re.IGNORECASE)
    return found[0] if found else ""
