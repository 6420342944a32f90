"""Reading of gene sets: the bundled Hallmark sets, and ``.gmt`` files."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from sctl.errors import DataError, ParameterError
from sctl.genesets.collection import GeneSets

HallmarkSpecies = Literal["human", "mouse"]

MAX_BYTES = 60_000_000
"""Longer files, unpacked, are refused; all of MSigDB has a third of it."""
MAX_GENES = 6_000_000
"""Most genes of all sets together, each counted in each set; all of MSigDB has about half of it."""

_ALIASES = {"HALLMARK_REACTIVE_OXIGEN_SPECIES_PATHWAY": "HALLMARK_REACTIVE_OXYGEN_SPECIES_PATHWAY"}
_SOURCE = "Hallmark gene sets of MSigDB (Liberzon et al. 2015, https://doi.org/10.1016/j.cels.2015.12.004)."


@lru_cache(maxsize=2)
def hallmark(species: HallmarkSpecies) -> GeneSets:
    """Return the 50 Hallmark sets, which come with the package.

    Parameters
    ----------
    species : {"human", "mouse"}

    Returns
    -------
    GeneSets
        Both species have the same fifty names.

    Raises
    ------
    ParameterError
        If the species is another.

    Examples
    --------
    >>> len(hallmark("human")), hallmark("human").names == hallmark("mouse").names
    (50, True)
    """
    if species not in get_args(HallmarkSpecies):
        raise ParameterError(
            f"There are no Hallmark sets of {species!r}.",
            expected="There are those of human and mouse.",
            do="Choose one of these, or load a .gmt file of your own.",
        )
    packed = (files("sctl") / "resources" / "genesets" / f"hallmark_{species}.gmt.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    sets = parsed(lines, name=f"Hallmark ({species})").sets
    named = sorted((_ALIASES.get(key, key), members) for key, members in sets.items())
    return GeneSets(f"Hallmark ({species})", dict(named), _SOURCE)


def read_gmt(path: Path | str, *, name: str | None = None) -> GeneSets:
    """Read gene sets from a ``.gmt`` file, packed with gzip or not.

    Parameters
    ----------
    path : Path or str
    name : str, optional
        By default that of the file.

    Returns
    -------
    GeneSets

    Raises
    ------
    DataError
        If the file is missing, too large, no text, or not of this form; the text names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no file {path.name}.", do="Check the name and the folder.")
    try:
        with (gzip.open if path.suffix == ".gz" else Path.open)(path, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(
            f"{path.name} cannot be read as text.",
            expected="A .gmt file is plain text with tabs, perhaps packed as .gmt.gz.",
            do="Download it again, for example from MSigDB, in the form 'gene symbols'.",
        ) from error
    if len(content) > MAX_BYTES:
        raise _too_large(f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB.")
    return parsed(text.splitlines(), name=name or path.name)


def parsed(lines: Iterable[str], *, name: str) -> GeneSets:
    r"""Return gene sets from the lines of a ``.gmt`` file; see :func:`read_gmt`.

    Examples
    --------
    >>> sorted(parsed(["islet\tmine\tINS\tGCG\t"], name="x").sets["islet"])
    ['GCG', 'INS']
    """
    sets: dict[str, frozenset[str]] = {}
    n_genes = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        key, *rest = (part.strip() for part in line.split("\t"))
        members = frozenset(gene for gene in rest[1:] if gene)
        if not key or not members:
            raise DataError(
                f"Line {number} of {name} does not hold a gene set: {line[:60]!r}.",
                expected="Each line holds a set's name, a description, and its genes, separated by tabs.",
                do="Check that it is a .gmt file, and not a table or a .gmx file.",
            )
        if key in sets:
            raise DataError(
                f"{name} has two sets called {key!r}; the second is in line {number}.",
                expected="Each set needs a name of its own.",
                do="Rename or remove one of them.",
            )
        sets[key] = members
        n_genes += len(members)
        if n_genes > MAX_GENES:
            raise _too_large(f"{name} names more than {MAX_GENES:,} genes, each counted in each set.")
    if not sets:
        raise DataError(
            f"{name} holds no gene sets.",
            expected="Each line holds a set's name, a description, and its genes, separated by tabs.",
            do="Choose another file.",
        )
    return GeneSets(name, sets)


def _too_large(found: str) -> DataError:
    return DataError(found, expected="Files of gene sets are far smaller.", do="Check that it is the right file.")
