"""Gene sets: the bundled ones, and files that users bring."""

from __future__ import annotations

import gzip
import json

import pytest

from sctl.errors import DataError, ParameterError
from sctl.genes.table import known, matched
from sctl.genesets import GeneSets, hallmark, known_markers, markers_of, read_gmt

LINES = "islet\tmine\tINS\tGCG\tSST\ncycle\t\tMKI67\tTOP2A\n"


@pytest.mark.parametrize("species", ["human", "mouse"])
def test_fifty_sets_of_known_size(species):
    sets = hallmark(species)
    sizes = [len(members) for members in sets.sets.values()]
    assert len(sets) == 50
    assert all(name.startswith("HALLMARK_") for name in sets.names)
    assert (min(sizes), max(sizes)) == (32, 200)
    assert "HALLMARK_REACTIVE_OXYGEN_SPECIES_PATHWAY" in sets.sets
    assert not any("OXIGEN" in name for name in sets.names)


def test_known_members():
    assert "INS" in hallmark("human").sets["HALLMARK_PANCREAS_BETA_CELLS"]
    assert "Abcc8" in hallmark("mouse").sets["HALLMARK_PANCREAS_BETA_CELLS"]


def test_both_species_hold_the_same_biology():
    """The orthologs of the human sets are nearly the mouse sets: each file has its own species' genes."""
    to_mouse = matched().set_index("human")["mouse"].to_dict()
    human, mouse = hallmark("human").sets, hallmark("mouse").sets
    for name, members in human.items():
        mapped = {to_mouse[gene] for gene in members if gene in to_mouse}
        assert len(mapped & mouse[name]) / len(mapped | mouse[name]) > 0.75, name


def test_an_unknown_species_is_refused():
    with pytest.raises(ParameterError, match="zebrafish"):
        hallmark("zebrafish")


def test_sets_cannot_be_changed():
    given = {"a": frozenset({"X"})}
    sets = GeneSets("mine", given)
    given["b"] = frozenset()
    assert sets.names == ("a",)
    with pytest.raises(TypeError):
        sets.sets["b"] = frozenset()


@pytest.mark.parametrize("packed", [False, True])
def test_reads_a_file(tmp_path, packed):
    path = tmp_path / ("mine.gmt.gz" if packed else "mine.gmt")
    content = b"\xef\xbb\xbf" + LINES.replace("\n", "\r\n").encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    sets = read_gmt(path)
    assert sets.name == path.name
    assert sets.sets == {"islet": {"INS", "GCG", "SST"}, "cycle": {"MKI67", "TOP2A"}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no gene sets"),
        (b"\n \n", "no gene sets"),
        (b"islet\tmine\tINS\nno tabs here\n", "Line 2"),
        (b"islet\tmine\n", "Line 1"),
        (b"a\tx\tINS\na\tx\tGCG\n", "two sets called 'a'; the second is in line 2"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "cannot be read as text"),
        (b"gene,set\nINS,islet\n", "Line 1"),
    ],
)
def test_a_strange_file_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "mine.gmt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        read_gmt(path)
    assert error.value.do


def test_a_missing_or_torn_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="no file"):
        read_gmt(tmp_path / "none.gmt")
    torn = tmp_path / "torn.gmt.gz"
    torn.write_bytes(gzip.compress(LINES.encode())[:20])
    with pytest.raises(DataError, match="cannot be read"):
        read_gmt(torn)
    packed = bytearray(gzip.compress(LINES.encode()))
    packed[10] = 0xFF  # no block of this kind can be unpacked
    torn.write_bytes(bytes(packed))
    with pytest.raises(DataError, match="cannot be read"):
        read_gmt(torn)


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sctl.genesets.reading.MAX_BYTES", 1000)
    path = tmp_path / "bomb.gmt.gz"
    path.write_bytes(gzip.compress(b"a\tx\tINS\n" * 1000))
    with pytest.raises(DataError, match="larger"):
        read_gmt(path)


def test_too_many_genes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sctl.genesets.reading.MAX_GENES", 3)
    path = tmp_path / "mine.gmt"
    path.write_text("a\tx\tINS\tGCG\nb\tx\tINS\n")
    assert len(read_gmt(path)) == 2
    path.write_text("a\tx\tINS\tGCG\nb\tx\tINS\tSST\n")
    with pytest.raises(DataError, match="more than 3 genes"):
        read_gmt(path)


def test_a_collection_is_the_same_as_json():
    sets = GeneSets("mine", {"b": frozenset({"INS", "GCG"}), "a": frozenset({"SST"})}, "From here.")
    again = GeneSets.from_dict(json.loads(json.dumps(sets.to_dict())))
    assert again == sets
    assert again.names == ("b", "a")


@pytest.mark.parametrize("sets", [{"a": "INS"}, {"a": [1]}, ["a"], None, {"a": {"INS": 1}}])
def test_json_that_is_no_collection_is_refused(sets):
    with pytest.raises(TypeError):
        GeneSets.from_dict({"name": "mine", "sets": sets})


def test_overlap_and_what_is_left():
    sets = GeneSets("mine", {"islet": frozenset({"INS", "GCG", "SST"}), "cycle": frozenset({"MKI67", "INS"})})
    overlap = sets.overlap(["INS", "GCG", "ACTB"])
    assert overlap.total == (2, 4)
    assert overlap.table.to_numpy().tolist() == [["islet", 2, 3, 2 / 3], ["cycle", 1, 2, 0.5]]
    assert "2 of the 4" in overlap.text
    assert sets.contains(["INS", "ACTB"]).tolist() == [True, False]
    assert sets.within(["INS", "GCG", "ACTB"], min_size=2).sets == {"islet": {"INS", "GCG"}}
    assert sets.within(["INS", "GCG", "ACTB"], max_size=1).sets == {"cycle": {"INS"}}
    overlap.require()


def test_sets_of_another_species_are_refused():
    with pytest.raises(DataError, match="species"):
        hallmark("human").overlap(hallmark("mouse").genes).require()


def test_known_markers_are_symbols_of_their_species():
    human, mouse = known_markers("human"), known_markers("mouse")
    assert human.names == mouse.names
    assert len(human.genes & known("human")) >= 0.95 * len(human.genes)  # the table of orthologs lacks some
    assert mouse.genes <= known("mouse")
    assert {"INS", "IAPP"} <= human.sets["beta"]
    assert "Gcg" in mouse.sets["alpha"]


@pytest.mark.parametrize(
    ("label", "means"),
    [("Beta cells", "beta"), ("t_cell", "t"), ("CD14+ Mono", "cd14 mono"), ("FCGR3A+ Monocytes", "cd16 mono"),
     ("B", "b"), ("astrocytes_ependymal", "astrocyte"), ("Naive CD4 T", "cd4 t"), ("Mk", "mk"), ("endothelial-mural", "endothelial")],
)  # fmt: skip
def test_usual_names_of_types_are_recognised(label, means):
    table = known_markers("human")
    assert markers_of(label, table) == table.sets[means]


def test_other_names_mean_nothing():
    table = known_markers("human")
    assert not any(markers_of(label, table) for label in ("", "H1975", "type A", "cells", "bet", "12"))
