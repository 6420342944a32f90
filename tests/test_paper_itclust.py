"""The harness of the ItClust experiments, on toy data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from benchmarks.paper_itclust import __main__ as command
from benchmarks.paper_itclust import experiments, rivals, runs, tables
from benchmarks.paper_itclust.experiments import Experiment, Trial, joined, n_variable, thinned
from benchmarks.paper_itclust.rivals import RIVALS, Answer
from sctl.data import UNASSIGNED, Diagnostics, KeptStage, Pair, StageTypes
from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.run import Run


@pytest.fixture
def folder(tmp_path: Path, source: AnnData, target: AnnData, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files, and three experiments on them."""
    source.write_h5ad(tmp_path / "one.h5ad")
    target.write_h5ad(tmp_path / "two.h5ad")
    toys = {
        "easy": Experiment(about="all types", source=("one",), target=("two",), trial=Trial(0.9, 0.9, 0.9)),
        "thin": Experiment(about="half", source=("one",), target=("two",), efficiency=0.5, donors=("donor 1",)),
        "both": Experiment(about="two targets", source=("one",), target=("two", "one")),
    }
    for module in (experiments, tables, command):
        monkeypatch.setattr(module, "EXPERIMENTS", toys)
    monkeypatch.setattr(experiments, "H1", "one")
    experiments.prepared.cache_clear()
    return tmp_path


def test_the_trials_setting_filters_and_marks_the_targets_variable_genes(folder):
    pair, truth = experiments.prepared("easy", folder, "trial")
    assert len(truth) == pair.target.n_obs
    assert list(pair.target.obs) == ["dataset"], "the target must not carry its labels"
    assert pair.source.var["highly_variable"].all()  # 300 genes are fewer than the 500 that are wanted
    assert ((pair.source.X > 0).sum(axis=0) >= 10).all()
    assert ((pair.target.layers["counts"] > 0).sum(axis=1) >= 50).all()


def test_variable_genes_are_the_targets_alone(folder, monkeypatch):
    monkeypatch.setattr(experiments, "n_variable", lambda n_target: 40)
    pair, _ = experiments.prepared("easy", folder, "trial")
    table = sc.pp.highly_variable_genes(AnnData(X=pair.target.X), flavor="seurat", n_top_genes=40, inplace=False)
    marked = pair.target.var["highly_variable"].to_numpy()
    assert marked.sum() == 40
    assert (marked == table["highly_variable"].to_numpy()).mean() > 0.99


def test_the_apps_setting_is_what_prepare_pair_does(folder):
    pair, truth = experiments.prepared("easy", folder, "app")
    assert pair.target.n_obs == len(truth) == 80


def test_types_are_removed_from_the_first_source_only(folder, monkeypatch):
    toy = Experiment(about="", source=("one", "two"), target=("two",), removed=("type A",))
    monkeypatch.setitem(experiments.EXPERIMENTS, "removed", toy)
    source, target, truth = experiments.sides("removed", folder)
    assert set(source.obs.loc[source.obs["dataset"] == "one", "cell_type"]) == {"type B", "type C", "type D"}
    assert "type A" in set(source.obs.loc[source.obs["dataset"] == "two", "cell_type"])
    assert set(truth) == {"type A", "type B", "type C", "type D"}
    assert target.n_obs == 80


def test_donors_and_several_targets(folder):
    _, _, truth = experiments.sides("thin", folder)
    assert 0 < len(truth) < 80
    _, target, _ = experiments.sides("both", folder)
    assert set(target.obs["dataset"]) == {"one", "two"}
    assert target.n_obs == 280


def test_joined_data_share_genes_and_a_linear_scale():
    genes = [f"g{i}" for i in range(60)]
    X = np.arange(120.0).reshape(2, 60) % 7
    obs = pd.DataFrame({"cell_type": "a", "dataset": "d"}, index=["c1", "c2"])
    counts = AnnData(X=sparse.csr_matrix(X), obs=obs, var=pd.DataFrame(index=genes))
    logs = AnnData(
        X=sparse.csr_matrix(np.log2(1.0 + 0.3 * X)), obs=obs.set_axis(["c3", "c4"]), var=pd.DataFrame(index=genes)
    )
    both = joined([counts, logs[:, ::-1].copy()[:, :50].copy()])
    assert set(both.var_names) == set(genes[10:])
    columns = [genes.index(name) for name in both.var_names]
    np.testing.assert_allclose(both.X.toarray(), np.vstack([X, 0.3 * X])[:, columns], rtol=1e-5, atol=1e-5)


def test_thinning_has_the_mean_and_the_spread_of_the_recipe():
    counts = AnnData(X=sparse.csr_matrix(np.full((4000, 20), 30.0, dtype=np.float32)))
    thin = thinned(counts, 0.25, Run(seed=1)).X.toarray()
    assert (counts.X.toarray() == 30).all(), "the input must stay as it is"
    assert thin.mean() == pytest.approx(7.5, rel=0.02)
    # of a cell's mean over 20 genes: (0.25 · 30)² / 10 between cells, 7.5 / 20 within
    assert thin.mean(axis=1).var() == pytest.approx(7.5**2 / 10 + 7.5 / 20, rel=0.1)
    assert (thin == np.rint(thin)).all()
    np.testing.assert_array_equal(thin, thinned(counts, 0.25, Run(seed=1)).X.toarray())
    assert (thin != thinned(counts, 0.25, Run(seed=2)).X.toarray()).any()


@pytest.mark.parametrize(("n", "wanted"), [(1500, 500), (1501, 1000), (3000, 1000), (3001, 2000)])
def test_number_of_variable_genes(n, wanted):
    assert n_variable(n) == wanted


