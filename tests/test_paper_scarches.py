"""The harness of the scArches experiments, on toy data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData

from benchmarks.paper_scarches import __main__ as command
from benchmarks.paper_scarches import answers, experiments, runs, tables, throughput
from benchmarks.paper_scarches.answers import Answer, Mapped, Watched
from benchmarks.paper_scarches.experiments import STUDY, TYPE, Experiment, Part, Task
from sctl.methods.scarches.recipes import Recipe
from sctl.run import Run

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path, source: AnnData, target: AnnData, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files, and experiments on them."""
    for name, whole in (("one", source), ("two", target)):
        side = whole.copy()
        side.obs = pd.DataFrame(
            {
                "cell_type_harmonised": side.obs["cell_type"].astype(str).to_numpy(),
                "donor": np.where(np.arange(side.n_obs) % 2, "odd", "even"),
            },
            index=side.obs_names,
        )
        side.write_h5ad(tmp_path / f"{name}.h5ad")
    both = (Part("one", ("odd", "even")),)
    toys = {
        "easy": Experiment(about="all types", reference=both, targets=(Part("two"),), sizes=(30,), baseline=0.9),
        "new": Experiment(
            about="a type less", reference=both, targets=(Part("two", ("odd",)), Part("two", ("even",))),
            removed=("type A",),
        ),
    }  # fmt: skip
    for module in (experiments, runs, tables, command):
        monkeypatch.setattr(module, "EXPERIMENTS", toys)
    quick = Recipe(epochs=2, surgery_epochs=1)
    monkeypatch.setattr(Watched, "recipe", property(lambda self: quick if self.surgery_epochs is None else Recipe(
        epochs=2, surgery_epochs=self.surgery_epochs)))  # fmt: skip
    experiments.prepared.cache_clear()
    return tmp_path


def test_a_task_shares_genes_and_hides_the_truth(folder):
    task = experiments.prepared("new", folder)
    assert set(task.reference.obs[STUDY]) == {"odd", "even"}
    assert "type A" not in set(task.reference.obs[TYPE])
    assert [set(side.obs.columns) for side in task.targets] == [{STUDY}, {STUDY}]
    assert all((side.var_names == task.reference.var_names).all() for side in task.targets)
    assert "type A" in set(np.concatenate(task.truths))
    assert np.allclose(np.expm1(task.reference.X.toarray()).sum(axis=1), 10_000, rtol=1e-3)
    assert (task.reference.layers["counts"].toarray() % 1 == 0).all()


def test_smaller_targets_are_parts_of_larger_ones(folder):
    task = experiments.prepared("easy", folder)
    few, more = (runs.sized(task, size, seed=1) for size in (10, 30))
    assert set(few.targets[0].obs_names) < set(more.targets[0].obs_names)
    where = task.targets[0].obs_names.get_indexer(few.targets[0].obs_names)
    np.testing.assert_array_equal(task.truths[0][where], few.truths[0])
    np.testing.assert_array_equal(task.before[0][where], few.before[0])


@pytest.mark.parametrize("name", ["pca", "logistic", "harmony"])
def test_rivals_name_easy_types(folder, name):
    if answers.missing(name):
        pytest.skip("harmonypy is an extra")
    task = experiments.prepared("easy", folder)
    (answer,) = answers.METHODS[name](task, 0)
    found = runs.scores(task, answer)
    assert found["accuracy"] > 0.95
    assert found["label purity"] > 0.8
    assert np.isnan(found["AUROC"])


def test_the_reference_is_shown_in_the_order_of_the_file(folder):
    task = experiments.prepared("easy", folder)
    shuffled = task.reference[np.random.default_rng(0).permutation(task.reference.n_obs)].copy()
    (first, *_), (other, *_) = (
        answers.scarches(Task(reference, task.targets, task.truths, task.before), 0)
        for reference in (task.reference, shuffled)
    )
    back = shuffled.obs_names.get_indexer(task.reference.obs_names)
    np.testing.assert_array_equal(first.parts[0].reference_points, other.parts[0].reference_points[back])


def test_surgery_is_compared_with_itself_and_counted(folder):
    task = experiments.prepared("new", folder)
    condition, none, first, everything = answers.scarches(task, 0)
    assert [answer.facts["drift"] == 0 for answer in (condition, none, first, everything)] == [True, True, False, False]
    assert condition.facts["trained"] == condition.facts["formula"] == 2 * 128
    assert none.facts["trained"] == 0
    assert condition.facts["trained"] < first.facts["trained"] < everything.facts["trained"]
    moved, still = (answer.parts[0].reference_points for answer in (everything, condition))
    assert not np.array_equal(moved, still)
    np.testing.assert_array_equal(none.parts[0].reference_points, still)


