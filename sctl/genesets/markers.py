"""The bundled table of well-known marker genes, and which of its cell types a label means."""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from importlib.resources import files

from sctl.genes.table import matched
from sctl.genesets.collection import GeneSets
from sctl.genesets.reading import HallmarkSpecies

_SOURCE = "A table of well-known marker genes that comes with sctl; its page names the papers."


@lru_cache(maxsize=2)
def known_markers(species: HallmarkSpecies) -> GeneSets:
    """Return well-known marker genes of some thirty cell types of blood, pancreas and brain, which come with the package.

    Parameters
    ----------
    species : {"human", "mouse"}
        The table is human; for the mouse each gene's ortholog is taken, where there is one.

    Returns
    -------
    GeneSets
        By cell type.

    Examples
    --------
    >>> sorted(known_markers("mouse").sets["epsilon"])
    ['Acsl1', 'Ghrl']
    """
    mouse = dict(zip(matched()["human"], matched()["mouse"], strict=True)) if species == "mouse" else None
    sets = {}
    for row in _rows():
        genes = row["genes"].split()
        sets[row["cell_type"]] = frozenset(genes if mouse is None else [mouse[gene] for gene in genes if gene in mouse])
    return GeneSets(f"Known markers ({species})", sets, _SOURCE)


def markers_of(label: str, markers: GeneSets) -> frozenset[str]:
    """Return the marker genes of a cell type by any of its usual names; none where the table does not have it.

    Parameters
    ----------
    label : str
        As the source calls it: case, plural, ``cell`` and signs do not matter.
    markers : GeneSets
        By cell type; of the bundled table other usual names are known, too.

    Examples
    --------
    >>> table = known_markers("human")
    >>> markers_of("CD14+ Monocytes", table) == table.sets["cd14 mono"]
    True
    >>> sorted(markers_of("unheard-of cells", table))
    []
    """
    wanted = _plain(label)
    for name, genes in markers.sets.items():
        if _plain(name) == wanted:
            return genes
    called = _names().get(wanted)
    return markers.sets.get(called, frozenset()) if called else frozenset()


def _plain(label: str) -> str:
    """Return a label in lower case, without signs, ``cell`` and the plural.

    Examples
    --------
    >>> _plain("Pancreatic_Beta-cells"), _plain("CD8+ T"), _plain("B")
    ('pancreatic beta', 'cd8 t', 'b')
    """
    words = [word for word in re.split(r"[^a-z0-9]+", label.lower()) if word not in ("", "cell", "cells")]
    return " ".join(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words
    )


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Return the table's name of each cell type by each of its usual names."""
    return {_plain(name): row["cell_type"] for row in _rows() for name in row["also_called"].split(";") if name}


@lru_cache(maxsize=1)
def _rows() -> list[dict[str, str]]:
    with (files("sctl") / "resources" / "genesets" / "markers.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
