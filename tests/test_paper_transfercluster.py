"""The harness of the TransferCluster experiments, on small data."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import stats

from benchmarks.pairs import RealPair
from benchmarks.paper_transfercluster import __main__ as command
from benchmarks.paper_transfercluster import robust, scoring, simulated, split, tables
from benchmarks.paper_transfercluster.scoring import METHODS, TARGET, TRANSFER
from sctl.analysis.evaluate import adjusted_rand
from sctl.data import Pair
from sctl.methods.transfercluster.theta import choose_theta
from sctl.run import Run


@pytest.fixture
def folder(tmp_path: Path, source: AnnData, target: AnnData) -> Path:
    """A folder with two labelled files."""
    for name, side in (("one", source), ("two", target)):
        side.write_h5ad(tmp_path / f"{name}.h5ad")
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["paper_transfercluster", *arguments])
    command.main()


def test_all_answers_come_from_the_same_clusterings(pair: Pair):
    truth = pair.target.obs["cell_type"].astype(str).to_numpy(dtype=object)
    rows = {row["method"]: row for row in scoring.scored(pair, truth, 4, scoring.Setting(), Run())}
    assert list(rows) == [METHODS[0], METHODS[1], *METHODS[2:]]
    method = scoring.Setting().of("transfercluster", 4)
    points = list(
        method.fit(pair.source, pair.label_key, Run()).prepare_sweep(pair.target, Run()).points(method.thetas, Run())
    )
    right = {point.theta: adjusted_rand(point.clusters, truth) for point in points}
    assert rows[TARGET]["ARI"] == right[0.0]
    assert rows[TRANSFER]["theta"] == choose_theta(points)
    assert rows[scoring.BEST]["ARI"] == max(right.values())
    assert rows[scoring.LABELS_ALONE]["theta"] == 1.0


def test_published_settings_are_those_of_the_released_code():
    method = scoring.Setting(published=True, found_k=True).of("transfercluster", 4)
    assert (method.distances, method.eigenvectors, method.dictionary, method.scale) == (
        "euclidean", "unweighted", "nmf", "paper",
    )  # fmt: skip
    assert method.n_clusters is None


@pytest.mark.parametrize("overlap", split.OVERLAPS)
def test_a_cut_shares_no_cell_and_hides_a_type_on_each_side(overlap, rng):
    types = np.repeat(["a", "b", "c"], [90, 60, 50])
    source, target = split.cut(types, overlap, rng, n_source=100, n_target=40)
    assert not set(source) & set(target)
    assert len(target) == 40
    match_genes = set(types[source]), set(types[target])
    assert match_genes == (({"b", "c"}, {"a", "c"}) if overlap == "incomplete" else ({"a", "b", "c"}, {"a", "b", "c"}))


def test_nmf_groups_stand_in_for_the_types(folder):
    dataset = split.Dataset("one", "cell_type")
    given, found = (split.with_truth(folder, dataset, truth).obs["truth"] for truth in split.TRUTHS)
    assert found.nunique() == given.nunique() == 4
    assert found.str.startswith("group ").all()
    assert adjusted_rand(given.astype(str), found.astype(str)) > 0.9


def test_intervals_are_students_and_a_method_that_took_no_part_has_no_column():
    rows = pd.DataFrame({"cells": 5, "method": "a", "ARI": [0.2, 0.5, 0.9]})
    low, high = stats.t.interval(0.95, 2, loc=rows["ARI"].mean(), scale=stats.sem(rows["ARI"]))
    found = tables.summary(rows, ["cells"])
    assert found["half"][0] == pytest.approx((high - low) / 2)
    assert f"| 5 | {rows['ARI'].mean():.3f} ± {(high - low) / 2:.3f} |" in tables.wide(found, ["cells"], ["a"])
    assert command._taking_part(rows.assign(method=TARGET)) == (TARGET,)


def test_simulations_from_the_command_line(tmp_path, monkeypatch, capsys):
    small = [
        "--genes",
        "300",
        "--source-cells",
        "100",
        "--sizes",
        "5",
        "40",
        "--repeats",
        "1",
        "--overlaps",
        "complete",
    ]
    run(monkeypatch, "simulated", *small, "--effect", "gene", "--fast", "--out", str(tmp_path))
    said = capsys.readouterr().out
    assert "| complete | 40 |" in said
    assert "ConcatenateCluster" not in said
    assert "- 5 cells, 5 times: 7 clusters were asked of 5 cells." in said
    rows = pd.read_csv(tmp_path / "simulated_log_gene.csv")
    assert set(rows["cells"]) == {5, 40}
    expected = simulated.one_repeat(
        "complete", 0, sizes=(40,), n_vars=300, n_source=100, effect="gene", setting=scoring.Setting(concatenate=False)
    )
    assert list(rows.loc[rows["cells"] == 40, "ARI"]) == pytest.approx([row["ARI"] for row in expected])
    assert (tmp_path / "simulated_log_gene.svg").stat().st_size > 1000
    run(monkeypatch, "simulated", "--effect", "gene", "--from-rows", "--out", str(tmp_path))
    assert capsys.readouterr().out == said


def test_seeds_of_two_groups(folder, monkeypatch, capsys):
    question = robust.Close(RealPair("one", "two", "cell_type"), "type A", "type B")
    monkeypatch.setattr(robust, "QUESTIONS", (question,))
    monkeypatch.setattr(robust, "VARIANTS", {"plain": robust.VARIANTS["plain"]})
    robust.prepared.cache_clear()
    given = ("--data", str(folder), "--seeds", "2", "--cells", "60", "--out", str(folder))
    run(monkeypatch, "robustness", *given)
    said = capsys.readouterr().out
    assert said.count("2 of 2") == 3
    rows = pd.read_csv(folder / "robustness.csv")
    assert set(rows["method"]) == set(robust.METHODS)
    assert (rows["total_variation"] > 0.9).all()
