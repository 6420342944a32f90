"""Named sets of genes: the bundled Hallmark sets, and those a user brings."""

from sctl.genesets.collection import GeneSets, Overlap
from sctl.genesets.reading import hallmark, read_gmt

__all__ = ["GeneSets", "Overlap", "hallmark", "read_gmt"]
