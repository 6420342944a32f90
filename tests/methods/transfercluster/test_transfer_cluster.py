"""What is particular to TransferCluster and its baselines."""

from __future__ import annotations

import dataclasses

import anndata as ad
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from sctl.data import read_result, write_result
from sctl.methods import get_method
from sctl.methods.base import SweepsTheta, fit_transfer
from sctl.methods.transfercluster.transferability import transferability
from sctl.preprocess import prepare_pair
from sctl.run import Run
from sctl.simulate import simulate_pair

TransferCluster = get_method("transfercluster")
TargetCluster = get_method("targetcluster")
ConcatenateCluster = get_method("concatenatecluster")


def test_only_transfer_cluster_sweeps():
    assert isinstance(TransferCluster(), SweepsTheta)
    assert not isinstance(TargetCluster(), SweepsTheta)


def test_grid_leaves_out_theta_one_and_holds_the_asked_theta():
    assert TransferCluster().thetas == tuple(round(0.1 * i, 6) for i in range(10))
    assert 0.33 in TransferCluster(theta=0.33).thetas
    assert TransferCluster(theta_max=1.0).thetas[-1] == 1.0


def test_theta_zero_is_target_cluster(pair):
    alone = fit_transfer(pair, TargetCluster(), Run())
    zero = fit_transfer(pair, TransferCluster(theta=0.0), Run())
    np.testing.assert_array_equal(alone.clusters, zero.clusters)
    np.testing.assert_array_equal(alone.labels, zero.labels)
    assert zero.diagnostics.theta.theta == 0.0
    assert zero.diagnostics.theta.chosen_by == "hand"


def test_curve_is_in_the_result(pair):
    result = fit_transfer(pair, TransferCluster(), Run())
    assert result.diagnostics.theta.thetas == tuple(round(0.1 * i, 6) for i in range(10))
    best = result.diagnostics.theta.thetas[int(np.argmax(np.round(result.diagnostics.theta.scores["balanced"], 9)))]
    assert result.diagnostics.theta.theta == best
    assert len(result.diagnostics.theta.scores["kta"]) == 10


@pytest.mark.parametrize("settings", [
    {"dictionary": "nmf", "alpha": 1.0}, {"dictionary": "nmf", "scale": "paper", "alpha": 1.0}, {"genes": "all"},
    {"distances": "all"}, {"transformations": "both"}, {"eigenvectors": "unweighted"}, {"criterion": "kta"},
    {"criterion": "null_kta"}, {"criterion": "target_kta"}, {"criterion": "stability"}, {"criterion": "silhouette"}, {"target_step": "soft"},
    {"target_step": "hard_optimised", "criterion": "null_kta"}, {"n_clusters": 4}, {"theta_step": 0.3, "theta_max": 0.6}, {"n_init": 3}, {"l1_ratio": 0.0, "dictionary": "nmf", "alpha": 1.0},
])  # fmt: skip
def test_every_option_finds_easy_types(pair, settings):
    result = fit_transfer(pair, TransferCluster(**settings), Run())
    truth = pair.target.obs["cell_type"].astype(str).to_numpy()
    assert (result.labels == truth).mean() > 0.9


def test_a_source_without_labels_gives_groups(pair):
    unlabelled = dataclasses.replace(pair, label_key=None)
    method = TransferCluster(source_types="found")
    assert not method.requires_labels
    result = fit_transfer(unlabelled, method, Run())
    assert result.label_names == ("group 1", "group 2", "group 3", "group 4")
    assert adjusted_rand_score(pair.target.obs["cell_type"], result.labels) > 0.9
    groups = result.diagnostics.source_groups
    assert groups.chosen == 4
    assert len(groups.tried) == len(groups.errors) == 14
    two = fit_transfer(
        unlabelled, TransferCluster(source_types="found", n_source_groups=2, dictionary="nmf", alpha=1.0), Run()
    )
    assert two.label_names == ("group 1", "group 2")


def test_known_labels_play_no_part_where_groups_are_found(pair):
    shuffled = pair.source.copy()
    shuffled.obs["cell_type"] = shuffled.obs["cell_type"].to_numpy()[::-1]
    found = [
        fit_transfer(dataclasses.replace(pair, source=source), TransferCluster(source_types="found", theta=0.4), Run())
        for source in (pair.source, shuffled)
    ]
    np.testing.assert_array_equal(found[0].labels, found[1].labels)


def test_use_of_the_source_and_scores_of_cells_are_in_the_result_and_survive_files(pair, tmp_path):
    fitted = TransferCluster(theta=0.4).fit(pair.source, pair.label_key, Run())
    sweep = fitted.prepare_sweep(pair.target, Run())
    sweep.save(tmp_path / "sweep.npz")
    again = type(sweep).load(tmp_path / "sweep.npz")
    result = fitted.result_at(again, pair.target.obs_names, 0.4, [])
    expected = transferability(pair.target.X, fitted.dictionary_, run=Run())
    assert result.diagnostics.transferability.score == expected.score
    assert result.diagnostics.transferability.p_value == expected.p_value == 0.01
    np.testing.assert_array_equal(result.obsm["rejection"], sweep.rejection)
    names = list(result.diagnostics.rejection_scores)
    residual = np.linalg.norm(pair.target.X - sweep.loadings @ fitted.dictionary_, axis=1)
    np.testing.assert_allclose(result.obsm["rejection"][:, names.index("l2_soft")], -residual, rtol=1e-5)
    written = read_result(write_result(pair.target, result), "transfercluster")
    assert list(written.diagnostics.rejection_scores) == names
    without = fit_transfer(pair, TransferCluster(theta=0.4, n_permutations=0), Run())
    assert without.diagnostics.transferability is None


