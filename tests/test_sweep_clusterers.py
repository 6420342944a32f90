"""A sweep with other clusterers, and over the number of clusters."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from sctl.methods import get_method
from sctl.methods.base import fit_transfer
from sctl.methods.transfercluster import preparation as prepare_module
from sctl.methods.transfercluster.clusterers import CLUSTERERS
from sctl.methods.transfercluster.preparation import prepare_sweep
from sctl.methods.transfercluster.sc3 import sc3
from sctl.methods.transfercluster.sweep import ThetaSweep
from sctl.numerics.class_means import class_means
from sctl.run import Run


def prepared(pair, clusterer="sc3"):
    types = pair.labels
    H = class_means(pair.source.X, types.codes.astype(np.int64), len(types.categories))
    return prepare_sweep(pair.target.X, H, types.categories, clusterer=clusterer, run=Run(seed=5))


def test_by_default_the_answer_is_sc3s_own(pair):
    sweep = prepared(pair)
    stream = Run(seed=5).rng("SC3 at θ = 0.300000")
    direct = sc3([sweep.kernels.correlation_distances(0.3)], sweep.n_clusters, sweep.settings, stream)
    np.testing.assert_array_equal(sweep.cluster(0.3).clusters, direct.clusters)
    np.testing.assert_array_equal(sweep.cluster(0.3).proba, direct.proba)


@pytest.mark.parametrize("name", CLUSTERERS)
@pytest.mark.parametrize("key", ["transfercluster", "targetcluster", "concatenatecluster"])
def test_each_method_takes_each_clusterer(pair, key, name):
    kind = get_method(key)
    settings = {"theta": 0.4} if key == "transfercluster" else {}
    result = fit_transfer(pair, kind(clusterer=name, **settings), Run())
    assert adjusted_rand_score(pair.target.obs["cell_type"], result.labels) > 0.9
    assert result.params["clusterer"] == name


def test_the_clusterer_survives_a_file(pair, tmp_path):
    sweep = prepared(pair, "agglomerative")
    sweep.save(tmp_path / "sweep.npz")
    again = ThetaSweep.load(tmp_path / "sweep.npz")
    assert again.clusterer == "agglomerative"
    np.testing.assert_array_equal(again.cluster(0.2).clusters, sweep.cluster(0.2).clusters)


@pytest.fixture(params=["all cells", "landmarks"])
def sweep(request, pair, monkeypatch):
    if request.param == "landmarks":
        monkeypatch.setattr(prepare_module, "ALL_CELLS_UP_TO", 50)
        monkeypatch.setattr(prepare_module, "N_LANDMARKS", 40)
    return prepared(pair)


def test_the_consensus_at_the_sweeps_own_k_is_its_clustering(sweep):
    found = {point.n_clusters: point for point in sweep.over_k(0.3, range(2, 6))}
    own = sweep.cluster(0.3)
    assert adjusted_rand_score(own.clusters, found[sweep.n_clusters].consensus.clusters) == 1.0
    n_compared = sweep.kernels.n_obs
    for point in found.values():
        assert point.consensus.clusters.shape == (sweep.n_obs,)
        assert point.order.shape == point.silhouettes.shape == (n_compared,)
        assert point.consensus.runs.shape[1] == n_compared


def test_order_and_others_asked_for_do_not_matter(sweep):
    alone = next(sweep.over_k(0.5, [4]))
    among = list(sweep.over_k(0.5, [6, 3, 4]))[-1]
    np.testing.assert_array_equal(alone.consensus.clusters, among.consensus.clusters)
