"""The harness of unseen data: its split, its measures, and how peers of another environment are asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from benchmarks.unseen import peers, tasks
from benchmarks.unseen.measures import expected_calibration_error, measured
from benchmarks.unseen.peers import PEERS, Given, PeerFailed, asked, pruned
from benchmarks.unseen.runs import Answer, kept
from benchmarks.unseen.tasks import DATASETS, FOREIGN, QUICK, SAME_CELLS, TUNING_TISSUES, Dataset, Task
from sctl.errors import ParameterError

ROOT = Path(__file__).parents[1]

# Stands for the Python of the peers' environment: there, CellTypist names each cell by the nearest mean of a type.
FAKE = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from benchmarks.unseen import peers

def nearest(given, seed):
    names = np.unique(given.labels)
    means = np.stack([given.source.toarray()[given.labels == name].mean(axis=0) for name in names])
    far = ((given.target.toarray()[:, None] - means) ** 2).sum(axis=2)
    confidence = np.full(len(far), 0.5 + seed / 100)
    return peers.Said(names[far.argmin(axis=1)], confidence, far.min(axis=1), is_probability=False)

peers.PEERS["CellTypist"] = peers.Peer(nearest, ("numpy",))

if __name__ == "__main__":
    assert sys.argv[1:3] == ["-m", "benchmarks.unseen.peers"]
    peers.main(sys.argv[3:])
"""


@pytest.fixture
def fake(tmp_path):
    path = tmp_path / "python"
    path.write_text(FAKE)
    path.chmod(0o755)
    return path


@pytest.fixture
def task(tmp_path, source, target):
    for name, side in (("one", source), ("two", target)):
        side.copy().write_h5ad(tmp_path / f"{name}.h5ad")
    one, two = (Dataset(name.title(), name, "toy", label_key="cell_type") for name in ("one", "two"))
    return Task(one, two)


@pytest.fixture
def given(rng):
    source, target = (sparse.random_array((n, 6), density=0.5, rng=rng, format="csr") for n in (8, 3))
    genes = np.array([f"gene {number}" for number in range(6)])
    return Given(sparse.csr_matrix(source), sparse.csr_matrix(target), genes, np.repeat(["α", "a longer name"], 4))


def test_quick_and_foreign_pairs_are_of_datasets():
    names = [dataset.name for dataset in DATASETS]
    assert len(set(names)) == len(names)
    assert {name for pair in (*QUICK, *FOREIGN, *SAME_CELLS) for name in pair} <= set(names)


def test_foreign_pairs_have_no_tissue_in_common():
    tissue = {dataset.name: dataset.tissue for dataset in DATASETS}
    assert all(tissue[source] != tissue[target] for source, target in FOREIGN)


def test_the_split_goes_by_tissue(monkeypatch):
    monkeypatch.setattr(tasks, "_withheld", lambda *_: ("", ""))  # so that no data is read
    every = tasks.tasks(Path("nowhere"))
    reporting = [task for task in every if not task.is_for_tuning]
    tuning = [task for task in every if task.is_for_tuning]
    assert reporting
    assert tuning
    assert not [t for t in reporting if {t.source.tissue, t.target.tissue} <= TUNING_TISSUES]
    assert not [t for t in tuning if {t.source.tissue, t.target.tissue} - TUNING_TISSUES]
    within = {of: {t.source.tissue for t in of_tasks if t.kind != "foreign"}
              for of, of_tasks in (("tuning", tuning), ("reporting", reporting))}  # fmt: skip
    assert not within["tuning"] & within["reporting"]


def test_no_task_is_of_the_same_cells(monkeypatch):
    monkeypatch.setattr(tasks, "_withheld", lambda *_: ("", ""))
    every = tasks.tasks(Path("nowhere"))
    assert len({task.name for task in every}) == len(every)
    assert not [task for task in every if {task.source.name, task.target.name} in SAME_CELLS]
    assert {(t.source.name, t.target.name) for t in tasks.tasks(Path("nowhere"), quick=True)} == {*QUICK, *FOREIGN}


def test_a_task_takes_its_type_out_and_hides_the_truth(task, tmp_path):
    pair, truth = Task(task.source, task.target, "largest type missing", "type A").prepared(tmp_path)
    assert "type A" not in set(pair.labels)
    assert "type A" in set(truth)
    assert list(pair.target.obs.columns) == []


def test_calibration_error_is_its_closed_form(rng):
    said = rng.uniform(size=100_000)
    # ∫ (p − p²) dp = 1/6; of a calibrated one it is 0
    assert expected_calibration_error(said, rng.uniform(size=len(said)) < said**2) == pytest.approx(1 / 6, abs=0.005)
    assert expected_calibration_error(said, rng.uniform(size=len(said)) < said) == pytest.approx(0, abs=0.01)


def test_calibration_error_weighs_bins_by_cells():
    said, right = np.repeat([0.95, 0.55, 1.0], [50, 150, 50]), np.repeat([True, False, True], [35, 90, 125])
    # 0.9 to 1: 100 cells, 0.975 said, 0.85 true; 0.5 to 0.6: 150 cells, 0.55 said, 0.5 true
    assert expected_calibration_error(said, right) == pytest.approx(0.4 * 0.125 + 0.6 * 0.05)


