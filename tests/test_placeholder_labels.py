"""Words that stand for no label are never learned, in whatever spelling; what is left out is said."""

import pandas as pd
import pytest

from sctl.cli import main
from sctl.io import read, write_h5ad
from sctl.preflight import apply_fix, inspect
from sctl.preprocess import is_doubtful, named_type, prepare_pair
from sctl.preprocess.labels import is_placeholder
from sctl.simulate import toy_counts

NONE = [
    "Unknown", "unknown", "UNKNOWN", "unassigned", "Unassigned", "unlabeled", "unlabelled", "Unannotated", "unclassified",
    "Undefined", "undetermined", "not assigned", "Not available", "not applicable", "not_annotated", "N/A", "n.a.", "NA", "na",
    "nan", "NaN", "None", "none", "null", "<NA>", "#N/A", "", " ", "-", "--", "?", "??", ".", "unclear", "unknown cell",
    "Unknown cells", "unknown cell type", "unknown_cell_type", "'unknown'", "(unknown)", "no label", "unidentified", "TBD",
]  # fmt: skip
TYPES = [
    "alpha", "NK", "nonclassical monocyte", "non-classical monocyte", "Naive B", "neuron", "undifferentiated", "Unc13+ neuron",
    "none-such cell", "NA cell", "1", "0", "T", "not T cell", "unipolar brush cell", "UBC", "nasal epithelium", "no cells", "stem",
]  # fmt: skip
DOUBTFUL = [
    "Doublet",
    "doublets",
    "Low quality",
    "low_quality",
    "debris",
    "Unknown 3",
    "Unknown_B",
    "mixed",
    "other",
    "T/B doublet",
]


@pytest.mark.parametrize("word", NONE)
def test_placeholders(word):
    assert is_placeholder(word)
    assert not is_doubtful(word)
    assert named_type(pd.Series(["alpha", word], dtype="category")).isna().tolist() == [False, True]


@pytest.mark.parametrize("word", TYPES)
def test_types(word):
    assert not is_placeholder(word)
    assert not is_doubtful(word)


@pytest.mark.parametrize("word", DOUBTFUL)
def test_doubtful_labels_are_labels_with_a_warning(word):
    source, _ = toy_counts()
    source.obs["cell_type"] = source.obs["cell_type"].astype(str)
    source.obs.iloc[:40, source.obs.columns.get_loc("cell_type")] = word
    finding = inspect(source, role="source", label_key="cell_type").get("doubtful_labels")
    assert f"{word} (40)" in finding.text
    assert named_type(source.obs["cell_type"]).notna().all()


@pytest.fixture
def pair():
    source, target = toy_counts()
    source.obs["cell_type"] = source.obs["cell_type"].astype(str)
    places = source.obs.columns.get_loc("cell_type")
    source.obs.iloc[:60, places], source.obs.iloc[60:70, places] = "Unknown", "n/a"
    return source, target


def test_the_check_says_how_many_and_repairs(pair):
    source, _ = pair
    finding = inspect(source, role="source", label_key="cell_type").get("unlabelled_cells")
    assert finding.level == "warn"
    assert "70 of 200 cells" in finding.text
    assert "60 'Unknown', 10 'n/a'" in finding.text
    repaired = apply_fix(source, finding.fix)
    assert repaired.n_obs == 130
    assert inspect(repaired, role="source", label_key="cell_type").get("unlabelled_cells") is None


def test_they_are_not_learned_and_it_is_reported(pair):
    prepared = prepare_pair(*pair, label_key="cell_type")
    assert not {"Unknown", "n/a", "nan"} & set(prepared.pair.source.obs["cell_type"])
    assert prepared.pair.source.n_obs == 130
    assert "70 cells dropped: no label in 'cell_type' (as 'Unknown', 'n/a')." in prepared.report.sentences


def test_a_batch_called_unknown_is_a_batch(pair):
    source, target = pair
    source.obs["donor"] = ["unknown", "d1"] * 100
    prepared = prepare_pair(source, target, label_key="cell_type", batch_key="donor")
    assert set(prepared.pair.source.obs["donor"]) == {"unknown", "d1"}


def test_no_cell_is_called_unknown_in_a_result(pair, tmp_path, capsys):
    for name, adata in zip(("source", "target"), pair, strict=True):
        write_h5ad(adata, tmp_path / f"{name}.h5ad")
    assert main(["inspect", str(tmp_path / "source.h5ad"), "--role", "source"]) == 0
    assert "60 'Unknown'" in capsys.readouterr().out
    begin = ["run", "--source", str(tmp_path / "source.h5ad"), "--target", str(tmp_path / "target.h5ad"), "--quiet"]
    assert main([*begin, "--label-key", "cell_type", "--out", str(tmp_path / "out.h5ad")]) == 0
    assert "60 'Unknown'" in capsys.readouterr().out
    labels = read(tmp_path / "out.h5ad").obs["sctl_transfercluster_label"].astype(str)
    assert not {"Unknown", "n/a", "nan"} & set(labels)