@pytest.mark.parametrize("name", ["svm", "logistic", "centroids"])
def test_rivals_name_easy_types(pair: Pair, name):
    truth = pair.target.obs["cell_type"].to_numpy(dtype=object)
    answer = RIVALS[name](pair, Run())[-1]
    assert runs.scores(answer, truth, list(pair.labels.categories))["accuracy"] > 0.95


def test_centroids_leave_unlike_cells_unassigned(pair: Pair):
    X = pair.target.X.toarray()
    X[:5] = np.where(X[:5] == 0, 3.0, 0.0)  # just what these cells did not express
    odd = Pair(source=pair.source, target=AnnData(X=sparse.csr_matrix(X), var=pair.target.var), label_key="cell_type")
    strict, free = rivals.centroids(odd, Run())
    assert (strict.labels[:5] == UNASSIGNED).all()
    assert (free.labels != UNASSIGNED).all()
    assigned = strict.labels != UNASSIGNED
    assert (strict.labels[assigned] == free.labels[assigned]).all()


def test_leiden_sees_the_target_alone(pair: Pair):
    pytest.importorskip("leidenalg")
    answers = rivals.leiden(pair, Run())
    assert len(answers) == len(rivals.RESOLUTIONS)
    numbers = [len(set(answer.clusters)) for answer in answers]
    assert numbers[0] <= numbers[-1]
    truth = pair.target.obs["cell_type"].to_numpy(dtype=object)
    rows = [{"method": answer.name, **runs.scores(answer, truth, [])} for answer in answers]
    best, median = runs.best_and_median(rows)
    assert best["ARI"] == max(row["ARI"] for row in rows) > 0.9
    assert median["ARI"] == np.median([row["ARI"] for row in rows])
    assert np.isnan(best["accuracy"])


def test_scores_by_hand():
    truth = np.array(["a", "a", "b", "new", "new"], dtype=object)
    labels = np.array(["a", "b", "b", "b", UNASSIGNED], dtype=object)
    found = runs.scores(Answer("x", np.array([0, 1, 2, 1, -1]), labels), truth, ["a", "b"])
    assert found["accuracy"] == pytest.approx(2 / 5)
    assert found["shared"] == pytest.approx(2 / 3)
    assert found["majority"] == pytest.approx(3 / 5)  # cluster 1 is half right; no cluster is wrong
    assert found["unassigned"] == pytest.approx(1 / 5)
    # a: 2·1 / (1 + 2), b: 2·1 / (3 + 1), new: 0
    assert found["macro-F1"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_the_command_prints_a_table_and_joins_earlier_runs(folder, tmp_path, capsys):
    given = ["easy", "--data", str(folder), "--seeds", "2", "--out", str(tmp_path / "out")]
    command.main([*given, "--methods", "logistic", "--against", "logistic regression"])
    printed = capsys.readouterr().out
    assert "| easy | logistic regression | 2 | 1.000 ± 0.000 |" in printed
    assert "1.000 (0.900)" in printed
    assert "accuracy: +0.100 on average over 1, worse by more than 0.02 on: none." in printed
    command.main([*given, "--methods", "centroids"])
    kept = pd.read_csv(tmp_path / "out" / "runs_trial.csv")
    assert set(kept["method"]) == {"logistic regression", "centroids", "centroids, 0.7"}
    assert len(kept) == 2 * 3
    assert (kept["MB"] >= 0).all()
    assert "centroids" in (tmp_path / "out" / "table_trial.md").read_text(encoding="utf-8")


def test_the_verdict_names_what_is_worse(folder):
    row = dict.fromkeys((*runs.QUALITY, *runs.COSTS), 0.0)
    rows = pd.DataFrame([{"experiment": "easy", "method": "m", "seed": 0, **row, "accuracy": 0.95, "ARI": 0.87}])
    _, verdict = tables.against_trial(rows, "m")
    assert "accuracy: +0.050 on average over 1, worse by more than 0.02 on: none." in verdict
    assert "ARI: -0.030 on average over 1, worse by more than 0.02 on: easy (-0.030)." in verdict


def test_settings_are_read_as_json_and_unknown_methods_refused():
    assert runs.variant("transfercluster:a=0.5,b=null,c=kta") == ("transfercluster", {"a": 0.5, "b": None, "c": "kta"})
    for wrong in ("nothing", "svm:C=2"):
        with pytest.raises(ValueError, match="choose from"):
            runs.variant(wrong)


def test_a_method_of_the_package_takes_settings(folder):
    (row,) = runs.measured("easy", "targetcluster:n_clusters=4", 0, folder=str(folder), setting="app")
    assert row["method"] == "targetcluster:n_clusters=4"
    assert row["accuracy"] > 0.9


def test_both_stages_of_itclust_are_judged(pair: Pair):
    result = fit_transfer(pair, get_method("targetcluster")())
    assert runs.before_and_after("m", result) == []
    proba = np.eye(2)[[0, 1, 1]]
    staged = replace(
        result,
        obsm={"before_proba": proba, "after_proba": proba[::-1]},
        diagnostics=Diagnostics(
            kept=KeptStage(
                answer="after", cluster_types=("b", "c"), types=StageTypes(before=("a", "b"), after=("b", "c"))
            )
        ),
    )
    before, after = runs.before_and_after("m", staged)
    assert (before.name, list(before.labels)) == ("m, before", ["a", "b", "b"])
    assert (after.name, list(after.labels)) == ("m, after", ["c", "c", "b"])
