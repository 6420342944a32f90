"""Named sets of genes: the bundled Hallmark sets, known markers, and those a user brings."""

from sctl.genesets.collection import GeneSets, Overlap
from sctl.genesets.markers import known_markers, markers_of
from sctl.genesets.reading import hallmark, read_gmt

__all__ = ["GeneSets", "Overlap", "hallmark", "known_markers", "markers_of", "read_gmt"]