def test_scores_by_hand():
    truth = np.array(["a", "a", "b", "b", "new", "new"], dtype=object)
    likeliest = np.array(["a", "b", "b", "b", "b", "a"], dtype=object)
    called = np.array([True, True, True, False, True, False])
    points = np.arange(12.0).reshape(6, 2)
    part = Mapped(likeliest, np.array([0.1, 0.2, 0.1, 0.6, 0.3, 0.9]), called, points, points)
    obs = pd.DataFrame({TYPE: ["a", "a", "b", "b", "a", "b"], STUDY: "ref"}, index=list("abcdef"))
    target = AnnData(np.zeros((6, 1)), obs=pd.DataFrame({STUDY: "new"}, index=list("ghijkl")))
    task = Task(AnnData(np.zeros((6, 1)), obs=obs), (target,), (truth,), (points,))
    found = runs.scores(task, Answer("x", (part,), 1.0, 2.0))
    assert found["accuracy"] == pytest.approx(3 / 4)
    assert found["called right"] == pytest.approx(2 / 4)  # of a, b, b and the new one that is called b
    assert found["share called"] == pytest.approx(3 / 4)
    assert found["all cells"] == pytest.approx(3 / 6)  # a, b, and the new one without a label
    assert found["macro-F1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["new flagged"] == pytest.approx(1 / 2)
    assert found["AUROC"] == pytest.approx(7 / 8)  # 0.3 and 0.9 against 0.1, 0.2, 0.1, 0.6
    assert found["neighbourhood purity"] == pytest.approx(1.0)
    assert found["CPU s"] == 3.0


def test_the_command_prints_tables_and_joins_earlier_runs(folder, tmp_path, capsys):
    given = ["easy", "--data", str(folder), "--seeds", "1", "--out", str(tmp_path / "out")]
    command.main([*given, "--methods", "pca"])
    assert "| easy | 30 |" in capsys.readouterr().out
    command.main([*given, "--methods", "scarches"])
    printed = capsys.readouterr().out
    assert (
        "2 runs: drift of the reference exactly 0 in 2, trained numbers m (p + q), with counts + m genes, in 2."
        in printed
    )
    assert "| easy | 0.900 |" in printed
    kept = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert set(kept["method"]) == {"PCA + kNN", *(f"scarches{way}" for way in answers.WAYS)}
    assert len(kept) == 2 * 5
    assert "PCA + kNN" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")


def test_checks_count_what_moved():
    made = pd.DataFrame({"formula": [256, 256, np.nan], "trained": [256, 255, 9], "drift": [0.0, 1e-9, 1.0]})
    assert tables.checks(made) == (
        "Surgery of the new datasets' weights, 2 runs: drift of the reference exactly 0 in 1, "
        "trained numbers m (p + q), with counts + m genes, in 1."
    )


def test_throughput_trains_the_same_network_in_all_loops(folder, monkeypatch):
    monkeypatch.setattr(throughput, "EXPERIMENT", "easy")
    monkeypatch.setattr(throughput, "PRESETS", {"small": Recipe(hidden=(8,), n_latent=2, dropout=0.0)})
    table = throughput.measured(str(folder), 0, epochs=1, repeats=1)
    assert (table.filter(like="cells/CPU s") > 0).all(axis=None)
    assert "| small | 64 |" in throughput.text(table)
    slow = table.assign(**{f"ours / {name}": 2.0 for name in throughput.LOADERS})
    assert throughput.verdict(slow).count("not held") == 3
    fast = table.assign(**{f"ours / {name}": 3.5 for name in throughput.LOADERS})
    assert "not held" not in throughput.verdict(fast)


def test_a_naive_loop_learns(folder):
    task = experiments.prepared("easy", folder)
    recipe = Recipe(hidden=(8,), n_latent=2)
    expression = throughput._expression(task)
    network = throughput._network(expression, recipe, Run())
    loss = throughput.CellLoss(network, expression, throughput.losses_of(recipe, expression.n_obs))
    rows, index = torch.from_numpy(task.reference.X.toarray()), torch.arange(expression.n_obs)
    before = float(loss(rows, index, None).detach())
    for X in (rows.numpy(), task.reference.X, task.reference):
        throughput.naive(network, loss, throughput._loader(X, recipe, Run()), recipe, 2, Run())
    assert float(loss(rows, index, None).detach()) < before


FORKED = """
import numpy as np
from sklearn.neighbors import NearestNeighbors
from benchmarks.measure import cost

def points():
    return np.random.default_rng(0).normal(size=(3000, 30))

def neighbours(x):
    return int(NearestNeighbors(n_neighbors=5, algorithm="brute").fit(x).kneighbors()[1].sum())

if __name__ == "__main__":
    here = neighbours(points())
    print(cost(points, neighbours, start="fork").value == here)
"""


def test_a_forked_run_does_not_wait_for_threads_of_its_parent():
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment["OMP_NUM_THREADS"] = "2"
    command_line = [sys.executable, "-c", FORKED]
    done = subprocess.run(
        command_line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "True"