def test_every_score_that_was_computed_is_in_the_result(pair):
    result = fit_transfer(pair, TransferCluster(criterion="null_kta", theta_step=0.3), Run())
    assert (
        len(result.diagnostics.theta.scores["null_kta"])
        == len(result.diagnostics.theta.scores["stability"])
        == len(result.diagnostics.theta.thetas)
    )
    assert (
        result.diagnostics.theta.theta
        == result.diagnostics.theta.thetas[int(np.argmax(np.round(result.diagnostics.theta.scores["null_kta"], 9)))]
    )
    assert "null_kta" not in fit_transfer(pair, TransferCluster(theta=0.3), Run()).diagnostics.theta.scores
    assert all(isinstance(text, str) for text in result.diagnostics.theta.warnings)


def test_a_factorisation_without_warm_start_still_names_the_types(pair):
    truth = pair.target.obs["cell_type"].astype(str).to_numpy()
    method = TransferCluster(dictionary="nmf", alpha=0.0, nmf_start="data").fit(pair.source, pair.label_key, Run())
    means = TransferCluster().fit(pair.source, pair.label_key, Run()).dictionary_
    assert not np.allclose(method.dictionary_, means)
    result = method.transfer(pair.target, Run())
    assert (result.labels == truth).mean() > 0.9


@pytest.mark.parametrize("method", [TransferCluster(theta=0.3, n_landmarks=100), TargetCluster(n_landmarks=100)])
def test_landmarks_are_a_setting(pair, method):
    tall = dataclasses.replace(pair, target=ad.concat([pair.target, pair.target], index_unique="-"))
    result = fit_transfer(tall, method, Run())
    assert 95 <= result.diagnostics.clustering.n_landmarks <= 105
    assert fit_transfer(pair, method, Run()).diagnostics.clustering.n_landmarks is None


def test_paper_scale_shrinks_the_dictionary_and_ours_does_not(pair):
    def length(**settings):
        fitted = TransferCluster(dictionary="nmf", alpha=50.0, **settings).fit(pair.source, pair.label_key, Run())
        return np.linalg.norm(fitted.dictionary_, axis=1)

    means = np.linalg.norm(TransferCluster().fit(pair.source, pair.label_key, Run()).dictionary_, axis=1)
    assert (length(scale="paper") < 0.8 * means).all()
    assert (length(scale="data") > 0.8 * means).all()


def test_threshold_leaves_unsure_cells_unassigned(pair):
    result = fit_transfer(pair, TransferCluster(min_confidence=0.9), Run())
    np.testing.assert_array_equal(result.labels == "unassigned", result.confidence < 0.9)


def test_asked_number_of_clusters_is_found(pair):
    for k in (2, 3, 6):
        assert len(fit_transfer(pair, TargetCluster(n_clusters=k), Run()).cluster_names) == k


def test_concatenate_caps_the_source(pair):
    result = fit_transfer(pair, ConcatenateCluster(max_source_cells=50), Run())
    assert 40 <= result.diagnostics.clustering.n_source_cells <= 54


@pytest.mark.slow
@pytest.mark.parametrize("overlap", ["complete", "incomplete", "none"])
def test_never_far_below_the_target_alone_and_better_where_types_are_shared(overlap):
    """The paper's simulation at a fifth of its genes, three seeds."""
    gains = []
    for seed in range(3):
        source, target = simulate_pair(overlap, 2000, n_source=500, n_target=100, run=Run(seed=seed))
        pair = prepare_pair(source, target, label_key="cell_type").pair
        truth = pair.target.obs["cell_type"].astype(str)
        k = int(truth.nunique())
        ours, alone = (
            adjusted_rand_score(truth, fit_transfer(pair, cls(n_clusters=k), Run(seed=seed)).clusters)
            for cls in (TransferCluster, TargetCluster)
        )
        gains.append((ours, alone))
    ours, alone = np.mean(gains, axis=0)
    assert ours >= alone - 0.02
    assert ours > 0.9


def test_a_cell_that_no_type_explains_has_no_name(pair, monkeypatch):
    """However low the limit is: a confidence of nothing names nothing."""
    import sctl.methods.transfercluster.base as module  # noqa: PLC0415 - for this test alone

    given = module.label_probabilities

    def without_the_first(*args):
        proba = given(*args)
        proba[0] = 0.0
        return proba

    monkeypatch.setattr(module, "label_probabilities", without_the_first)
    result = fit_transfer(pair, get_method("targetcluster")(min_confidence=0.0), Run())
    first = int(np.argmin(np.asarray(result.obs_names, dtype=str)))  # methods see the cells in the order of their names
    assert (result.labels[first], result.confidence[first]) == ("unassigned", 0.0)
    assert (np.delete(result.labels, first) != "unassigned").all()