def _answer(**changes):
    parts = {
        "truth": np.array(["a", "a", "b", "b", "new", "new"], dtype=object),
        "labels": np.array(["a", "b", "b", "unassigned", "a", "unassigned"]),
        "confidence": np.array([0.95, 0.55, 0.75, 0.2, 0.95, 0.1]),
        "unknown": np.array([0.1, 0.4, 0.3, 0.6, 0.5, 0.9]),
        "clusters": np.array([0, 0, 1, 1, 2, 2]),
        "types": ("a", "b"),
        "facts": {"CPU s": 3.0},
    }
    return measured(Answer(**{**parts, **changes}))


def test_measures_of_an_answer_by_hand():
    of = _answer()
    assert of["known cells"] == 4
    assert of["accuracy"] == 0.5
    assert of["accuracy of named"] == pytest.approx(2 / 3)
    assert of["macro F1"] == pytest.approx((2 / 3 + 0.5) / 2)  # a: 1 and 1/2; b: 1/2 and 1/2
    assert of["ARI of clusters"] == 1
    assert of["unassigned, known"] == 0.25
    assert of["unassigned, unknown"] == 0.5
    assert of["named at 0.9, unknown"] == 0.5
    assert of["AUROC unknown"] == pytest.approx(7 / 8)  # one of eight pairs is the wrong way round: 0.6 and 0.5
    assert of["AUROC right"] == 1
    assert of["ECE"] == pytest.approx((0.05 + 0.55 + 0.25) / 3)
    assert of["Brier"] == pytest.approx((0.05**2 + 0.55**2 + 0.25**2) / 3)
    assert of["CPU s"] == 3


def test_measures_without_what_they_compare():
    assert np.isnan(_answer(types=("a", "b", "new"))["AUROC unknown"])
    assert np.isnan(_answer(clusters=np.full(6, -1))["ARI of clusters"])
    foreign = _answer(types=("x",))
    assert foreign["known cells"] == 0
    assert all(np.isnan(foreign[name]) for name in ("accuracy", "macro F1", "ECE", "Brier", "AUROC unknown"))


def test_what_is_no_probability_is_not_calibrated():
    of = _answer(facts={"is probability": False})
    assert all(np.isnan(of[name]) for name in ("ECE", "Brier", "confidence", "named at 0.9, unknown"))
    assert of["AUROC right"] == 1


def test_what_a_peer_is_given_comes_back_as_it_was(given, tmp_path):
    given.write(tmp_path / "given.npz")
    back = Given.read(tmp_path / "given.npz")
    for role in ("source", "target"):
        assert (getattr(back, role) != getattr(given, role)).nnz == 0
    assert back.genes.tolist() == given.genes.tolist()
    assert back.labels.tolist() == given.labels.tolist()


def test_a_peer_answers_from_its_environment(fake, task, tmp_path):
    answer = kept(task, "CellTypist", tmp_path, tmp_path / "out", seed=7, peers_python=fake)
    assert measured(answer)["accuracy"] > 0.9
    assert answer.confidence == pytest.approx(0.57)
    assert (answer.unknown > 0).all()
    assert set(answer.clusters) == {-1}
    assert set(answer.types) == set(answer.truth)
    assert answer.facts["CPU s"] >= 0
    assert answer.facts["is probability"] is False
    assert answer.facts["versions"] == {"numpy": np.__version__}
    fake.unlink()
    again = kept(task, "CellTypist", tmp_path, tmp_path / "out", seed=7)  # what is kept needs no environment
    assert again.labels.tolist() == answer.labels.tolist()


def test_a_relative_path_to_the_environment_will_do(fake, given, monkeypatch):
    monkeypatch.chdir(fake.parent)
    assert len(asked("CellTypist", given, Path("python"))["labels"]) == 3


def test_a_peer_without_environment_is_refused(task, tmp_path):
    with pytest.raises(ParameterError, match=r"SingleR runs in an environment of its own.*--peers-python"):
        kept(task, "SingleR", tmp_path, tmp_path / "out")


def test_a_peer_that_fails_says_why(fake, given, task, tmp_path):
    fake.write_text("#!/bin/sh\necho no such package >&2\nexit 1\n")
    with pytest.raises(PeerFailed, match="SingleR: no such package"):
        asked("SingleR", given, fake)
    with pytest.raises(ParameterError, match="no such package"):
        kept(task, "SingleR", tmp_path, tmp_path / "out", peers_python=fake)
    assert not list((tmp_path / "out").iterdir())


def test_peers_import_nothing_of_sctl():
    code = (
        "import sys, benchmarks.unseen.peers; assert not [name for name in sys.modules if name.split('.')[0] == 'sctl']"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_requirements_name_what_peers_import():
    lines = (ROOT / "benchmarks" / "requirements-peers.txt").read_text().splitlines()
    required = {line.split("==")[0] for line in lines if not line.startswith("#")}
    used = {name for peer in PEERS.values() for name in peer.packages}
    assert used - {"umap"} <= required  # scanpy brings it


def test_unassigned_is_the_same_word_on_both_sides():
    from sctl.data import UNASSIGNED  # noqa: PLC0415

    assert peers.UNASSIGNED == UNASSIGNED


def test_pruning_is_by_label_and_three_deviations():
    # a: median 0.5, deviations 0, 0.1, 0.1, 0.1, 0.45: limit 0.5 - 3 × 1.4826 × 0.1 = 0.055
    above = np.array([0.4, 0.6, 0.5, 0.05, 0.6, 0.05, 0.05])
    labels = np.array(["a", "a", "a", "a", "a", "b", "b"])
    assert np.flatnonzero(pruned(labels, above)).tolist() == [3]
