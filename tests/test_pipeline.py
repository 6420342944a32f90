"""The steps as values: settings with their defaults, repairs, and computations that know no folder."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

import sctl
from sctl import workflow
from sctl.data import Pair
from sctl.errors import DataError, ParameterError
from sctl.methods import get_method
from sctl.run import Run


def test_the_facade_is_sorted_and_complete() -> None:
    public = [name for name in sctl.__all__ if name != "__version__"]
    assert public == sorted(public)
    assert all(getattr(sctl, name) is not None for name in public)
    assert set(public) <= set(dir(sctl))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = sctl.nonsense


@pytest.mark.parametrize("step", workflow.STEPS)
def test_defaults_are_worth_nothing(step: str) -> None:
    full = workflow.complete(step, {})
    assert workflow.reduce(step, full) == workflow.reduce(step, {}) == {}
    assert workflow.complete(step, full) == full


def test_only_what_differs_is_stored_and_comes_back_whole() -> None:
    chosen = {"method": "targetcluster", "seed": 3, "params": {"n_init": 20, "genes": "highly_variable"}}
    stored = workflow.reduce("transfer", chosen)
    assert stored == {"method": "targetcluster", "seed": 3, "params": {"n_init": 20}}
    full = workflow.complete("transfer", stored)
    assert full["params"]["genes"] == "highly_variable"
    assert workflow.method_of(stored).params["n_init"] == 20
    assert workflow.reduce("preprocess", {"target": {"min_genes": 5}})["target"]["min_genes"] == 5


def test_upstream_has_no_circle_and_ends_at_the_data() -> None:
    for step in workflow.STEPS:
        place = workflow.STEPS.index(step)
        upstream = workflow.UPSTREAM[step]
        assert (upstream is None) == (step == "data")
        assert upstream is None or workflow.STEPS.index(upstream) < place


def test_unknown_methods_and_settings_are_named() -> None:
    with pytest.raises(ParameterError, match="no method 'magic'"):
        workflow.method_of({"method": "magic"})
    with pytest.raises(ParameterError, match="no setting 'colour'"):
        workflow.method_of({"params": {"colour": 1}})


def test_transfer_at_one_theta_is_that_of_the_sweep(pair: Pair) -> None:
    method = workflow.method_of({})
    result = workflow.transfer(pair, method, Run(seed=1), theta=0.4)
    assert (result.diagnostics.theta.theta, list(result.diagnostics.theta.thetas)) == (0.4, [0.0, 0.4])
    sweep = workflow.prepare_sweep(pair, method, Run(seed=1))
    np.testing.assert_array_equal(result.clusters, sweep.at(0.4).clusters)
    by_setting = workflow.method_of({"params": {"theta": 0.4}})
    again = workflow.transfer(pair, by_setting, Run(seed=1))
    assert again.diagnostics.theta.theta == 0.4
    np.testing.assert_array_equal(again.proba, result.proba)


QUICK = {
    "itclust": {"n_genes": None, "n_epochs": 2, "n_pretrain_epochs": 2},
    "scarches": {},
}


@pytest.mark.parametrize("method", sorted(QUICK))
def test_python_uses_the_column_of_batches_as_the_shell_does(pair: Pair, method: str) -> None:
    source = pair.source.copy()
    source.obs["donor"] = np.where(np.arange(source.n_obs) % 2, "one", "two")
    source.X = source.X.multiply(1 + 2 * (np.arange(source.n_obs) % 2)[:, None]).tocsr().astype(np.float32)
    batched = dataclasses.replace(pair, source=source, batch_key="donor")
    found = sctl.transfer(batched, get_method(method)(**QUICK[method]), Run())
    assert found.params["batch_key"] == "donor"
    named = sctl.transfer(batched, get_method(method)(**QUICK[method], batch_key="donor"), Run())
    np.testing.assert_array_equal(found.confidence, named.confidence)
    without = sctl.transfer(pair, get_method(method)(**QUICK[method]), Run())
    assert without.params.get("batch_key") is None
    assert sctl.transfer is workflow.transfer


def test_a_baseline_shares_the_settings_it_has(pair: Pair) -> None:
    method = workflow.method_of({"params": {"n_clusters": 3, "alpha": 5.0}})
    result = workflow.baseline(pair, "targetcluster", method, Run())
    assert result.params["n_clusters"] == 3
    assert len(set(result.clusters.tolist())) == 3
    assert "alpha" not in result.params


def test_groups_are_what_they_are_called(pair: Pair) -> None:
    result = workflow.transfer(pair, workflow.method_of({"method": "targetcluster"}), Run())
    clusters = workflow.groups_of(result, "clusters")
    assert list(clusters) == [result.cluster_names[k] for k in result.clusters]
    labels = workflow.groups_of(result, "labels")
    assert list(labels) == list(result.labels)
    edited = pd.Series(["mine"], index=[result.obs_names[3]])
    final = workflow.groups_of(result, "final", edited)
    assert final.iloc[3] == "mine"
    assert final.drop(final.index[3]).equals(labels.drop(labels.index[3]))
    assert workflow.groups_of(result, "final").equals(labels)


def named(adata: AnnData, names: list[str]) -> AnnData:
    out = adata[:, : len(names)].copy()
    out.var_names = names
    return out


HUMAN = ["ACTB", "GAPDH", "CD3E", "MS4A1", "INS", "GCG", "SST", "PPY", "KRT19", "COL1A1", "VWF", "PECAM1"]
MOUSE = ["Actb", "Gapdh", "Cd3e", "Ms4a1", "Ins2", "Gcg", "Sst", "Ppy", "Krt19", "Col1a1", "Vwf", "Pecam1"]


def test_species_are_brought_together_and_it_is_told(source: AnnData, target: AnnData) -> None:
    mouse, human = named(source, MOUSE), named(target, HUMAN)
    before = list(mouse.var_names)
    repaired, same, told = workflow.repaired(mouse, human)
    assert [finding.code for finding in told] == ["species_differ"]
    assert set(repaired.var_names) & set(human.var_names) >= {"ACTB", "INS", "VWF"}
    assert same is human
    assert list(mouse.var_names) == before


def test_what_is_right_is_left_alone(source: AnnData, target: AnnData) -> None:
    assert workflow.repaired(source, target) == (source, target, [])


def test_swapped_cells_and_genes_are_repaired_only_when_asked(source: AnnData, target: AnnData) -> None:
    names = [*HUMAN, *(f"gene_{k}" for k in range(48))]
    good, swapped = named(source, names), named(target, names).T.copy()
    assert workflow.repaired(good, swapped)[1] is swapped
    _, repaired, told = workflow.repaired(good, swapped, blocks=True)
    assert list(repaired.var_names) == names
    assert [finding.code for finding in told] == ["orientation"]


def test_labels_are_found_only_where_it_is_clear(source: AnnData) -> None:
    assert workflow.find_labels(source, required=True) == "cell_type"
    unsure = source.copy()
    unsure.obs = unsure.obs.rename(columns={"cell_type": "mine"})[["mine"]]
    with pytest.raises(DataError, match=r"'mine'.*cannot be seen") as refusal:
        workflow.find_labels(unsure, required=True)
    assert "--label-key mine" in str(refusal.value)
    assert workflow.labels_in_table(unsure, ["mine"]) == ["mine"]
    assert workflow.labels_in_table(unsure, ["mine", "batch"]) == []
    two = source.copy()
    two.obs["cluster"] = two.obs["cell_type"].astype(str).to_numpy()
    with pytest.raises(DataError, match="cell_type, cluster"):
        workflow.find_labels(two, required=True)
    none = source.copy()
    del none.obs["cell_type"]
    with pytest.raises(DataError, match="No column"):
        workflow.find_labels(none, required=True)
    assert workflow.find_labels(none, required=False) is None


def test_maps_come_one_after_the_other(pair: Pair) -> None:
    runs = dict.fromkeys(workflow.MAPS, Run())
    done = ("target_umap", "target_tsne", "joint_umap", "joint_tsne")
    first, second = workflow.explore(pair, {}, runs, done)
    assert first["target_pca"].shape == (80, 2)
    assert set(second) == {"joint_source_index", "joint_pca_source", "joint_pca_target"}
    again, _ = workflow.explore(pair, {}, runs, done)
    np.testing.assert_array_equal(again["target_pca"], first["target_pca"])


def test_use_of_a_source_is_known_before_the_sweep(pair: Pair) -> None:
    found = workflow.transferability(pair, get_method("transfercluster")(), Run(), n_permutations=19)
    assert found.p_value == 1 / 20
    assert found.score > 0.9
    with pytest.raises(DataError, match="no cell-type labels"):
        workflow.transferability(dataclasses.replace(pair, label_key=None), get_method("transfercluster")(), Run())
    check = workflow.check_source(pair, workflow.usual_method("cell_type"), Run(), n_permutations=19)
    assert (check.score, check.p_value, check.null_scores) == (found.score, found.p_value, found.null_scores)
    assert (check.grade, check.n_types, check.tried, check.suggested) == ("good", 4, (), 0)
    assert max(check.null_scores) < check.score
    assert min(check.null_scores) == 0


@pytest.mark.parametrize(
    ("score", "p_value", "grade"),
    [(0.9, 0.01, "good"), (0.5, 0.05, "good"), (0.49, 0.01, "partial"), (0.2, 0.01, "little"), (0.9, 0.06, "none")],
)
def test_use_of_a_source_has_a_word(score: float, p_value: float, grade: str) -> None:
    assert workflow.SourceCheck(score=score, p_value=p_value).grade == grade


def test_a_source_without_labels_is_checked_by_its_groups(pair: Pair) -> None:
    unlabelled = dataclasses.replace(pair, label_key=None)
    check = workflow.check_source(unlabelled, workflow.usual_method(None), Run(), n_permutations=9)
    assert check.suggested == check.n_types == 4
    assert check.tried == tuple(range(2, 16))
    assert list(check.errors[:3]) == sorted(check.errors[:3], reverse=True)
    assert workflow.SourceCheck.from_dict(json.loads(json.dumps(check.to_dict()))) == check


def test_only_what_can_do_without_labels_is_set_to(pair: Pair) -> None:
    assert workflow.without_labels(get_method("transfercluster"), "cell_type") == {}
    for key in ("transfercluster", "targetcluster"):
        settings = workflow.without_labels(get_method(key), None)
        assert get_method(key)(**settings).requires_labels == (key == "targetcluster")


def test_baselines_of_an_unlabelled_source_are_named_by_its_groups(pair: Pair) -> None:
    unlabelled = dataclasses.replace(pair, label_key=None)
    found = workflow.baseline(unlabelled, "targetcluster", workflow.usual_method(None), Run())
    assert set(found.label_names) == {"group 1", "group 2", "group 3", "group 4"}
    assert "sctl_found_group" not in pair.source.obs


def test_a_method_takes_no_column_of_barcodes_for_batches(pair: Pair) -> None:
    target = pair.target.copy()
    target.obs["barcode"] = target.obs_names
    method = get_method("itclust")(batch_key="barcode")
    with pytest.raises(DataError, match="80 different values for 80 cells of the target"):
        workflow.with_batches(dataclasses.replace(pair, target=target), method)


# -- several datasets as one side ------------------------------------------------------------------------


@pytest.fixture
def halves(source: AnnData) -> dict[str, AnnData]:
    """One source as two studies that measured different genes; the second is published as logarithms."""
    first, second = source[::2, :250].copy(), source[1::2, 50:].copy()
    second.X = second.X.astype(np.float64)
    second.X.data = np.log1p(second.X.data)
    second.obs = second.obs.rename(columns={"donor": "patient"}) if "donor" in second.obs else second.obs
    return {"a.h5ad": first, "b.h5ad": second}


@pytest.mark.parametrize("genes", workflow.GENES)
def test_datasets_are_put_together_on_shared_genes_or_on_all(source: AnnData, halves, genes: workflow.Genes) -> None:
    before = {name: part.copy() for name, part in halves.items()}
    out = workflow.joined(halves, genes=genes)
    kept = source.var_names[50:250] if genes == "shared" else source.var_names
    assert sorted(out.var_names) == sorted(kept)
    assert out.obs[workflow.FILE].value_counts().to_dict() == {name: part.n_obs for name, part in halves.items()}
    expected = source[out.obs_names, out.var_names].X.toarray()
    own = [out.var_names.isin(halves[name].var_names) for name in out.obs[workflow.FILE]]  # what a dataset lacks is 0
    np.testing.assert_allclose(out.X.toarray(), np.where(own, expected, 0), rtol=1e-4, atol=1e-4)
    assert (out.obs["cell_type"].astype(str) == source.obs["cell_type"].astype(str)[out.obs_names]).all()
    assert "200 genes" in out.uns["read_notes"]
    for name, part in halves.items():
        assert (part.X != before[name].X).nnz == 0
        assert workflow.FILE not in part.obs


def test_cells_of_one_name_are_told_apart_and_other_species_are_met(source: AnnData) -> None:
    again = source.copy()
    again.var_names = [name.upper() for name in again.var_names]
    out = workflow.joined({"a": source, "b": again, "c": source[:3].copy()})
    assert out.obs_names.is_unique
    assert out.obs_names[0] == f"{source.obs_names[0]}-1"
    assert out.obs_names[-1] == f"{source.obs_names[2]}-3"
    strange = source.copy()
    strange.var_names = [f"strange{i}" for i in range(strange.n_vars)]
    with pytest.raises(DataError, match="a, b share 0 genes"):
        workflow.joined({"a": source, "b": strange})


def furnished(adata: AnnData, log: bool) -> AnnData:
    """A dataset with everything that a dataset can have."""
    out = adata.copy()
    out.layers["counts"] = out.X.copy()
    if log:
        out.X = out.X.copy()
        out.X.data = np.log1p(out.X.data * 1.5)
    out.raw = out.copy()
    out.obsm["X_umap"] = np.arange(2.0 * out.n_obs).reshape(-1, 2)
    out.obsm["X_pca"] = np.ones((out.n_obs, 2 + out.n_obs // 100))
    out.obsp["near"] = sparse.eye_array(out.n_obs, format="csr")
    out.var["length"] = np.arange(out.n_vars)
    out.var["mean"] = np.asarray(out.X.mean(axis=0)).ravel()
    out.uns = {"same": {"a": [1, 2]}, "own": out.n_obs, "read_notes": "ours"}
    return out


def test_datasets_that_are_put_together_come_back_as_they_were(source: AnnData) -> None:
    first, second = furnished(source[:50], log=True), furnished(source[50:151], log=True)
    first.obs["weight"], second.obs["batch"] = 1.5, "x"
    second.obs["file"] = "mine"
    out = workflow.joined({"a": first, "b": second})
    for place, part in ((slice(0, 50), first), (slice(50, 151), second)):
        for found, given in ((out.X, part.X), (out.layers["counts"], part.layers["counts"]), (out.raw.X, part.raw.X)):
            np.testing.assert_array_equal(found[place].toarray(), given.toarray())
        np.testing.assert_array_equal(out.obsm["X_umap"][place], part.obsm["X_umap"])
    assert "X_pca" not in out.obsm  # of different widths
    assert out.obsp["near"].nnz == 151
    assert isinstance(out.obs["cell_type"].dtype, pd.CategoricalDtype)
    assert out.obs["weight"].notna().sum() == 50
    assert out.obs["file as given"].dropna().unique().tolist() == ["mine"]
    assert out.var["length"].tolist() == list(range(source.n_vars))
    assert "mean" not in out.var
    assert out.uns["same"] == {"a": [1, 2]}
    assert out.uns["per_file"] == {"a": {"own": 50}, "b": {"own": 101}}
    assert "linear scale" not in out.uns["read_notes"]


@pytest.mark.parametrize("genes", workflow.GENES)
def test_genes_of_any_dataset_keep_their_columns(source: AnnData, genes: workflow.Genes) -> None:
    first, second = furnished(source[:50, :250], log=True), furnished(source[50:, 50:], log=True)
    second.var["length"] += 50
    out = workflow.joined({"a": first, "b": second}, genes=genes)
    assert out.var["length"].tolist() == [int(name) for name in source.var_names.get_indexer(out.var_names)]
    np.testing.assert_array_equal(out[:50, first.var_names.intersection(out.var_names)].X.toarray(),
                                  first[:, first.var_names.intersection(out.var_names)].X.toarray())  # fmt: skip


def test_logarithms_beside_counts_are_brought_together_and_it_is_said(source: AnnData) -> None:
    log, counts = source[:50].copy(), source[50:].copy()
    log.X = log.X.astype(np.float64)
    log.X.data = np.log1p(log.X.data)
    out = workflow.joined({"a": log, "b": counts})
    np.testing.assert_allclose(out.X.toarray(), source.X.toarray(), rtol=1e-5)
    assert "different kinds (a: logarithms to base e; b: counts): all were brought to a linear" in out.uns["read_notes"]


def test_several_files_are_one_sample_or_several_datasets(source: AnnData, halves, tmp_path) -> None:
    for name, part in halves.items():
        part.write_h5ad(tmp_path / name)
    paths = [tmp_path / name for name in halves]
    out = workflow.read_datasets(paths, genes="union")
    assert out.shape == source.shape
    assert workflow.read_datasets(paths[:1]).shape == halves["a.h5ad"].shape
    assert set(workflow.read_datasets(paths, names=["features.h5ad", "y.h5ad"]).obs[workflow.FILE]) == {
        "features.h5ad",
        "y.h5ad",
    }
    with pytest.raises(DataError, match=r"a\.h5ad was given twice"):
        workflow.read_datasets([paths[0], paths[0]])
    with pytest.raises(DataError, match="no complete 10x sample"):
        workflow.read_datasets([paths[0], tmp_path / "b.h5ad"], names=["matrix.mtx", "barcodes.tsv"])


def test_a_gene_that_a_study_lacks_says_nothing_where_each_is_scaled_on_its_own(
    source: AnnData, target, halves
) -> None:
    joined = workflow.joined(halves, genes="union")
    method = get_method("itclust")(batch_key=workflow.FILE, n_genes=None, n_pretrain_epochs=2)
    pair = workflow.prepare(joined, target, {"label_key": "cell_type", "n_top_genes": None}, Run()).pair
    used = pair.source.var_names
    scaled = method._scaling.scaled(pair.source, pair.source[:, used].X)
    for name, part in halves.items():
        cells = (pair.source.obs[workflow.FILE] == name).to_numpy()
        assert cells.sum() == part.n_obs
        assert not scaled[np.ix_(cells, ~used.isin(part.var_names))].any()
    found = workflow.transfer(pair, method, Run())
    truth = target.obs.loc[found.obs_names, "cell_type"].astype(str).to_numpy()
    assert (found.labels == truth).mean() > 0.9


@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_names_given_twice_are_repaired_without_being_asked(source: AnnData, target: AnnData) -> None:
    """Counts of one gene are added up, other values numbered, and so are cells."""
    counts = target.copy()
    names = counts.var_names.tolist()
    counts.var_names = [names[1], *names[1:]]
    _, repaired, told = workflow.repaired(source, counts)
    assert [finding.fix.code for finding in told if finding.fix] == ["sum_genes"]
    assert repaired.n_vars == target.n_vars - 1
    both = np.asarray(target[:, names[:2]].X.sum(axis=1)).ravel()
    np.testing.assert_array_equal(np.asarray(repaired[:, names[1]].X.todense()).ravel(), both)

    logs = counts.copy()
    logs.X = logs.X.log1p()
    assert "unique_genes" in [finding.fix.code for finding in workflow.repaired(source, logs)[2] if finding.fix]

    cells = target.copy()
    cells.obs_names = [cells.obs_names[1], *cells.obs_names[1:]]
    _, repaired, told = workflow.repaired(source, cells)
    assert [finding.fix.code for finding in told if finding.fix] == ["unique_cells"]
    assert repaired.obs_names.is_unique


def test_a_layer_of_counts_is_used_without_being_asked(source: AnnData, target: AnnData) -> None:
    logs = target.copy()
    logs.layers["counts"] = target.X.copy()
    logs.X = target.X.log1p()
    _, repaired, told = workflow.repaired(source, logs)
    assert [finding.fix.code for finding in told if finding.fix] == ["use_counts"]
    assert (repaired.X != target.X).nnz == 0
